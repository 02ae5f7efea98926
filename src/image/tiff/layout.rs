//! How the pixels of a page are stored, by its fields.

use super::NAME;
use super::directory::{Container, Directory};
use super::whole;
use crate::error::{Error, Result};
use crate::image::decode::{check_size, damaged, unsupported};

pub const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
pub const RGB: u64 = 2;
pub const PALETTE: u64 = 3;
pub const CMYK: u64 = 5;
pub const YCBCR: u64 = 6;
const LINEAR_RAW: u64 = 34892;

const UNCOMPRESSED: u64 = 1;
pub const JPEG: u64 = 7;
/// Without loss where it is the last.
pub const JPEG_2000: [u64; 4] = [APERIO_YCBCR, 33004, 33005, 34712];
/// Whatever the file says of its colours.
const APERIO_YCBCR: u64 = 33003;
pub const LZMA: u64 = 34925;
pub const WEBP: u64 = 50001;

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Unsigned,
    Signed,
    Float,
}

/// How the pixels of a page are stored.
pub struct Layout {
    pub width: usize,
    pub height: usize,
    /// Of a pixel, with alpha.
    pub samples: usize,
    /// Of a sample, 1 to 64.
    pub bits: usize,
    pub format: Format,
    pub photometric: u64,
    /// Samples that are a colour, and those that are neither colour nor alpha.
    pub channels: Vec<usize>,
    /// One plane after the other instead of interleaved.
    pub planar: bool,
    pub compression: u64,
    pub predictor: u64,
    /// Whether the first pixel lies in the low bits of a byte.
    pub low_bits_first: bool,
    pub big_endian: bool,
    /// Width and height of tiles or strips.
    pub chunk: (usize, usize),
    pub tiled: bool,
    pub offsets: Vec<u64>,
    /// Bytes of each tile or strip, if the file tells them.
    pub counts: Option<Vec<u64>>,
    /// Luma samples for each of chroma, across and down; 1 and 1 but for YCbCr outside of JPEG.
    pub subsampling: (usize, usize),
    pub jpeg_tables: Vec<u8>,
    /// Whether Group 3 fax codes are of two dimensions.
    pub fax_2d: bool,
}

impl Layout {
    pub fn read(file: &mut Container, directory: &Directory) -> Result<Self> {
        let (width, height) = size(file, directory)?;
        let mut number =
            |tag, default| -> Result<u64> { Ok(file.integer(directory, tag)?.unwrap_or(default)) };
        let samples = number(277, 1)?;
        let samples = usize::try_from(samples)
            .ok()
            .filter(|n| (1..=65_535).contains(n));
        let samples = samples.ok_or_else(|| damaged(NAME, "its pixels have no samples"))?;
        let by_samples = if samples < 3 { BLACK_IS_ZERO } else { RGB };
        let told = number(262, by_samples)?;
        let compression = number(259, UNCOMPRESSED)?;
        let photometric = match compression {
            APERIO_YCBCR if samples == 3 => YCBCR,
            _ => told,
        };
        // Other compressions have none, whatever the field says.
        let predictor = match compression {
            5 | 8 | 32773 | 32946 | LZMA | 50000 => number(317, 1)?,
            _ => 1,
        };
        let low_bits_first = number(266, 1)? == 2 && compression != JPEG;
        let planar = number(284, 1)? == 2 && samples > 1;
        let fax_2d = number(292, 0)? & 1 != 0;
        let (bits, format) = sample(file, directory)?;
        match (predictor, format) {
            (1 | 2, _) | (3, Format::Float) => {}
            _ => return Err(unsupported(NAME, format!("the predictor {predictor}"))),
        }
        let (chunk, tiled) = chunk(file, directory, (width, height))?;
        let [offsets, counts] = if tiled { [324, 325] } else { [273, 279] };
        let offsets = file.integers(directory, offsets)?;
        let offsets =
            offsets.ok_or_else(|| damaged(NAME, "it does not tell where its pixels lie"))?;
        let subsampling = match (photometric, compression) {
            (YCBCR, compression) if whole::decoder(compression).is_none() => {
                subsampling(file, directory)?
            }
            _ => (1, 1),
        };
        let extra = file.integers(directory, 338)?.unwrap_or_default();
        Ok(Self {
            width,
            height,
            samples,
            bits,
            format,
            photometric,
            channels: channels(samples, photometric, &extra),
            planar,
            compression,
            predictor,
            low_bits_first,
            big_endian: file.big_endian,
            chunk,
            tiled,
            offsets,
            counts: file.integers(directory, counts)?,
            subsampling,
            jpeg_tables: file.blob(directory, 347)?.unwrap_or_default(),
            fax_2d,
        })
    }

    /// Whether numbers may have been changed by the compression.
    pub fn is_lossy(&self) -> bool {
        matches!(self.compression, JPEG | WEBP | APERIO_YCBCR | 33004 | 33005)
    }

