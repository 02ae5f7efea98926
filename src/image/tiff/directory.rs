//! Where a TIFF file has its pages, and the fields of each: TIFF 6.0 and BigTIFF, in either byte order.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, SeekFrom};

use super::NAME;
use crate::error::{Error, Result};
use crate::image::decode::{Source, damaged, truncated, unreadable};

pub const NEW_SUBFILE_TYPE: u16 = 254;
pub const DESCRIPTION: u16 = 270;
/// Most pages that are counted.
const MAX_PAGES: usize = 65_536;
/// Most fields of a page.
const MAX_FIELDS: u64 = 65_535;
/// Most bytes of one field.
const MAX_FIELD: u64 = 1 << 26;

/// Whether the content is TIFF or BigTIFF, in either byte order.
pub fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|magic| bytes.starts_with(*magic))
}

/// The chain of directories of a file.
struct Chain {
    length: u64,
    /// As they lie in the file.
    first: Vec<u8>,
    last: (u64, Vec<u8>),
    pages: Vec<u64>,
}

/// A chain of so many is kept.
const MANY_PAGES: usize = 64;

thread_local! {
    /// The long chain that was walked last: turning a page would walk through all of it again, with a jump
    /// in the file for each page.
    static LAST_CHAIN: Cell<Option<Chain>> = const { Cell::new(None) };
}

/// A file with the place of its first directory.
pub struct Container<'a> {
    pub source: &'a mut dyn Source,
    /// Bytes of the file.
    pub length: u64,
    pub big_endian: bool,
    big: bool,
    first: u64,
}

/// The fields of a page.
pub struct Directory {
    fields: BTreeMap<u16, Field>,
}

#[derive(Clone, Copy)]
struct Field {
    kind: u16,
    count: u64,
    /// The values, or where they lie.
    value: [u8; 8],
}

/// The error of reading.
pub fn failed(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => truncated(NAME),
        _ => unreadable(error),
    }
}

impl<'a> Container<'a> {
    pub fn open(source: &'a mut dyn Source) -> Result<Self> {
        let length = source.seek(SeekFrom::End(0)).map_err(|e| failed(&e))?;
        let mut header = [0; 16];
        source.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
        let known = length.min(16) as usize;
        source
            .read_exact(&mut header[..known])
            .map_err(|e| failed(&e))?;
        let mut file = Self {
            source,
            length,
            big_endian: header[0] == b'M',
            big: header[2] == b'+' || header[3] == b'+',
            first: 0,
        };
        file.first = if file.big {
            file.number(&header[8..16])
        } else {
            file.number(&header[4..8])
        };
        Ok(file)
    }

    /// A number of up to 8 bytes.
    fn number(&self, bytes: &[u8]) -> u64 {
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.big_endian {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        }
    }

    pub fn read_at(&mut self, place: u64, out: &mut [u8]) -> Result<()> {
        self.source
            .seek(SeekFrom::Start(place))
            .and_then(|_| self.source.read_exact(out))
            .map_err(|error| failed(&error))
    }

    /// Bytes of the number of fields, of a field, and of a place.
    fn widths(&self) -> (usize, usize, usize) {
        if self.big { (8, 20, 8) } else { (2, 12, 4) }
    }

    /// Where the directories of the pages lie: of all in the chain but those of smaller copies and
    /// of masks. The chain ends at a directory that came before, or lies beyond the file.
    pub fn pages(&mut self) -> Result<Vec<u64>> {
        let first = self.stored_directory(self.first)?;
        if let Some(pages) = self.known_pages(&first) {
            return Ok(pages);
        }
        let (mut pages, mut others) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        let (mut place, mut last) = (self.first, self.first);
        while place != 0 && seen.len() < MAX_PAGES && seen.insert(place) {
            let Ok((is_page, next)) = self.glance(place) else {
                break;
            };
            if is_page { &mut pages } else { &mut others }.push(place);
            (last, place) = (place, next);
        }
        if pages.is_empty() {
            pages = others;
        }
        if pages.is_empty() {
            return Err(damaged(NAME, "it has no page"));
        }
        if seen.len() >= MANY_PAGES {
            let chain = Chain {
                length: self.length,
                first,
                last: (last, self.stored_directory(last)?),
                pages: pages.clone(),
            };
            LAST_CHAIN.set(Some(chain));
        }
        Ok(pages)
    }

    /// The pages if this is the file whose chain was walked last, by its length and by the chain's ends.
    fn known_pages(&mut self, first: &[u8]) -> Option<Vec<u64>> {
        let chain = LAST_CHAIN.take()?;
        let (last, stored) = &chain.last;
        let is_same = chain.length == self.length
            && chain.first == first
            && self.stored_directory(*last).as_ref() == Ok(stored);
        let pages = is_same.then(|| chain.pages.clone());
        LAST_CHAIN.set(Some(chain));
        pages
    }

