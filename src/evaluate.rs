//! How well a model finds labelled objects.

use std::sync::Arc;

use crate::device;
use crate::error::Result;
use crate::image::labels::Labels;
use crate::image::part::Pyramid;
use crate::image::resize::Rows;
use crate::image::shapes::{self, Shape};
use crate::image::unknown::Unknown;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::predictor::{Embedding, Predictor, Prompt, PromptRound, answer};
pub use crate::scores::Scores;
use crate::tile_choice::TileChoice;

/// Labels of fewer pixels are not counted.
pub const MIN_AREA: usize = 50;

/// Prompts `predictor` for every label of at least [`MIN_AREA`] pixels on `image` as a person would
/// on the page, who looks at each in parts of the image as `tile` says: with the object's pixel
/// nearest to its centroid, of whose candidates that of the highest predicted IoU counts, and with
/// its box.
///
/// # Errors
/// When the labels have another size than the image, none is large enough, or the device fails.
pub async fn evaluate(
    predictor: &mut Predictor,
    image: &impl Rows,
    labels: &Labels,
    tile: TileChoice,
) -> Result<Scores> {
    let size = image.size();
    let objects = labels.objects_on(size, MIN_AREA)?;
    let pyramid = Pyramid { size };
    let mut seen: Vec<_> = objects
        .iter()
        .map(|object| (tile.side_for(&pyramid, object.bbox), object))
        .collect();
    // Those of one part after each other, so that each is encoded once.
    seen.sort_by_key(|(side, object)| {
        let part = pyramid.holding(*side, object.bbox);
        (*side, part.y, part.x)
    });
    predictor.open_image(size);
    let mut ious = Vec::with_capacity(objects.len());
    for (side, object) in seen {
        let truth = shapes::shape(labels, object.id, object.bbox.map(|at| at as usize));
        let mut found = [0.0; 2];
        for (iou, prompt) in found.iter_mut().zip(prompts(object.point, object.bbox)) {
            let round = PromptRound {
                side,
                ..prompt.into()
            };
            let answer = predictor.predict_on(image, &[round]).await?;
            let mask = answer.and_then(|answer| answer.mask);
            let known = |mask: Arc<Shape>| {
                let mask = Arc::unwrap_or_clone(mask);
                labels.unknown.cut_from(mask, labels.width)
            };
            *iou = shapes::iou(mask.and_then(known).as_ref(), Some(&truth));
        }
        ious.push(found);
    }
    Ok(Scores::of(&ious))
}

/// A point inside of an object and its box.
fn prompts((x, y): (f32, f32), [x0, y0, x1, y1]: [f32; 4]) -> [Prompt; 2] {
    let positive = true;
    [
        Prompt::Point { x, y, positive },
        Prompt::Box { x0, y0, x1, y1 },
    ]
}

/// IoU of the object `truth` with what the page shows for its pixel `point`, the candidate of the
/// highest predicted IoU, and with the single mask for its `bbox`, over all that is annotated of its
/// image, which is so many pixels wide.
pub async fn object_ious(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    (truth, unknown, width): (&Shape, &Unknown, usize),
    point: (f32, f32),
    bbox: [f32; 4],
) -> Result<[f64; 2]> {
    let mut ious = [0.0; 2];
    for (iou, prompt) in ious.iter_mut().zip(prompts(point, bbox)) {
        let is_point = matches!(prompt, Prompt::Point { .. });
        let (logits, ious) = answer(encoder, decoder, embedding, &[&[prompt]], None);
        let shown = match is_point {
            true => {
                let predicted = device::read(ious).await?;
                let by_iou = |a: &usize, b: &usize| predicted[*a].total_cmp(&predicted[*b]);
                (1..predicted.len()).max_by(by_iou).unwrap_or(0)
            }
            false => 0,
        };
        let mask = device::read(logits.narrow(1, shown, 1)).await?;
        let mask = embedding.shape(&mask);
        let mask = mask.and_then(|mask| unknown.cut_from(mask, width));
        *iou = shapes::iou(mask.as_ref(), Some(truth));
    }
    Ok(ious)
}
