//! Masks as labels, in bands of rows, so that there is never a plane of them.

use std::ops::Range;

use super::proposals::Mask;
use crate::image::shapes::Shape;

/// Pixels of a band, unless a row has more.
const BAND: usize = 500_000;

/// Paints each mask with its number, from 1, over those before it.
pub struct Painting {
    pub masks: Vec<Mask>,
    width: usize,
    height: usize,
    /// Rows that were painted.
    rows: usize,
    band: Vec<u32>,
    /// Of the labels, as [`crate::image::labels::Labels::runs`].
    pub runs: Vec<u32>,
    /// Pixels of each mask that are seen.
    pub shown: Vec<usize>,
}

impl Painting {
    /// On an image of this width and height.
    pub fn new(masks: Vec<Mask>, (width, height): (usize, usize)) -> Self {
        Self {
            shown: vec![0; masks.len()],
            masks,
            width,
            height,
            rows: 0,
            band: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// The share, 0..1, of the rows that were painted.
    pub fn share(&self) -> f64 {
        self.rows as f64 / self.height as f64
    }

    /// Paints the next band: the pixels that were looked at; nothing when none is left.
    pub fn step(&mut self) -> Option<usize> {
        if self.rows == self.height {
            return None;
        }
        let end = self.rows + (BAND / self.width).max(1);
        let rows = self.rows..end.min(self.height);
        self.band.clear();
        self.band.resize(rows.len() * self.width, 0);
        let mut pixels = self.band.len();
        for (id, mask) in (1..).zip(&self.masks) {
            if mask.bounds[1] < rows.end && mask.bounds[3] > rows.start {
                for piece in &mask.pieces {
                    pixels += paint(&mut self.band, self.width, &rows, piece, id);
                }
            }
        }
        for run in self.band.chunk_by(|a, b| a == b) {
            match &mut *self.runs {
                [.., length, id] if *id == run[0] => *length += run.len() as u32,
                _ => self.runs.extend([run.len() as u32, run[0]]),
            }
            if run[0] > 0 {
                self.shown[run[0] as usize - 1] += run.len();
            }
        }
        self.rows = rows.end;
        Some(pixels)
    }
}

/// Paints what of a shape is in some rows, which `band` holds: the pixels that were looked at.
fn paint(band: &mut [u32], width: usize, rows: &Range<usize>, shape: &Shape, id: u32) -> usize {
    let top = shape.y.max(rows.start);
    let bottom = (shape.y + shape.height).min(rows.end);
    for y in top..bottom {
        let line = &mut band[(y - rows.start) * width + shape.x..][..shape.width];
        let bits = &shape.bits[(y - shape.y) * shape.width..][..shape.width];
        for (pixel, _) in line.iter_mut().zip(bits).filter(|(_, inside)| **inside) {
            *pixel = id;
        }
    }
    bottom.saturating_sub(top) * shape.width
}
