//! Burn's operations: what the models do by no kernel of this crate, in small.

use burn::module::Module;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

use super::{Check, tensor, values};
use crate::device;
use crate::error::Result;
use crate::model::SamConfig;
use crate::model::mask_decoder::MaskDecoder;
use crate::training::adamw::gradients;
use crate::training::loss::decoder_loss;
use crate::weights::source::NoiseSource;

/// Side of the embedding that the decoder is given, and tokens of a prompt.
const GRID: usize = 16;
const TOKENS: usize = 3;

pub async fn check_operations(check: &mut Check<'_>) -> Result<()> {
    let cpu = Device::flex();
    for convolution in CONVOLUTIONS {
        let right = device::read(convolution.on(&cpu)).await?;
        let [inputs, outputs] = convolution.channels;
        let shape = format!(
            "a convolution of {} × {0} with {inputs} by {} channels",
            convolution.kernel,
            outputs / convolution.groups,
        );
        let computed = convolution.on(check.device);
        check.compare(None, shape, computed, &right).await?;
    }
    let (right, computed) = (decode(&cpu).await?, decode(check.device).await?);
    check.compare_values(
        None,
        "the decoder's masks".into(),
        &computed.answer,
        &right.answer,
    );
    check.compare_gradients(&computed.gradients, &right.gradients);
    Ok(())
}

struct Convolution {
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
}

/// Of the neck, of TinyViT's patches and of its blocks, and the patches of ViT.
const CONVOLUTIONS: [Convolution; 4] = [
    Convolution {
        channels: [256, 256],
        kernel: 3,
        stride: 1,
        padding: 1,
        groups: 1,
    },
    Convolution {
        channels: [3, 32],
        kernel: 3,
        stride: 2,
        padding: 1,
        groups: 1,
    },
    Convolution {
        channels: [128, 128],
        kernel: 3,
        stride: 1,
        padding: 1,
        groups: 128,
    },
    Convolution {
        channels: [3, 192],
        kernel: 16,
        stride: 16,
        padding: 0,
        groups: 1,
    },
];

impl Convolution {
    fn on(&self, device: &Device) -> Tensor<4> {
        let [inputs, outputs] = self.channels;
        let side = if self.kernel > 3 { 64 } else { 18 };
        let weight = [outputs, inputs / self.groups, self.kernel, self.kernel];
        let fan_in: usize = weight[1..].iter().product();
        let size = (3.0 / fan_in as f32).sqrt();
        let x = values("x", 1.0, inputs * side * side);
        let w = values("weight", size, weight.iter().product());
        let bias = values("shift", 1.0, outputs);
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        module::conv2d(
            tensor(&x, [1, inputs, side, side], device),
            tensor(&w, weight, device),
            Some(tensor(&bias, [outputs], device)),
            ConvOptions::new(stride, padding, [1, 1], self.groups),
        )
    }
}

struct Decoded {
    /// Masks, then predicted IoUs.
    answer: Vec<f32>,
    gradients: Vec<f32>,
}

/// The answer of a decoder of noise to two prompts, and the gradients of a step.
async fn decode(device: &Device) -> Result<Decoded> {
    let config = SamConfig::mobile_sam();
    let decoder = MaskDecoder::open(&mut NoiseSource::default(), &config, device)?;
    let (dim, pixels, side) = (config.embed_dim, GRID * GRID, 4 * GRID);
    let image = tensor(
        &values("image", 1.0, pixels * dim),
        [1, pixels, dim],
        device,
    );
    let position = tensor(
        &values("place", 1.0, pixels * dim),
        [1, pixels, dim],
        device,
    );
    let prompts = values("prompts", 1.0, 2 * TOKENS * dim);
    let prompts: Tensor<3> = tensor(&prompts, [2, TOKENS, dim], device);

    let prepared = decoder.prepare(image.clone(), position.clone());
    let (masks, ious) = decoder.forward(&prepared, prompts.clone());
    let mut answer = device::read(masks).await?;
    answer.extend(device::read(ious).await?);

    let trained = decoder.train();
    let prepared = trained.prepare(image.autodiff(), position.autodiff());
    let (masks, ious) = trained.forward(&prepared, prompts.autodiff());
    let inside = values("target", 1.0, 2 * side * side);
    let inside: Vec<f32> = inside.iter().map(|&v| f32::from(v > 0.0)).collect();
    let target = tensor(&inside, [2, side, side], device).autodiff();
    let ambiguous = tensor(&[1.0, 0.0], [2], device).autodiff();
    let loss = decoder_loss(masks, ious, target, ambiguous);
    let gradients = device::read(Tensor::cat(gradients(loss, &trained), 0)).await?;
    Ok(Decoded { answer, gradients })
}
