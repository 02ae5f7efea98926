//! The bytes of one frame of a DICOM file, found without reading others (PS3.5, annexes A and G).

use super::NAME;
use super::elements::{Element, Reader};
use super::tags::{ITEM, SEQUENCE_END};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, truncated, unsupported};

/// What a frame may hold beside its pixels, in bytes.
const BESIDE_PIXELS: u64 = 1 << 24;
/// Bytes of an item's tag and length.
const ITEM_HEADER: u64 = 8;

/// A piece of compressed pixels: where its bytes begin in the file, and how many there are.
#[derive(Clone, Copy)]
struct Fragment {
    start: u64,
    length: u64,
}

/// Compressed pixels, and which frame is asked for.
#[derive(Clone, Copy)]
pub struct Compressed<'e> {
    pub element: &'e Element,
    /// The element of 64-bit offsets, if there is one.
    pub offsets: Option<&'e Element>,
    pub page: usize,
    pub frames: usize,
    /// Bytes of a frame that is not compressed.
    pub native: u64,
}

/// The bits of frame `page`, each of `length` bits, where frames follow each other, and how many
/// bits before it its first byte holds.
pub fn native(
    reader: &mut Reader,
    element: &Element,
    page: usize,
    length: u64,
) -> Result<(Vec<u8>, u32)> {
    let start = (page as u64)
        .checked_mul(length)
        .ok_or_else(|| truncated(NAME))?;
    let end = start.checked_add(length).ok_or_else(|| truncated(NAME))?;
    let bytes = start / 8..end.div_ceil(8);
    if bytes.end > element.length {
        return Err(truncated(NAME));
    }
    reader.go_to(element.start.saturating_add(bytes.start))?;
    let bytes = reader.bytes(bytes.end - bytes.start)?;
    Ok((bytes, (start % 8) as u32))
}

/// [`native`] bytes of which each two have changed places.
pub fn swapped(reader: &mut Reader, element: &Element, page: usize, bits: u64) -> Result<Vec<u8>> {
    let length = bits / 8;
    let start = (page as u64)
        .checked_mul(length)
        .ok_or_else(|| truncated(NAME))?;
    let even = start & !1;
    reader.go_to(element.start.saturating_add(even))?;
    let mut bytes = reader.bytes((start + length).next_multiple_of(2) - even)?;
    for pair in bytes.as_chunks_mut::<2>().0 {
        pair.reverse();
    }
    bytes.drain(..(start - even) as usize);
    bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(bytes)
}

impl Compressed<'_> {
    /// The bytes of the frame.
    ///
    /// # Errors
    /// If the file does not tell which fragments belong to the frame, or they are not there.
    pub fn bytes(&self, reader: &mut Reader) -> Result<Vec<u8>> {
        let fragments = self.fragments(reader)?;
        let length: u64 = fragments.iter().map(|fragment| fragment.length).sum();
        if fragments.is_empty() {
            return Err(truncated(NAME));
        }
        if length > 2 * self.native + BESIDE_PIXELS {
            return Err(damaged(
                NAME,
                "a frame takes more compressed than it does otherwise",
            ));
        }
        let mut bytes = Vec::new();
        for fragment in fragments {
            reader.go_to(fragment.start)?;
            bytes.append(&mut reader.bytes(fragment.length)?);
        }
        Ok(bytes)
    }

    /// Those of the frame.
    fn fragments(&self, reader: &mut Reader) -> Result<Vec<Fragment>> {
        reader.go_to(self.element.start)?;
        let table = match next_item(reader)? {
            Some(table) => table,
            None => return Err(truncated(NAME)),
        };
        let first = table.start + table.length;
        if let Some(places) = self.places(reader, table)? {
            let start = first.saturating_add(places[0]);
            let end = places
                .get(1)
                .map_or(u64::MAX, |end| first.saturating_add(*end));
            if let Some(found) = between(reader, start, end)? {
                return Ok(found);
            }
        }
        // Without offsets, or with wrong ones.
        reader.go_to(first)?;
        let mut all = Vec::new();
        while let Some(fragment) = next_item(reader)? {
            reader.skip(fragment.length)?;
            all.push(fragment);
        }
        if self.frames == 1 {
            return Ok(all);
        }
        if all.len() == self.frames {
            return Ok(all.get(self.page).copied().into_iter().collect());
        }
        let starts = starts(reader, &all)?;
        if starts.len() != self.frames {
            return Err(self.undivided(all.len()));
        }
        let start = starts.get(self.page).copied().unwrap_or(0);
        let end = starts.get(self.page + 1).copied().unwrap_or(all.len());
        Ok(all.get(start..end).unwrap_or_default().to_vec())
    }

    /// Offsets of the frame and, if there is one, of the next, from the first fragment's header.
    fn places(&self, reader: &mut Reader, table: Fragment) -> Result<Option<Vec<u64>>> {
        let (start, length, size) = match self.offsets {
            Some(extended) => (extended.start, extended.length, 8),
            None => (table.start, table.length, 4),
        };
        let entries = length / size;
        // Of a table for other frames nothing is believed.
        if entries != self.frames as u64 {
            return Ok(None);
        }
        let page = self.page as u64;
        let wanted = (entries - page).min(2);
        reader.go_to(start + page * size)?;
        let bytes = reader.bytes(wanted * size)?;
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |all, &b| all << 8 | u64::from(b))
        };
        Ok(Some(
            bytes.chunks_exact(size as usize).map(number).collect(),
        ))
    }

    fn undivided(&self, fragments: usize) -> Error {
        if fragments < self.frames {
            return truncated(NAME);
        }
        unsupported(
            NAME,
            format!(
                "{fragments} compressed pieces, of which it does not tell how they make up {} frames",
                self.frames
            ),
        )
    }
}

/// The next fragment, whose bytes follow; none at the end of them all.
fn next_item(reader: &mut Reader) -> Result<Option<Fragment>> {
    // Some files lack the delimiter.
    if reader.left() < ITEM_HEADER {
        return Ok(None);
    }
    let header = reader.header()?;
    match header.tag {
        ITEM if header.length != u32::MAX => Ok(Some(Fragment {
            start: reader.position(),
            length: header.length.into(),
        })),
        SEQUENCE_END => Ok(None),
        _ => Err(damaged(NAME, "a piece of its compressed pixels is missing")),
    }
}

/// The fragments whose headers lie from `start` to `end`; none if no header is there.
fn between(reader: &mut Reader, start: u64, end: u64) -> Result<Option<Vec<Fragment>>> {
    let mut found = Vec::new();
    let mut at = start;
    while at < end {
        reader.go_to(at)?;
        match next_item(reader) {
            Ok(Some(fragment)) if fragment.length <= reader.left() => {
                at = fragment.start + fragment.length;
                found.push(fragment);
            }
            Ok(None) if end == u64::MAX => break,
            _ => return Ok(None),
        }
    }
    Ok((end == u64::MAX || at == end).then_some(found))
}

/// Which fragments begin an image, as JPEGs of all kinds show.
fn starts(reader: &mut Reader, fragments: &[Fragment]) -> Result<Vec<usize>> {
    let mut starts = Vec::new();
    for (number, fragment) in fragments.iter().enumerate() {
        reader.go_to(fragment.start)?;
        // The last is of the box in front of a JPEG 2000.
        let begins = matches!(
            reader.peek()?,
            Some([0xff, 0xd8, 0xff, _] | [0xff, 0x4f, 0xff, 0x51] | [0, 0, 0, 0x0c])
        );
        if begins && fragment.length >= 4 {
            starts.push(number);
        }
    }
    Ok(starts)
}