    /// How many samples of a pixel lie together.
    pub fn interleaved(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// How many tiles or strips lie side by side, and one below the other.
    pub fn grid(&self) -> (usize, usize) {
        let (width, height) = self.chunk;
        (self.width.div_ceil(width), self.height.div_ceil(height))
    }

    /// Bytes of a row of a tile or strip.
    pub fn row_bytes(&self) -> Result<usize> {
        let samples = self.chunk.0.checked_mul(self.interleaved());
        let bits = samples.and_then(|samples| samples.checked_mul(self.bits));
        bits.map(|bits| bits.div_ceil(8))
            .ok_or_else(|| damaged(NAME, "its tiles are too wide"))
    }

    /// Bytes of the page if nothing lies between its strips, which are not compressed.
    pub fn contiguous(&self) -> Option<u64> {
        let planes = if self.planar { self.samples } else { 1 };
        let row = self.row_bytes().ok()?;
        let lengths = (0..planes * self.grid().1).map(|i| {
            let above = i % self.grid().1 * self.chunk.1;
            row as u64 * self.chunk.1.min(self.height - above) as u64
        });
        let mut place = *self.offsets.first()?;
        for (i, length) in lengths.enumerate() {
            if self.offsets.get(i) != Some(&place) {
                return None;
            }
            place = place.checked_add(length)?;
        }
        let plain = self.compression == UNCOMPRESSED && !self.tiled && place > 0;
        plain.then(|| place - self.offsets[0])
    }

    /// Whether samples are whole numbers of up to 8 bits.
    pub fn is_short(&self) -> bool {
        self.format == Format::Unsigned && self.bits <= 8
    }

    /// Whether the samples are no values of channels, but are turned into colours.
    pub fn is_converted(&self) -> bool {
        matches!(self.photometric, PALETTE | CMYK | YCBCR)
    }

    /// The channels' names, those of colours where there are no others.
    pub fn names(&self, mut names: Vec<String>) -> Vec<String> {
        if self.is_rgb() && names.iter().all(String::is_empty) {
            for (name, colour) in names.iter_mut().zip(["red", "green", "blue"]) {
                *name = colour.to_owned();
            }
        }
        names
    }

    /// Whether the channels are red, green and blue, perhaps with others behind them.
    pub fn is_rgb(&self) -> bool {
        matches!(self.photometric, RGB | LINEAR_RAW) && self.channels.len() >= 3
    }
}

fn size(file: &mut Container, directory: &Directory) -> Result<(usize, usize)> {
    let mut side = |tag| -> Result<u32> {
        let side = file.integer(directory, tag)?;
        let side = side.ok_or_else(|| damaged(NAME, "it does not tell its size"))?;
        Ok(u32::try_from(side).unwrap_or(u32::MAX))
    };
    let (width, height) = (side(256)?, side(257)?);
    check_size(width, height)?;
    Ok((width as usize, height as usize))
}

/// Bits and format of all samples.
fn sample(file: &mut Container, directory: &Directory) -> Result<(usize, Format)> {
    let bits = file.integers(directory, 258)?.unwrap_or_default();
    let first = bits.first().copied().unwrap_or(1);
    if bits.iter().any(|other| *other != first) {
        return Err(unsupported(NAME, "channels of different depths"));
    }
    let format = match file.integer(directory, 339)? {
        None | Some(1 | 4) => Format::Unsigned,
        Some(2) => Format::Signed,
        Some(3) => Format::Float,
        Some(_) => return Err(unsupported(NAME, "complex numbers")),
    };
    let known = match format {
        Format::Float => matches!(first, 16 | 24 | 32 | 64),
        Format::Unsigned | Format::Signed => (1..=64).contains(&first),
    };
    if !known {
        return Err(unsupported(NAME, format!("{first} bits a sample")));
    }
    Ok((first as usize, format))
}

/// Width and height of the tiles, or else of the strips, and which they are.
fn chunk(
    file: &mut Container,
    directory: &Directory,
    (width, height): (usize, usize),
) -> Result<((usize, usize), bool)> {
    const LARGEST_TILE: u64 = 1 << 16;
    let tile = file
        .integer(directory, 322)?
        .zip(file.integer(directory, 323)?);
    let Some((across, down)) = tile else {
        let rows = file.integer(directory, 278)?.filter(|rows| *rows > 0);
        let rows = rows.map_or(height, |rows| rows.min(height as u64) as usize);
        return Ok(((width, rows), false));
    };
    if [across, down]
        .iter()
        .any(|side| !(1..=LARGEST_TILE).contains(side))
    {
        return Err(damaged(
            NAME,
            format!("its tiles are {across} × {down} pixels"),
        ));
    }
    Ok(((across as usize, down as usize), true))
}

fn subsampling(file: &mut Container, directory: &Directory) -> Result<(usize, usize)> {
    match file.integers(directory, 530)?.as_deref() {
        None => Ok((2, 2)),
        Some(&[across @ (1 | 2 | 4), down @ (1 | 2 | 4)]) => Ok((across as usize, down as usize)),
        Some(_) => Err(Error::new(
            "The TIFF file has a chroma subsampling that is none; save it as RGB.",
        )),
    }
}

/// The samples that are no alpha: only the kinds 1 and 2 of `extra` samples are.
fn channels(samples: usize, photometric: u64, extra: &[u64]) -> Vec<usize> {
    let colours = match photometric {
        RGB | YCBCR => 3,
        CMYK => 4,
        _ => 1,
    };
    // As many of the last samples are extra as the field has values.
    let first_extra = samples
        .saturating_sub(extra.len())
        .max(colours.min(samples));
    let is_alpha = |&sample: &usize| {
        let kind = sample.checked_sub(first_extra).and_then(|i| extra.get(i));
        matches!(kind, Some(1 | 2))
    };
    (0..samples).filter(|sample| !is_alpha(sample)).collect()
}
