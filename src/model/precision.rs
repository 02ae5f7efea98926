//! The number format of the weights of the image encoder's linear layers, the bulk of a model.

use burn::tensor::Device;

use super::kernels::{self, Kernel};
use crate::device;
use crate::error::{Error, Result};

/// How the image encoder's linear layers hold their weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    F32,
    /// Half the memory, on a GPU that has float16.
    #[default]
    F16,
}

impl Precision {
    /// Reads `f32` or `f16`.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err(Error::new(format!(
                "There is no precision \u{201c}{text}\u{201d}: choose f16 or f32."
            ))),
        }
    }

    /// The precision on `device`: float16 only on a GPU whose shaders support it, and compute rightly with it.
    pub fn on(self, device: &Device) -> Self {
        let usable = [Kernel::Linear, Kernel::HalfLinear].map(kernels::is_usable);
        let usable = usable == [true, true] && device::supports_half(device);
        match kernels::runs_on(device) && usable {
            true => self,
            false => Self::F32,
        }
    }
}
