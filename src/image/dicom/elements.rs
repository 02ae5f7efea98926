//! The elements of a DICOM data set, found where they lie in the file (DICOM PS3.5, section 7).
//!
//! Values are skipped unless they are asked for, and lengths are believed only as far as the file
//! reaches.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use super::NAME;
use super::tags::{ITEM, ITEM_END, PIXELS, SEQUENCE_END, Tag};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, truncated};

const UNDEFINED: u32 = u32::MAX;
/// Longest value that is read with its element, in bytes: twice the largest table. Of longer
/// ones, sequences and pixels only the place is kept.
const LONGEST_VALUE: u64 = 1 << 18;
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

    /// 16-bit numbers that fill `bytes`.
    pub fn words(self, bytes: &[u8]) -> Vec<u16> {
        bytes.as_chunks().0.iter().map(|&b| self.u16(b)).collect()
    }
}

/// An element, and its value where that is short.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Where the value begins in the file.
    pub start: u64,
    /// Bytes of the value, without the delimiter that ends one of undefined length.
    pub length: u64,
    /// Absent where the encoding does not name it.
    pub representation: Option<[u8; 2]>,
    /// The value is a sequence of items, of which the file did not tell the length.
    pub undefined_length: bool,
    /// Empty where the value is long, a sequence or pixels.
    pub value: Vec<u8>,
}

/// Those elements of a data set that were asked for.
pub type Elements = BTreeMap<Tag, Element>;

/// What a file can be read from.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A place in a data set.
pub struct Reader<'a> {
    source: BufReader<Box<dyn Source + 'a>>,
    position: u64,
    /// Where the file ends.
    end: u64,
    pub encoding: ElementEncoding,
}

/// Where an item lies in the file, without its header.
pub struct ItemPlace {
    start: u64,
    end: u64,
    encoding: ElementEncoding,
}

/// A header of an element or item.
pub struct Header {
    pub tag: Tag,
    pub representation: Option<[u8; 2]>,
    pub length: u32,
}

impl<'a> Reader<'a> {
    /// One at the beginning of `source`.
    pub fn new(mut source: Box<dyn Source + 'a>) -> Result<Self> {
        let end = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
        source.rewind().map_err(unreadable)?;
        Ok(Self {
            source: BufReader::new(source),
            position: 0,
            end,
            encoding: ElementEncoding::EXPLICIT,
        })
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes from here to the end of the file.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }

    pub fn go_to(&mut self, position: u64) -> Result<()> {
        // A relative move keeps what is buffered.
        let forth = position.checked_signed_diff(self.position);
        let forth = forth.ok_or_else(|| truncated(NAME))?;
        self.source.seek_relative(forth).map_err(unreadable)?;
        self.position = position;
        Ok(())
    }

    /// Skips so many bytes, which must be there.
    pub fn skip(&mut self, length: u64) -> Result<()> {
        if length > self.left() {
            return Err(truncated(NAME));
        }
        self.go_to(self.position + length)
    }

