//! Labelled images with their embeddings, split into objects to train on and objects held out.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image::labels::{LabelledObject, Labels};
use crate::predictor::Embedding;
use crate::random::Random;

/// Labels of fewer pixels are not trained on: they are slips of the brush.
pub const MIN_AREA: usize = 20;

/// An image that was encoded once, with its labelled objects.
pub struct LabelledImage {
    pub embedding: Embedding,
    pub labels: Labels,
    pub objects: Vec<LabelledObject>,
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

impl LabelledImage {
    /// Takes the objects of at least [`MIN_AREA`] pixels.
    ///
    /// # Errors
    /// When the labels have another size than the image, or no object is large enough.
    pub fn new(embedding: Embedding, labels: Labels) -> Result<Self> {
        let objects = labels.objects_on(embedding.original(), MIN_AREA)?;
        Ok(Self {
            embedding,
            labels,
            objects,
        })
    }

    /// The share, 0..1, that `object` takes of each cell of the `side × side` low-resolution
    /// logits, which lie over the padded square input.
    pub fn target(&self, object: &LabelledObject, side: usize) -> Vec<f32> {
        let [left, top, right, bottom] = object.bbox.map(|side| side as usize);
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let own =
            |&(x, y): &(usize, usize)| self.labels.ids[y * self.labels.width + x] == object.id;
        self.embedding.shares(pixels.filter(own), side)
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
        .flat_map(|e| images[e.image].target(&images[e.image].objects[e.object], side))
        .collect();
    Tensor::from_data(
        TensorData::new(values, [examples.len(), side, side]),
        device,
    )
}
