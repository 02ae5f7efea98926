//! TinyViT-5M (Wu et al., 2022, <https://arxiv.org/abs/2207.10666>), the image encoder of
//! MobileSAM (Zhang et al., 2023, <https://arxiv.org/abs/2306.14289>), for 1024×1024 images.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::attention::{Bias, attention, merge_heads, split_heads};
use super::elementwise::gelu;
use super::kernels::{self, Activation, Kernel};
use super::layers::{ConvSize, apply, conv2d, convolution, convolve, layer_norm, linear};
use super::parameters::Parameters;
use super::vit::{window_partition, window_unpartition};
use crate::error::Result;

const EPSILON: f64 = 1e-5;
const HEAD_CHANNELS: usize = 32;
const MLP_RATIO: usize = 4;

/// Channels, depth and window of the three stages of transformer blocks.
const STAGES: [(usize, usize, usize); 3] = [(128, 2, 7), (160, 6, 14), (320, 2, 7)];
const STEM_CHANNELS: usize = 64;
const BOTTLENECKS: usize = 2;

/// A convolution stem, a stage of inverted bottlenecks and three of windowed attention.
#[derive(Module, Debug)]
pub struct TinyVit {
    stem: Stem,
    /// The first stage: inverted bottlenecks, each with a residual.
    bottlenecks: Vec<Bottleneck>,
    /// The merging of patches that leads into each stage of transformer blocks.
    downsamples: Vec<Bottleneck>,
    stages: Vec<Vec<TinyVitBlock>>,
}

impl TinyVit {
    /// Channels of the features handed to the neck.
    pub const CHANNELS: usize = STAGES[2].0;

    pub fn load(p: &Parameters) -> Result<Self> {
        let layers = p.at("layers");
        let mut downsamples = Vec::new();
        let mut stages = Vec::new();
        let mut channels = STEM_CHANNELS;
        for (i, &(outputs, depth, window)) in STAGES.iter().enumerate() {
            // MobileSAM keeps the last stage at the stride of the stage before it.
            let stride = if i + 1 == STAGES.len() { 1 } else { 2 };
            let sizes = [channels, outputs, outputs];
            let merging = layers.at(i).at("downsample");
            downsamples.push(Bottleneck::load(&merging, sizes, stride)?);
            let blocks = layers.at(i + 1).at("blocks");
            let stage = (0..depth).map(|j| TinyVitBlock::load(&blocks.at(j), outputs, window));
            stages.push(stage.collect::<Result<_>>()?);
            channels = outputs;
        }
        let sizes = [STEM_CHANNELS, 4 * STEM_CHANNELS, STEM_CHANNELS];
        let bottlenecks = (0..BOTTLENECKS)
            .map(|i| Bottleneck::load(&layers.at(0).at("blocks").at(i), sizes, 1))
            .collect::<Result<_>>()?;
        Ok(Self {
            stem: Stem::load(&p.at("patch_embed.seq"))?,
            bottlenecks,
            downsamples,
            stages,
        })
    }

    /// How many steps [`TinyVit::step`] knows: the stem with its stage, and the other stages.
    pub fn steps(&self) -> usize {
        1 + self.stages.len()
    }

    /// Step 0 takes `(B, 3, side, side)`; the last gives `(B, side/16, side/16, 320)`.
    pub fn step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        if step == 0 {
            let x = self.stem.forward(x);
            let residual =
                |x: Tensor<4>, block: &Bottleneck| gelu(kernels::add(block.forward(x.clone()), x));
            return self.bottlenecks.iter().fold(x, residual);
        }
        let x = match step {
            1 => x,
            _ => x.permute([0, 3, 1, 2]),
        };
        let x = self.downsamples[step - 1].forward(x).permute([0, 2, 3, 1]);
        self.stages[step - 1]
            .iter()
            .fold(x, |x, block| block.forward(x))
    }
}

/// A convolution with the batch norm that follows it in training folded in: read as `c.weight`
/// and `c.bias`, or folded here from `c.weight` and `bn.*`.
fn conv_bn(p: &Parameters, size: ConvSize) -> Result<Conv2d> {
    if p.has("c.bias") {
        return conv2d(&p.at("c"), size);
    }
    const BATCH_NORM_EPSILON: f32 = 1e-5;
    let (c, bn, n) = (p.at("c"), p.at("bn"), size.outputs);
    let shape = [n, size.inputs / size.groups, size.kernel, size.kernel];
    let mut weight = c.values("weight", &shape)?;
    let (gamma, mut bias) = (bn.values("weight", &[n])?, bn.values("bias", &[n])?);
    let (mean, var) = (
        bn.values("running_mean", &[n])?,
        bn.values("running_var", &[n])?,
    );
    let row = weight.len() / n;
    for (i, weights) in weight.chunks_mut(row).enumerate() {
        let scale = gamma[i] / (var[i] + BATCH_NORM_EPSILON).sqrt();
        weights.iter_mut().for_each(|w| *w *= scale);
        bias[i] -= mean[i] * scale;
    }
    let (weight, bias) = (p.place(weight, shape), p.place(bias, [n]));
    Ok(convolution(&size, weight, Some(bias)))
}

#[derive(Module, Debug)]
struct Stem {
    conv1: Conv2d,
    conv2: Conv2d,
}

