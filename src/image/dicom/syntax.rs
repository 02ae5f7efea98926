//! How a DICOM file is recognised, and how its elements and pixels are written (PS3.5, annex A).

use std::io::{Cursor, Read};

use flate2::read::DeflateDecoder;

use super::elements::{ElementEncoding, Reader, Source};
use super::tags::{META, TRANSFER_SYNTAX, Tag};
use super::{MAGIC, NAME, PREAMBLE};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, truncated};

/// How the pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Native,
    /// As [`Packing::Native`], but frame by frame.
    Fragments,
    Rle,
    /// A kind of JPEG; which one, its own first bytes tell.
    Jpeg,
    /// Each frame by itself.
    Deflate,
}

const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// Most bytes that a deflated data set becomes.
const MOST_INFLATED: u64 = 1 << 29;

/// Transfer syntaxes that are not read, by the beginnings of their identifiers, and what to do.
const OTHERS: [(&str, &str, &str); 10] = [
    ("1.2.840.10008.1.2.4.94", REFERENCED, ELSEWHERE),
    ("1.2.840.10008.1.2.4.95", REFERENCED, ELSEWHERE),
    ("1.2.840.10008.1.2.4.204", REFERENCED, ELSEWHERE),
    ("1.2.840.10008.1.2.4.205", REFERENCED, ELSEWHERE),
    (
        "1.2.840.10008.1.2.4.20",
        "High-Throughput JPEG 2000",
        DECOMPRESS,
    ),
    ("1.2.840.10008.1.2.4.11", "JPEG XL", DECOMPRESS),
    (
        "1.2.840.10008.1.2.4.107",
        "HEVC, a video's compression",
        FRAMES,
    ),
    (
        "1.2.840.10008.1.2.4.108",
        "HEVC, a video's compression",
        FRAMES,
    ),
    (
        "1.2.840.10008.1.2.4.10",
        "MPEG, a video's compression",
        FRAMES,
    ),
    ("1.2.840.10008.1.2.7", "uncompressed video", FRAMES),
];
const REFERENCED: &str = "JPEG 2000 or the like on a server, so that it is not in the file";
const ELSEWHERE: &str = "export the image with its pixels";
const DECOMPRESS: &str = "export it uncompressed from the archive or program that it comes from";
const FRAMES: &str = "export its frames as images, for example with ffmpeg";

/// Bytes in which a data set without a preamble is recognised.
const FRONT: u64 = 1 << 10;

/// Value representations, as they follow a tag (PS3.5, section 6.2).
const REPRESENTATIONS: &[u8] =
    b"AEASATCSDADSDTFDFLISLOLTOBODOFOLOVOWPNSHSLSQSSSTSVTMUCUIULUNURUSUTUV";

/// Whether a file that begins with `bytes` is DICOM: it has its magic number behind a preamble, or
/// it begins as a data set does, in which case some hundred bytes tell.
pub fn is_dicom(bytes: &[u8]) -> bool {
    let behind = bytes.get(PREAMBLE..);
    behind.is_some_and(|rest| rest.starts_with(MAGIC)) || data_set(bytes).is_some()
}

/// Where a data set begins: at the front, or, as one that was cut out of a file, a few bytes behind.
fn data_set(bytes: &[u8]) -> Option<usize> {
    const FEW: usize = 8;
    let begins = |&start: &usize| bytes.get(start..).is_some_and(is_data_set);
    (0..=FEW).find(begins)
}

/// Whether three elements of the first groups follow each other, or fewer up to the end.
fn is_data_set(bytes: &[u8]) -> bool {
    const IDENTIFYING: u16 = 0x0008;
    /// Longer values do not stand there.
    const LONGEST: u32 = 1 << 12;
    let Some(encoding) = bytes.first_chunk().and_then(observed) else {
        return false;
    };
    let mut rest = bytes;
    let mut last: Tag = (0, 0);
    for number in 0..3 {
        let Some((&[a, b, c, d, e, f, g, h], after)) = rest.split_first_chunk() else {
            return number > 0;
        };
        let tag = (encoding.u16([a, b]), encoding.u16([c, d]));
        let explicit = is_representation([e, f]);
        let long = explicit && matches!([e, f], [b'O', _] | [b'S', b'Q'] | [b'U', b'N']);
        let (length, after) = match after.split_first_chunk() {
            Some((&length, after)) if long => (encoding.u32(length), after),
            _ if long => return number > 0,
            _ if explicit => (encoding.u16([g, h]).into(), after),
            _ => (encoding.u32([e, f, g, h]), after),
        };
        let first = [META, IDENTIFYING].contains(&tag.0);
        if tag <= last || number == 0 && !first || length > LONGEST && length != u32::MAX {
            return false;
        }
        last = tag;
        match after.get(length as usize..) {
            Some(after) => rest = after,
            None => return number > 0 || length != u32::MAX && length > 0,
        }
    }
    true
}