    /// A directory as it lies in the file, with the place of the next one.
    fn stored_directory(&mut self, place: u64) -> Result<Vec<u8>> {
        let (count_width, field_width, place_width) = self.widths();
        let mut count = [0; 8];
        self.read_at(place, &mut count[..count_width])?;
        let count = self.count(&count[..count_width])?;
        let mut bytes = vec![0; count_width + count as usize * field_width + place_width];
        self.read_at(place, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether a directory is a page's, and where the next one lies. Reads only its first field, which
    /// is the one that tells: fields are in the order of their tags.
    fn glance(&mut self, place: u64) -> Result<(bool, u64)> {
        const SMALLER_OR_MASK: u64 = 1 | 4;
        let (count_width, field_width, place_width) = self.widths();
        let mut start = [0; 28];
        let start = &mut start[..count_width + field_width];
        self.read_at(place, start)?;
        let count = self.count(&start[..count_width])?;
        let field = self.field(&start[count_width..]);
        let is_page = match field {
            (NEW_SUBFILE_TYPE, field) if count > 0 => {
                self.number(&field.value[..4]) & SMALLER_OR_MASK == 0
            }
            _ => true,
        };
        let end = place + (count_width as u64) + count * field_width as u64;
        let mut next = [0; 8];
        self.read_at(end, &mut next[..place_width])?;
        let next = self.number(&next[..place_width]);
        Ok((is_page, if next < self.length { next } else { 0 }))
    }

    fn count(&self, bytes: &[u8]) -> Result<u64> {
        let count = self.number(bytes);
        if count == 0 || count > MAX_FIELDS {
            return Err(damaged(NAME, "a page has no fields"));
        }
        Ok(count)
    }

    fn field(&self, bytes: &[u8]) -> (u16, Field) {
        let (count, value) = if self.big {
            (&bytes[4..12], &bytes[12..20])
        } else {
            (&bytes[4..8], &bytes[8..12])
        };
        let mut inline = [0; 8];
        inline[..value.len()].copy_from_slice(value);
        let field = Field {
            kind: self.number(&bytes[2..4]) as u16,
            count: self.number(count),
            value: inline,
        };
        (self.number(&bytes[..2]) as u16, field)
    }

    pub fn directory(&mut self, place: u64) -> Result<Directory> {
        let (count_width, field_width, place_width) = self.widths();
        let bytes = self.stored_directory(place)?;
        let fields = &bytes[count_width..bytes.len() - place_width];
        let fields = fields.chunks_exact(field_width);
        Ok(Directory {
            fields: fields.map(|bytes| self.field(bytes)).collect(),
        })
    }

    /// The bytes of a field and of each of its values; nothing of a field that is not there.
    fn bytes(&mut self, directory: &Directory, tag: u16) -> Result<Option<(Field, Vec<u8>)>> {
        let Some(&field) = directory.fields.get(&tag) else {
            return Ok(None);
        };
        let Some(size) = field.size() else {
            return Ok(None);
        };
        let wrong = || damaged(NAME, format!("field {tag} is too long"));
        let length = field.count.checked_mul(size).ok_or_else(wrong)?;
        let place_width = self.widths().2;
        if length <= place_width as u64 {
            return Ok(Some((field, field.value[..length as usize].to_vec())));
        }
        if length > MAX_FIELD {
            return Err(wrong());
        }
        let place = self.number(&field.value[..place_width]);
        if place
            .checked_add(length)
            .is_none_or(|end| end > self.length)
        {
            return Err(truncated(NAME));
        }
        let mut bytes = vec![0; length as usize];
        self.read_at(place, &mut bytes)?;
        Ok(Some((field, bytes)))
    }

    /// The values of a field of whole numbers; those below 0 count as 0.
    pub fn integers(&mut self, directory: &Directory, tag: u16) -> Result<Option<Vec<u64>>> {
        let Some((field, bytes)) = self.bytes(directory, tag)? else {
            return Ok(None);
        };
        let size = field.size().unwrap_or(1) as usize;
        let value = |bytes: &[u8]| match field.kind {
            1 | 3 | 4 | 7 | 13 | 16 | 18 => Some(self.number(bytes)),
            6 | 8 | 9 | 17 => {
                let unused = 64 - 8 * size as u32;
                let signed = (self.number(bytes) << unused).cast_signed() >> unused;
                Some(signed.max(0).cast_unsigned())
            }
            _ => None,
        };
        Ok(bytes.chunks_exact(size).map(value).collect())
    }

    /// The first value of a field of whole numbers.
    pub fn integer(&mut self, directory: &Directory, tag: u16) -> Result<Option<u64>> {
        let values = self.integers(directory, tag)?;
        Ok(values.and_then(|values| values.first().copied()))
    }

    /// The values of a field of fractions, whole numbers or floats; none where they cannot be read.
    pub fn reals(&mut self, directory: &Directory, tag: u16) -> Option<Vec<f64>> {
        let (field, bytes) = self.bytes(directory, tag).ok()??;
        let value = |bytes: &[u8]| match (field.kind, bytes) {
            (5, [a, b, c, d, below @ ..]) => {
                Some(self.number(&[*a, *b, *c, *d]) as f64 / self.number(below) as f64)
            }
            (11, bytes) => Some(f32::from_bits(self.number(bytes) as u32).into()),
            (12, bytes) => Some(f64::from_bits(self.number(bytes))),
            (1 | 3 | 4, bytes) => Some(self.number(bytes) as f64),
            _ => None,
        };
        bytes
            .chunks_exact(field.size()? as usize)
            .map(value)
            .collect()
    }

    /// A text without what follows its end; none where it cannot be read.
    pub fn text(&mut self, directory: &Directory, tag: u16) -> Option<String> {
        let (_, bytes) = self.bytes(directory, tag).ok()??;
        let text = bytes.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The bytes of a field of bytes.
    pub fn blob(&mut self, directory: &Directory, tag: u16) -> Result<Option<Vec<u8>>> {
        Ok(self.bytes(directory, tag)?.map(|(_, bytes)| bytes))
    }
}

impl Field {
    /// Bytes of a value; none of a type that the specifications do not know.
    fn size(&self) -> Option<u64> {
        match self.kind {
            1 | 2 | 6 | 7 => Some(1),
            3 | 8 => Some(2),
            4 | 9 | 11 | 13 => Some(4),
            5 | 10 | 12 | 16 | 17 | 18 => Some(8),
            _ => None,
        }
    }
}
