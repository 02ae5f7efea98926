//! The numbers of an image file as they are stored: not inverted, not scaled, the index of a
//! palette and not its colour. Label images are read by them.

use std::io::Cursor;

use super::decode::{
    self, MAX_BYTES, Picture, Samples, check_page, check_size, damaged, truncated, unsupported,
};
use super::dicom::segmentation::{self, Wanted};
use super::tiff::{self, StoredPlane, Values};
use super::{dicom, jpeg};
use crate::error::{Error, Result};

/// Reads page `page`, from 0.
///
/// # Errors
/// Those of [`decode::open`]; also for formats that change numbers.
pub fn read(bytes: &[u8], page: usize) -> Result<StoredPlane> {
    if tiff::is_tiff(bytes) {
        return read_tiff(bytes, page);
    }
    if dicom::is_dicom(bytes)
        && let Some(segmented) = segmented(bytes, Wanted::Plane(page))?
    {
        return Ok(segmented);
    }
    match image::guess_format(bytes) {
        Ok(image::ImageFormat::Png) => read_png(bytes, page),
        Ok(image::ImageFormat::Jpeg) => Err(lossy("JPEG")),
        // The lossless kind is named in its header.
        Ok(image::ImageFormat::WebP) if bytes.get(12..16) != Some(b"VP8L") => Err(lossy("WebP")),
        _ => read_picture(bytes, page),
    }
}

/// Whether the content is that of a format that is read.
pub fn is_image(bytes: &[u8]) -> bool {
    tiff::is_tiff(bytes) || dicom::is_dicom(bytes) || image::guess_format(bytes).is_ok()
}

/// The labels for a frame, from 0, of an image that has so many, if the file is a DICOM segmentation that tells
/// to which frames its own belong.
///
/// # Errors
/// Those of [`read`].
pub fn of_frame(bytes: &[u8], frame: usize, frames: usize) -> Result<Option<StoredPlane>> {
    match dicom::is_dicom(bytes) {
        true => segmented(bytes, Wanted::Frame(frame, frames)),
        false => Ok(None),
    }
}

fn segmented(bytes: &[u8], wanted: Wanted) -> Result<Option<StoredPlane>> {
    let found = segmentation::read(&mut Cursor::new(bytes), wanted)?;
    Ok(found.map(|found| StoredPlane {
        width: found.width,
        height: found.height,
        pages: found.planes,
        channels: 1,
        values: Values::U32(found.ids),
        lossy: false,
    }))
}

/// Of formats that store numbers as they are shown.
fn read_picture(bytes: &[u8], page: usize) -> Result<StoredPlane> {
    let page = decode::read(&mut Cursor::new(bytes), page)?;
    let (width, height) = page.picture.size();
    let (channels, numbers) = match page.picture {
        Picture::Gray(gray) => match gray.samples {
            Samples::U8(values) => (1, Values::U8(values)),
            Samples::U16(values) => (1, Values::U16(values)),
            Samples::F32(values) => (1, Values::F32(values)),
        },
        Picture::Rgb(rgb) => (3, Values::U8(rgb.pixels)),
        Picture::Composite(_) => {
            return Err(unsupported("label image", "colour of more than 8 bits"));
        }
    };
    Ok(StoredPlane {
        width,
        height,
        pages: page.pages,
        channels,
        values: numbers,
        lossy: false,
    })
}

fn read_png(bytes: &[u8], page: usize) -> Result<StoredPlane> {
    const NAME: &str = "PNG";
    check_page(page, 1)?;
    let broken = |error: png::DecodingError| match error {
        png::DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            truncated(NAME)
        }
        png::DecodingError::LimitsExceeded => too_much_memory(NAME),
        _ => damaged(NAME, jpeg::BROKEN),
    };
    let limits = png::Limits {
        bytes: usize::try_from(MAX_BYTES).unwrap_or(usize::MAX),
    };
    let decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    let mut reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
    check_size(info.width, info.height)?;
    let (width, height) = (info.width as usize, info.height as usize);
    let channels = info.color_type.samples();
    let bits = info.bit_depth as usize;
    let size = reader.output_buffer_size();
    let mut packed = vec![0; size.ok_or_else(|| too_much_memory(NAME))?];
    reader.next_frame(&mut packed).map_err(broken)?;
    let numbers = match bits {
        8 => Values::U8(packed),
        16 => {
            let pairs = packed.as_chunks().0;
            Values::U16(pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
        }
        _ => Values::U8(unpack(&packed, width, height, bits)),
    };
    Ok(StoredPlane {
        width,
        height,
        pages: 1,
        channels,
        values: numbers,
        lossy: false,
    })
}

/// Values of 1, 2 or 4 bits, the first in the high bits and rows padded to bytes.
fn unpack(packed: &[u8], width: usize, height: usize, bits: usize) -> Vec<u8> {
    let row_bytes = (width * bits).div_ceil(8);
    let value = |row: &[u8], x: usize| row[x * bits / 8] >> (8 - bits - x * bits % 8);
    let rows = packed.chunks_exact(row_bytes).take(height);
    rows.flat_map(|row| (0..width).map(move |x| value(row, x) & ((1 << bits) - 1)))
        .collect()
}

fn read_tiff(bytes: &[u8], page: usize) -> Result<StoredPlane> {
    let plane = tiff::stored(&mut Cursor::new(bytes), page)?;
    if plane.lossy {
        return Err(lossy("JPEG"));
    }
    Ok(plane)
}

fn lossy(name: &str) -> Error {
    Error::new(format!(
        "{name} cannot hold labels, as it changes the numbers of its pixels; save the label image \
         as PNG, or as TIFF without JPEG, from the program that made it."
    ))
}

fn too_much_memory(name: &str) -> Error {
    Error::new(format!(
        "Reading the {name} file would take too much memory; crop the image or scale it down first."
    ))
}
