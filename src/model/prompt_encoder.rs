//! The prompt encoder: points, boxes and masks to tokens and a dense embedding
//! (section A of the paper; `segment_anything/modeling/prompt_encoder.py`).

use std::f64::consts::PI;

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::{Int, Tensor};

use super::config::SamConfig;
use super::elementwise::gelu;
use super::layers::{ConvSize, LayerNorm2d, conv2d, pixels_first};
use super::parameters::Parameters;
use crate::error::Result;

/// Labels of a point, as `segment_anything` numbers them.
pub mod label {
    /// A placeholder where no box is given; its coordinates are ignored.
    pub const PADDING: i32 = -1;
    /// A point outside the object.
    pub const NEGATIVE: i32 = 0;
    /// A point inside the object.
    pub const POSITIVE: i32 = 1;
    /// A box's top left corner.
    const TOP_LEFT: i32 = 2;
    /// A box's bottom right corner.
    const BOTTOM_RIGHT: i32 = 3;

    pub(super) const CORNERS: [i32; 2] = [TOP_LEFT, BOTTOM_RIGHT];
}

const MASK_CHANNELS: usize = 16;

/// Embeds prompts given in pixels of the model's square input.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    /// The random frequencies of the positional encoding, `(2, C/2)`.
    frequencies: Param<Tensor<2>>,
    /// The embedding of each label, which is added to its point's position, by label + 1: `(5, C)`.
    labels: Param<Tensor<2>>,
    mask_downscaling: MaskDownscaling,
    no_mask_embed: Param<Tensor<3>>,
    dense_position: Tensor<3>,
    image_size: usize,
}

impl PromptEncoder {
    pub fn load(p: &Parameters, config: &SamConfig) -> Result<Self> {
        let dim = config.embed_dim;
        let mut labels = p.at("not_a_point_embed").values("weight", &[1, dim])?;
        for i in 0..4 {
            labels.extend(p.at("point_embeddings").at(i).values("weight", &[1, dim])?);
        }
        let no_mask = p.at("no_mask_embed").values("weight", &[1, dim])?;
        let frequencies = p
            .at("pe_layer")
            .tensor("positional_encoding_gaussian_matrix", [2, dim / 2])?;
        let dense_position = dense_position(&frequencies, config.grid());
        Ok(Self {
            dense_position,
            frequencies: Param::from_tensor(frequencies),
            labels: Param::from_tensor(p.place(labels, [5, dim])),
            mask_downscaling: MaskDownscaling::load(&p.at("mask_downscaling"), dim)?,
            no_mask_embed: Param::from_tensor(p.place(no_mask, [1, 1, dim])),
            image_size: config.image_size(),
        })
    }

    /// Points `(B, N, 2)` as x, y in pixels with their [`label`]s `(B, N)`, and boxes `(B, M, 4)`
    /// as x0, y0, x1, y1, to tokens `(B, N + 2·M, C)`; without boxes, a padding point is added.
    pub fn sparse(
        &self,
        points: Option<(Tensor<3>, Tensor<2, Int>)>,
        boxes: Option<Tensor<3>>,
    ) -> Tensor<3> {
        let points = points.map(|(points, labels)| match boxes {
            Some(_) => (points, labels),
            None => pad_point(points, labels),
        });
        let points = points.map(|(points, labels)| self.embed_points(points, labels));
        let corners = boxes.map(|boxes| {
            let [batch, count, _] = boxes.dims();
            let labels = Tensor::<1, Int>::from_ints(label::CORNERS, &boxes.device());
            let labels = labels.repeat_dim(0, batch * count);
            self.embed_points(
                boxes.reshape([batch, 2 * count, 2]),
                labels.reshape([batch, 2 * count]),
            )
        });
        Tensor::cat(points.into_iter().chain(corners).collect(), 1)
    }

