//! JPEG of any kind within a DICOM file, told apart by its own first bytes, whatever the file says.

use super::NAME;
use super::colour::Space;
use super::values::Words;
use super::{extended, jpeg_ls, lossless};
use crate::error::{Error, Result};
use crate::image::decode::{Gray, Picture, Samples, damaged, read_jpeg, truncated, unsupported};
use crate::image::jpeg_2000::{self, Codestream};

/// What a codec gave.
pub struct Unpacked {
    /// Row-major, interleaved.
    pub words: Words,
    /// Values of a pixel.
    pub channels: usize,
    /// Bits of a number.
    pub bits: u32,
    /// It undid luma and chroma itself.
    pub is_rgb: bool,
}

/// The numbers of a frame that must be of `size`.
pub fn decode(bytes: &[u8], size: (usize, usize), photometric: &str) -> Result<Unpacked> {
    let has = |magic: &[u8; 4]| bytes.windows(4).any(|four| four == magic);
    if !bytes.starts_with(b"\xff\xd8") && has(jpeg_2000::MAGIC) {
        return jpeg_2000(bytes, size);
    }
    match frame_header(bytes)? {
        (0xc3, _) => lossless::decode(bytes, size),
        (0xf7, _) => jpeg_ls::decode(bytes, size),
        (0xc0..=0xc2, header) if header.first() == Some(&8) => eight_bits(bytes, size, photometric),
        (0xc0 | 0xc1, _) => extended::decode(bytes, size),
        (process, _) => Err(unsupported(
            NAME,
            format!("JPEG of a kind that nobody writes, {process:#x}"),
        )),
    }
}

fn jpeg_2000(bytes: &[u8], size: (usize, usize)) -> Result<Unpacked> {
    let codestream = Codestream::new(bytes, NAME)?;
    if !matches!(codestream.channels(), 1 | 3) {
        let channels = codestream.channels();
        return Err(unsupported(
            NAME,
            format!("JPEG 2000 of {channels} channels"),
        ));
    }
    let (_, numbers) = codestream.numbers(|own| own == size)?;
    Ok(Unpacked {
        words: Words::U16(numbers.words),
        channels: numbers.channels,
        bits: numbers.bits,
        is_rgb: false,
    })
}

/// The marker that tells the process, and what follows its length.
fn frame_header(jpeg: &[u8]) -> Result<(u8, &[u8])> {
    let mut segments = Segments::new(jpeg)?;
    loop {
        match segments.next()? {
            (0xc4 | 0xc8 | 0xcc, _) => {}
            (marker @ (0xc0..=0xcf | 0xf7), segment) => return Ok((marker, segment)),
            (0xd9 | 0xda, _) => return Err(damaged(NAME, "its JPEG has no header of a frame")),
            _ => {}
        }
    }
}

/// The markers of a JPEG, with what belongs to them.
pub struct Segments<'a> {
    pub rest: &'a [u8],
}

impl<'a> Segments<'a> {
    pub fn new(jpeg: &'a [u8]) -> Result<Self> {
        let rest = jpeg.strip_prefix(b"\xff\xd8");
        let rest = rest.ok_or_else(|| damaged(NAME, "it holds no JPEG"))?;
        Ok(Self { rest })
    }

    /// The next marker, and its segment without the length; the end has none.
    pub fn next(&mut self) -> Result<(u8, &'a [u8])> {
        let filled = self.rest.iter().position(|&byte| byte != 0xff);
        let Some(at) = filled.filter(|&at| at > 0) else {
            return Err(match self.rest.len() {
                0 | 1 => truncated(NAME),
                _ => damaged(NAME, "a JPEG marker is missing"),
            });
        };
        let (marker, after) = (self.rest[at], &self.rest[at + 1..]);
        if marker == 0xd9 {
            return Ok((marker, &[]));
        }
        let length = after.first_chunk().map(|&two| u16::from_be_bytes(two));
        let length = length.ok_or_else(|| truncated(NAME))?;
        let (segment, rest) = after
            .split_at_checked(length.into())
            .ok_or_else(|| truncated(NAME))?;
        self.rest = rest;
        let segment = segment.get(2..);
        let segment = segment.ok_or_else(|| damaged(NAME, "a JPEG segment is too short"))?;
        Ok((marker, segment))
    }
}

fn eight_bits(bytes: &[u8], size: (usize, usize), photometric: &str) -> Result<Unpacked> {
    let picture = read_jpeg(&marked(bytes, photometric)?)?;
    if picture.size() != size {
        return Err(other_size());
    }
    let (values, channels) = match picture {
        Picture::Gray(Gray {
            samples: Samples::U8(values),
            ..
        }) => (values, 1),
        Picture::Rgb(rgb) => (rgb.pixels, 3),
        Picture::Gray(_) | Picture::Composite(_) => return Err(other_values()),
    };
    Ok(Unpacked {
        words: Words::U8(values),
        channels,
        bits: 8,
        is_rgb: true,
    })
}

/// The same JPEG, saying of its three channels what they are in a way that the decoder heeds: by
/// the channels' names. Adobe's marker counts, and else what the DICOM file says.
fn marked(jpeg: &[u8], photometric: &str) -> Result<Vec<u8>> {
    const LUMA_CHROMA: [u8; 3] = [1, 2, 3];
    /// Between Adobe's name and what it says of colour.
    const BEFORE_TRANSFORM: usize = 6;
    let mut marked = jpeg.to_vec();
    let mut segments = Segments::new(jpeg)?;
    let mut is_rgb = Space::of(photometric) == Ok(Space::Rgb);
    let mut channels = None;
    loop {
        let (marker, segment) = segments.next()?;
        let start = jpeg.len() - segments.rest.len() - segment.len();
        match (marker, segment) {
            (0xee, [b'A', b'd', b'o', b'b', b'e', rest @ ..]) => {
                if let Some(&transform) = rest.get(BEFORE_TRANSFORM) {
                    is_rgb = transform == 0;
                }
                // The decoder takes it for four channels.
                marked[start] = b'a';
            }
            (0xc0..=0xc2, &[_, _, _, _, _, 3, a, sampling, _, b, _, _, c, ..]) => {
                channels = Some((start + 6, [a, b, c]));
                // Only chroma is coarser.
                is_rgb = is_rgb && sampling == 0x11;
            }
            (0xda | 0xd9, _) => break,
            _ => {}
        }
    }
    if let Some((start, names)) = channels {
        let new = if is_rgb { *b"RGB" } else { LUMA_CHROMA };
        for (place, name) in (start..).step_by(3).zip(new) {
            marked[place] = name;
        }
        rename(&mut marked, names, new);
    }
    Ok(marked)
}

/// Gives the channels of each scan their new names.
fn rename(jpeg: &mut [u8], names: [u8; 3], new: [u8; 3]) {
    let mut at = 0;
    while let Some(found) = jpeg.get(at..).and_then(|rest| {
        let mut pairs = rest.windows(2);
        pairs.position(|pair| pair == [0xff, 0xda])
    }) {
        at += found + 4;
        let count = jpeg.get(at).copied().unwrap_or(0);
        for channel in 0..usize::from(count.min(3)) {
            if let Some(name) = jpeg.get_mut(at + 1 + 2 * channel)
                && let Some(place) = names.iter().position(|old| old == name)
            {
                *name = new[place];
            }
        }
    }
}

pub fn other_size() -> Error {
    damaged(NAME, "its JPEG is of another size than it says")
}

pub fn other_values() -> Error {
    damaged(NAME, "its JPEG holds other values than it says")
}
