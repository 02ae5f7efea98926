//! What a person points at.

use burn::tensor::{Device, Int, Tensor};

use super::encoding::Geometry;
use crate::error::{Error, Result};
use crate::model::prompt_encoder::label;
use crate::model::sam::points_tensor;

/// A prompt in pixels of the original image, x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prompt {
    Point { x: f32, y: f32, positive: bool },
    Box { x0: f32, y0: f32, x1: f32, y1: f32 },
}

/// Prompts as the prompt encoder takes them, in pixels of the model's input.
pub(super) struct PromptTensors {
    /// Points `(1, N, 2)` and their labels `(1, N)`.
    pub points: Option<(Tensor<3>, Tensor<2, Int>)>,
    /// The last box, `(1, 1, 4)`.
    pub bounding_box: Option<Tensor<3>>,
}

impl PromptTensors {
    pub fn new(prompts: &[Prompt], geometry: Geometry, device: &Device) -> Self {
        let mut points = Vec::new();
        let mut corners = None;
        for prompt in prompts {
            match *prompt {
                Prompt::Point { x, y, positive } => {
                    let label = match positive {
                        true => label::POSITIVE,
                        false => label::NEGATIVE,
                    };
                    points.push((geometry.to_input([x, y]), label));
                }
                Prompt::Box { x0, y0, x1, y1 } => {
                    let (a, b) = (geometry.to_input([x0, y0]), geometry.to_input([x1, y1]));
                    corners = Some([[[a[0], a[1], b[0], b[1]]]]);
                }
            }
        }
        Self {
            points: match points.is_empty() {
                true => None,
                false => Some(points_tensor(&points, device)),
            },
            bounding_box: corners.map(|corners| Tensor::from_data(corners, device)),
        }
    }
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
