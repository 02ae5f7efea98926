//! The elements of a DICOM data set, read where they lie in the file (DICOM PS3.5, section 7).
//!
//! Lengths in the file are believed only as far as the file reaches, so nothing is allocated by them.

use std::collections::BTreeMap;

use super::NAME;
use crate::error::Result;
use crate::image::decode::{damaged, truncated};

/// Group and element number.
pub type Tag = (u16, u16);

pub const PIXEL_DATA: Tag = (0x7fe0, 0x0010);

const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;
/// Value representations whose length has four bytes.
const LONG: [&[u8; 2]; 13] = [
    b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV",
];

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementEncoding {
    /// Each element names its value representation.
    pub explicit: bool,
    pub big_endian: bool,
}

impl ElementEncoding {
    pub const IMPLICIT: Self = Self {
        explicit: false,
        big_endian: false,
    };
    pub const EXPLICIT: Self = Self {
        explicit: true,
        big_endian: false,
    };
    pub const EXPLICIT_BIG_ENDIAN: Self = Self {
        explicit: true,
        big_endian: true,
    };

    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }
}

/// An element's value.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// Without the delimiter that ends a value of undefined length.
    pub value: &'a [u8],
    /// Absent where the encoding does not name it.
    pub representation: Option<[u8; 2]>,
    /// The value is a sequence of items, of which the file did not tell the length.
    pub undefined_length: bool,
}

/// Those elements of a data set that were asked for.
pub type Elements<'a> = BTreeMap<Tag, Element<'a>>;

/// A place in a data set, and what follows it.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub rest: &'a [u8],
    pub encoding: ElementEncoding,
}

struct Header {
    tag: Tag,
    representation: Option<[u8; 2]>,
    length: u32,
}

impl<'a> Reader<'a> {
    /// Reads on to the end or through the pixel data, and keeps the elements that are `wanted`.
    ///
    /// # Errors
    /// If an element reaches beyond the end.
    pub fn elements(mut self, wanted: impl Fn(Tag) -> bool) -> Result<Elements<'a>> {
        let mut elements = Elements::new();
        while !self.rest.is_empty() {
            let (tag, element) = self.element()?;
            if wanted(tag) {
                elements.insert(tag, element);
            }
            if tag == PIXEL_DATA {
                break;
            }
        }
        Ok(elements)
    }

    /// The group number of the element that follows.
    pub fn group(&self) -> Option<u16> {
        Some(self.encoding.u16(*self.rest.first_chunk()?))
    }

    pub fn element(&mut self) -> Result<(Tag, Element<'a>)> {
        let header = self.header()?;
        let undefined_length = header.length == UNDEFINED;
        let value = if undefined_length {
            let start = self.rest;
            let end = self.skip_items(header.representation)?;
            &start[..end]
        } else {
            self.take(header.length)?
        };
        let element = Element {
            value,
            representation: header.representation,
            undefined_length,
        };
        Ok((header.tag, element))
    }

    /// The items of a sequence or the fragments of pixel data, whose value this reader reads.
    ///
    /// # Errors
    /// If something else than items is there, or one reaches beyond the end.
    pub fn items(mut self) -> Result<Vec<&'a [u8]>> {
        let mut items = Vec::new();
        while !self.rest.is_empty() {
            let header = self.header()?;
            match header.tag {
                ITEM if header.length == UNDEFINED => {
                    let start = self.rest;
                    let end = self.skip_to(ITEM_END)?;
                    items.push(&start[..end]);
                }
                ITEM => items.push(self.take(header.length)?),
                SEQUENCE_END => break,
                _ => return Err(damaged(NAME, "an item is missing")),
            }
        }
        Ok(items)
    }

    /// Reads past the items of a value of undefined length and its end; the length of the items.
    fn skip_items(&mut self, representation: Option<[u8; 2]>) -> Result<usize> {
        let outer = self.encoding;
        if representation == Some(*b"UN") {
            self.encoding = ElementEncoding::IMPLICIT;
        }
        let length = self.skip_to(SEQUENCE_END);
        self.encoding = outer;
        length
    }

    /// Reads past the next `end` that ends nothing opened from here on; the length before it.
    fn skip_to(&mut self, end: Tag) -> Result<usize> {
        let all = self.rest.len();
        // A stack and no recursion, so that deep nesting is no danger.
        let mut ends = vec![(end, self.encoding)];
        loop {
            let before = all - self.rest.len();
            let header = self.header()?;
            let Some(&(innermost, encoding)) = ends.last() else {
                return Ok(before);
            };
            if header.tag == innermost {
                ends.pop();
                let Some(&(_, outer)) = ends.last() else {
                    return Ok(before);
                };
                self.encoding = outer;
            } else if header.length != UNDEFINED {
                self.take(header.length)?;
            } else if header.tag == ITEM {
                ends.push((ITEM_END, encoding));
            } else {
                if header.representation == Some(*b"UN") {
                    self.encoding = ElementEncoding::IMPLICIT;
                }
                ends.push((SEQUENCE_END, self.encoding));
            }
        }
    }

    fn header(&mut self) -> Result<Header> {
        let tag = (self.u16()?, self.u16()?);
        if !self.encoding.explicit || tag.0 == ITEM.0 {
            let length = self.u32()?;
            return Ok(Header {
                tag,
                representation: None,
                length,
            });
        }
        let representation = self.array::<2>()?;
        let length = if LONG.contains(&&representation) {
            self.array::<2>()?;
            self.u32()?
        } else {
            self.u16()?.into()
        };
        Ok(Header {
            tag,
            representation: Some(representation),
            length,
        })
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| truncated(NAME))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| truncated(NAME))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(|bytes| self.encoding.u16(bytes))
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(|bytes| self.encoding.u32(bytes))
    }
}
