//! Element types of stored tensors.

use half::{bf16, f16};

/// An element type that can be converted to and from `f32`. Stored little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single-precision number.
    BF16,
}

impl Dtype {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// Name in a safetensors header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }

    /// Appends the elements in `bytes`, whose length is a multiple of the element size.
    pub(super) fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::F32 => {
                let (elements, _) = bytes.as_chunks();
                out.extend(elements.iter().map(|b| f32::from_le_bytes(*b)));
            }
            Self::F16 => {
                let (elements, _) = bytes.as_chunks();
                out.extend(elements.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
            }
            Self::BF16 => {
                let (elements, _) = bytes.as_chunks();
                out.extend(elements.iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
            }
        }
    }

    /// Appends `values` as bytes, rounded to nearest even.
    pub(super) fn encode(self, values: &[f32], out: &mut Vec<u8>) {
        for &value in values {
            match self {
                Self::F32 => out.extend(value.to_le_bytes()),
                Self::F16 => out.extend(f16::from_f32(value).to_le_bytes()),
                Self::BF16 => out.extend(bf16::from_f32(value).to_le_bytes()),
            }
        }
    }
}
