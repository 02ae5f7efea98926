//! Lookup tables of DICOM files (PS3.3, sections C.11.1, C.11.2 and C.7.9).

use super::NAME;
use super::elements::{ElementEncoding, Elements};
use super::tags::{LUT_DATA, LUT_DESCRIPTOR};
use crate::error::Result;
use crate::image::decode::damaged;

/// What values from `first` on become; those beyond become what the nearest end does.
#[derive(Debug, Clone, PartialEq)]
pub struct Lut {
    pub first: i64,
    /// At least one.
    pub values: Vec<u16>,
    /// Bits of the values: 1..=16.
    pub bits: u32,
}

impl Lut {
    /// That of an item of a sequence. Where the file does not say how the first value is written,
    /// it has a sign if it is `signed`.
    pub fn read(item: &Elements, encoding: ElementEncoding, signed: bool) -> Result<Self> {
        let (Some(descriptor), Some(data)) = (item.get(&LUT_DESCRIPTOR), item.get(&LUT_DATA))
        else {
            return Err(damaged(NAME, "a lookup table is missing"));
        };
        let signed = match descriptor.representation {
            Some(representation) => representation == *b"SS",
            None => signed,
        };
        Self::new(&descriptor.value, &data.value, encoding, signed)
    }

    /// One of a descriptor (length, first value and bits) and values of 8 or 16 bits.
    pub fn new(
        descriptor: &[u8],
        data: &[u8],
        encoding: ElementEncoding,
        signed: bool,
    ) -> Result<Self> {
        let (length, first, bits) = described(descriptor, encoding, signed)?;
        let values = if data.len() < 2 * length && bits <= 8 {
            data.iter().map(|&byte| byte.into()).collect()
        } else {
            encoding.words(data)
        };
        Self::of(values, length, first, bits)
    }

    /// One whose values are packed in segments (section C.7.9.2).
    pub fn of_segments(
        descriptor: &[u8],
        data: &[u8],
        encoding: ElementEncoding,
        signed: bool,
    ) -> Result<Self> {
        let (length, first, bits) = described(descriptor, encoding, signed)?;
        let (packed, entry_bytes): (Vec<u16>, usize) = if bits <= 8 {
            (data.iter().map(|&byte| byte.into()).collect(), 1)
        } else {
            (encoding.words(data), 2)
        };
        let values = unpacked(&packed, length, entry_bytes)?;
        Self::of(values, length, first, bits)
    }

    fn of(mut values: Vec<u16>, length: usize, first: i64, bits: u32) -> Result<Self> {
        values.truncate(length);
        if values.is_empty() || !(1..=16).contains(&bits) {
            return Err(damaged(NAME, "a lookup table is empty"));
        }
        Ok(Self {
            first,
            values,
            bits,
        })
    }

    pub fn value(&self, input: i64) -> u16 {
        let last = self.values.len() - 1;
        let at = input.saturating_sub(self.first).clamp(0, last as i64);
        self.values[at as usize]
    }
}

/// Length, first value and bits of a table.
fn described(
    descriptor: &[u8],
    encoding: ElementEncoding,
    signed: bool,
) -> Result<(usize, i64, u32)> {
    let &[length, first, bits] = encoding.words(descriptor).as_slice() else {
        return Err(damaged(NAME, "a lookup table is not described"));
    };
    let length = if length == 0 { 1 << 16 } else { length.into() };
    let first = if signed {
        first.cast_signed().into()
    } else {
        first.into()
    };
    Ok((length, first, bits.into()))
}

/// Segments, the copied ones included, that are looked at: more than make the longest table.
const MOST_SEGMENTS: usize = 1 << 17;

/// A place in segmented data.
struct Segments {
    at: usize,
    left: usize,
    /// They are copied by an indirect segment, and must hold none.
    copied: bool,
}

/// Values of segments: literal, on a line from the value before, or as earlier segments give them.
fn unpacked(packed: &[u16], length: usize, entry_bytes: usize) -> Result<Vec<u16>> {
    const LITERAL: u16 = 0;
    const LINE: u16 = 1;
    const INDIRECT: u16 = 2;
    let wrong = || damaged(NAME, "a lookup table's segments are wrong");
    let mut values: Vec<u16> = Vec::with_capacity(length);
    let mut places = vec![Segments {
        at: 0,
        left: MOST_SEGMENTS,
        copied: false,
    }];
    for _ in 0..MOST_SEGMENTS {
        let Some(Segments { at, left, copied }) = places.pop() else {
            break;
        };
        let Some((&[kind, count], rest)) = packed.get(at..).and_then(<[u16]>::split_first_chunk)
        else {
            continue;
        };
        let count = usize::from(count);
        let mut copies = None;
        let used = match kind {
            LITERAL => {
                values.extend(rest.get(..count).ok_or_else(wrong)?);
                count
            }
            LINE => {
                let from = f64::from(*values.last().ok_or_else(wrong)?);
                let to = f64::from(*rest.first().ok_or_else(wrong)?);
                let step = (to - from) / count.max(1) as f64;
                values.extend((1..=count).map(|i| (from + step * i as f64).round() as u16));
                1
            }
            INDIRECT if !copied => {
                let parts = rest.get(..4 / entry_bytes).ok_or_else(wrong)?;
                let parts = parts.iter().rev().map(|&part| usize::from(part));
                let offset = parts.fold(0, |all, part| all << (8 * entry_bytes) | part);
                copies = Some(offset / entry_bytes);
                4 / entry_bytes
            }
            _ => return Err(wrong()),
        };
        if values.len() >= length {
            break;
        }
        if left > 1 {
            let (at, left) = (at + 2 + used, left - 1);
            places.push(Segments { at, left, copied });
        }
        if let Some(at) = copies.filter(|_| count > 0) {
            let (left, copied) = (count, true);
            places.push(Segments { at, left, copied });
        }
    }
    Ok(values)
}
