//! Masks that may be objects, and which of them to keep.

use std::vec::IntoIter;

use super::box_index::{BoxIndex, PixelBox};
use crate::image::mask::Enlarged;
use crate::image::shapes::Shape;

/// A mask that the model is sure of, as a tile shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// In pixels of the image.
    pub shape: Shape,
    /// As the model predicts it.
    pub iou: f32,
    pub stability: f32,
    /// The place of its tile.
    pub tile: usize,
    /// It ends where its tile ends and the image does not.
    pub cut: bool,
}

/// A mask of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// What it covers, in pixels of the image: one shape, or one of each tile that it was cut by,
    /// of which no two share a pixel.
    pub pieces: Vec<Shape>,
    /// Of all pieces.
    pub bounds: PixelBox,
    /// Pixels.
    pub area: usize,
    /// As the model predicts it.
    pub iou: f32,
    pub stability: f32,
}

impl Mask {
    /// Whether the pixel is inside, in pixels of the image.
    pub fn contains(&self, x: usize, y: usize) -> bool {
        self.pieces.iter().any(|piece| piece.contains(x, y))
    }
}

impl From<Proposal> for Mask {
    fn from(proposal: Proposal) -> Self {
        Self {
            bounds: bounds(&proposal.shape),
            area: proposal.shape.area,
            iou: proposal.iou,
            stability: proposal.stability,
            pieces: vec![proposal.shape],
        }
    }
}

/// The box of a shape.
pub fn bounds(shape: &Shape) -> PixelBox {
    let (right, bottom) = (shape.x + shape.width, shape.y + shape.height);
    [shape.x, shape.y, right, bottom]
}

/// The IoU of the masks cut `offset` above and below zero, of which one lies in the other
/// (`calculate_stability_score` of `utils/amg.py`), 0..1. `part` is made for that.
pub fn stability(part: &Enlarged, offset: f32) -> f32 {
    match part.count(-offset) {
        0 => 0.0,
        outer => part.count(offset) as f32 / outer as f32,
    }
}

/// What non-maximum suppression looks at.
pub trait Boxed {
    fn bounds(&self) -> PixelBox;
    /// As the model predicts it.
    fn iou(&self) -> f32;
}

impl Boxed for Proposal {
    fn bounds(&self) -> PixelBox {
        bounds(&self.shape)
    }

    fn iou(&self) -> f32 {
        self.iou
    }
}

impl Boxed for Mask {
    fn bounds(&self) -> PixelBox {
        self.bounds
    }

    fn iou(&self) -> f32 {
        self.iou
    }
}

/// Non-maximum suppression: of those whose boxes overlap by an IoU over a threshold the one of the
/// highest predicted IoU.
pub struct Suppression<T> {
    left: IntoIter<T>,
    all: usize,
    /// In descending order of the predicted IoU.
    pub kept: Vec<T>,
    index: BoxIndex,
    threshold: f32,
}

impl<T: Boxed> Suppression<T> {
    pub fn new(mut all: Vec<T>, threshold: f32) -> Self {
        all.sort_by(|a, b| b.iou().total_cmp(&a.iou()));
        Self {
            all: all.len(),
            left: all.into_iter(),
            kept: Vec::new(),
            index: BoxIndex::default(),
            threshold,
        }
    }

    /// Those that were not dropped so far.
    pub fn found(&self) -> usize {
        self.left.len() + self.kept.len()
    }

    /// The share, 0..1, of those that were looked at.
    pub fn share(&self) -> f64 {
        1.0 - self.left.len() as f64 / self.all.max(1) as f64
    }

    /// Keeps the next one or drops it; nothing when none is left.
    pub fn step(&mut self) -> Option<()> {
        let next = self.left.next()?;
        let bounds = next.bounds();
        // The IoU is no larger than the smaller box's share of the larger; less for rounding.
        let least = 0.99 * f64::from(self.threshold) * span(bounds) as f64;
        let near = self.index.sharing(bounds, least as usize);
        let same = |&i: &usize| box_iou(self.kept[i].bounds(), bounds) > self.threshold;
        if !near.iter().any(same) {
            self.index.insert(self.kept.len(), bounds);
            self.kept.push(next);
        }
        Some(())
    }
}

/// Those that [`Suppression`] keeps, in descending order of the predicted IoU.
pub fn suppress<T: Boxed>(all: Vec<T>, threshold: f32) -> Vec<T> {
    let mut suppression = Suppression::new(all, threshold);
    while suppression.step().is_some() {}
    suppression.kept
}

/// A box's area from corner to corner of its first and last pixels.
fn span([left, top, right, bottom]: PixelBox) -> usize {
    (right - left - 1) * (bottom - top - 1)
}

/// The IoU of two boxes, from corner to corner of their first and last pixels as
/// `torchvision.ops.box_iou` takes them.
pub fn box_iou(a: PixelBox, b: PixelBox) -> f32 {
    let along =
        |near: usize, far: usize| (a[far].min(b[far]) - 1).saturating_sub(a[near].max(b[near]));
    let common = along(0, 2) * along(1, 3);
    let union = span(a) + span(b) - common;
    match union {
        // Lines and points: the same or not.
        0 => f32::from(u8::from((a[0], a[1]) == (b[0], b[1]))),
        _ => common as f32 / union as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::mask;

    fn square(x: usize, y: usize, side: usize, iou: f32) -> Proposal {
        Proposal {
            shape: Shape {
                x,
                y,
                width: side,
                height: side,
                bits: vec![true; side * side],
                area: side * side,
            },
            iou,
            stability: 1.0,
            tile: 0,
            cut: false,
        }
    }

    #[test]
    fn stability_is_the_share_that_a_higher_cut_leaves() {
        // Enlarged to its own size every logit stays.
        let logits = [-2.0, -0.5, 0.5, 1.5, 3.0, 4.0, -9.0, -9.0, -9.0];
        let part = mask::enlarge(&logits, -1.0, 3, (3, 3), (3, 3)).unwrap();
        assert_eq!(stability(&part, 1.0), 3.0 / 5.0);
        assert!(mask::enlarge(&[-5.0], -1.0, 1, (1, 1), (1, 1)).is_none());
    }

    #[test]
    fn of_boxes_that_overlap_the_surer_stays() {
        // IoUs of the 10 by 10 boxes: 90 / 110 with the shifted, 50 / 150 with the far one.
        let boxes = [
            square(0, 0, 11, 0.9),
            square(1, 0, 11, 0.95),
            square(6, 0, 11, 0.8),
        ];
        let kept = suppress(boxes.to_vec(), 0.7);
        let ious: Vec<f32> = kept.iter().map(|proposal| proposal.iou).collect();
        assert_eq!(ious, [0.95, 0.8]);
        assert_eq!(suppress(boxes.to_vec(), 0.9).len(), 3);
    }
}
