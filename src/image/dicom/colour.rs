//! Stored integers to 8-bit colour (PS3.3, sections C.7.6.3.1 and C.7.9).

use super::NAME;
use super::attributes::Attributes;
use super::lut::Lut;
use super::tags::{PALETTE_DESCRIPTORS, PALETTES, SEGMENTED_PALETTES};
use super::values::{Stored, Words};
use crate::error::Result;
use crate::image::channels::{picture_u8, picture_u16};
use crate::image::decode::{Picture, damaged, unsupported};

/// What the three values of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Rgb,
    /// BT.601 luma and chroma of the full range.
    Ybr,
    /// The same for two pixels at a time: both lumas, then the chroma of the first.
    Ybr422,
}

impl Space {
    pub fn of(photometric: &str) -> Result<Self> {
        match photometric {
            // What JPEG 2000 makes of RGB, it undoes itself.
            "RGB" | "YBR_RCT" | "YBR_ICT" => Ok(Self::Rgb),
            "YBR_FULL" => Ok(Self::Ybr),
            "YBR_FULL_422" => Ok(Self::Ybr422),
            _ => Err(unsupported(NAME, format!("colour as {photometric}"))),
        }
    }

    /// How many values are stored for so many pixels.
    pub fn values(self, pixels: usize, channels: usize) -> usize {
        match self {
            Self::Ybr422 => pixels.div_ceil(2) * 4,
            Self::Rgb | Self::Ybr => pixels * channels,
        }
    }
}

/// A picture of unsigned numbers, of which those of one channel may follow those of another.
pub fn picture(
    size: (usize, usize),
    words: Words,
    stored: Stored,
    planar: bool,
    space: Space,
) -> Picture {
    let stored = Stored {
        signed: false,
        ..stored
    };
    let most = (1i64 << stored.bits) - 1;
    let values = words.map(|raw| ((stored.number(raw) * 255 + most / 2) / most) as u8);
    let mut pixels = match space {
        Space::Ybr422 => two_by_two(&values),
        _ if planar => interleaved(&values),
        _ => values,
    };
    pixels.truncate(3 * size.0 * size.1);
    if space != Space::Rgb {
        for pixel in pixels.as_chunks_mut().0 {
            *pixel = rgb(*pixel);
        }
    }
    picture_u8(size.0, size.1, pixels, 3)
}

fn interleaved(planes: &[u8]) -> Vec<u8> {
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(red.len());
    let pixels = red.iter().zip(green).zip(blue);
    pixels.flat_map(|((&r, &g), &b)| [r, g, b]).collect()
}

fn two_by_two(values: &[u8]) -> Vec<u8> {
    let pairs = values.as_chunks().0.iter();
    pairs
        .flat_map(|&[first, second, cb, cr]| [first, cb, cr, second, cb, cr])
        .collect()
}

/// PS3.3, section C.7.6.3.1.2, the other way round.
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let y = f32::from(y);
    let [cb, cr] = [cb, cr].map(|chroma| f32::from(chroma) - 128.0);
    let red = y + 1.402 * cr;
    let green = y - 0.344_136 * cb - 0.714_136 * cr;
    let blue = y + 1.772 * cb;
    // The cast cuts at 0 and 255.
    [red, green, blue].map(|value| value.round() as u8)
}

/// A picture of numbers that name colours of the file's palette; gray if all of these are.
pub fn of_palette(
    file: &Attributes,
    size: (usize, usize),
    words: Words,
    stored: Stored,
) -> Result<Picture> {
    let [red, green, blue] = palette(file, stored.signed)?;
    let number = |raw| stored.number(raw);
    let gray = red == green && green == blue;
    let channels = if gray { 1 } else { 3 };
    if red.bits <= 8 {
        let entry = |number| [&red, &green, &blue].map(|lut| lut.value(number).min(255) as u8);
        let pixels = words.map(|raw| entry(number(raw)));
        let values = pixels.iter().flat_map(|entry| &entry[..channels]);
        return Ok(picture_u8(
            size.0,
            size.1,
            values.copied().collect(),
            channels,
        ));
    }
    let entry = |number| [&red, &green, &blue].map(|lut| lut.value(number));
    let pixels = words.map(|raw| entry(number(raw)));
    if gray {
        let values = pixels.iter().map(|[value, ..]| *value).collect();
        return Ok(picture_u16(size.0, size.1, values, 1));
    }
    // What a palette shows is seen as it is. 65535 = 257 · 255
    let eight_bits = |&value: &u16| ((u32::from(value) + 128) / 257) as u8;
    let values = pixels.as_flattened().iter().map(eight_bits).collect();
    Ok(picture_u8(size.0, size.1, values, 3))
}

fn palette(file: &Attributes, signed: bool) -> Result<[Lut; 3]> {
    let channel = |number: usize| {
        let descriptor = file.value(PALETTE_DESCRIPTORS[number]);
        let descriptor = descriptor.ok_or_else(|| damaged(NAME, "its palette is missing"))?;
        if let Some(data) = file.value(PALETTES[number]) {
            return Lut::new(descriptor, data, file.encoding, signed);
        }
        let data = file.value(SEGMENTED_PALETTES[number]).unwrap_or_default();
        Lut::of_segments(descriptor, data, file.encoding, signed)
    };
    Ok([channel(0)?, channel(1)?, channel(2)?])
}
