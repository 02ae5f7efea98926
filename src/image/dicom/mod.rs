//! DICOM files, as scanners and X-ray machines write them (PS3.10): uncompressed, RLE, or JPEG.

mod attributes;
mod bits;
mod elements;
mod frames;
mod lossless;
mod values;

use std::borrow::Cow;

use self::attributes::{Attributes, Pixels};
use self::elements::{Element, ElementEncoding, Reader, Tag};
use self::values::Stored;
use super::channels::{gray, picture_u8};
use super::decode::{
    Gray, Page, Picture, Samples, check_page, check_size, damaged, read_jpeg, unsupported,
};
use crate::error::{Error, Result};

const NAME: &str = "DICOM";
/// A preamble, and then what tells that it is DICOM.
const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";
/// The group of the elements that tell how the others are written.
const META: u16 = 0x0002;
const TRANSFER_SYNTAX: Tag = (META, 0x0010);

/// How the pixels are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Native,
    Rle,
    Jpeg,
    LosslessJpeg,
}

/// Transfer syntaxes that are not read, by the beginnings of their identifiers.
const OTHERS: [(&str, &str); 7] = [
    ("1.2.840.10008.1.2.1.99", "Deflate"),
    ("1.2.840.10008.1.2.4.8", "JPEG-LS"),
    ("1.2.840.10008.1.2.4.9", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.20", "High-Throughput JPEG 2000"),
    ("1.2.840.10008.1.2.4.10", "MPEG video"),
    ("1.2.840.10008.1.2.4.11", "JPEG XL"),
    ("1.2.840.10008.1.2.4", "a kind of JPEG or video"),
];

/// Whether the content is DICOM.
pub fn is_dicom(bytes: &[u8]) -> bool {
    bytes
        .get(PREAMBLE..)
        .is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Reads frame `page`, from 0, of a file that [`is_dicom`]. Values are rescaled as the file says.
pub fn read(bytes: &[u8], page: usize) -> Result<Page> {
    let (packing, reader) = open(bytes)?;
    let file = Attributes::read(reader)?;
    file.pixels()?;
    let (width, height) = file.size()?;
    check_size(width, height)?;
    let frames = file.frames();
    check_page(page, frames)?;
    let frame = Frame {
        file: &file,
        packing,
        page,
        frames,
        size: (width as usize, height as usize),
    };
    Ok(Page {
        page,
        pages: frames,
        window: file.window(page)?,
        invert: file.photometric() == "MONOCHROME1",
        pixel_size: file.pixel_size(page),
        ..Page::only(frame.picture()?)
    })
}

/// Reads how the data set is written and comes to its beginning.
fn open(bytes: &[u8]) -> Result<(Packing, Reader<'_>)> {
    let mut reader = Reader {
        rest: bytes.get(PREAMBLE + MAGIC.len()..).unwrap_or_default(),
        encoding: ElementEncoding::EXPLICIT,
    };
    let mut syntax = "";
    while reader.group() == Some(META) {
        let (tag, element) = reader.element()?;
        if tag == TRANSFER_SYNTAX {
            syntax = std::str::from_utf8(element.value)
                .unwrap_or_default()
                .trim_end_matches(['\0', ' ']);
        }
    }
    let packing;
    (packing, reader.encoding) = match syntax {
        // The standard's default.
        "1.2.840.10008.1.2" | "" => (Packing::Native, ElementEncoding::IMPLICIT),
        "1.2.840.10008.1.2.1" => (Packing::Native, ElementEncoding::EXPLICIT),
        "1.2.840.10008.1.2.2" => (Packing::Native, ElementEncoding::EXPLICIT_BIG_ENDIAN),
        "1.2.840.10008.1.2.5" => (Packing::Rle, ElementEncoding::EXPLICIT),
        "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" => {
            (Packing::Jpeg, ElementEncoding::EXPLICIT)
        }
        "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70" => {
            (Packing::LosslessJpeg, ElementEncoding::EXPLICIT)
        }
        _ => return Err(other_syntax(syntax)),
    };
    Ok((packing, reader))
}

fn other_syntax(syntax: &str) -> Error {
    let other = OTHERS.iter().find(|(start, _)| syntax.starts_with(start));
    let packed = other.map_or("an unknown way", |(_, name)| name);
    Error::new(format!(
        "The DICOM file is compressed in {packed} (transfer syntax {syntax}), which is not read; \
         decompress it first, for example with gdcmconv --raw."
    ))
}

/// One image of a file.
struct Frame<'a> {
    file: &'a Attributes<'a>,
    packing: Packing,
    page: usize,
    frames: usize,
    /// Width and height.
    size: (usize, usize),
}

impl Frame<'_> {
    fn picture(&self) -> Result<Picture> {
        let (width, height) = self.size;
        let gray = |samples| gray(width, height, samples);
        match (self.file.samples(), self.file.photometric()) {
            (1, "MONOCHROME1" | "MONOCHROME2") => Ok(gray(self.samples()?)),
            (3, photometric) => self.colour(photometric),
            (samples, photometric) => Err(unsupported(
                NAME,
                format!("{samples} values a pixel as {photometric}"),
            )),
        }
    }

    fn samples(&self) -> Result<Samples> {
        let encoding = self.file.encoding;
        let floats = |element: &Element, size| {
            let length = self.size.0 * self.size.1 * size;
            let bytes = frames::native(element.value, self.page, length)?;
            Ok(Samples::F32(values::floats(bytes, size, encoding)))
        };
        match self.file.pixels()? {
            Pixels::Integers(element) => {
                let stored = self.file.stored()?;
                if self.packing == Packing::Jpeg && stored.size > 1 {
                    return Err(unsupported(NAME, "JPEG of more than 8 bits"));
                }
                let bytes = self.bytes(&element, 1, &stored)?;
                let rescale = self.file.rescale(self.page)?;
                Ok(values::integers(&bytes, stored, encoding, rescale))
            }
            Pixels::Floats(element) => floats(&element, 4),
            Pixels::Doubles(element) => floats(&element, 8),
        }
    }

    fn colour(&self, photometric: &str) -> Result<Picture> {
        let Pixels::Integers(element) = self.file.pixels()? else {
            return Err(unsupported(NAME, "colour in floats"));
        };
        if self.packing == Packing::Jpeg {
            return self.jpeg(&element);
        }
        if self.packing == Packing::LosslessJpeg {
            return Err(unsupported(NAME, "colour in lossless JPEG"));
        }
        let stored = self.file.stored()?;
        if stored != Stored::BYTE || !["RGB", "YBR_FULL"].contains(&photometric) {
            let bits = stored.bits;
            return Err(unsupported(
                NAME,
                format!("colour as {photometric} of {bits} bits"),
            ));
        }
        let bytes = self.bytes(&element, 3, &stored)?;
        let planar = self.packing == Packing::Rle || self.file.planar();
        let pixels = values::colour(bytes, planar, photometric == "YBR_FULL");
        Ok(picture_u8(self.size.0, self.size.1, pixels, 3))
    }

    /// The frame's values without packing, `samples` a pixel.
    fn bytes<'a>(
        &self,
        element: &Element<'a>,
        samples: usize,
        stored: &Stored,
    ) -> Result<Cow<'a, [u8]>> {
        let pixels = self.size.0 * self.size.1;
        let length = pixels * samples * stored.size;
        match self.packing {
            Packing::Native if self.file.swaps_bytes(element, stored) => {
                frames::swapped(element.value, self.page, length).map(Cow::Owned)
            }
            Packing::Native => frames::native(element.value, self.page, length).map(Cow::Borrowed),
            Packing::Rle => {
                let packed = frames::compressed(element, self.page, self.frames)?;
                frames::rle(&packed, pixels, samples, stored.size).map(Cow::Owned)
            }
            Packing::Jpeg => match self.jpeg(element)? {
                Picture::Gray(Gray {
                    samples: Samples::U8(values),
                    ..
                }) => Ok(Cow::Owned(values)),
                _ => Err(damaged(NAME, "its JPEG holds other values than it says")),
            },
            Packing::LosslessJpeg if stored.size > 2 => {
                Err(damaged(NAME, "its JPEG holds other values than it says"))
            }
            Packing::LosslessJpeg => {
                let jpeg = frames::compressed(element, self.page, self.frames)?;
                let values = lossless::decode(&jpeg, self.size)?;
                let bytes = |value: u16| value.to_le_bytes().into_iter().take(stored.size);
                Ok(Cow::Owned(values.into_iter().flat_map(bytes).collect()))
            }
        }
    }

    fn jpeg(&self, element: &Element) -> Result<Picture> {
        let picture = read_jpeg(&frames::compressed(element, self.page, self.frames)?)?;
        if picture.size() != self.size {
            return Err(damaged(NAME, "its JPEG is of another size than it says"));
        }
        Ok(picture)
    }
}
