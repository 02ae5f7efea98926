//! The numbers of a page in the type that holds them exactly.

use half::f16;

use super::NAME;
use super::layout::{Format, Layout};
use crate::error::{Error, Result};
use crate::image::decode::{MAX_BYTES, Samples};

/// Numbers as a TIFF stores them.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Up to 8 bits.
    U8(Vec<u8>),
    /// 9 to 16 bits.
    U16(Vec<u16>),
    /// 17 to 32 bits.
    U32(Vec<u32>),
    /// Signed, up to 32 bits.
    I32(Vec<i32>),
    /// More than 32 bits; those beyond 2⁶³ − 1 are that.
    I64(Vec<i64>),
    /// Up to 32 bits.
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Values {
    /// `length` samples of a page, all `fill`, or 0 if the type has no such number.
    pub fn new(layout: &Layout, length: usize, fill: Option<f64>) -> Result<Self> {
        let fill = fill.unwrap_or(0.0);
        Ok(match (layout.format, layout.bits) {
            (Format::Unsigned, ..=8) => Self::U8(filled(length, fill as u8)?),
            (Format::Unsigned, ..=16) => Self::U16(filled(length, fill as u16)?),
            (Format::Unsigned, ..=32) => Self::U32(filled(length, fill as u32)?),
            (Format::Signed, ..=32) => Self::I32(filled(length, fill as i32)?),
            (Format::Float, ..=32) => Self::F32(filled(length, fill as f32)?),
            (Format::Float, _) => Self::F64(filled(length, fill)?),
            _ => Self::I64(filled(length, fill as i64)?),
        })
    }

    /// Puts samples, as the bits that are stored, at every `step`-th place from `start`.
    pub fn put(
        &mut self,
        (start, step): (usize, usize),
        layout: &Layout,
        numbers: impl Iterator<Item = u64>,
    ) {
        let unused = 64 - layout.bits as u32;
        let signed = |bits: u64| (bits << unused).cast_signed() >> unused;
        match (self, layout.format) {
            (Self::U8(to), _) => put(to, start, step, numbers, |bits| bits as u8),
            (Self::U16(to), _) => put(to, start, step, numbers, |bits| bits as u16),
            (Self::U32(to), _) => put(to, start, step, numbers, |bits| bits as u32),
            (Self::I32(to), _) => put(to, start, step, numbers, |bits| signed(bits) as i32),
            (Self::I64(to), Format::Signed) => put(to, start, step, numbers, signed),
            (Self::I64(to), _) => put(to, start, step, numbers, |bits| {
                i64::try_from(bits).unwrap_or(i64::MAX)
            }),
            (Self::F32(to), _) => put(to, start, step, numbers, |b| short_float(b, layout.bits)),
            (Self::F64(to), _) => put(to, start, step, numbers, f64::from_bits),
        }
    }

    /// As an image holds them.
    pub fn into_samples(self) -> Samples {
        match self {
            Self::U8(values) => Samples::U8(values),
            Self::U16(values) => Samples::U16(values),
            Self::U32(values) => Samples::F32(values.into_iter().map(|v| v as f32).collect()),
            Self::I32(values) => Samples::F32(values.into_iter().map(|v| v as f32).collect()),
            Self::I64(values) => Samples::F32(values.into_iter().map(|v| v as f32).collect()),
            Self::F32(values) => Samples::F32(values),
            Self::F64(values) => Samples::F32(values.into_iter().map(|v| v as f32).collect()),
        }
    }
}

fn filled<T: Copy>(length: usize, value: T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let bytes = length.saturating_mul(size_of::<T>());
    if bytes as u64 > MAX_BYTES || values.try_reserve_exact(length).is_err() {
        return Err(too_much());
    }
    values.resize(length, value);
    Ok(values)
}

pub fn too_much() -> Error {
    Error::new(format!(
        "Reading the {NAME} file would take too much memory; crop the image or scale it down first."
    ))
}

fn put<T>(
    values: &mut [T],
    start: usize,
    step: usize,
    numbers: impl Iterator<Item = u64>,
    convert: impl Fn(u64) -> T,
) {
    let places = values.iter_mut().skip(start).step_by(step);
    for (place, number) in places.zip(numbers) {
        *place = convert(number);
    }
}

