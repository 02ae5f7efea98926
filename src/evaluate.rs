//! How well a model finds labelled objects.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::labels::{Labels, Object};
use crate::image::mask;
use crate::predictor::{Predictor, Prompt};

/// Labels of fewer pixels are not counted.
pub const MIN_AREA: usize = 50;

/// Mean IoU over the objects, 0..1, of the single-mask output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
}

/// Prompts `predictor` for every label of at least [`MIN_AREA`] pixels on `image`.
///
/// # Errors
/// When the labels have another size than the image, or none is large enough.
pub async fn evaluate(predictor: &mut Predictor, image: &Rgb, labels: &Labels) -> Result<Scores> {
    if (labels.width, labels.height) != (image.width, image.height) {
        return Err(Error::new(format!(
            "The labels are {}\u{d7}{} pixels but the image is {}\u{d7}{}: they must be of one size.",
            labels.width, labels.height, image.width, image.height
        )));
    }
    let objects = labels.objects(MIN_AREA);
    if objects.is_empty() {
        return Err(Error::new(format!(
            "No label has {MIN_AREA} pixels or more, so there is nothing to evaluate."
        )));
    }
    predictor.set_image(image).await?;
    let (mut point_iou, mut box_iou) = (0.0, 0.0);
    for object in &objects {
        let truth = labels.mask(object.id);
        let [point, bounding_box] = object_prompts(object);
        point_iou += iou(predictor, point, &truth).await?;
        box_iou += iou(predictor, bounding_box, &truth).await?;
    }
    let n = objects.len() as f64;
    Ok(Scores {
        objects: objects.len(),
        point_iou: point_iou / n,
        box_iou: box_iou / n,
    })
}

/// The prompts by which an object is judged: its pixel nearest to its centroid, and its box.
pub fn object_prompts(object: &Object) -> [Prompt; 2] {
    let ((x, y), [x0, y0, x1, y1]) = (object.point, object.bbox);
    let positive = true;
    [
        Prompt::Point { x, y, positive },
        Prompt::Box { x0, y0, x1, y1 },
    ]
}

/// The single-mask output's IoU with `truth`.
async fn iou(predictor: &Predictor, prompt: Prompt, truth: &[bool]) -> Result<f64> {
    let candidates = predictor.decode(&[prompt], None).await?;
    Ok(mask::iou(&predictor.postprocess(&candidates[0])?, truth))
}