    /// So many bytes, which must be there.
    pub fn bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > self.left() {
            return Err(truncated(NAME));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| truncated(NAME))?];
        self.source.read_exact(&mut bytes).map_err(unreadable)?;
        self.position += length;
        Ok(bytes)
    }

    /// The next bytes, which stay unread; none where fewer are left.
    pub fn peek<const N: usize>(&mut self) -> Result<Option<[u8; N]>> {
        let position = self.position;
        if self.left() < N as u64 {
            return Ok(None);
        }
        let next = self.array()?;
        self.go_to(position)?;
        Ok(Some(next))
    }

    /// Reads on to `end` or to the pixels, and keeps the elements that are `wanted`.
    ///
    /// # Errors
    /// If an element reaches beyond the file.
    pub fn elements(&mut self, end: u64, wanted: impl Fn(Tag) -> bool) -> Result<Elements> {
        let mut elements = Elements::new();
        let end = end.min(self.end);
        while self.position < end {
            let (tag, element) = self.element(&wanted)?;
            if wanted(tag) {
                elements.insert(tag, element);
            }
            if PIXELS.contains(&tag) {
                break;
            }
        }
        Ok(elements)
    }

    /// The next element, with its value if it is `wanted`.
    pub fn element(&mut self, wanted: impl Fn(Tag) -> bool) -> Result<(Tag, Element)> {
        let header = self.header()?;
        let mut element = Element {
            start: self.position,
            length: header.length.into(),
            representation: header.representation,
            undefined_length: header.length == UNDEFINED,
            value: Vec::new(),
        };
        if PIXELS.contains(&header.tag) {
            // Frames are read one by one, and the first ones of a cut file are whole.
            return Ok((header.tag, element));
        }
        if element.undefined_length {
            element.length = self.skip_items(header.representation)?;
        } else if wanted(header.tag) && element.length <= LONGEST_VALUE {
            element.value = self.bytes(element.length)?;
        } else {
            self.skip(element.length)?;
        }
        Ok((header.tag, element))
    }

    /// The elements of item `index` of a sequence, if there is such an item.
    pub fn item(&mut self, sequence: &Element, index: usize) -> Result<Option<Elements>> {
        let outer = self.encoding;
        self.encoding = self.within(sequence.representation);
        let elements = self.item_elements(sequence, index);
        self.encoding = outer;
        elements
    }

    fn item_elements(&mut self, sequence: &Element, index: usize) -> Result<Option<Elements>> {
        self.go_to(sequence.start)?;
        let end = sequence.start.saturating_add(sequence.length);
        let mut number = 0;
        while self.position < end {
            let header = self.header()?;
            if header.tag == SEQUENCE_END {
                break;
            }
            if header.tag != ITEM {
                return Err(damaged(NAME, "an item is missing"));
            }
            let start = self.position;
            let length = match header.length {
                UNDEFINED => self.skip_to(ITEM_END)?,
                length => u64::from(length),
            };
            if number == index {
                self.go_to(start)?;
                return self.elements(start + length, |_| true).map(Some);
            }
            if header.length != UNDEFINED {
                self.skip(length)?;
            }
            number += 1;
        }
        Ok(None)
    }

    /// Where the first items of a sequence lie, up to so many.
    pub fn item_places(&mut self, sequence: &Element, most: usize) -> Result<Vec<ItemPlace>> {
        let outer = self.encoding;
        self.encoding = self.within(sequence.representation);
        let places = self.places_of_items(sequence, most);
        self.encoding = outer;
        places
    }

    fn places_of_items(&mut self, sequence: &Element, most: usize) -> Result<Vec<ItemPlace>> {
        self.go_to(sequence.start)?;
        let end = sequence.start.saturating_add(sequence.length).min(self.end);
        let mut places = Vec::new();
        while self.position < end && places.len() < most {
            let header = self.header()?;
            if header.tag == SEQUENCE_END {
                break;
            }
            if header.tag != ITEM {
                return Err(damaged(NAME, "an item is missing"));
            }
            let start = self.position;
            let length = match header.length {
                UNDEFINED => self.skip_to(ITEM_END)?,
                length => {
                    self.skip(length.into())?;
                    length.into()
                }
            };
            places.push(ItemPlace {
                start,
                end: start + length,
                encoding: self.encoding,
            });
        }
        Ok(places)
    }

    /// The elements of an item.
    pub fn item_at(&mut self, place: &ItemPlace) -> Result<Elements> {
        let outer = std::mem::replace(&mut self.encoding, place.encoding);
        let elements = self
            .go_to(place.start)
            .and_then(|()| self.elements(place.end, |_| true));
        self.encoding = outer;
        elements
    }

    /// How what is in a value of this representation is written.
    fn within(&self, representation: Option<[u8; 2]>) -> ElementEncoding {
        match representation {
            Some([b'U', b'N']) => ElementEncoding::IMPLICIT,
            _ => self.encoding,
        }
    }

    /// Reads past the items of a value of undefined length and its end; the length of the items.
    fn skip_items(&mut self, representation: Option<[u8; 2]>) -> Result<u64> {
        let outer = self.encoding;
        self.encoding = self.within(representation);
        let length = self.skip_to(SEQUENCE_END);
        self.encoding = outer;
        length
    }

    /// Reads past the next `end` that ends nothing opened from here on; the length before it.
    fn skip_to(&mut self, end: Tag) -> Result<u64> {
        let start = self.position;
        // A stack and no recursion, so that deep nesting is no danger.
        let mut ends = vec![(end, self.encoding)];
        loop {
            let before = self.position - start;
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
                self.skip(header.length.into())?;
            } else if header.tag == ITEM {
                ends.push((ITEM_END, encoding));
            } else {
                self.encoding = self.within(header.representation);
                ends.push((SEQUENCE_END, self.encoding));
            }
        }
    }

    pub fn header(&mut self) -> Result<Header> {
        let tag = (self.u16()?, self.u16()?);
        if !self.encoding.explicit || tag.0 == ITEM.0 {
            let length = self.array().map(|bytes| self.encoding.u32(bytes))?;
            return Ok(Header {
                tag,
                representation: None,
                length,
            });
        }
        let representation = self.array::<2>()?;
        if !representation.iter().all(u8::is_ascii_uppercase) {
            // Some programs leave it out here and there.
            let ([a, b], [c, d]) = (representation, self.array::<2>()?);
            return Ok(Header {
                tag,
                representation: None,
                length: self.encoding.u32([a, b, c, d]),
            });
        }
        let length = if LONG.contains(&&representation) {
            self.array::<2>()?;
            self.array().map(|bytes| self.encoding.u32(bytes))?
        } else {
            self.u16()?.into()
        };
        Ok(Header {
            tag,
            representation: Some(representation),
            length,
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(unreadable)?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(|bytes| self.encoding.u16(bytes))
    }
}

fn unreadable(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => truncated(NAME),
        _ => Error::new(format!(
            "The DICOM file cannot be read ({error}); open it again."
        )),
    }
}
