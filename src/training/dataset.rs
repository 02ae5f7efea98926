//! Labelled images with their embeddings, split into objects to train on and objects held out.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image::labels::{LabelledObject, Labels};
use crate::image::part::{Part, Pyramid};
use crate::image::shapes::{self, Shape};
use crate::image::unknown::Unknown;
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

/// Parts of an image that are encoded at most: each embedding takes 4 MiB with SAM.
const MOST_PARTS: usize = 48;

/// The objects of an image, and the parts of it in which they are seen.
pub struct LabelledParts {
    objects: Vec<TrainingObject>,
    parts: Vec<Part>,
    size: (usize, usize),
    runs: Vec<u32>,
    unknown: Unknown,
}

/// An image whose parts with objects were encoded once.
pub struct LabelledImage {
    /// Of the image or of its parts.
    pub views: Vec<Embedding>,
    pub objects: Vec<TrainingObject>,
    /// Width and height.
    pub size: (usize, usize),
    /// Of its labels.
    pub runs: Vec<u32>,
    /// Pixels that are not annotated, which are neither trained on nor counted.
    pub unknown: Unknown,
    /// The share, 0..1, of each cell of the low-resolution logits of each view that is annotated;
    /// none where all are.
    known: Vec<Vec<f32>>,
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
        let objects = labels.objects_on(size, MIN_AREA)?;
        let (parts, views) = seen_in(&objects, Pyramid { size }, tile);
        let objects = objects.into_iter().zip(views).map(|(object, view)| {
            let bounds = object.bbox.map(|at| at as usize);
            let shape = shapes::shape(labels, object.id, bounds);
            TrainingObject {
                object,
                shape,
                view,
            }
        });
        Ok(Self {
            objects: objects.collect(),
            parts,
            size,
            runs: labels.runs(),
            unknown: labels.unknown.clone(),
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
        let width = self.size.0;
        let known = |view: &Embedding| {
            let places = self.unknown.places();
            let pixels = places.map(|place| (place % width, place / width));
            let unknown = view.shares(pixels, view.mask_side());
            unknown.into_iter().map(|share| 1.0 - share).collect()
        };
        let known = match self.unknown.is_empty() {
            true => Vec::new(),
            false => views.iter().map(known).collect(),
        };
        Ok(LabelledImage {
            views,
            objects: self.objects,
            size: self.size,
            runs: self.runs,
            unknown: self.unknown,
            known,
        })
    }
}

/// The parts in which objects are seen, and the place of each object's among them. Where they are
/// too many, all objects are seen from further away.
fn seen_in(
    objects: &[LabelledObject],
    pyramid: Pyramid,
    tile: TileChoice,
) -> (Vec<Part>, Vec<usize>) {
    let mut coarser = 1;
    loop {
        let mut parts: Vec<Part> = Vec::new();
        let views = objects.iter().map(|LabelledObject { bbox, .. }| {
            let part = pyramid.holding(coarser * tile.side_for(&pyramid, *bbox), *bbox);
            let serves = |known: &Part| known.side() == part.side() && pyramid.holds(known, *bbox);
            parts.iter().position(serves).unwrap_or_else(|| {
                parts.push(part);
                parts.len() - 1
            })
        });
        let views = views.collect();
        if parts.len() <= MOST_PARTS {
            return (parts, views);
        }
        coarser *= 2;
    }
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

    /// The share, 0..1, of each cell of the low-resolution logits of `object`'s view that is
    /// annotated; none where all are.
    pub fn known(&self, object: usize) -> Option<&[f32]> {
        let known = self.known.get(self.objects[object].view);
        known.map(Vec::as_slice)
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

/// What of the cells of each of `examples`, which share an image and a view, is annotated,
/// `(B, side, side)` in 0..1; none where all are.
pub fn known(
    images: &[LabelledImage],
    examples: &[Example],
    side: usize,
    device: &Device,
) -> Option<Tensor<3>> {
    let first = examples.first()?;
    let known = images[first.image].known(first.object)?.to_vec();
    let plane = Tensor::<3>::from_data(TensorData::new(known, [1, side, side]), device);
    Some(plane.repeat_dim(0, examples.len()))
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
