//! Matrix products: a large one to measure by, and how many an encoder has.

use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

use super::timing::{self, Clock};
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

    /// Seconds of one product, by the device's clock where it has one.
    pub async fn seconds(&self, device: &Device) -> Result<f64> {
        let work = || apply(&self.layer, self.x.clone(), Activation::None);
        timing::seconds(device, Clock::Device, work).await
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

/// Side and number of the windows of the block at `index`.
fn windows(vit: &VitConfig, grid: usize, index: usize) -> (usize, usize) {
    match vit.global_blocks.contains(&index) {
        true => (grid, 1),
        false => (vit.window, grid.div_ceil(vit.window).pow(2)),
    }
}

/// Multiplications in the products of the block at `index`.
fn block_products(vit: &VitConfig, grid: usize, index: usize) -> usize {
    let (side, count) = windows(vit, grid, index);
    // Queries meet keys, then values, and the positions of rows and columns.
    let attention = vit.embed_dim * (2 * side * side + 2 * side);
    count * side * side * attention + linear_products(vit, grid, index)
}

/// Those of its linear layers.
fn linear_products(vit: &VitConfig, grid: usize, index: usize) -> usize {
    let (side, count) = windows(vit, grid, index);
    let dim = vit.embed_dim;
    count * side * side * 4 * dim * dim + grid * grid * 2 * dim * vit.mlp_dim
}

/// Multiplications and additions of the linear layers of an encoder's blocks.
pub fn linear_flop(vit: &VitConfig, grid: usize) -> f64 {
    let products: usize = (0..vit.depth).map(|i| linear_products(vit, grid, i)).sum();
    2.0 * products as f64
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
