//! Kernels by themselves, in the shapes of SAM ViT-B.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData, module};
use serde::Serialize;
use tsify::Tsify;

use super::product;
use super::timing::{self, Clock, tflops};
use crate::device;
use crate::error::Result;
use crate::model::Precision;
use crate::model::config::{ImageEncoderConfig, SamConfig, VitConfig};
use crate::model::kernels::{self, Activation, Form, Grid, Kernel};
use crate::weights::noise::noise;

/// How fast a kernel is.
#[derive(Debug, Clone, Serialize, Tsify)]
pub struct Rate {
    pub name: String,
    /// Seconds of one run.
    pub seconds: f64,
    /// 10¹² multiplications and additions in a second.
    pub tflops: f64,
    /// That rate in percent of a plain product's.
    pub of_product: f64,
    /// Its part of the time of ViT-B's encoder in percent, as far as it is these kernels'; `None`: it is not in it.
    pub of_encoder: Option<f64>,
}

/// The kernels of a GPU, side by side.
#[derive(Debug, Clone, Serialize, Tsify)]
pub struct Rates {
    /// By the GPU's own clock, not by the one on the wall.
    pub by_gpu_clock: bool,
    /// 10¹² multiplications and additions in a second of Burn's product of 4096 × 768 by 3072 in float32, which the rates
    /// are compared with.
    pub product_tflops: f64,
    pub kernels: Vec<Rate>,
}

/// Rows, inputs and outputs of the products.
const PRODUCT: [usize; 3] = [4096, 768, 3072];

/// Measures the kernels on `device`, a GPU.
///
/// # Errors
/// When the device fails, or the clock is too coarse.
pub async fn rates(device: &Device) -> Result<Rates> {
    let config = SamConfig::vit_b();
    let ImageEncoderConfig::Vit(vit) = &config.image_encoder else {
        unreachable!("ViT-B is a plain vision transformer");
    };
    let plain = {
        let [rows, inputs, outputs] = PRODUCT;
        let (x, w) = (
            tensor([rows, inputs], device),
            tensor([inputs, outputs], device),
        );
        timing::seconds(device, Clock::Device, || {
            Tensor::matmul(x.clone(), w.clone())
        })
        .await?
    };
    let mut found = Found {
        product_tflops: tflops(product_flop(), plain)?,
        kernels: Vec::new(),
    };
    // The image encoder's linear layers run in float16 where there is that.
    let linear_times = product::linear_flop(vit, config.grid()) / product_flop();
    let half = Precision::F16.on(device) == Precision::F16;
    let seconds = linear(device, DType::F32).await?;
    found.add(
        "linear layer",
        product_flop(),
        seconds,
        (!half).then_some(linear_times),
    )?;
    if half {
        let seconds = linear(device, DType::F16).await?;
        found.add(
            "linear layer in float16",
            product_flop(),
            seconds,
            Some(linear_times),
        )?;
    }
    attentions(device, vit, config.grid(), &mut found).await?;
    let seconds = convolution(device, config.embed_dim).await?;
    let flop = 2.0 * (64 * 64 * 9 * config.embed_dim.pow(2)) as f64;
    found.add("3 × 3 convolution", flop, seconds, Some(1.0))?;
    Ok(found.finish(device::has_timestamps(device)))
}

/// What was measured so far; until it is finished, parts of the encoder are seconds.
struct Found {
    product_tflops: f64,
    kernels: Vec<Rate>,
}

impl Found {
    fn add(
        &mut self,
        name: &str,
        flop: f64,
        seconds: f64,
        times_in_encoder: Option<f64>,
    ) -> Result<()> {
        let tflops = tflops(flop, seconds)?;
        self.kernels.push(Rate {
            name: name.into(),
            seconds,
            tflops,
            of_product: 100.0 * tflops / self.product_tflops,
            of_encoder: times_in_encoder.map(|times| times * seconds),
        });
        Ok(())
    }

