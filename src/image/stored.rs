//! The numbers of an image file as they are stored: not inverted, not scaled, the index of a
//! palette and not its colour. Label images are read by them.

use std::borrow::Cow;
use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;

use super::decode::{
    self, MAX_BYTES, Picture, Samples, check_page, check_size, damaged, truncated, unsupported,
};
use super::tiff;
use crate::error::{Error, Result};

/// A page's numbers.
pub struct Stored {
    pub width: usize,
    pub height: usize,
    /// How many pages the file has.
    pub pages: usize,
    /// Numbers of a pixel, which follow each other.
    pub channels: usize,
    /// `width × height × channels`, row-major.
    pub numbers: Numbers,
}

/// Numbers in a type that holds them exactly.
pub enum Numbers {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Reads page `page`, from 0.
///
/// # Errors
/// Those of [`decode::open`]; also for formats that change numbers.
pub fn read(bytes: &[u8], page: usize) -> Result<Stored> {
    if tiff::is_tiff(bytes) {
        return read_tiff(bytes, page);
    }
    match image::guess_format(bytes) {
        Ok(image::ImageFormat::Png) => read_png(bytes, page),
        Ok(image::ImageFormat::Jpeg) => Err(lossy("JPEG")),
        // The lossless kind is named in its header.
        Ok(image::ImageFormat::WebP) if bytes.get(12..16) != Some(b"VP8L") => Err(lossy("WebP")),
        _ => read_picture(bytes, page),
    }
}

/// Of formats that store numbers as they are shown.
fn read_picture(bytes: &[u8], page: usize) -> Result<Stored> {
    let page = decode::read(&mut Cursor::new(bytes), page)?;
    let (width, height) = page.picture.size();
    let (channels, numbers) = match page.picture {
        Picture::Gray(gray) => match gray.samples {
            Samples::U8(values) => (1, Numbers::U8(values)),
            Samples::U16(values) => (1, Numbers::U16(values)),
            Samples::F32(values) => (1, Numbers::F32(values)),
        },
        Picture::Rgb(rgb) => (3, Numbers::U8(rgb.pixels)),
    };
    Ok(Stored {
        width,
        height,
        pages: page.pages,
        channels,
        numbers,
    })
}

fn read_png(bytes: &[u8], page: usize) -> Result<Stored> {
    const NAME: &str = "PNG";
    check_page(page, 1)?;
    let broken = |error: png::DecodingError| match error {
        png::DecodingError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            truncated(NAME)
        }
        png::DecodingError::LimitsExceeded => too_much_memory(NAME),
        other => damaged(NAME, other),
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
        8 => Numbers::U8(packed),
        16 => {
            let pairs = packed.as_chunks().0;
            Numbers::U16(pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
        }
        _ => Numbers::U8(unpack(&packed, width, height, bits)),
    };
    Ok(Stored {
        width,
        height,
        pages: 1,
        channels,
        numbers,
    })
}

/// Numbers of 1, 2 or 4 bits, the first in the high bits and rows padded to bytes.
fn unpack(packed: &[u8], width: usize, height: usize, bits: usize) -> Vec<u8> {
    let row_bytes = (width * bits).div_ceil(8);
    let value = |row: &[u8], x: usize| row[x * bits / 8] >> (8 - bits - x * bits % 8);
    let rows = packed.chunks_exact(row_bytes).take(height);
    rows.flat_map(|row| (0..width).map(move |x| value(row, x) & ((1 << bits) - 1)))
        .collect()
}

fn read_tiff(bytes: &[u8], page: usize) -> Result<Stored> {
    let mut decoder = tiff_decoder(bytes)?;
    let pages = tiff::count_pages(&mut decoder);
    check_page(page, pages)?;
    decoder.seek_to_image(page).map_err(tiff::describe)?;
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression);
    // The old and the new JPEG.
    if let Some(6 | 7) = compression.map_err(tiff::describe)? {
        return Err(lossy("JPEG"));
    }
    let directory = decoder.ifd_pointer().map(|pointer| pointer.0);
    let bytes = directory.map_or(Cow::Borrowed(bytes), |at| as_grays(bytes, at));
    let mut decoder = tiff_decoder(&bytes)?;
    decoder.seek_to_image(page).map_err(tiff::describe)?;
    let (width, height) = decoder.dimensions().map_err(tiff::describe)?;
    check_size(width, height)?;
    let (width, height) = (width as usize, height as usize);
    let bits = decoder.colortype().map_err(tiff::describe)?.bit_depth();
    let mut data = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut data);
    if layout.map_err(tiff::describe)?.planes > 1 {
        return Err(unsupported("label TIFF", "planes of colours"));
    }
    let numbers = numbers(data, (width, height), usize::from(bits))?;
    Ok(Stored {
        width,
        height,
        pages,
        channels: numbers.len() / (width * height),
        numbers,
    })
}

