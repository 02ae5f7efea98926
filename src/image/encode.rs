//! Writing PNG and TIFF files.

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

use super::decode::Rgb;
use crate::error::{Error, Result};

/// An 8-bit grayscale PNG file of `width × height` row-major `pixels`.
///
/// # Errors
/// When there are not as many pixels as the size calls for, or the encoder fails.
pub fn png8(pixels: &[u8], size: (usize, usize)) -> Result<Vec<u8>> {
    png(pixels, size, ExtendedColorType::L8)
}

/// The same in 16 bits.
pub fn png16(pixels: &[u16], size: (usize, usize)) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = pixels.iter().flat_map(|s| s.to_ne_bytes()).collect();
    png(&bytes, size, ExtendedColorType::L16)
}

/// A 16-bit grayscale TIFF file of `width × height` row-major `pixels`, compressed with Deflate.
///
/// # Errors
/// As [`png8`].
pub fn tiff16(pixels: &[u16], (width, height): (usize, usize)) -> Result<Vec<u8>> {
    let failed = |why: String| Error::new(format!("The image cannot be saved as TIFF: {why}."));
    let side = |side: usize| u32::try_from(side).map_err(|error| failed(error.to_string()));
    let (width, height) = (side(width)?, side(height)?);
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file)
        .map(|encoder| encoder.with_compression(Compression::Deflate(DeflateLevel::Balanced)))
        .and_then(|mut tiff| tiff.write_image::<colortype::Gray16>(width, height, pixels))
        .map_err(|error| failed(error.to_string()))?;
    Ok(file.into_inner())
}

/// A colour PNG file.
pub fn png_rgb(rgb: &Rgb) -> Result<Vec<u8>> {
    let size = (rgb.width, rgb.height);
    png(&rgb.pixels, size, ExtendedColorType::Rgb8)
}

fn png(bytes: &[u8], (width, height): (usize, usize), kind: ExtendedColorType) -> Result<Vec<u8>> {
    let failed = |why: String| Error::new(format!("The image cannot be saved as PNG: {why}."));
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let pixels = bytes.len() / usize::from(kind.bits_per_pixel()).div_ceil(8);
    let Some((w, h)) = sides.filter(|_| width.checked_mul(height) == Some(pixels)) else {
        return Err(failed(format!(
            "{pixels} pixels are not {width} × {height}"
        )));
    };
    let mut file = Cursor::new(Vec::new());
    PngEncoder::new(&mut file)
        .write_image(bytes, w, h, kind)
        .map_err(|error| failed(error.to_string()))?;
    Ok(file.into_inner())
}
