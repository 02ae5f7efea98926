//! Stored integers to values (PS3.5, section 8; PS3.3, sections C.7.6.3 and C.11.1).

use super::elements::ElementEncoding;
use super::lut::Lut;
use crate::image::decode::Samples;

/// How an integer lies in its 1, 8, 16 or 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub allocated: u32,
    /// 1..=`allocated`.
    pub bits: u32,
    /// Bits below the lowest one.
    pub shift: u32,
    pub signed: bool,
}

/// Stored integers, in the narrowest words that hold what is allocated.
pub enum Words {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

/// What stored integers become.
#[derive(Debug, Clone, PartialEq)]
pub enum Modality {
    /// `slope · stored + intercept`; both are finite.
    Linear {
        slope: f64,
        intercept: f64,
    },
    Lut(Lut),
}

impl Stored {
    /// The number in `raw`, whose other bits may hold anything.
    pub fn number(self, raw: u32) -> i64 {
        let unused = 32 - self.bits;
        let high = raw >> self.shift << unused;
        if self.signed {
            i64::from(high.cast_signed() >> unused)
        } else {
            i64::from(high >> unused)
        }
    }

    /// The same for what a codec gave that has numbers of so many bits, where it uses more than
    /// the file says.
    pub fn widened(self, words: &Words, bits: u32) -> Self {
        let said = Self { shift: 0, ..self };
        let least = (32 - words.most().leading_zeros()).max(1);
        if least > self.bits {
            let bits = bits.clamp(least, 32);
            Self { bits, ..said }
        } else {
            said
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

impl Words {
    /// Words of whole bytes.
    pub fn of(bytes: Vec<u8>, stored: Stored, encoding: ElementEncoding) -> Self {
        match stored.allocated {
            16 => Self::U16(encoding.words(&bytes)),
            32 => Self::U32(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&b| encoding.u32(b))
                    .collect(),
            ),
            _ => Self::U8(bytes),
        }
    }

    /// `count` words of a bit each, the lowest of each byte first, after `skipped` bits.
    pub fn of_bits(bytes: &[u8], skipped: u32, count: usize) -> Self {
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
        Self::U8(bits.skip(skipped as usize).take(count).collect())
    }

    pub fn len(&self) -> usize {
        match self {
            Self::U8(words) => words.len(),
            Self::U16(words) => words.len(),
            Self::U32(words) => words.len(),
        }
    }

    /// Each through `value`.
    pub fn map<T>(self, value: impl Fn(u32) -> T) -> Vec<T> {
        match self {
            Self::U8(words) => words.into_iter().map(|word| value(word.into())).collect(),
            Self::U16(words) => words.into_iter().map(|word| value(word.into())).collect(),
            Self::U32(words) => words.into_iter().map(value).collect(),
        }
    }

    /// The largest, taken as unsigned.
    fn most(&self) -> u32 {
        let most = match self {
            Self::U8(words) => words.iter().max().map(|&word| word.into()),
            Self::U16(words) => words.iter().max().map(|&word| word.into()),
            Self::U32(words) => words.iter().max().copied(),
        };
        most.unwrap_or(0)
    }
}

impl Modality {
    pub fn value(&self, stored: i64) -> f64 {
        match self {
            Self::Linear { slope, intercept } => slope * stored as f64 + intercept,
            Self::Lut(lut) => lut.value(stored).into(),
        }
    }

    /// Whether whole numbers of the type become those of `0..=most`.
    fn fits(&self, stored: Stored, most: f64) -> bool {
        match self {
            Self::Linear { slope, intercept } => {
                let ends = stored.range().map(|end| self.value(end));
                let whole = slope.fract() == 0.0 && intercept.fract() == 0.0;
                whole && ends.iter().all(|end| (0.0..=most).contains(end))
            }
            Self::Lut(lut) => lut.values.iter().all(|&value| f64::from(value) <= most),
        }
    }

    /// The values of stored integers, in integers where all that the type can hold become such.
    pub fn values(&self, words: Words, stored: Stored) -> Samples {
        let value = |raw| self.value(stored.number(raw));
        if self.fits(stored, 255.0) {
            Samples::U8(words.map(|raw| value(raw) as u8))
        } else if self.fits(stored, 65_535.0) {
            Samples::U16(words.map(|raw| value(raw) as u16))
        } else {
            Samples::F32(words.map(|raw| value(raw) as f32))
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
