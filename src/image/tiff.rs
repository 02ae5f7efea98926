//! TIFF files, whose 32-bit samples the `image` crate does not read.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use ::tiff::decoder::ifd::Value;
use ::tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError, TiffFormatError};

use super::channels::{Channels, gray, picture_u8, picture_u16, split};
use super::decode::{
    MAX_BYTES, Page, Picture, Samples, check_page, check_size, damaged, truncated, unreadable,
    unsupported,
};
use super::pixel_size::PixelSize;
use crate::error::{Error, Result};

const NAME: &str = "TIFF";
/// Most pages that are counted.
const MAX_PAGES: usize = 65_536;

/// Whether the content is TIFF or BigTIFF, in either byte order.
pub fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|magic| bytes.starts_with(*magic))
}

/// Reads page `page`, from 0; the `tiff` crate turns WhiteIsZero round.
pub fn read(source: &mut (impl Read + Seek), page: usize) -> Result<Page> {
    source
        .seek(SeekFrom::Start(0))
        .map_err(|error| unreadable(&error))?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(source).map_err(describe)?.with_limits(limits);
    // ImageJ describes a stack on its first page.
    let description = decoder.find_tag(Tag::ImageDescription);
    let description = description
        .ok()
        .flatten()
        .and_then(|d| d.into_string().ok());
    let pages = count_pages(&mut decoder);
    check_page(page, pages)?;
    decoder.seek_to_image(page).map_err(describe)?;
    let pixel_size = pixel_size(&mut decoder, description.as_deref());
    Ok(Page {
        page,
        pages,
        pixel_size,
        ..Page::only(picture(decoder)?)
    })
}

/// By the resolution's tags, whose unit ImageJ tells in its `description`.
fn pixel_size(
    decoder: &mut Decoder<impl Read + Seek>,
    description: Option<&str>,
) -> Option<PixelSize> {
    const INCH: u16 = 2;
    const CENTIMETRE: u16 = 3;
    let mut pixels = |tag| match decoder.find_tag(tag).ok()?? {
        Value::Rational(numerator, denominator) => {
            Some(f64::from(numerator) / f64::from(denominator))
        }
        _ => None,
    };
    let pixels = [pixels(Tag::XResolution)?, pixels(Tag::YResolution)?];
    if let Some(description) = description
        && let Some(found) = PixelSize::of_imagej(description, pixels)
    {
        return Some(found);
    }
    let unit = decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit);
    match unit.ok()?? {
        INCH => PixelSize::of_resolution(pixels, 25_400.0),
        CENTIMETRE => PixelSize::of_resolution(pixels, 1e4),
        _ => None,
    }
}

/// How many pages there are, up to the first whose directory cannot be read or came before.
pub(super) fn count_pages(decoder: &mut Decoder<impl Read + Seek>) -> usize {
    let mut seen = BTreeSet::new();
    let mut next = decoder.ifd_pointer();
    while let Some(pointer) = next
        && seen.len() < MAX_PAGES
        && let Ok(directory) = decoder.read_directory(pointer)
        && seen.insert(pointer.0)
    {
        next = directory.next();
    }
    seen.len()
}

fn picture(mut decoder: Decoder<impl Read + Seek>) -> Result<Picture> {
    let (width, height) = decoder.dimensions().map_err(describe)?;
    check_size(width, height)?;
    let (width, height) = (width as usize, height as usize);
    let color = decoder.colortype().map_err(describe)?;
    let channels = channels(&mut decoder, color)?;
    check_tiles(&mut decoder, channels)?;
    let mut data = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut data).map_err(describe)?;
    let layout = SampleLayout {
        width,
        height,
        channels,
        planar: layout.planes > 1,
    };
    match data {
        DecodingResult::U8(packed) if color.bit_depth() < 8 => {
            let samples = unpack(&packed, &layout, color.bit_depth())?;
            Ok(gray(width, height, Samples::U8(samples)))
        }
        DecodingResult::U8(v) => Ok(picture_u8(width, height, layout.interleave(v)?, channels)),
        DecodingResult::U16(v) => Ok(picture_u16(width, height, layout.interleave(v)?, channels)),
        DecodingResult::U32(v) => layout.float(v, |x| x as f32),
        DecodingResult::U64(v) => layout.float(v, |x| x as f32),
        DecodingResult::I8(v) => layout.float(v, f32::from),
        DecodingResult::I16(v) => layout.float(v, f32::from),
        DecodingResult::I32(v) => layout.float(v, |x| x as f32),
        DecodingResult::I64(v) => layout.float(v, |x| x as f32),
        DecodingResult::F16(v) => layout.float(v, f32::from),
        DecodingResult::F32(v) => layout.float(v, |x| x),
        DecodingResult::F64(v) => layout.float(v, |x| x as f32),
    }
}

