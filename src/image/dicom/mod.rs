//! DICOM files, as scanners, X-ray machines and archives write them (PS3.10).
//!
//! Only what one frame needs is read of a file, wherever it lies in it.
//!
//! dicom-rs 0.10 (dicom-object with dicom-pixeldata, its codecs in Rust) is no part of it: it would
//! bring 22 crates that nothing else here needs, among them encodings of Chinese, Japanese and Korean
//! texts and a dictionary of all elements, where one, hayro-jpeg2000, is enough. It has JPEG-LS by
//! CharLS only, which is C++, JPEG 2000 by OpenJPEG's C or a translation of it, and no JPEG of 12 bits
//! with loss. Its size in a build was not measured.

mod attributes;
pub mod bits;
mod colour;
mod elements;
mod extended;
mod frames;
mod jpeg;
mod jpeg_ls;
mod jpeg_ls_scan;
mod lossless;
mod lut;
mod rle;
pub mod segmentation;
mod shown;
mod syntax;
mod tables;
mod tags;
mod values;

#[cfg(test)]
mod tests;

use std::io::{Read, Seek};

pub use self::syntax::is_dicom;

use self::attributes::{Attributes, Pixels};
use self::colour::Space;
use self::elements::{Element, ElementEncoding, Reader};
use self::frames::Compressed;
use self::jpeg::Unpacked;
use self::syntax::Packing;
use self::tags::EXTENDED_OFFSETS;
use self::values::{Stored, Words};
use super::channels::gray;
use super::decode::{Page, Picture, Samples, check_page, check_size, unsupported};
use crate::error::Result;

const NAME: &str = "DICOM";
/// A preamble, and then what tells that it is DICOM.
const PREAMBLE: usize = 128;
const MAGIC: &[u8; 4] = b"DICM";

/// Reads frame `page`, from 0, of a file that [`is_dicom`]. Values are rescaled as the file says.
///
/// # Errors
/// If the file cannot be read, is cut off or damaged, holds no image or none of the kinds that are
/// read, or has no such frame.
pub fn read(source: &mut (impl Read + Seek), page: usize) -> Result<Page> {
    let (packing, mut reader) = syntax::open(Box::new(source))?;
    let file = Attributes::read(&mut reader, page)?;
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
    let picture = frame.picture(&mut reader)?;
    let voi = shown::ways(&file)?;
    Ok(Page {
        page,
        pages: frames,
        window: voi.first().map(|voi| voi.curve.window()),
        voi,
        invert: file.photometric() == "MONOCHROME1",
        pixel_size: file.pixel_size(),
        absent: frame.absent()?,
        ..Page::only(picture)
    })
}

/// One image of a file.
struct Frame<'a> {
    file: &'a Attributes,
    packing: Packing,
    page: usize,
    frames: usize,
    /// Width and height.
    size: (usize, usize),
}

/// The integers of a frame.
struct Integers {
    words: Words,
    stored: Stored,
    /// Values of a pixel.
    channels: usize,
    /// Those of one channel follow those of another.
    planar: bool,
    space: Space,
}

