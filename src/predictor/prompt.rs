//! What a person points at.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::encoding::Embedding;
use crate::error::{Error, Result};
use crate::image::part::Bounds;
use crate::image::shapes::Shape;
use crate::model::prompt_encoder::{PromptEncoder, label};

/// A prompt in pixels of the original image, x to the right and y down.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    Point {
        x: f32,
        y: f32,
        positive: bool,
    },
    Box {
        x0: f32,
        y0: f32,
        x1: f32,
        y1: f32,
    },
    /// A mask together with its box, as of the same object in a neighbouring image.
    Mask(Arc<Shape>),
}

/// How sure a mask that a person gave is taken to be: its logits are those of this probability
/// inside and of its complement outside.
const SURE: f32 = 0.999;

/// Prompts as the prompt encoder takes them, in pixels of the model's input.
struct PromptTensors {
    /// Points `(B, N, 2)` and their labels `(B, N)`.
    points: Option<(Tensor<3>, Tensor<2, Int>)>,
    /// The last box of each, `(B, 1, 4)`.
    boxes: Option<Tensor<3>>,
}

impl PromptTensors {
    /// Takes B lists of prompts on one image, with as many points in one as in the other and a
    /// box in all of them or in none.
    fn new(batch: &[&[Prompt]], embedding: &Embedding, device: &Device) -> Self {
        let to_input = |point| embedding.geometry.to_input(point);
        let (mut points, mut labels, mut boxes) = (Vec::new(), Vec::new(), Vec::new());
        for prompts in batch {
            let mut last_box = None;
            for prompt in *prompts {
                match prompt {
                    &Prompt::Point { x, y, positive } => {
                        points.extend(to_input([x, y]));
                        labels.push(match positive {
                            true => label::POSITIVE,
                            false => label::NEGATIVE,
                        });
                    }
                    &Prompt::Box { x0, y0, x1, y1 } => {
                        last_box = Some([to_input([x0, y0]), to_input([x1, y1])]);
                    }
                    Prompt::Mask(shape) => {
                        last_box = Some(corners(shape).map(to_input));
                    }
                }
            }
            boxes.extend(last_box.into_iter().flatten().flatten());
        }
        let (b, n) = (batch.len(), labels.len() / batch.len().max(1));
        let tensor = |values, shape| Tensor::from_data(TensorData::new(values, shape), device);
        Self {
            points: (n > 0).then(|| {
                let labels = TensorData::new(labels, [b, n]);
                (tensor(points, [b, n, 2]), Tensor::from_data(labels, device))
            }),
            boxes: (!boxes.is_empty()).then(|| tensor(boxes, [b, 1, 4])),
        }
    }
}

/// Tokens `(B, N, C)` of B lists of prompts on one image.
pub(super) fn embed_prompts(
    encoder: &PromptEncoder,
    batch: &[&[Prompt]],
    embedding: &Embedding,
) -> Tensor<3> {
    let tensors = PromptTensors::new(batch, embedding, &embedding.pixels.device());
    encoder.sparse(tensors.points, tensors.boxes)
}

/// The top left and the bottom right corner of a mask.
fn corners(shape: &Shape) -> [[f32; 2]; 2] {
    let (x, y) = (shape.x, shape.y);
    [[x, y], [x + shape.width, y + shape.height]].map(|corner| corner.map(|at| at as f32))
}

/// A mask as low-resolution logits of `side × side`.
pub(super) fn mask_logits(shape: &Shape, embedding: &Embedding, side: usize) -> Vec<f32> {
    let inside = (0..shape.bits.len()).filter(|&i| shape.bits[i]);
    let pixels = inside.map(|i| (shape.x + i % shape.width, shape.y + i / shape.width));
    let logit = |share: f32| {
        let probability = share.clamp(1.0 - SURE, SURE);
        (probability / (1.0 - probability)).ln()
    };
    let shares = embedding.shares(pixels, side);
    shares.into_iter().map(logit).collect()
}

impl Prompt {
    /// What it is about, in pixels of the image.
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            &Self::Point { x, y, .. } => [x, y, x, y],
            &Self::Box { x0, y0, x1, y1 } => [x0, y0, x1, y1],
            Self::Mask(shape) => {
                let [[x0, y0], [x1, y1]] = corners(shape);
                [x0, y0, x1, y1]
            }
        }
    }

    /// Refuses a prompt that does not lie in an image of `width` × `height`, or is empty.
    pub(super) fn check(&self, (width, height): (usize, usize)) -> Result<()> {
        let inside = |x: f32, y: f32| {
            (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y)
        };
        let size = format!("the image of {width} × {height} pixels");
        match self {
            &Self::Point { x, y, .. } if !inside(x, y) => Err(Error::new(format!(
                "The point {x},{y} lies outside {size}."
            ))),
            &Self::Box { x0, y0, x1, y1 } if !inside(x0, y0) || !inside(x1, y1) => Err(Error::new(
                format!("The box {x0},{y0},{x1},{y1} reaches outside {size}."),
            )),
            Self::Mask(shape) if corners(shape).iter().any(|&[x, y]| !inside(x, y)) => {
                Err(Error::new(format!("The mask reaches outside {size}.")))
            }
            &Self::Box { x0, y0, x1, y1 } if x0 >= x1 || y0 >= y1 => Err(Error::new(format!(
                "The box {x0},{y0},{x1},{y1} is empty: give the top left corner, then the bottom right one."
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode::Rgb;
    use crate::model::{Precision, SamConfig};
    use crate::predictor::Predictor;
    use crate::weights::source::NoiseSource;

    #[test]
    fn a_mask_lies_where_the_model_sees_it() {
        let (source, device) = (&mut NoiseSource::default(), Device::flex());
        let config = SamConfig::tiny();
        let predictor = Predictor::load(source, config, &device, Precision::F32).unwrap();
        let image = Rgb {
            width: 64,
            height: 32,
            pixels: vec![0; 64 * 32 * 3],
        };
        let embedding = crate::device::block_on(predictor.encode(&image)).unwrap();
        let side = embedding.mask_side();
        assert_eq!(side, 32, "so that two pixels of the image make a cell");

        // Columns 4 to 8 and rows 2 and 3, without its first pixel.
        let mut bits = vec![true; 10];
        bits[0] = false;
        let shape = Shape::trimmed(4, 2, 5, bits).unwrap();
        let logits = mask_logits(&shape, &embedding, side);
        let at = |x: usize, y: usize| logits[y * side + x];
        let sure = (0.999f32 / 0.001).ln();
        assert!((at(3, 1) - sure).abs() < 1e-2, "all inside");
        assert!((at(2, 1) - 3f32.ln()).abs() < 1e-5, "three of four pixels");
        assert!(at(4, 1).abs() < 1e-5, "a half");
        assert!((at(5, 1) + sure).abs() < 1e-2, "outside");
        assert_eq!(logits.iter().filter(|x| **x > -sure + 1e-2).count(), 3);
    }
}