    fn finish(self, by_gpu_clock: bool) -> Rates {
        let mut kernels = self.kernels;
        let whole: f64 = kernels.iter().filter_map(|rate| rate.of_encoder).sum();
        for part in kernels
            .iter_mut()
            .filter_map(|rate| rate.of_encoder.as_mut())
        {
            *part *= 100.0 / whole;
        }
        Rates {
            by_gpu_clock,
            product_tflops: self.product_tflops,
            kernels,
        }
    }
}

fn product_flop() -> f64 {
    let [rows, inputs, outputs] = PRODUCT;
    2.0 * (rows * inputs * outputs) as f64
}

fn tensor<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(noise("input.weight", &shape), shape),
        device,
    )
}

async fn linear(device: &Device, dtype: DType) -> Result<f64> {
    let [rows, inputs, outputs] = PRODUCT;
    let (x, bias) = (tensor([rows, inputs], device), tensor([outputs], device));
    let weight = tensor::<2>([inputs, outputs], device).cast(dtype);
    let work = || kernels::linear(x.clone(), weight.clone(), bias.clone(), Activation::Gelu);
    timing::seconds(device, Clock::Device, work).await
}

async fn attentions(
    device: &Device,
    vit: &VitConfig,
    side: usize,
    found: &mut Found,
) -> Result<()> {
    let channels = vit.embed_dim / vit.heads;
    let global = vit.global_blocks.len();
    let windows = side.div_ceil(vit.window).pow(2);
    let [windowed, whole] = [vit.window, side].map(|side| Grid {
        form: Form::Sam,
        height: side,
        width: side,
        heads: vit.heads,
        channels,
    });
    for (name, grid, grids, times) in [
        (
            "attention in windows",
            windowed,
            windows,
            vit.depth - global,
        ),
        ("attention over the image", whole, 1, global),
    ] {
        let [tokens, row] = grid.qkv_dims();
        let qkv = tensor([grids, tokens, row], device);
        let position = tensor([grid.height, grid.height, channels], device);
        let work = || kernels::attention(qkv.clone(), position.clone(), position.clone(), grid);
        let seconds = timing::seconds(device, Clock::Device, work).await?;
        let times = kernels::is_usable(Kernel::Attention).then_some(times as f64);
        found.add(name, grid.operations(grids), seconds, times)?;
    }
    Ok(())
}

/// Of the neck.
async fn convolution(device: &Device, channels: usize) -> Result<f64> {
    let x = tensor([1, channels, 64, 64], device);
    let weight = tensor([channels, channels, 3, 3], device);
    let work = || {
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        module::conv2d(x.clone(), weight.clone(), None, options)
    };
    timing::seconds(device, Clock::Device, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_compared_with_a_plain_product_and_with_each_other() {
        let mut found = Found {
            product_tflops: 2.0,
            kernels: Vec::new(),
        };
        found.add("a", 3e12, 1.0, Some(2.0)).unwrap();
        found.add("b", 1e12, 4.0, Some(0.5)).unwrap();
        found.add("c", 1e12, 1.0, None).unwrap();
        let told = found.add("too short", 1e12, 0.0, None).unwrap_err();
        assert!(told.to_string().contains("clock is too coarse"), "{told}");
        let rates = found.finish(true);
        let of_product: Vec<f64> = rates.kernels.iter().map(|rate| rate.of_product).collect();
        assert_eq!(of_product, [150.0, 12.5, 50.0]);
        let of_encoder: Vec<_> = rates.kernels.iter().map(|rate| rate.of_encoder).collect();
        assert_eq!(of_encoder, [Some(50.0), Some(50.0), None]);
    }

    #[test]
    fn linear_layers_are_most_of_vit_bs_products() {
        let config = SamConfig::vit_b();
        let ImageEncoderConfig::Vit(vit) = &config.image_encoder else {
            panic!("it is a plain vision transformer");
        };
        // Twelve blocks of 4096 tokens, and what windows add to that.
        let least = 12.0 * 2.0 * 4096.0 * 12.0 * 768.0_f64.powi(2);
        let linear = product::linear_flop(vit, config.grid());
        assert!(linear > least && linear < product::encoder_flop(&config).unwrap_or(0.0));
    }
}
