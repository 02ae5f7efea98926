//! Labelled images with their embeddings, split into objects to train on and objects held out.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::image::labels::{LabelledObject, Labels};
use crate::image::part::{Part, Pyramid};
use crate::image::shapes::{self, Shape};
use crate::predictor::Embedding;
use crate::random::Random;
use crate::tile_choice::TileChoice;

/// Labels of fewer pixels are not trained on: they are slips of the brush.
pub const MIN_AREA: usize = 20;

/// An object to train on or to evaluate on.
#[derive(Debug, Clone)]
pub struct TrainingObject {
    pub object: LabelledObject,
    /// Its pixels, in pixels of the image.
    pub shape: Shape,
    /// The place of the view in which it is seen.
    pub view: usize,
}

/// The objects of an image, and the parts of it in which they are seen.
pub struct LabelledParts {
    objects: Vec<TrainingObject>,
    parts: Vec<Part>,
    labels_digest: [u8; 32],
}

/// An image whose parts with objects were encoded once.
pub struct LabelledImage {
    /// Of the image or of its parts.
    pub views: Vec<Embedding>,
    pub objects: Vec<TrainingObject>,
    /// SHA-256 of size and labels.
    pub labels_digest: [u8; 32],
}

/// An object by its image and its place among the image's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub image: usize,
    pub object: usize,
}

/// What is trained on and what is held out to evaluate on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub training: Vec<Example>,
    pub held_out: Vec<Example>,
}

impl LabelledParts {
    /// Takes the objects of at least [`MIN_AREA`] pixels on an image of this width and height, each
    /// in a part of it as `tile` says.
    ///
    /// # Errors
    /// When the labels have another size than the image, or no object is large enough.
    pub fn new(labels: &Labels, size: (usize, usize), tile: TileChoice) -> Result<Self> {
        let pyramid = Pyramid { size };
        let mut parts: Vec<Part> = Vec::new();
        let objects = labels.objects_on(size, MIN_AREA)?.into_iter();
        let seen = |object: LabelledObject| {
            let part = pyramid.holding(tile.side_for(&pyramid, object.bbox), object.bbox);
            let known = parts.iter().position(|other| *other == part);
            let view = known.unwrap_or_else(|| {
                parts.push(part);
                parts.len() - 1
            });
            TrainingObject {
                shape: shapes::shape(labels, object.id, object.bbox.map(|at| at as usize)),
                object,
                view,
            }
        };
        Ok(Self {
            objects: objects.map(seen).collect(),
            parts,
            labels_digest: digest(labels),
        })
    }

    /// What of the image has to be encoded.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Joins the objects to the embeddings of the [`Self::parts`], in their order.
    ///
    /// # Errors
    /// When they are of other parts.
    pub fn with(self, views: Vec<Embedding>) -> Result<LabelledImage> {
        if !views.iter().map(Embedding::part).eq(self.parts) {
            return Err(Error::new(
                "The image was encoded in other parts than its labels need: encode it again.",
            ));
        }
        Ok(LabelledImage {
            views,
            objects: self.objects,
            labels_digest: self.labels_digest,
        })
    }
}

/// Size and numbers of all pixels.
fn digest(labels: &Labels) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(format!("{}x{}", labels.width, labels.height));
    for row in labels.ids.chunks(labels.width.max(1)) {
        let bytes: Vec<u8> = row.iter().flat_map(|id| id.to_le_bytes()).collect();
        digest.update(&bytes);
    }
    digest.finalize().into()
}

impl LabelledImage {
    /// Takes the objects of at least [`MIN_AREA`] pixels of an image that is seen as a whole.
    ///
    /// # Errors
    /// When the labels have another size than the image, or no object is large enough.
    pub fn new(embedding: Embedding, labels: &Labels) -> Result<Self> {
        let parts = LabelledParts::new(labels, embedding.size(), TileChoice::Whole)?;
        parts.with(vec![embedding])
    }

    /// What `object` is seen in.
    pub fn view(&self, object: usize) -> &Embedding {
        &self.views[self.objects[object].view]
    }

    /// The share, 0..1, that `object` takes of each cell of the `side × side` low-resolution
    /// logits of its view, which lie over the padded square input.
    pub fn target(&self, object: usize, side: usize) -> Vec<f32> {
        let shape = &self.objects[object].shape;
        let inside = (0..shape.bits.len()).filter(|&i| shape.bits[i]);
        let pixels = inside.map(|i| (shape.x + i % shape.width, shape.y + i / shape.width));
        self.view(object).shares(pixels, side)
    }
}

/// What to hold out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldOut {
    /// A part, drawn at random: whole images where there are several, else objects.
    Part,
    /// The images at these places.
    Images(Vec<usize>),
}

impl Split {
    /// Holds out what `held_out` says; a part is about `fraction`, at least one and never all.
    ///
    /// # Errors
    /// When there is nothing left to train on or to evaluate on.
    pub fn new(
        images: &[LabelledImage],
        held_out: &HeldOut,
        fraction: f64,
        random: &mut Random,
    ) -> Result<Self> {
        let all = images.iter().enumerate().flat_map(|(image, labelled)| {
            (0..labelled.objects.len()).map(move |object| Example { image, object })
        });
        let mut all: Vec<Example> = all.collect();
        if all.len() < 2 {
            return Err(Error::new(
                "There is a single labelled object: label one more, so that one can be held out.",
            ));
        }
        let part = |n: usize| ((n as f64 * fraction).round() as usize).clamp(1, n - 1);
        let out = match held_out {
            HeldOut::Images(out) => out.clone(),
            HeldOut::Part if images.len() > 1 => {
                let mut order: Vec<usize> = (0..images.len()).collect();
                random.shuffle(&mut order);
                order.truncate(part(images.len()));
                order
            }
            HeldOut::Part => {
                random.shuffle(&mut all);
                let training = all.split_off(part(all.len()));
                let held_out = all;
                return Ok(Self { training, held_out });
            }
        };
        let (held_out, training): (Vec<_>, Vec<_>) =
            all.iter().partition(|e| out.contains(&e.image));
        if training.is_empty() || held_out.is_empty() {
            return Err(Error::new(
                "Hold out at least one labelled image, and leave at least one to train on.",
            ));
        }
        Ok(Self { training, held_out })
    }
}

/// Targets `(B, side, side)` of `examples`.
pub fn targets(
    images: &[LabelledImage],
    examples: &[Example],
    side: usize,
    device: &Device,
) -> Tensor<3> {
    let values: Vec<f32> = examples
        .iter()
        .flat_map(|e| images[e.image].target(e.object, side))
        .collect();
    Tensor::from_data(
        TensorData::new(values, [examples.len(), side, side]),
        device,
    )
}
