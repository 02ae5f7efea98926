//! Colours other than red, green and blue.

use super::NAME;
use super::directory::{Container, Directory};
use super::layout::Layout;
use super::values::Values;
use crate::error::Result;
use crate::image::channels::{gray, picture_u8};
use crate::image::decode::{Picture, Samples, damaged, unsupported};

/// Interleaved YCbCr to RGB, by the coefficients of luma and the range that the page tells.
pub fn ycbcr(file: &mut Container, directory: &Directory, pixels: &mut [u8]) {
    let [red, green, blue] = file
        .reals(directory, 529)
        .and_then(|values| values.try_into().ok())
        .unwrap_or([0.299, 0.587, 0.114]);
    let range: [f64; 6] = file
        .reals(directory, 532)
        .and_then(|values| values.try_into().ok())
        .unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0]);
    let full = |code: u8, black: f64, white: f64, range: f64| {
        (f64::from(code) - black) * range / (white - black)
    };
    let table = |black, white, range| -> Vec<f64> {
        (0..=255)
            .map(|code| full(code, black, white, range))
            .collect()
    };
    let luma = table(range[0], range[1], 255.0);
    let chroma = [
        table(range[2], range[3], 127.0),
        table(range[4], range[5], 127.0),
    ];
    for pixel in pixels.chunks_exact_mut(3) {
        let y = luma[usize::from(pixel[0])];
        let r = y + chroma[1][usize::from(pixel[2])] * (2.0 - 2.0 * red);
        let b = y + chroma[0][usize::from(pixel[1])] * (2.0 - 2.0 * blue);
        let g = (y - red * r - blue * b) / green;
        pixel.copy_from_slice(&[r, g, b].map(|v| v.round().clamp(0.0, 255.0) as u8));
    }
}

/// Interleaved inks to RGB, as if paper were white and inks pure.
pub fn cmyk(pixels: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let product = u32::from(255 - ink) * u32::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let pixel = |p: &[u8]| [light(p[0], p[3]), light(p[1], p[3]), light(p[2], p[3])];
    pixels.chunks_exact(4).flat_map(pixel).collect()
}

/// The colours of indices: gray where those of the whole palette are.
pub fn palette(
    file: &mut Container,
    directory: &Directory,
    layout: &Layout,
    indices: &Values,
) -> Result<Picture> {
    let entries = file.integers(directory, 320)?;
    let entries = entries.ok_or_else(|| damaged(NAME, "its palette is missing"))?;
    let size = entries.len() / 3;
    if layout.bits > 16 || size == 0 {
        return Err(unsupported(NAME, "this palette"));
    }
    // Some programs write 8 bits where 16 belong.
    let short = entries.iter().all(|value| *value < 256);
    let scale = |value: u64| if short { value * 257 } else { value };
    let colour = |i: usize| [0, 1, 2].map(|channel| scale(entries[channel * size + i]) as u16);
    let colours: Vec<[u16; 3]> = (0..size).map(colour).collect();
    let (width, height) = (layout.width, layout.height);
    let is_gray = colours.iter().all(|[r, g, b]| r == g && g == b);
    // 8 bits are stored in 16 as they are, times 256 or times 257.
    let is_short = colours.iter().all(|[r, ..]| r % 256 == 0 || r % 257 == 0);
    Ok(if is_gray && is_short {
        let values = look_up(indices, &colours, |[gray, ..]| [(gray >> 8) as u8]);
        gray(width, height, Samples::U8(values))
    } else if is_gray {
        let values = look_up(indices, &colours, |[gray, ..]| [gray]);
        gray(width, height, Samples::U16(values))
    } else {
        let values = look_up(indices, &colours, |rgb| rgb.map(|v| (v >> 8) as u8));
        picture_u8(width, height, values, 3)
    })
}

/// Black beyond the palette.
fn look_up<T: Copy, const N: usize>(
    indices: &Values,
    colours: &[[u16; 3]],
    shown: impl Fn([u16; 3]) -> [T; N],
) -> Vec<T> {
    let colour = |i: usize| shown(colours.get(i).copied().unwrap_or_default());
    match indices {
        Values::U8(v) => v.iter().flat_map(|i| colour(usize::from(*i))).collect(),
        Values::U16(v) => v.iter().flat_map(|i| colour(usize::from(*i))).collect(),
        _ => Vec::new(),
    }
}
