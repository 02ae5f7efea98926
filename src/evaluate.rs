//! How well a model finds labelled objects.

use crate::device;
use crate::error::Result;
use crate::image::decode::Rgb;
use crate::image::labels::{LabelledObject, Labels};
use crate::image::mask;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::predictor::{Embedding, Predictor, Prompt, answer};
pub use crate::scores::Scores;

/// Labels of fewer pixels are not counted.
pub const MIN_AREA: usize = 50;

/// Prompts `predictor` for every label of at least [`MIN_AREA`] pixels on `image`.
///
/// # Errors
/// When the labels have another size than the image, or none is large enough.
pub async fn evaluate(predictor: &mut Predictor, image: &Rgb, labels: &Labels) -> Result<Scores> {
    let objects = labels.objects_on((image.width, image.height), MIN_AREA)?;
    predictor.set_image(image).await?;
    let (encoder, embedding) = (&predictor.model().prompt_encoder, predictor.embedding()?);
    let mut ious = Vec::with_capacity(objects.len());
    for object in &objects {
        let found = object_ious(encoder, predictor.decoder(), embedding, labels, object);
        ious.push(found.await?);
    }
    Ok(Scores::of(&ious))
}

/// IoU of `object` with the single mask for its pixel nearest to its centroid, and with that for
/// its box.
pub async fn object_ious(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    labels: &Labels,
    object: &LabelledObject,
) -> Result<[f64; 2]> {
    let truth = labels.mask(object.id);
    let ((x, y), [x0, y0, x1, y1]) = (object.point, object.bbox);
    let positive = true;
    let prompts = [
        Prompt::Point { x, y, positive },
        Prompt::Box { x0, y0, x1, y1 },
    ];
    let mut ious = [0.0; 2];
    for (iou, prompt) in ious.iter_mut().zip(prompts) {
        let (logits, _) = answer(encoder, decoder, embedding, &[&[prompt]], None);
        let single = device::read(logits.narrow(1, 0, 1)).await?;
        *iou = mask::iou(&embedding.postprocess(&single), &truth);
    }
    Ok(ious)
}
