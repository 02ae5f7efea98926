//! The whole model.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::SamConfig;
use super::image_encoder::ImageEncoder;
use super::mask_decoder::MaskDecoder;
use super::parameters::with_parameters;
use super::precision::Precision;
use super::prompt_encoder::PromptEncoder;
use crate::error::Result;
use crate::weights::source::ParameterSource;

/// Mean and standard deviation by which `segment_anything` normalises the red, green and
/// blue of 0..255.
const PIXEL_MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const PIXEL_STD: [f32; 3] = [58.395, 57.12, 57.375];

#[derive(Module, Debug)]
pub struct Sam {
    pub image_encoder: ImageEncoder,
    pub prompt_encoder: PromptEncoder,
    pub mask_decoder: MaskDecoder,
}

impl Sam {
    /// Builds the model of `config` on `device` with the parameters of `source`; the image
    /// encoder's linear layers with that `precision`, where `device` has it.
    ///
    /// # Errors
    /// Whatever the source says of a parameter that is missing or has another shape.
    pub fn load(
        source: &mut dyn ParameterSource,
        config: &SamConfig,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        with_parameters(source, device, |p| {
            let encoder = p.at("image_encoder").with_precision(precision);
            Ok(Self {
                image_encoder: ImageEncoder::load(&encoder, config)?,
                prompt_encoder: PromptEncoder::load(&p.at("prompt_encoder"), config)?,
                mask_decoder: MaskDecoder::load(&p.at("mask_decoder"), config)?,
            })
        })
    }
}

/// An interleaved 8-bit RGB image of `width` × `height` at most `side`, normalised and padded
/// with zeros at the right and the bottom: `(1, 3, side, side)` (`Sam.preprocess`).
pub fn preprocess(
    rgb: &[u8],
    [width, height]: [usize; 2],
    side: usize,
    device: &Device,
) -> Tensor<4> {
    let mut values = vec![0.0; 3 * side * side];
    for (channel, plane) in values.chunks_mut(side * side).enumerate() {
        for (row, line) in rgb.chunks(3 * width).take(height).enumerate() {
            for (x, pixel) in line.chunks(3).enumerate() {
                plane[row * side + x] =
                    (pixel[channel] as f32 - PIXEL_MEAN[channel]) / PIXEL_STD[channel];
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, side, side]), device)
}
