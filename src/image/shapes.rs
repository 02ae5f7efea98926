//! The pixels of each object of a label image, as bitmaps within their boxes.

use std::collections::BTreeMap;

use super::labels::Labels;

/// An object's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The first column and row that it touches.
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
    /// `width × height`, row-major.
    pub bits: Vec<bool>,
    pub area: usize,
}

impl Shape {
    /// What is inside of a plane `width` wide whose first pixel lies at x, y; nothing where
    /// nothing is.
    pub fn trimmed(x: usize, y: usize, width: usize, bits: Vec<bool>) -> Option<Self> {
        let rows = || bits.chunks_exact(width);
        let any = |row: &[bool]| row.contains(&true);
        let (top, bottom) = (rows().position(any)?, rows().rposition(any)? + 1);
        let left = rows()
            .filter_map(|row| row.iter().position(|bit| *bit))
            .min()?;
        let last = rows()
            .filter_map(|row| row.iter().rposition(|bit| *bit))
            .max()?;
        let kept = rows().take(bottom).skip(top).map(|row| &row[left..=last]);
        let kept = kept.collect::<Vec<_>>().concat();
        Some(Self {
            x: x + left,
            y: y + top,
            width: last + 1 - left,
            height: bottom - top,
            area: kept.iter().filter(|inside| **inside).count(),
            bits: kept,
        })
    }

    /// Whether the pixel is inside, in pixels of the image; nothing is outside of the box.
    pub fn contains(&self, x: usize, y: usize) -> bool {
        let (dx, dy) = (x.wrapping_sub(self.x), y.wrapping_sub(self.y));
        dx < self.width && dy < self.height && self.bits[dy * self.width + dx]
    }

    /// Whether the box reaches the border of an image of this width and height.
    pub fn touches_border_of(&self, (width, height): (usize, usize)) -> bool {
        let reaches = |at: usize, own: usize, all: usize| at == 0 || at + own == all;
        reaches(self.x, self.width, width) || reaches(self.y, self.height, height)
    }
}

/// The mask of all shapes over an image of this width and height: `width · height` booleans.
pub fn plane<'a>(
    shapes: impl IntoIterator<Item = &'a Shape>,
    (width, height): (usize, usize),
) -> Vec<bool> {
    let mut plane = vec![false; width * height];
    for shape in shapes {
        for (row, y) in shape.bits.chunks_exact(shape.width).zip(shape.y..) {
            let pixels = plane[y * width + shape.x..].iter_mut().zip(row);
            pixels.for_each(|(pixel, bit)| *pixel |= bit);
        }
    }
    plane
}

/// Intersection over union of two masks of one image, 0..=1; 1 where both are nothing.
pub fn iou(a: Option<&Shape>, b: Option<&Shape>) -> f64 {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (None, None) => return 1.0,
        _ => return 0.0,
    };
    let left = a.x.max(b.x);
    let right = (a.x + a.width).min(b.x + b.width);
    let (top, bottom) = (a.y.max(b.y), (a.y + a.height).min(b.y + b.height));
    let both = |y: usize| {
        let row = |shape: &'_ Shape| (y - shape.y) * shape.width + left - shape.x;
        let a = &a.bits[row(a)..][..right - left];
        let b = &b.bits[row(b)..][..right - left];
        a.iter().zip(b).filter(|(a, b)| **a && **b).count()
    };
    let common: usize = match left < right {
        true => (top..bottom).map(both).sum(),
        false => 0,
    };
    common as f64 / (a.area + b.area - common) as f64
}

/// The boxes of all objects, by ascending number: left, top, right and bottom, just outside.
pub fn boxes(labels: &Labels) -> BTreeMap<u32, [usize; 4]> {
    let mut boxes = BTreeMap::<u32, [usize; 4]>::new();
    for (y, row) in labels.ids.chunks_exact(labels.width.max(1)).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] != 0 {
                let found = [x, y, x + run.len(), y + 1];
                let grown = boxes.entry(run[0]).or_insert(found);
                *grown = [
                    grown[0].min(x),
                    grown[1],
                    grown[2].max(x + run.len()),
                    y + 1,
                ];
            }
            x += run.len();
        }
    }
    boxes
}

/// The object `id` within its box.
pub fn shape(labels: &Labels, id: u32, [x0, y0, x1, y1]: [usize; 4]) -> Shape {
    let rows = (y0..y1).map(|y| &labels.ids[y * labels.width..][x0..x1]);
    let bits: Vec<bool> = rows.flatten().map(|&other| other == id).collect();
    Shape {
        x: x0,
        y: y0,
        width: x1 - x0,
        height: y1 - y0,
        area: bits.iter().filter(|inside| **inside).count(),
        bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::mask;
    use crate::random::Random;

    #[test]
    fn masks_in_their_boxes_overlap_as_whole_planes_do() {
        const SIZE: (usize, usize) = (12, 9);
        let mut random = Random::new(3);
        let mut drawn = || {
            let (x, y) = (random.below(8), random.below(6));
            let bits = (0..12).map(|_| random.below(2) == 1).collect();
            Shape::trimmed(x, y, 4, bits)
        };
        for _ in 0..500 {
            let (a, b) = (drawn(), drawn());
            let planes = [&a, &b].map(|shape| plane(shape.as_ref(), SIZE));
            let whole = mask::iou(&planes[0], &planes[1]);
            assert_eq!(iou(a.as_ref(), b.as_ref()), whole, "{a:?} {b:?}");
        }
        assert_eq!(iou(None, None), 1.0);
    }
}
