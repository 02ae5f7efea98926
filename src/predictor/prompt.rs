//! What a person points at.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::encoding::Embedding;
use crate::error::{Error, Result};
use crate::model::prompt_encoder::{PromptEncoder, label};

/// A prompt in pixels of the original image, x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prompt {
    Point { x: f32, y: f32, positive: bool },
    Box { x0: f32, y0: f32, x1: f32, y1: f32 },
}

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
                match *prompt {
                    Prompt::Point { x, y, positive } => {
                        points.extend(to_input([x, y]));
                        labels.push(match positive {
                            true => label::POSITIVE,
                            false => label::NEGATIVE,
                        });
                    }
                    Prompt::Box { x0, y0, x1, y1 } => {
                        last_box = Some([to_input([x0, y0]), to_input([x1, y1])]);
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

/// Tokens `(B, N, C)` of B lists of prompts on one image, and the dense embedding of the masks
/// `(B, 1, side, side)` that they refine, or of there being none.
pub(crate) fn embed_prompts(
    encoder: &PromptEncoder,
    batch: &[&[Prompt]],
    embedding: &Embedding,
    previous: Option<Tensor<4>>,
) -> (Tensor<3>, Tensor<4>) {
    let tensors = PromptTensors::new(batch, embedding, &embedding.features.device());
    let dense = match previous {
        Some(mask) => encoder.dense(mask),
        None => encoder.no_mask(),
    };
    (encoder.sparse(tensors.points, tensors.boxes), dense)
}

impl Prompt {
    /// Refuses a prompt that does not lie in an image of `width` × `height`, or is empty.
    pub(super) fn check(&self, (width, height): (usize, usize)) -> Result<()> {
        let inside = |x: f32, y: f32| {
            (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y)
        };
        let size = format!("the image of {width} × {height} pixels");
        match *self {
            Self::Point { x, y, .. } if !inside(x, y) => Err(Error::new(format!(
                "The point {x},{y} lies outside {size}."
            ))),
            Self::Box { x0, y0, x1, y1 } if !inside(x0, y0) || !inside(x1, y1) => Err(Error::new(
                format!("The box {x0},{y0},{x1},{y1} reaches outside {size}."),
            )),
            Self::Box { x0, y0, x1, y1 } if x0 >= x1 || y0 >= y1 => Err(Error::new(format!(
                "The box {x0},{y0},{x1},{y1} is empty: give the top left corner, then the bottom right one."
            ))),
            _ => Ok(()),
        }
    }
}