impl Frame<'_> {
    fn picture(&self, reader: &mut Reader) -> Result<Picture> {
        let element = match self.file.pixels()? {
            Pixels::Integers(element) => element,
            Pixels::Floats(element) => return self.floats(reader, element, 4),
            Pixels::Doubles(element) => return self.floats(reader, element, 8),
        };
        let integers = self.integers(reader, element)?;
        let Integers { words, stored, .. } = integers;
        let pixels = self.size.0 * self.size.1;
        if words.len() != integers.space.values(pixels, integers.channels) {
            return Err(jpeg::other_values());
        }
        if integers.channels == 3 {
            return Ok(colour::picture(
                self.size,
                words,
                stored,
                integers.planar,
                integers.space,
            ));
        }
        if self.file.photometric() == "PALETTE COLOR" {
            return colour::of_palette(self.file, self.size, words, stored);
        }
        let samples = self.file.modality()?.values(words, stored);
        Ok(gray(self.size.0, self.size.1, samples))
    }

    fn floats(&self, reader: &mut Reader, element: &Element, size: usize) -> Result<Picture> {
        if self.file.samples() != 1 {
            return Err(unsupported(NAME, "colour in floats"));
        }
        let (width, height) = self.size;
        let bits = 8 * (width * height * size) as u64;
        let (bytes, _) = frames::native(reader, element, self.page, bits)?;
        let values = values::floats(&bytes, size, self.file.encoding);
        Ok(gray(width, height, Samples::F32(values)))
    }

    fn integers(&self, reader: &mut Reader, element: &Element) -> Result<Integers> {
        let stored = self.file.stored()?;
        let channels = match self.file.samples() {
            one_or_three @ (1 | 3) => usize::from(one_or_three),
            samples => return Err(unsupported(NAME, format!("{samples} values a pixel"))),
        };
        let space = match channels {
            1 => Space::Rgb,
            _ => Space::of(self.file.photometric())?,
        };
        let integers = Integers {
            words: Words::U8(Vec::new()),
            stored,
            channels,
            planar: self.file.planar(),
            space,
        };
        let pixels = self.size.0 * self.size.1;
        let values = space.values(pixels, channels);
        let bits = values as u64 * u64::from(stored.allocated);
        if !self.is_packed(element) {
            let words = self.native(reader, element, stored, bits)?;
            return Ok(Integers { words, ..integers });
        }
        let compressed = Compressed {
            element,
            offsets: self.file.element(EXTENDED_OFFSETS),
            page: self.page,
            frames: self.frames,
            native: (pixels * channels) as u64 * u64::from(stored.allocated.div_ceil(8)),
        };
        let bytes = compressed.bytes(reader)?;
        self.unpacked(bytes, integers)
    }

    /// Whether pixels are in fragments, whatever the file says of how they are packed.
    fn is_packed(&self, element: &Element) -> bool {
        element.undefined_length
    }

    fn native(
        &self,
        reader: &mut Reader,
        element: &Element,
        stored: Stored,
        bits: u64,
    ) -> Result<Words> {
        if self.file.swaps_bytes(element, &stored) && bits.is_multiple_of(8) {
            let bytes = frames::swapped(reader, element, self.page, bits)?;
            return Ok(match stored.allocated {
                1 => Words::of_bits(&bytes, 0, bits as usize),
                _ => Words::U8(bytes),
            });
        }
        let (bytes, skipped) = frames::native(reader, element, self.page, bits)?;
        Ok(match stored.allocated {
            1 => Words::of_bits(&bytes, skipped, bits as usize),
            _ => Words::of(bytes, stored, self.file.encoding),
        })
    }

    /// The integers of a frame in fragments.
    fn unpacked(&self, bytes: Vec<u8>, integers: Integers) -> Result<Integers> {
        let Integers {
            stored, channels, ..
        } = integers;
        let pixels = self.size.0 * self.size.1;
        let size = stored.allocated.div_ceil(8) as usize;
        let length = integers.space.values(pixels, channels) * size;
        let little_endian = ElementEncoding::EXPLICIT;
        match self.packing {
            Packing::Rle => {
                let bytes = rle::unpack(&bytes, pixels, channels, size)?;
                Ok(Integers {
                    words: Words::of(bytes, stored, little_endian),
                    planar: true,
                    ..integers
                })
            }
            Packing::Deflate | Packing::Fragments => {
                let mut bytes = match self.packing {
                    Packing::Deflate => syntax::inflated(&bytes, length as u64 + 1)?,
                    _ => bytes,
                };
                bytes.truncate(length);
                Ok(Integers {
                    words: Words::of(bytes, stored, little_endian),
                    ..integers
                })
            }
            Packing::Jpeg | Packing::Native => {
                let unpacked = jpeg::decode(&bytes, self.size, self.file.photometric())?;
                self.decoded(unpacked, integers)
            }
        }
    }

    fn decoded(&self, unpacked: Unpacked, integers: Integers) -> Result<Integers> {
        // A gray picture may have been packed as one of equal colours, and the decoder tells.
        if unpacked.channels > integers.channels {
            return Err(jpeg::other_values());
        }
        let space = match integers.space {
            _ if unpacked.is_rgb => Space::Rgb,
            Space::Ybr422 => Space::Ybr,
            space => space,
        };
        Ok(Integers {
            stored: integers.stored.widened(&unpacked.words, unpacked.bits),
            words: unpacked.words,
            channels: unpacked.channels,
            planar: false,
            space,
        })
    }

    /// The values, first and last, that stand for no measurement.
    fn absent(&self) -> Result<Option<[f32; 2]>> {
        let Some(padding) = self.file.padding() else {
            return Ok(None);
        };
        let modality = self.file.modality()?;
        let ends = padding.map(|stored| modality.value(stored) as f32);
        let [one, other] = ends;
        Ok((self.file.samples() == 1).then_some([one.min(other), one.max(other)]))
    }
}
