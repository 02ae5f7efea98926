//! Masks: from low-resolution logits to the image's own size, and comparing and saving them.

use super::encode::png8;
use super::shapes::Shape;
use crate::error::Result;

/// Logits above this are inside the mask, as in segment_anything.
pub const THRESHOLD: f32 = 0.0;

/// A result as a weighted sum of four inputs.
type Taps = [(usize, f32); 4];

/// A part of the decoder's logits, enlarged to the image.
pub struct Enlarged {
    /// Where its first logit lies, in pixels of the image.
    x: usize,
    y: usize,
    width: usize,
    /// Row-major.
    pub logits: Vec<f32>,
}

/// Enlarges the decoder's logits to the image, as segment_anything's `Sam.postprocess_masks`: the
/// part in which all of them over `above` lie; nothing where there is none.
///
/// The square of `logits` is interpolated bilinearly (half-pixel centres, no antialiasing) to
/// `image_size × image_size`, cropped to `input` (width and height of the resized image in its
/// top left corner) and interpolated to `original` (width, height). Both interpolations of an
/// axis are composed into four taps, so nothing of `image_size²` is ever held.
///
/// # Panics
/// If `input` does not fit into `image_size`.
pub fn enlarge(
    logits: &[f32],
    above: f32,
    image_size: usize,
    input: (usize, usize),
    original: (usize, usize),
) -> Option<Enlarged> {
    let side = logits.len().isqrt();
    let (x, columns, y, rows) = reached_by(logits, above, image_size, input, original)?;
    let (width, stretched) = (columns.len(), stretch(logits, side, &columns));
    let mut enlarged = Vec::with_capacity(width * rows.len());
    for taps in &rows {
        add_row(&stretched, width, taps, &mut enlarged);
    }
    Some(Enlarged {
        x,
        y,
        width,
        logits: enlarged,
    })
}

/// Where the part of the image begins in which all logits over `above` lie, and the taps of its
/// columns and rows.
fn reached_by(
    logits: &[f32],
    above: f32,
    image_size: usize,
    input: (usize, usize),
    original: (usize, usize),
) -> Option<(usize, Vec<Taps>, usize, Vec<Taps>)> {
    assert!(
        input.0.max(input.1) <= image_size,
        "input exceeds image_size"
    );
    let side = logits.len().isqrt();
    let (mut columns, mut rows) = (vec![false; side], vec![false; side]);
    for i in (0..logits.len()).filter(|&i| logits[i] > above) {
        columns[i % side] = true;
        rows[i / side] = true;
    }
    let (x, columns) = reached(taps(side, image_size, input.0, original.0), &columns)?;
    let (y, rows) = reached(taps(side, image_size, input.1, original.1), &rows)?;
    Some((x, columns, y, rows))
}

/// The mask that [`enlarge`] makes when it is cut at [`THRESHOLD`], a row at a time, so that the
/// logits of a large image are not held; nothing where it has no pixel.
///
/// # Panics
/// If `input` does not fit into `image_size`.
pub fn shape(
    logits: &[f32],
    image_size: usize,
    input: (usize, usize),
    original: (usize, usize),
) -> Option<Shape> {
    let side = logits.len().isqrt();
    let (x, columns, y, rows) = reached_by(logits, THRESHOLD, image_size, input, original)?;
    let stretched = stretch(logits, side, &columns);
    let mut row = Vec::with_capacity(columns.len());
    let mut bits = Vec::with_capacity(columns.len() * rows.len());
    for taps in &rows {
        row.clear();
        add_row(&stretched, columns.len(), taps, &mut row);
        bits.extend(row.iter().map(|&logit| logit > THRESHOLD));
    }
    Shape::trimmed(x, y, columns.len(), bits)
}

impl Enlarged {
    /// The same, farther to the right and down in a larger image.
    pub fn moved(self, x: usize, y: usize) -> Self {
        Self {
            x: self.x + x,
            y: self.y + y,
            ..self
        }
    }

    /// What is inside the mask; nothing where that is nowhere.
    pub fn shape(&self) -> Option<Shape> {
        Shape::trimmed(self.x, self.y, self.width, threshold(&self.logits))
    }

