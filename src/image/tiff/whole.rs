//! Compressions of a TIFF's tiles and strips that are unpacked at once.

use std::io::{Cursor, Read};

use image::ImageDecoder;
use image::codecs::webp::WebPDecoder;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::NAME;
use super::directory::failed;
use super::layout::{JPEG, JPEG_2000, Layout, WEBP};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, unsupported};
use crate::image::jpeg as codec;
use crate::image::jpeg_2000::Codestream;

/// Pixels of the largest block of a JPEG, each way.
const BLOCK: usize = 32;

/// The bytes of the rows of a tile or strip, of which so many columns and rows lie in the page, and the
/// bytes of a row.
type Decode = fn(Vec<u8>, &Layout, (usize, usize)) -> Result<(Vec<u8>, usize)>;

/// None of a compression that is unpacked row by row.
pub fn decoder(compression: u64) -> Option<Decode> {
    match compression {
        JPEG => Some(jpeg),
        WEBP => Some(webp),
        other if JPEG_2000.contains(&other) => Some(jpeg_2000),
        _ => None,
    }
}

pub fn all(mut stored: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = stored.read_to_end(&mut bytes);
    read.map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Whether a picture holds the columns and rows that are wanted of it, and is not larger than a tile or
/// strip may be.
fn fits((width, height): (usize, usize), layout: &Layout, (columns, rows): (usize, usize)) -> bool {
    // Some are filled up to whole blocks.
    let most = [layout.chunk.0, layout.chunk.1].map(|side| side.saturating_add(BLOCK));
    (columns..most[0]).contains(&width) && (rows..most[1]).contains(&height)
}

fn other_size() -> Error {
    damaged(NAME, "one of its tiles is of another size than it says")
}

fn other_values() -> Error {
    damaged(NAME, "one of its tiles holds other values than it says")
}

/// In JPEG 2000, alone or in a file of its own.
fn jpeg_2000(bytes: Vec<u8>, layout: &Layout, wanted: (usize, usize)) -> Result<(Vec<u8>, usize)> {
    let codestream = Codestream::new(&bytes, NAME)?;
    if codestream.channels() != layout.interleaved() {
        return Err(other_values());
    }
    let ((width, _), numbers) = codestream.numbers(|size| fits(size, layout, wanted))?;
    let row = width * layout.interleaved();
    match layout.bits {
        8 if numbers.bits <= 8 => {
            let bytes = numbers.words.iter().map(|&word| word as u8);
            Ok((bytes.collect(), row))
        }
        16 => {
            let bytes = numbers.words.iter().flat_map(|word| {
                if layout.big_endian {
                    word.to_be_bytes()
                } else {
                    word.to_le_bytes()
                }
            });
            Ok((bytes.collect(), 2 * row))
        }
        _ => Err(other_values()),
    }
}

fn webp(bytes: Vec<u8>, layout: &Layout, wanted: (usize, usize)) -> Result<(Vec<u8>, usize)> {
    let wrong = |error: image::ImageError| damaged(NAME, format!("its WebP: {error}"));
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    let size = (width as usize, height as usize);
    if !fits(size, layout, wanted) {
        return Err(other_size());
    }
    let channels = usize::from(decoder.color_type().channel_count());
    let mut pixels = vec![0; size.0 * size.1 * channels];
    decoder.read_image(&mut pixels).map_err(wrong)?;
    let row = size.0 * layout.interleaved();
    match (layout.bits, channels, layout.interleaved()) {
        (8, a, b) if a == b => Ok((pixels, row)),
        // What is opaque everywhere is stored without alpha.
        (8, 3, 4) => {
            let opaque = pixels
                .chunks_exact(3)
                .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]);
            Ok((opaque.collect(), row))
        }
        _ => Err(other_values()),
    }
}

/// Without a change of colours.
fn jpeg(mut bytes: Vec<u8>, layout: &Layout, wanted: (usize, usize)) -> Result<(Vec<u8>, usize)> {
    let wrong = |why: &str| damaged(NAME, why);
    let tables = &layout.jpeg_tables;
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
    if !tables.is_empty() {
        let rest = bytes.strip_prefix(&[0xff, 0xd8]).unwrap_or(&bytes);
        bytes = [tables, rest].concat();
    }
    if codec::bits(&bytes).is_some_and(|bits| bits != 8) {
        return Err(unsupported(NAME, "JPEG of other than 8 bits"));
    }
    // Of pixels that are damaged the decoder would make others.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let whole = codec::whole_within(&bytes).map_err(|_| wrong("its JPEG ends early"))?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(whole), options);
    let failed = |_| wrong(codec::BROKEN);
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| wrong("an empty JPEG"))?;
    if !fits((width, height), layout, wanted) {
        return Err(wrong("its JPEG is of another size than it says"));
    }
    codec::checked(&bytes).map_err(|_| wrong("its JPEG ends early or makes no sense"))?;
    if let Some(colours) = decoder.input_colorspace() {
        decoder.set_options(options.jpeg_set_out_colorspace(colours));
    }
    let pixels = decoder.decode().map_err(failed)?;
    let row = width * layout.interleaved();
    if layout.bits != 8 || pixels.len() != row * height {
        return Err(wrong("its JPEG holds other values than it says"));
    }
    Ok((pixels, row))
}
