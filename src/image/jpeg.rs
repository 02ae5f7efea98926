//! JPEG files: where they end, whether all of them is there, and how they are turned.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::channels::picture_u8;
use super::decode::{Picture, check_size, damaged, truncated, unsupported};
use super::jpeg_scan::{self, Wrong};
use crate::error::Result;

const NAME: &str = "JPEG";
/// More bytes than the decoder looks ahead.
const AHEAD: usize = 16;

/// What the markers of a file tell.
#[derive(Default)]
struct Markers {
    /// Whether there is one scan with the codes of all pixels, one after the other.
    sequential: bool,
    scans: usize,
    /// Bits of a sample.
    bits: Option<u8>,
    /// Where the end marker stands. What follows it is not the image's.
    end: Option<usize>,
}

/// A JPEG file as it is meant to be seen, turned as its EXIF data say.
///
/// # Errors
/// If it ends early, is damaged or of a kind that is not read, or its size is beyond all limits.
pub fn read(bytes: &[u8]) -> Result<Picture> {
    let markers = Markers::read(bytes);
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let whole = whole(bytes, &markers)?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
    decoder
        .decode_headers()
        .map_err(|error| described(&error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_size(width as u32, height as u32)?;
    checked(bytes).map_err(|wrong| match wrong {
        Wrong::Missing if markers.end.is_none() => truncated(NAME),
        Wrong::Missing => damaged(NAME, "a part of its pixels is missing"),
        Wrong::Senseless => damaged(NAME, BROKEN),
    })?;
    let is_gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if is_gray {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    // Of pixels that are damaged the decoder would make others; odd headers do no harm.
    let options = options.set_strict_mode(true);
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let turned = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = decoder.decode().map_err(|error| described(&error))?;
    let (columns, rows) = (width as u32, height as u32);
    let image = if is_gray {
        GrayImage::from_raw(columns, rows, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(columns, rows, pixels).map(DynamicImage::ImageRgb8)
    };
    let mut image = image.ok_or_else(|| damaged(NAME, "it holds other values than it says"))?;
    image.apply_orientation(turned.unwrap_or(Orientation::NoTransforms));
    let (width, height) = (image.width() as usize, image.height() as usize);
    let channels = if is_gray { 1 } else { 3 };
    Ok(picture_u8(width, height, image.into_bytes(), channels))
}

/// The bytes of a JPEG within another file, up to its end, for a strict decoder: one that comes to the end of the
/// bytes too early fails, where it would make gray of what is missing.
///
/// # Errors
/// If it ends early.
pub fn whole_within(bytes: &[u8]) -> Result<Vec<u8>> {
    whole(bytes, &Markers::read(bytes))
}

/// Bits of a sample, if a frame says so.
pub fn bits(bytes: &[u8]) -> Option<u8> {
    Markers::read(bytes).bits
}

/// The image without what follows it. Of a missing rest the decoder makes gray, unless it comes to the
/// end of the bytes in a row of pixels; so the end marker gives way to a few zeros.
fn whole(bytes: &[u8], markers: &Markers) -> Result<Vec<u8>> {
    let image = match markers.end {
        Some(end) => bytes.get(..end).unwrap_or(bytes),
        None if markers.sequential && markers.scans == 1 => bytes,
        None => return Err(truncated(NAME)),
    };
    if markers.sequential && markers.scans == 1 {
        return Ok([image, &[0; AHEAD]].concat());
    }
    Ok([image, &[0xff, 0xd9]].concat())
}

/// Whether all pixels are there. Memory is taken by the size that the file says.
pub fn checked(bytes: &[u8]) -> std::result::Result<(), Wrong> {
    jpeg_scan::check(bytes)
}

fn described(error: &DecodeErrors) -> crate::error::Error {
    match error {
        DecodeErrors::FormatStatic("Premature end of buffer") | DecodeErrors::ExhaustedData => {
            truncated(NAME)
        }
        DecodeErrors::Unsupported(why) => unsupported(NAME, format!("{why:?}")),
        _ => damaged(NAME, BROKEN),
    }
}

/// What is told of compressed pixels that cannot be undone; which code was wrong helps nobody.
pub const BROKEN: &str = "its compressed pixels make no sense";

impl Markers {
    fn read(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut at = 2;
        loop {
            let Some((place, marker)) = next_marker(bytes, at) else {
                return found;
            };
            at = place + 2;
            match marker {
                0xd9 => {
                    found.end = Some(place);
                    return found;
                }
                // Of these no length follows.
                0x01 | 0xd0..=0xd8 => continue,
                0xc0 | 0xc1 => found.sequential = true,
                0xda => found.scans += 1,
                _ => {}
            }
            let Some(&[high, low]) = bytes.get(at..at + 2) else {
                return found;
            };
            if is_frame(marker) {
                found.bits = bytes.get(at + 2).copied();
            }
            at += usize::from(u16::from_be_bytes([high, low])).max(2);
        }
    }
}

/// Whether it tells how the pixels are packed.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// The next marker from a place on, and where it stands. Within pixels a zero or a restart marker follows
/// a byte of ones.
fn next_marker(bytes: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut pairs = bytes.get(from..)?.windows(2);
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    let place = from + pairs.position(is_marker)?;
    Some((place, *bytes.get(place + 1)?))
}