    /// How many logits are over `above`, which is no less than what this was made for.
    pub fn count(&self, above: f32) -> usize {
        self.logits.iter().filter(|logit| **logit > above).count()
    }
}

/// The outputs that an input of `wanted` has a part in, from the first to the last, and where they
/// begin. An output is a mean of its inputs, so no other one is over what all of its inputs are not.
fn reached(mut taps: Vec<Taps>, wanted: &[bool]) -> Option<(usize, Vec<Taps>)> {
    let reaches = |taps: &Taps| taps.iter().any(|&(input, _)| wanted[input]);
    let first = taps.iter().position(reaches)?;
    let last = taps.iter().rposition(reaches)?;
    taps.truncate(last + 1);
    Some((first, taps.split_off(first)))
}

/// The sums of the logits that each column's taps meet, in each row of `side` logits.
fn stretch(logits: &[f32], side: usize, columns: &[Taps]) -> Vec<f32> {
    let mut stretched = Vec::with_capacity(side * columns.len());
    for row in logits.chunks_exact(side) {
        let sum = |taps: &Taps| taps.iter().map(|&(x, w)| row[x] * w).sum::<f32>();
        stretched.extend(columns.iter().map(sum));
    }
    stretched
}

/// Adds the row whose `taps` meet rows of `width` stretched logits.
fn add_row(stretched: &[f32], width: usize, taps: &Taps, out: &mut Vec<f32>) {
    let [a, b, c, d] = taps.map(|(y, _)| &stretched[y * width..][..width]);
    let [wa, wb, wc, wd] = taps.map(|(_, w)| w);
    let pairs = a.iter().zip(b).zip(c.iter().zip(d));
    out.extend(pairs.map(|((a, b), (c, d))| a * wa + b * wb + c * wc + d * wd));
}

fn taps(side: usize, image_size: usize, input: usize, original: usize) -> Vec<Taps> {
    let compose = |at: usize| {
        let [(near, near_weight), (far, far_weight)] = bilinear(at, input, original);
        let [a, b] = bilinear(near, side, image_size);
        let [c, d] = bilinear(far, side, image_size);
        [
            (a.0, (a.1 * near_weight) as f32),
            (b.0, (b.1 * near_weight) as f32),
            (c.0, (c.1 * far_weight) as f32),
            (d.0, (d.1 * far_weight) as f32),
        ]
    };
    (0..original).map(compose).collect()
}

/// The two inputs and weights of output `at` when `input` values become `output`, as PyTorch's
/// `interpolate(mode="bilinear", align_corners=False)`.
fn bilinear(at: usize, input: usize, output: usize) -> [(usize, f64); 2] {
    let source = ((at as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0);
    let near = (source as usize).min(input - 1);
    let far = (near + 1).min(input - 1);
    let weight = source - near as f64;
    [(near, 1.0 - weight), (far, weight)]
}

/// Whether each logit is above [`THRESHOLD`].
pub fn threshold(logits: &[f32]) -> Vec<bool> {
    logits.iter().map(|&logit| logit > THRESHOLD).collect()
}

/// Intersection over union, 0..=1; 1 if both masks are empty.
///
/// # Panics
/// If the masks differ in length.
pub fn iou(a: &[bool], b: &[bool]) -> f64 {
    assert_eq!(a.len(), b.len(), "masks of one size");
    let pairs = || a.iter().zip(b);
    let intersection = pairs().filter(|&(&a, &b)| a && b).count();
    let union = pairs().filter(|&(&a, &b)| a || b).count();
    if union == 0 {
        return 1.0;
    }
    intersection as f64 / union as f64
}

/// The mask as a PNG file: 8-bit gray, 255 inside and 0 outside.
///
/// # Errors
/// If `mask` does not hold `width × height` values or the encoder fails.
pub fn to_png(mask: &[bool], width: usize, height: usize) -> Result<Vec<u8>> {
    let pixels: Vec<u8> = mask.iter().map(|&inside| u8::from(inside) * 255).collect();
    png8(&pixels, (width, height))
}
