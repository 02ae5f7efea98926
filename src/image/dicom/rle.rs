//! RLE, which is PackBits of each byte of a value by itself (PS3.5, annex G).

use super::NAME;
use crate::error::Result;
use crate::image::decode::{damaged, truncated};

/// Most bytes that one of PackBits becomes: a count and a byte are 128.
const MOST_EXPANSION: usize = 64;

/// Unpacks RLE: one segment for each byte of each of `samples`, the highest byte first, to
/// little-endian values of `size` bytes, one plane after the other.
pub fn unpack(bytes: &[u8], pixels: usize, samples: usize, size: usize) -> Result<Vec<u8>> {
    let header: Vec<usize> = bytes
        .get(..64)
        .ok_or_else(|| truncated(NAME))?
        .as_chunks()
        .0
        .iter()
        .map(|&field| usize::try_from(u32::from_le_bytes(field)).unwrap_or(usize::MAX))
        .collect();
    if header[0] != samples * size {
        return Err(damaged(
            NAME,
            format!(
                "{} segments for {} bytes a pixel",
                header[0],
                samples * size
            ),
        ));
    }
    if bytes.len().saturating_mul(MOST_EXPANSION) < pixels * samples * size {
        return Err(truncated(NAME));
    }
    let mut values = vec![0; pixels * samples * size];
    for segment in 0..samples * size {
        let packed = header
            .get(1 + segment)
            .and_then(|&start| bytes.get(start..))
            .ok_or_else(|| truncated(NAME))?;
        let plane = segment / size * pixels * size;
        let byte = size - 1 - segment % size;
        let places = values[plane..][..pixels * size].iter_mut();
        unpack_segment(packed, places.skip(byte).step_by(size))?;
    }
    Ok(values)
}

/// PackBits, until all `places` are filled.
fn unpack_segment<'p>(
    mut packed: &[u8],
    mut places: impl ExactSizeIterator<Item = &'p mut u8>,
) -> Result<()> {
    while places.len() > 0 {
        let (&count, rest) = packed.split_first().ok_or_else(|| truncated(NAME))?;
        packed = rest;
        let count = count as i8;
        if count >= 0 {
            let length = usize::from(count.unsigned_abs()) + 1;
            let (literal, rest) = packed
                .split_at_checked(length)
                .ok_or_else(|| truncated(NAME))?;
            packed = rest;
            for (&byte, place) in literal.iter().zip(&mut places) {
                *place = byte;
            }
        } else if count != i8::MIN {
            let (&byte, rest) = packed.split_first().ok_or_else(|| truncated(NAME))?;
            packed = rest;
            let length = 1 + usize::from(count.unsigned_abs());
            places.by_ref().take(length).for_each(|place| *place = byte);
        }
    }
    Ok(())
}