/// Of 16, 24 or 32 bits. The second has an exponent of 7 bits.
fn short_float(bits: u64, width: usize) -> f32 {
    match width {
        16 => f16::from_bits(bits as u16).into(),
        24 => {
            let bits = bits as u32;
            let (sign, exponent, fraction) = (bits >> 23 << 31, bits >> 16 & 0x7f, bits & 0xffff);
            let magnitude = match exponent {
                0 => fraction as f32 * 2.0_f32.powi(-78),
                0x7f => f32::from_bits(0xff << 23 | fraction << 7),
                _ => f32::from_bits((exponent + 64) << 23 | fraction << 7),
            };
            f32::from_bits(sign | magnitude.to_bits())
        }
        _ => f32::from_bits(bits as u32),
    }
}

/// The samples of a row as the bits that are stored, whose predictor is undone; `row` is changed.
pub fn unpack(row: &mut [u8], layout: &Layout, numbers: &mut Vec<u64>) {
    let interleaved = layout.interleaved();
    numbers.clear();
    if layout.predictor == 3 {
        for i in interleaved..row.len() {
            row[i] = row[i].wrapping_add(row[i - interleaved]);
        }
        // First the high bytes of all samples, then the next ones.
        let size = layout.bits / 8;
        let count = row.len() / size;
        let byte = |sample, place| u64::from(row[place * count + sample]);
        let sample = |i| (0..size).fold(0, |bits, place| bits << 8 | byte(i, place));
        numbers.extend((0..count).map(sample));
        return;
    }
    match layout.bits {
        8 => numbers.extend(row.iter().map(|&byte| u64::from(byte))),
        bits if bits % 8 == 0 => {
            let push = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
            let samples = row.chunks_exact(bits / 8);
            if layout.big_endian {
                numbers.extend(samples.map(|bytes| bytes.iter().fold(0, push)));
            } else {
                numbers.extend(samples.map(|bytes| bytes.iter().rev().fold(0, push)));
            }
        }
        bits => packed(row, bits, numbers),
    }
    if layout.predictor == 2 {
        let mask = u64::MAX >> (64 - layout.bits);
        for i in interleaved..numbers.len() {
            numbers[i] = numbers[i].wrapping_add(numbers[i - interleaved]) & mask;
        }
    }
}

/// Samples without gaps between them, the first in the high bits.
fn packed(row: &[u8], bits: usize, numbers: &mut Vec<u64>) {
    let (mut held, mut count) = (0_u128, 0);
    for &byte in row {
        held = held << 8 | u128::from(byte);
        count += 8;
        while count >= bits {
            count -= bits;
            numbers.push((held >> count) as u64 & (u64::MAX >> (64 - bits)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_floats_are_widened_exactly() {
        // 2^-14, the least normal half, and a quarter of it, which is none.
        assert_eq!(short_float(0x0400, 16), 2.0_f32.powi(-14));
        assert_eq!(short_float(0x0100, 16), 2.0_f32.powi(-16));
        // One sign, seven bits of exponent of bias 63, sixteen of the fraction.
        assert_eq!(short_float(0x3f_0000, 24), 1.0);
        assert_eq!(short_float(0xbf_8000, 24), -1.5);
        assert_eq!(short_float(0x00_0001, 24), 2.0_f32.powi(-78));
        assert_eq!(short_float(0x01_0000, 24), 2.0_f32.powi(-62));
        assert_eq!(short_float(0x7f_0000, 24), f32::INFINITY);
    }

    #[test]
    fn samples_of_any_width_lie_without_gaps() {
        for bits in 1..=63 {
            let wanted: Vec<u64> = (0..9_u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits))
                .collect();
            let text: String = wanted.iter().map(|v| format!("{v:0bits$b}")).collect();
            let padded = format!("{text:0<0$}", text.len().next_multiple_of(8));
            let row: Vec<u8> = padded
                .as_bytes()
                .chunks(8)
                .map(|byte| byte.iter().fold(0, |v, bit| v << 1 | (bit - b'0')))
                .collect();
            let mut numbers = Vec::new();
            packed(&row, bits, &mut numbers);
            assert_eq!(numbers[..9], wanted, "{bits} bits");
        }
    }
}
