//! How well a model finds objects, in numbers.

use serde::{Deserialize, Serialize};

/// Mean IoU over the objects, 0..1, of the single-mask output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct Scores {
    pub objects: usize,
    /// Prompted with the label's pixel nearest to its centroid.
    pub point_iou: f64,
    /// Prompted with the label's tight box.
    pub box_iou: f64,
}

impl Scores {
    /// Of point and box.
    pub fn mean(&self) -> f64 {
        (self.point_iou + self.box_iou) / 2.0
    }

    /// The mean over objects of which each has its IoU from a point and from a box.
    pub fn of(ious: &[[f64; 2]]) -> Self {
        let mean = |i: usize| ious.iter().map(|iou| iou[i]).sum::<f64>() / ious.len() as f64;
        Self {
            objects: ious.len(),
            point_iou: mean(0),
            box_iou: mean(1),
        }
    }
}