/// The `tiff` crate panics at tiles of separate planes that reach beyond the image.
fn check_tiles(decoder: &mut Decoder<impl Read + Seek>, channels: usize) -> Result<()> {
    let configuration = decoder
        .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
        .map_err(describe)?;
    let tiles = decoder.get_chunk_type() == ChunkType::Tile;
    if tiles && channels > 1 && configuration == Some(2) {
        return Err(unsupported(NAME, "tiles of separate colour planes"));
    }
    Ok(())
}

/// Channels of the decoded samples, alpha included.
fn channels(decoder: &mut Decoder<impl Read + Seek>, color: ColorType) -> Result<usize> {
    match color {
        ColorType::Gray(_) => Ok(1),
        ColorType::GrayA(_) => Ok(2),
        ColorType::RGB(_) => Ok(3),
        ColorType::RGBA(_) => Ok(4),
        ColorType::Multiband { num_samples, .. } => {
            let extra = decoder
                .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
                .map_err(describe)?;
            // 1 and 2 are associated and unassociated alpha.
            match (num_samples, extra.as_deref()) {
                (2, Some([1 | 2])) => Ok(2),
                _ => Err(Error::new(format!(
                    "The TIFF file holds {num_samples} channels a pixel; save the channel to \
                     segment as a grayscale file of its own."
                ))),
            }
        }
        other => Err(unsupported(NAME, format!("colours stored as {other:?}"))),
    }
}

struct SampleLayout {
    width: usize,
    height: usize,
    channels: usize,
    /// One plane after the other instead of interleaved.
    planar: bool,
}

impl SampleLayout {
    fn interleave<T: Copy>(&self, samples: Vec<T>) -> Result<Vec<T>> {
        let pixels = self.width * self.height;
        if samples.len() < pixels * self.channels {
            return Err(truncated(NAME));
        }
        if !self.planar {
            return Ok(samples);
        }
        Ok((0..pixels)
            .flat_map(|pixel| (0..self.channels).map(move |channel| channel * pixels + pixel))
            .map(|at| samples[at])
            .collect())
    }

    fn float<T: Copy>(&self, samples: Vec<T>, convert: fn(T) -> f32) -> Result<Picture> {
        let values = self.interleave(samples)?.into_iter().map(convert).collect();
        match split(values, self.channels) {
            Channels::Gray(values) => Ok(gray(self.width, self.height, Samples::F32(values))),
            Channels::Colour(_) => Err(unsupported(NAME, "colour of neither 8 nor 16 bits")),
        }
    }
}

/// Widens 1, 2 or 4 bits a pixel, first pixel in the high bits and rows padded to bytes, to the
/// range 0..=255.
fn unpack(packed: &[u8], layout: &SampleLayout, bits: u8) -> Result<Vec<u8>> {
    let bits = usize::from(bits);
    let row_bytes = (layout.width * bits).div_ceil(8);
    if layout.channels != 1 || 8 % bits != 0 || packed.len() < row_bytes * layout.height {
        return Err(unsupported(NAME, format!("{bits} bits a sample")));
    }
    let largest = (1u8 << bits) - 1;
    let value = |row: &[u8], x: usize| {
        let shift = 8 - bits - x * bits % 8;
        (row[x * bits / 8] >> shift & largest) * (255 / largest)
    };
    Ok(packed
        .chunks_exact(row_bytes)
        .take(layout.height)
        .flat_map(|row| (0..layout.width).map(move |x| value(row, x)))
        .collect())
}

pub(super) fn describe(error: TiffError) -> Error {
    match error {
        TiffError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => truncated(NAME),
        TiffError::IoError(io) => unreadable(&io),
        TiffError::FormatError(TiffFormatError::InvalidDimensions(width, height)) => {
            match check_size(width, height) {
                Err(error) => error,
                Ok(()) => damaged(NAME, "its size is invalid"),
            }
        }
        TiffError::UnsupportedError(why) => unsupported(NAME, why),
        TiffError::LimitsExceeded => Error::new(
            "Reading the TIFF file would take too much memory; crop the image or scale it down \
             first.",
        ),
        other => damaged(NAME, other),
    }
}
