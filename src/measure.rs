//! What devices are measured by, besides the model's own work.

use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

use crate::device;
use crate::error::Result;
use crate::model::SamConfig;
use crate::model::config::{ImageEncoderConfig, VitConfig};
use crate::model::kernels::Activation;
use crate::model::layers::{apply, linear};
use crate::model::parameters::with_parameters;
use crate::weights::noise::noise;
use crate::weights::source::NoiseSource;

/// A large matrix product: a linear layer of noise and what goes in.
pub struct Product {
    x: Tensor<2>,
    layer: Linear,
    /// Multiplications and additions of one product.
    pub flop: f64,
}

impl Product {
    pub fn new([rows, inputs, outputs]: [usize; 3], device: &Device) -> Result<Self> {
        let x = TensorData::new(noise("input.weight", &[rows, inputs]), [rows, inputs]);
        let mut source = NoiseSource::default();
        Ok(Self {
            x: Tensor::from_data(x, device),
            layer: with_parameters(&mut source, device, |p| linear(p, inputs, outputs))?,
            flop: 2.0 * (rows * inputs * outputs) as f64,
        })
    }

    /// Multiplies that many times, one after the other, and waits for the end.
    pub async fn run(&self, times: usize) -> Result<()> {
        let mut y = apply(&self.layer, self.x.clone(), Activation::None);
        for _ in 1..times {
            y = apply(&self.layer, self.x.clone(), Activation::None);
        }
        device::settle(&y).await
    }
}

/// Multiplications and additions in the matrix products of one encoding; of plain vision
/// transformers only.
pub fn encoder_flop(config: &SamConfig) -> Option<f64> {
    let ImageEncoderConfig::Vit(vit) = &config.image_encoder else {
        return None;
    };
    let (grid, dim, out) = (config.grid(), vit.embed_dim, config.embed_dim);
    let patches = dim * 3 * vit.patch_size.pow(2);
    let neck = dim * out + 9 * out * out;
    let blocks: usize = (0..vit.depth).map(|i| block_products(vit, grid, i)).sum();
    Some(2.0 * (grid * grid * (patches + neck) + blocks) as f64)
}

/// Multiplications in the products of the block at `index`.
fn block_products(vit: &VitConfig, grid: usize, index: usize) -> usize {
    let (side, windows) = match vit.global_blocks.contains(&index) {
        true => (grid, 1),
        false => (vit.window, grid.div_ceil(vit.window).pow(2)),
    };
    let (dim, tokens) = (vit.embed_dim, windows * side * side);
    let projections = 4 * dim * dim;
    // Queries meet keys, then values, and the positions of rows and columns.
    let attention = dim * (2 * side * side + 2 * side);
    tokens * (projections + attention) + grid * grid * 2 * dim * vit.mlp_dim
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vit_b_takes_what_is_known_of_it() {
        let tflop = encoder_flop(&SamConfig::vit_b()).unwrap() / 1e12;
        assert!((0.97..0.98).contains(&tflop), "{tflop}");
        assert_eq!(encoder_flop(&SamConfig::mobile_sam()), None);
    }

    #[test]
    fn products_are_counted_and_run() {
        let product = Product::new([3, 4, 5], &Device::flex()).unwrap();
        assert_eq!(product.flop, 120.0);
        device::block_on(product.run(2)).unwrap();
    }
}