    /// The dense embedding of a mask prompt, low-resolution logits `(B, 1, 4·grid, 4·grid)`:
    /// `(B, pixels, C)`.
    pub fn dense(&self, mask: Tensor<4>) -> Tensor<3> {
        pixels_first(self.mask_downscaling.forward(mask))
    }

    /// The dense embedding without a mask prompt, the same for all pixels: `(1, 1, C)`.
    pub fn no_mask(&self) -> Tensor<3> {
        self.no_mask_embed.val()
    }

    /// The positional encoding of the image embedding: `(1, pixels, C)`.
    pub fn dense_position(&self) -> Tensor<3> {
        self.dense_position.clone()
    }

    fn embed_points(&self, points: Tensor<3>, labels: Tensor<2, Int>) -> Tensor<3> {
        let [batch, count] = labels.dims();
        let points = (points + 0.5) / self.image_size as f64;
        let position = position(points, &self.frequencies.val());
        let is_point = labels.clone().not_equal_elem(label::PADDING).float();
        let rows = (labels + 1).reshape([batch * count]);
        let by_label = self.labels.val().select(0, rows);
        let by_label = by_label.reshape([batch as i32, count as i32, -1]);
        position * is_point.unsqueeze_dim::<3>(2) + by_label
    }
}

/// Random Fourier features (Tancik et al., 2020) of points `(B, N, 2)` in 0..1: `(B, N, C)`.
fn position(points: Tensor<3>, frequencies: &Tensor<2>) -> Tensor<3> {
    let [batch, count, _] = points.dims();
    let points = (points * 2.0 - 1.0).reshape([batch * count, 2]);
    let angles = points.matmul(frequencies.clone()) * (2.0 * PI);
    Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1).reshape([
        batch as i32,
        count as i32,
        -1,
    ])
}

/// Of the centres of the embedding's cells: `(1, pixels, C)`.
fn dense_position(frequencies: &Tensor<2>, grid: usize) -> Tensor<3> {
    let centre = |i: usize| (i as f32 + 0.5) / grid as f32;
    let coordinates: Vec<f32> = (0..grid * grid)
        .flat_map(|i| [centre(i % grid), centre(i / grid)])
        .collect();
    let coordinates = Tensor::<1>::from_floats(coordinates.as_slice(), &frequencies.device());
    position(coordinates.reshape([1, grid * grid, 2]), frequencies)
}

fn pad_point(points: Tensor<3>, labels: Tensor<2, Int>) -> (Tensor<3>, Tensor<2, Int>) {
    let batch = points.dims()[0];
    let device = points.device();
    let point = Tensor::zeros([batch, 1, 2], &device);
    let padding = Tensor::full([batch, 1], label::PADDING, &device);
    (
        Tensor::cat(vec![points, point], 1),
        Tensor::cat(vec![labels, padding], 1),
    )
}

/// Brings a mask prompt to the size and the channels of the image embedding.
#[derive(Module, Debug)]
struct MaskDownscaling {
    conv1: Conv2d,
    norm1: LayerNorm2d,
    conv2: Conv2d,
    norm2: LayerNorm2d,
    conv3: Conv2d,
}

impl MaskDownscaling {
    fn load(p: &Parameters, dim: usize) -> Result<Self> {
        let (few, many) = (MASK_CHANNELS / 4, MASK_CHANNELS);
        Ok(Self {
            conv1: conv2d(&p.at(0), ConvSize::new(1, few, 2, 2))?,
            norm1: LayerNorm2d::load(&p.at(1), few)?,
            conv2: conv2d(&p.at(3), ConvSize::new(few, many, 2, 2))?,
            norm2: LayerNorm2d::load(&p.at(4), many)?,
            conv3: conv2d(&p.at(6), ConvSize::new(many, dim, 1, 1))?,
        })
    }

    fn forward(&self, mask: Tensor<4>) -> Tensor<4> {
        let x = gelu(self.norm1.forward(self.conv1.forward(mask)));
        let x = gelu(self.norm2.forward(self.conv2.forward(x)));
        self.conv3.forward(x)
    }
}
