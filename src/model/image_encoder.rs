//! The image encoder: a backbone and the neck that brings its features to the embedding's
//! channels.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use super::config::{ImageEncoderConfig, SamConfig};
use super::elementwise::on_cpu;
use super::kernels;
use super::layers::{ConvSize, LayerNorm2d, conv2d};
use super::parameters::Parameters;
use super::tiny_vit::TinyVit;
use super::vit::Vit;
use crate::error::Result;

/// Maps normalised images `(B, 3, side, side)` to embeddings `(B, C, grid, grid)`; with
/// ViT-B, `(B, 3, 1024, 1024)` to `(B, 256, 64, 64)`.
#[derive(Module, Debug)]
pub struct ImageEncoder {
    backbone: Backbone,
    neck: Neck,
}

// There is one for each model, so its size does not count.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Backbone {
    Vit(Vit),
    TinyVit(TinyVit),
}

impl ImageEncoder {
    pub fn load(p: &Parameters, config: &SamConfig) -> Result<Self> {
        let (backbone, channels) = match &config.image_encoder {
            ImageEncoderConfig::Vit(vit) => (Backbone::Vit(Vit::load(p, vit)?), vit.embed_dim),
            ImageEncoderConfig::TinyVit => {
                (Backbone::TinyVit(TinyVit::load(p)?), TinyVit::CHANNELS)
            }
        };
        Ok(Self {
            backbone,
            neck: Neck::load(&p.at("neck"), channels, config.embed_dim)?,
        })
    }

    /// The number of steps of a pass.
    pub fn steps(&self) -> usize {
        1 + match &self.backbone {
            Backbone::Vit(vit) => vit.steps(),
            Backbone::TinyVit(vit) => vit.steps(),
        }
    }

    /// One step of a pass: step 0 takes the image, each other one the result of the step before,
    /// and the last returns the embedding. A caller that must stay responsive pauses between steps.
    pub fn step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        match (&self.backbone, step + 1 == self.steps()) {
            (_, true) => self.neck.forward(x),
            (Backbone::Vit(vit), _) => vit.step(step, x),
            (Backbone::TinyVit(vit), _) => vit.step(step, x),
        }
    }

    /// The largest absolute value that an embedding can have.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn bound(&self) -> Result<f32> {
        self.neck.norm2.bound().await
    }

    /// A whole pass.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        (0..self.steps()).fold(image, |x, step| self.step(step, x))
    }
}

/// 1×1 and 3×3 convolutions, each with a norm over the channels.
#[derive(Module, Debug)]
struct Neck {
    conv1: Conv2d,
    norm1: LayerNorm2d,
    conv2: Conv2d,
    norm2: LayerNorm2d,
}

impl Neck {
    fn load(p: &Parameters, inputs: usize, outputs: usize) -> Result<Self> {
        let conv = |index: usize, inputs, kernel| {
            let size = ConvSize {
                padding: kernel / 2,
                bias: false,
                ..ConvSize::new(inputs, outputs, kernel, 1)
            };
            conv2d(&p.at(index), size)
        };
        Ok(Self {
            conv1: conv(0, inputs, 1)?,
            norm1: LayerNorm2d::load(&p.at(1), outputs)?,
            conv2: conv(2, outputs, 3)?,
            norm2: LayerNorm2d::load(&p.at(3), outputs)?,
        })
    }

    /// `(B, grid, grid, channels)` to `(B, C, grid, grid)`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.conv1.forward(x.permute([0, 3, 1, 2]));
        self.norm2.forward(self.second(self.norm1.forward(x)))
    }

    /// The 3 × 3 convolution.
    fn second(&self, x: Tensor<4>) -> Tensor<4> {
        if !on_cpu(&x) || x.dims()[0] != 1 {
            return self.conv2.forward(x);
        }
        let weight = self.conv2.weight.val();
        let none = Tensor::zeros([weight.dims()[0]], &x.device());
        let x = x.pad([(0, 0), (0, 0), (1, 1), (0, 0)], 0.0);
        kernels::convolve(x, kernels::transformed(weight), none)
    }
}
