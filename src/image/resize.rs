//! Resizing to the encoder's input, as segment_anything does it through Pillow.

use std::borrow::Cow;
use std::ops::Range;

use super::decode::Rgb;

/// Fraction bits of a coefficient: 32 less 8 of the sample and 2 spare, as in Pillow.
const PRECISION_BITS: u32 = 22;

/// Width and height scaled so that the longer side becomes `target` pixels, rounded half up;
/// `get_preprocess_shape` of segment_anything's `ResizeLongestSide`, but at least 1 a side.
pub fn longest_side(width: usize, height: usize, target: usize) -> (usize, usize) {
    let scale = target as f64 / width.max(height) as f64;
    let scaled = |side: usize| ((side as f64 * scale + 0.5) as usize).max(1);
    (scaled(width), scaled(height))
}

/// An 8-bit RGB image whose rows can be had one after another.
pub trait Rows {
    /// Width and height in pixels.
    fn size(&self) -> (usize, usize);

    /// The interleaved values of these columns, three for each; `y` is below the height.
    fn row(&self, y: usize, columns: Range<usize>) -> Cow<'_, [u8]>;
}

impl Rows for Rgb {
    fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn row(&self, y: usize, columns: Range<usize>) -> Cow<'_, [u8]> {
        let row = &self.pixels[y * self.width * 3..];
        row[columns.start * 3..columns.end * 3].into()
    }
}

/// Resizes with a triangle filter that widens when shrinking; equal bit by bit to Pillow's
/// `Image.resize((new_width, new_height), Resampling.BILINEAR)` of an 8-bit RGB image.
pub fn bilinear_antialias(image: &impl Rows, new_width: usize, new_height: usize) -> Rgb {
    let (_, height) = image.size();
    let pixels = resize_rows(image, new_width);
    Rgb {
        width: new_width,
        height: new_height,
        pixels: if new_height == height {
            pixels
        } else {
            resize_columns(&pixels, new_width * 3, height, new_height)
        },
    }
}

/// The fixed-point weights of one output pixel over the inputs from `start` on.
struct Filter {
    start: usize,
    weights: Vec<i32>,
}

fn filters(input: usize, output: usize) -> Vec<Filter> {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    let one = f64::from(1 << PRECISION_BITS);
    let filter = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        // The casts cut towards zero and negative values to 0.
        let start = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(input);
        let triangle =
            |i: usize| (1.0 - ((i as f64 - center + 0.5) * (1.0 / support)).abs()).max(0.0);
        let total: f64 = (start..end).map(triangle).sum();
        let fixed = |i: usize| (triangle(i) / total * one + 0.5) as i32;
        Filter {
            start,
            weights: (start..end).map(fixed).collect(),
        }
    };
    (0..output).map(filter).collect()
}

fn round(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn resize_rows(image: &impl Rows, new_width: usize) -> Vec<u8> {
    let (width, height) = image.size();
    let filters = filters(width, new_width);
    let mut out = Vec::with_capacity(new_width * height * 3);
    for row in (0..height).map(|y| image.row(y, 0..width)) {
        if new_width == width {
            out.extend_from_slice(&row);
            continue;
        }
        for filter in &filters {
            let mut sum = [HALF; 3];
            let inputs = row[filter.start * 3..].chunks_exact(3);
            for (pixel, &weight) in inputs.zip(&filter.weights) {
                for (sum, &value) in sum.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            out.extend(sum.map(round));
        }
    }
    out
}

fn resize_columns(pixels: &[u8], stride: usize, height: usize, new_height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(stride * new_height);
    let mut sums = vec![HALF; stride];
    for filter in filters(height, new_height) {
        sums.fill(HALF);
        let rows = pixels[filter.start * stride..].chunks_exact(stride);
        for (row, weight) in rows.zip(filter.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| round(sum)));
    }
    out
}
