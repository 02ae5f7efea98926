//! Masks that may be objects, and which of them to keep.

use crate::image::mask::Enlarged;
use crate::image::shapes::Shape;

/// A mask that the model is sure of.
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

/// The IoU of the masks cut `offset` above and below zero, of which one lies in the other
/// (`calculate_stability_score` of `utils/amg.py`), 0..1. `part` is made for that.
pub fn stability(part: &Enlarged, offset: f32) -> f32 {
    match part.count(-offset) {
        0 => 0.0,
        outer => part.count(offset) as f32 / outer as f32,
    }
}

/// Non-maximum suppression: of those whose boxes overlap by an IoU over `threshold` the one of the
/// highest predicted IoU. In descending order of that.
pub fn suppress(mut proposals: Vec<Proposal>, threshold: f32) -> Vec<Proposal> {
    proposals.sort_by(|a, b| b.iou.total_cmp(&a.iou));
    let mut kept: Vec<Proposal> = Vec::new();
    for proposal in proposals {
        let same = |other: &Proposal| box_iou(&other.shape, &proposal.shape) > threshold;
        if !kept.iter().any(same) {
            kept.push(proposal);
        }
    }
    kept
}

/// The IoU of two boxes, from corner to corner of their first and last pixels as
/// `torchvision.ops.box_iou` takes them.
fn box_iou(a: &Shape, b: &Shape) -> f32 {
    let along = |a0: usize, a1: usize, b0: usize, b1: usize| a1.min(b1).saturating_sub(a0.max(b0));
    let right = |shape: &Shape| shape.x + shape.width - 1;
    let bottom = |shape: &Shape| shape.y + shape.height - 1;
    let area = |shape: &Shape| (shape.width - 1) * (shape.height - 1);
    let common = along(a.x, right(a), b.x, right(b)) * along(a.y, bottom(a), b.y, bottom(b));
    let union = area(a) + area(b) - common;
    match union {
        // Lines and points: the same or not.
        0 => f32::from(u8::from((a.x, a.y) == (b.x, b.y))),
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