impl Stem {
    fn load(p: &Parameters) -> Result<Self> {
        let conv = |inputs, outputs| ConvSize {
            padding: 1,
            ..ConvSize::new(inputs, outputs, 3, 2)
        };
        Ok(Self {
            conv1: conv_bn(&p.at(0), conv(3, STEM_CHANNELS / 2))?,
            conv2: conv_bn(&p.at(2), conv(STEM_CHANNELS / 2, STEM_CHANNELS))?,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = convolve(&self.conv1, x, Activation::Gelu);
        convolve(&self.conv2, x, Activation::None)
    }
}

/// Three convolutions with GELU between them: 1×1, depthwise 3×3, 1×1.
#[derive(Module, Debug)]
struct Bottleneck {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
}

impl Bottleneck {
    fn load(p: &Parameters, [a, b, c]: [usize; 3], stride: usize) -> Result<Self> {
        Ok(Self {
            conv1: conv_bn(&p.at("conv1"), ConvSize::new(a, b, 1, 1))?,
            conv2: conv_bn(&p.at("conv2"), depthwise(b, stride))?,
            conv3: conv_bn(&p.at("conv3"), ConvSize::new(b, c, 1, 1))?,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = convolve(&self.conv1, x, Activation::Gelu);
        let x = convolve(&self.conv2, x, Activation::Gelu);
        convolve(&self.conv3, x, Activation::None)
    }
}

fn depthwise(channels: usize, stride: usize) -> ConvSize {
    ConvSize {
        padding: 1,
        groups: channels,
        ..ConvSize::new(channels, channels, 3, stride)
    }
}

/// Windowed attention, a depthwise convolution and a perceptron.
#[derive(Module, Debug)]
struct TinyVitBlock {
    attn: Attention,
    local_conv: Conv2d,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    window: usize,
}

impl TinyVitBlock {
    fn load(p: &Parameters, channels: usize, window: usize) -> Result<Self> {
        let mlp = p.at("mlp");
        Ok(Self {
            attn: Attention::load(&p.at("attn"), channels, window)?,
            local_conv: conv_bn(&p.at("local_conv"), depthwise(channels, 1))?,
            norm: layer_norm(&mlp.at("norm"), channels, EPSILON)?,
            fc1: linear(&mlp.at("fc1"), channels, MLP_RATIO * channels)?,
            fc2: linear(&mlp.at("fc2"), MLP_RATIO * channels, channels)?,
            window,
        })
    }

    /// `(B, height, width, channels)` to the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let windows = self.attn.forward(window_partition(x.clone(), self.window));
        let x = kernels::add(x, window_unpartition(windows, height, width));
        let x = convolve(&self.local_conv, x.permute([0, 3, 1, 2]), Activation::None);
        let [batch, channels, ..] = x.dims();
        // What follows goes through it by rows, so it is brought into their order once.
        let x = x
            .permute([0, 2, 3, 1])
            .reshape([batch * height * width, channels]);
        let x = x.reshape([batch, height, width, channels]);
        let hidden = apply(&self.fc1, self.norm.forward(x.clone()), Activation::Gelu);
        kernels::add(apply(&self.fc2, hidden, Activation::None), x)
    }
}

/// Multi-head attention within a window, with a learned bias for each distance.
#[derive(Module, Debug)]
struct Attention {
    norm: LayerNorm,
    qkv: Linear,
    proj: Linear,
    /// `(heads, tokens, tokens)`.
    bias: Param<Tensor<3>>,
}

impl Attention {
    fn load(p: &Parameters, channels: usize, window: usize) -> Result<Self> {
        let heads = channels / HEAD_CHANNELS;
        let tokens = window * window;
        let table = p.values("attention_biases", &[heads, tokens])?;
        let bias = (0..heads * tokens * tokens)
            .map(|i| {
                let (head, query, key) = (i / (tokens * tokens), i / tokens % tokens, i % tokens);
                let rows = (query / window).abs_diff(key / window);
                let columns = (query % window).abs_diff(key % window);
                table[head * tokens + rows * window + columns]
            })
            .collect();
        Ok(Self {
            norm: layer_norm(&p.at("norm"), channels, EPSILON)?,
            qkv: linear(&p.at("qkv"), channels, 3 * channels)?,
            proj: linear(&p.at("proj"), channels, channels)?,
            bias: Param::from_tensor(p.place(bias, [heads, tokens, tokens])),
        })
    }

    /// `(windows, side, side, channels)` to the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [windows, side, _, channels] = x.dims();
        let tokens = side * side;
        let x = self.norm.forward(x.reshape([windows, tokens, channels]));
        let qkv = apply(&self.qkv, x, Activation::None);
        let bias = self.bias.val();
        let out = match kernels::on_gpu(&qkv) && kernels::is_usable(Kernel::TableAttention) {
            true => kernels::table_attention(qkv, bias),
            false => biased_attention(qkv, bias),
        };
        let out = apply(&self.proj, out, Activation::None);
        out.reshape([windows, side, side, channels])
    }
}

/// What [`kernels::table_attention`] computes, in tensor operations.
pub fn biased_attention(qkv: Tensor<3>, bias: Tensor<3>) -> Tensor<3> {
    let [heads, _, _] = bias.dims();
    let channels = qkv.dims()[2] / (3 * heads);
    // The checkpoint keeps a head's q, k and v next to each other.
    let qkv = split_heads(qkv, heads);
    let part = |i: usize| qkv.clone().narrow(2, i * channels, channels);
    let scale = (channels as f64).powf(-0.5);
    let out = attention(part(0), part(1), part(2), scale, Bias::Table(bias));
    merge_heads(out, heads)
}