fn numbers(data: DecodingResult, (width, height): (usize, usize), bits: usize) -> Result<Numbers> {
    Ok(match data {
        DecodingResult::U8(v) if bits < 8 => {
            let row_bytes = (width * bits).div_ceil(8);
            if !matches!(bits, 1 | 2 | 4) || v.len() < row_bytes * height {
                return Err(unsupported("label TIFF", format!("{bits} bits a sample")));
            }
            Numbers::U8(unpack(&v, width, height, bits))
        }
        DecodingResult::U8(v) => Numbers::U8(v),
        DecodingResult::U16(v) => Numbers::U16(v),
        DecodingResult::U32(v) => Numbers::U32(v),
        // What is too large for the one is too large for labels.
        DecodingResult::U64(v) => {
            let clamped = |x: u64| i64::try_from(x).unwrap_or(i64::MAX);
            Numbers::I64(v.into_iter().map(clamped).collect())
        }
        DecodingResult::I8(v) => Numbers::I32(v.into_iter().map(i32::from).collect()),
        DecodingResult::I16(v) => Numbers::I32(v.into_iter().map(i32::from).collect()),
        DecodingResult::I32(v) => Numbers::I32(v),
        DecodingResult::I64(v) => Numbers::I64(v),
        DecodingResult::F16(v) => Numbers::F32(v.into_iter().map(f32::from).collect()),
        DecodingResult::F32(v) => Numbers::F32(v),
        DecodingResult::F64(v) => Numbers::F64(v),
    })
}

fn tiff_decoder(bytes: &[u8]) -> Result<Decoder<Cursor<&[u8]>>> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(tiff::describe)?;
    Ok(decoder.with_limits(limits))
}

/// The file as if the page whose directory lies at `directory` held grays, where it says that they
/// are inverted or places in a palette: the `tiff` crate would turn the ones round and refuse the
/// others.
fn as_grays(bytes: &[u8], directory: u64) -> Cow<'_, [u8]> {
    const PHOTOMETRIC: u64 = 262;
    const BLACK_IS_ZERO: u8 = 1;
    let little = bytes.first() == Some(&b'I');
    let number = |at: usize, length: usize| -> Option<u64> {
        let field = bytes.get(at..at.checked_add(length)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(match little {
            true => field.iter().rev().fold(0, add),
            false => field.iter().fold(0, add),
        })
    };
    let big = number(2, 2) == Some(43);
    let (count, entry, value) = if big { (8, 20, 12) } else { (2, 12, 8) };
    let place = || {
        let start = usize::try_from(directory).ok()?;
        let entries = usize::try_from(number(start, count)?).ok()?;
        let first = start.checked_add(count)?;
        let at = |i: usize| first.checked_add(entry * i);
        let tag = |i: &usize| at(*i).and_then(|at| number(at, 2)) == Some(PHOTOMETRIC);
        // No page has more tags than its directory counts in two bytes.
        let found = (0..entries.min(usize::from(u16::MAX))).find(tag)?;
        let value = at(found)?.checked_add(value)?;
        matches!(number(value, 2), Some(0 | 3)).then_some(value)
    };
    let Some(place) = place() else {
        return Cow::Borrowed(bytes);
    };
    let mut file = bytes.to_vec();
    let low = if little { place } else { place + 1 };
    if let Some(byte) = file.get_mut(low) {
        *byte = BLACK_IS_ZERO;
    }
    Cow::Owned(file)
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }
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
