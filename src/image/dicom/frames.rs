//! The bytes of one frame of a DICOM file, and how they are unpacked (PS3.5, annexes A and G).

use std::borrow::Cow;

use super::NAME;
use super::elements::{Element, ElementEncoding, Reader};
use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// Most bytes that one of PackBits becomes: a count and a byte are 128.
const MOST_EXPANSION: usize = 64;

/// The bytes of frame `page`, each of `length`, where frames follow each other.
pub fn native(value: &[u8], page: usize, length: usize) -> Result<&[u8]> {
    let start = page.checked_mul(length);
    let end = start.and_then(|start| start.checked_add(length));
    start
        .zip(end)
        .and_then(|(start, end)| value.get(start..end))
        .ok_or_else(|| truncated(NAME))
}

/// [`native`] where each two bytes have changed places.
pub fn swapped(value: &[u8], page: usize, length: usize) -> Result<Vec<u8>> {
    native(value, page, length)?;
    let start = page * length;
    let byte = |at: usize| value.get(at ^ 1).copied().ok_or_else(|| truncated(NAME));
    (start..start + length).map(byte).collect()
}

/// The bytes of frame `page` of `frames` compressed ones.
///
/// # Errors
/// If the file does not tell which fragments belong to the frame, or they are not there.
pub fn compressed<'a>(element: &Element<'a>, page: usize, frames: usize) -> Result<Cow<'a, [u8]>> {
    if !element.undefined_length {
        return Err(damaged(NAME, "its compressed pixels are not in fragments"));
    }
    let rest = element.value;
    let encoding = ElementEncoding::EXPLICIT;
    let items = Reader { rest, encoding }.items()?;
    let (offsets, fragments) = items.split_first().ok_or_else(|| truncated(NAME))?;
    let own = if frames == 1 {
        fragments
    } else if fragments.len() == frames {
        &fragments[page..=page]
    } else {
        let (start, end) = (offset(offsets, page), offset(offsets, page + 1));
        let start = start.ok_or_else(|| unsupported(NAME, "it does not tell its frames apart"))?;
        between(fragments, start, end)?
    };
    match own {
        [] => Err(truncated(NAME)),
        [fragment] => Ok(Cow::Borrowed(fragment)),
        several => Ok(Cow::Owned(several.concat())),
    }
}

/// Where frame `page` begins, in bytes from the first fragment's header.
fn offset(table: &[u8], page: usize) -> Option<usize> {
    let bytes = table.as_chunks().0.get(page)?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// The fragments from offset `start` up to `end` or the last.
fn between<'f, 'a>(
    fragments: &'f [&'a [u8]],
    start: usize,
    end: Option<usize>,
) -> Result<&'f [&'a [u8]]> {
    let mut at = 0;
    let starts = fragments.iter().map(|fragment| {
        let start = at;
        at += 8 + fragment.len();
        start
    });
    let starts: Vec<usize> = starts.collect();
    let wrong = || damaged(NAME, "a frame begins within a fragment");
    let first = starts.binary_search(&start).map_err(|_| wrong())?;
    let last = match end {
        Some(end) => starts.binary_search(&end).map_err(|_| wrong())?,
        None => fragments.len(),
    };
    fragments.get(first..last).ok_or_else(wrong)
}

/// Unpacks RLE: one segment for each byte of each of `samples`, the highest byte first, to
/// little-endian values of `size` bytes, one plane after the other.
pub fn rle(bytes: &[u8], pixels: usize, samples: usize, size: usize) -> Result<Vec<u8>> {
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
        unpack(packed, places.skip(byte).step_by(size))?;
    }
    Ok(values)
}

/// PackBits, until all `places` are filled.
fn unpack<'p>(
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
