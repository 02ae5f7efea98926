//! Writing PNG and TIFF files.

use std::io::Cursor;

use ::tiff::TiffResult;
use ::tiff::encoder::colortype::ColorType;
use ::tiff::encoder::{Compression, DeflateLevel, Rational, TiffEncoder, TiffValue};
use ::tiff::tags::{ResolutionUnit, Tag};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::decode::Rgb;
use super::pixel_size::PixelSize;
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

/// A grayscale TIFF file of `width × height` row-major `pixels`, compressed with Deflate. How large a
/// pixel is stands where ImageJ and what reads its files look for it.
///
/// # Errors
/// As [`png8`].
pub fn tiff<C: ColorType>(
    pixels: &[C::Inner],
    (width, height): (usize, usize),
    pixel_size: Option<PixelSize>,
) -> Result<Vec<u8>>
where
    [C::Inner]: TiffValue,
{
    let failed = |why: String| Error::new(format!("The image cannot be saved as TIFF: {why}."));
    let side = |side: usize| u32::try_from(side).map_err(|error| failed(error.to_string()));
    let (width, height) = (side(width)?, side(height)?);
    let mut file = Cursor::new(Vec::new());
    let write = |file: &mut Cursor<Vec<u8>>| -> TiffResult<()> {
        let tiff = TiffEncoder::new(file)?;
        let mut tiff = tiff.with_compression(Compression::Deflate(DeflateLevel::Balanced));
        let mut image = tiff.new_image::<C>(width, height)?;
        if let Some((description, [x, y])) = pixel_size.and_then(|pixel| pixel.for_imagej()) {
            let description = description.as_str();
            image
                .encoder()
                .write_tag(Tag::ImageDescription, description)?;
            image.resolution_unit(ResolutionUnit::None);
            image.x_resolution(rational(x));
            image.y_resolution(rational(y));
        }
        image.write_data(pixels)
    };
    write(&mut file).map_err(|error| failed(error.to_string()))?;
    Ok(file.into_inner())
}

fn rational([n, d]: [u32; 2]) -> Rational {
    Rational { n, d }
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
