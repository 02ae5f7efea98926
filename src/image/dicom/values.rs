//! Stored bytes to values (PS3.5, section 8; PS3.3, sections C.7.6.3 and C.11.1).

use std::borrow::Cow;

use super::elements::ElementEncoding;
use crate::image::decode::Samples;

/// How an integer lies in its 8, 16 or 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: usize,
    /// 1..=8 · `size`.
    pub bits: u32,
    /// Bits below the lowest one.
    pub shift: u32,
    pub signed: bool,
}

/// Stored integers to values: `slope · stored + intercept`. Both are finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    pub slope: f64,
    pub intercept: f64,
}

impl Stored {
    pub const BYTE: Self = Self {
        size: 1,
        bits: 8,
        shift: 0,
        signed: false,
    };

    /// The number in `raw`, whose other bits may hold anything.
    fn number(self, raw: u32) -> i64 {
        let unused = 32 - self.bits;
        let high = raw >> self.shift << unused;
        if self.signed {
            i64::from(high as i32 >> unused)
        } else {
            i64::from(high >> unused)
        }
    }

    /// The smallest and the largest number.
    fn range(self) -> [i64; 2] {
        let count = 1i64 << self.bits;
        if self.signed {
            [-count / 2, count / 2 - 1]
        } else {
            [0, count - 1]
        }
    }
}

impl Rescale {
    fn value(self, stored: i64) -> f64 {
        self.slope * stored as f64 + self.intercept
    }

    /// Whether whole numbers of the type become those of `0..=most`.
    fn fits(self, stored: Stored, most: f64) -> bool {
        let ends = stored.range().map(|end| self.value(end));
        let whole = self.slope.fract() == 0.0 && self.intercept.fract() == 0.0;
        whole && ends.iter().all(|end| (0.0..=most).contains(end))
    }
}

/// Rescaled values, in integers where all that the type can hold become such.
pub fn integers(
    bytes: &[u8],
    stored: Stored,
    encoding: ElementEncoding,
    rescale: Rescale,
) -> Samples {
    let value = |raw| rescale.value(stored.number(raw));
    if rescale.fits(stored, 255.0) {
        Samples::U8(map(bytes, stored, encoding, |raw| value(raw) as u8))
    } else if rescale.fits(stored, 65_535.0) {
        Samples::U16(map(bytes, stored, encoding, |raw| value(raw) as u16))
    } else {
        Samples::F32(map(bytes, stored, encoding, |raw| value(raw) as f32))
    }
}

fn map<T>(
    bytes: &[u8],
    stored: Stored,
    encoding: ElementEncoding,
    value: impl Fn(u32) -> T,
) -> Vec<T> {
    match stored.size {
        1 => bytes.iter().map(|&byte| value(byte.into())).collect(),
        2 => {
            let words = bytes.as_chunks().0.iter();
            words
                .map(|&word| value(encoding.u16(word).into()))
                .collect()
        }
        _ => {
            let words = bytes.as_chunks().0.iter();
            words.map(|&word| value(encoding.u32(word))).collect()
        }
    }
}

/// Floats of 4 or 8 bytes.
pub fn floats(bytes: &[u8], size: usize, encoding: ElementEncoding) -> Vec<f32> {
    if size == 4 {
        let words = bytes.as_chunks().0.iter();
        return words
            .map(|&word| f32::from_bits(encoding.u32(word)))
            .collect();
    }
    let double = |&word: &[u8; 8]| {
        if encoding.big_endian {
            f64::from_be_bytes(word)
        } else {
            f64::from_le_bytes(word)
        }
    };
    let words = bytes.as_chunks().0.iter();
    words.map(|word| double(word) as f32).collect()
}

/// Interleaved RGB of 8-bit colour, from planes or from BT.601 luma and chroma if it is such.
pub fn colour(bytes: Cow<[u8]>, planar: bool, luma_chroma: bool) -> Vec<u8> {
    let mut pixels = if planar {
        let (red, rest) = bytes.split_at(bytes.len() / 3);
        let (green, blue) = rest.split_at(red.len());
        let pixels = red.iter().zip(green).zip(blue);
        pixels.flat_map(|((&r, &g), &b)| [r, g, b]).collect()
    } else {
        bytes.into_owned()
    };
    if luma_chroma {
        for pixel in pixels.as_chunks_mut().0 {
            *pixel = rgb(*pixel);
        }
    }
    pixels
}

/// PS3.3, section C.7.6.3.1.2, the other way round.
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let y = f32::from(y);
    let [cb, cr] = [cb, cr].map(|chroma| f32::from(chroma) - 128.0);
    let red = y + 1.402 * cr;
    let green = y - 0.344_136 * cb - 0.714_136 * cr;
    let blue = y + 1.772 * cb;
    // The cast cuts at 0 and 255.
    [red, green, blue].map(|value| value.round() as u8)
}