fn is_representation(bytes: [u8; 2]) -> bool {
    REPRESENTATIONS.as_chunks().0.contains(&bytes)
}

/// How elements are written of which the first begins with `bytes`; none if it does not tell.
fn observed(&[a, b, _, _, e, f]: &[u8; 6]) -> Option<ElementEncoding> {
    // The first groups have small numbers.
    let big_endian = match a.cmp(&b) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => return None,
    };
    Some(ElementEncoding {
        explicit: is_representation([e, f]),
        big_endian,
    })
}

/// Reads how the data set is written and comes to its beginning.
pub fn open<'a>(source: Box<dyn Source + 'a>) -> Result<(Packing, Reader<'a>)> {
    let mut reader = Reader::new(source)?;
    reader.go_to(PREAMBLE as u64)?;
    if reader.peek()?.as_ref() == Some(MAGIC) {
        reader.skip(MAGIC.len() as u64)?;
    } else {
        reader.go_to(0)?;
        let front = reader.bytes(reader.left().min(FRONT))?;
        reader.go_to(data_set(&front).unwrap_or(0) as u64)?;
    }
    let mut syntax = String::new();
    while reader.peek()?.map(u16::from_le_bytes) == Some(META) {
        let (tag, element) = reader.element(|tag| tag == TRANSFER_SYNTAX)?;
        if tag == TRANSFER_SYNTAX {
            let text = String::from_utf8_lossy(&element.value);
            text.trim_matches(['\0', ' ']).clone_into(&mut syntax);
        }
    }
    if syntax == DEFLATED {
        if reader.left() > MOST_INFLATED {
            return Err(too_much_inflated());
        }
        let packed = reader.bytes(reader.left())?;
        reader = Reader::new(Box::new(Cursor::new(inflated(&packed, MOST_INFLATED)?)))?;
    }
    let (packing, told) = told(&syntax)?;
    // What the bytes are counts for more than what the file says.
    let first = reader.peek()?;
    reader.encoding = first.as_ref().and_then(observed).unwrap_or(told);
    Ok((packing, reader))
}

/// What a transfer syntax says.
fn told(syntax: &str) -> Result<(Packing, ElementEncoding)> {
    let packing = match syntax {
        // The standard's default.
        "1.2.840.10008.1.2" | "" => return Ok((Packing::Native, ElementEncoding::IMPLICIT)),
        "1.2.840.10008.1.2.2" => {
            return Ok((Packing::Native, ElementEncoding::EXPLICIT_BIG_ENDIAN));
        }
        "1.2.840.10008.1.2.1" | DEFLATED => Packing::Native,
        "1.2.840.10008.1.2.1.98" => Packing::Fragments,
        "1.2.840.10008.1.2.5" => Packing::Rle,
        "1.2.840.10008.1.2.8.1" => Packing::Deflate,
        _ if OTHERS.iter().any(|(start, ..)| syntax.starts_with(start)) => {
            return Err(other_syntax(syntax));
        }
        _ if syntax.starts_with("1.2.840.10008.1.2.4.") => Packing::Jpeg,
        _ => return Err(other_syntax(syntax)),
    };
    Ok((packing, ElementEncoding::EXPLICIT))
}

fn other_syntax(syntax: &str) -> Error {
    let other = OTHERS.iter().find(|(start, ..)| syntax.starts_with(start));
    let (packed, remedy) = other.map_or(
        ("a way that only its maker knows", DECOMPRESS),
        |&(_, name, remedy)| (name, remedy),
    );
    Error::new(format!(
        "The DICOM file is compressed in {packed} (transfer syntax {syntax}), which is not read; \
         {remedy}."
    ))
}

fn too_much_inflated() -> Error {
    Error::new(
        "What the DICOM file holds deflated is too large to be read at once; export it without \
         deflating from the archive or program that it comes from.",
    )
}

/// What was deflated, at most `most` bytes.
pub fn inflated(packed: &[u8], most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = DeflateDecoder::new(packed)
        .take(most + 1)
        .read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 > most => Err(too_much_inflated()),
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(truncated(NAME)),
        Err(error) => Err(damaged(NAME, error)),
    }
}
