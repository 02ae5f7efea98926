//! Layers that several blocks share, built from named parameters.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, PaddingConfig2d};
use burn::tensor::{DType, Tensor, TensorData, activation, module};
use half::f16;

use super::elementwise::{gelu, on_cpu};
use super::kernels::{self, Activation};
use super::parameters::Parameters;
use super::precision::Precision;
use crate::device;
use crate::error::Result;

/// A linear layer; the checkpoint's `(outputs, inputs)` weight is kept transposed, as Burn
/// multiplies from the left. It is held in float16 where the precision says so and the kernel
/// takes it, unless a weight is too large for that.
pub fn linear(p: &Parameters, inputs: usize, outputs: usize) -> Result<Linear> {
    let weight = transpose(&p.values("weight", &[outputs, inputs])?, inputs);
    let half = p.precision() == Precision::F16
        && kernels::linear_fits(inputs, outputs)
        && weight.iter().all(|w| w.abs() <= f16::MAX.to_f32());
    let dtype = if half { DType::F16 } else { DType::F32 };
    let weight = TensorData::new(weight, [inputs, outputs]);
    Ok(Linear {
        weight: Param::from_tensor(Tensor::from_data(weight, (p.device(), dtype))),
        bias: Some(Param::from_tensor(p.tensor("bias", [outputs])?)),
    })
}

/// A linear layer and what follows it, over the last dimension of `x`; made for many rows.
pub fn apply<const D: usize>(layer: &Linear, x: Tensor<D>, then: Activation) -> Tensor<D> {
    let bias = layer.bias.as_ref().map(Param::val);
    apply_to(x, layer.weight.val(), bias, then)
}

/// [`apply`] of a layer's weight, `(inputs, outputs)`, and bias.
pub fn apply_to<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    then: Activation,
) -> Tensor<D> {
    let mut shape = x.dims();
    let [inputs, outputs] = weight.dims();
    match bias {
        Some(bias) if kernels::has_linear(&x, inputs, outputs) => {
            let rows = x.reshape([-1, inputs as i64]);
            shape[D - 1] = outputs;
            kernels::linear(rows, weight, bias, then).reshape(shape)
        }
        bias => {
            let x = module::linear(x, weight, bias);
            match then {
                Activation::None => x,
                Activation::Gelu => gelu(x),
            }
        }
    }
}

/// Row-major `(rows, columns)` values as `(columns, rows)`, in blocks that stay in cache.
fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let rows = values.len() / columns;
    let mut out = vec![0.0; values.len()];
    for row_block in (0..rows).step_by(BLOCK) {
        for column_block in (0..columns).step_by(BLOCK) {
            for row in row_block..rows.min(row_block + BLOCK) {
                for column in column_block..columns.min(column_block + BLOCK) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

/// `(B, C, height, width)` as `(B, pixels, C)`, and laid out like that in memory: sums of views
/// with swapped dimensions are slow.
pub fn pixels_first(x: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = x.dims();
    let pixels = height * width;
    x.flatten::<3>(2, 3)
        .swap_dims(1, 2)
        .reshape([batch * pixels, channels])
        .reshape([batch, pixels, channels])
}

/// `(B, pixels, C)` of a square grid as `(B, C, grid, grid)`.
pub fn channels_first(x: Tensor<3>) -> Tensor<4> {
    let [batch, pixels, channels] = x.dims();
    let grid = pixels.isqrt();
    x.swap_dims(1, 2).reshape([batch, channels, grid, grid])
}

/// A layer norm over the last of `channels`.
pub fn layer_norm(p: &Parameters, channels: usize, epsilon: f64) -> Result<LayerNorm> {
    let mut norm = LayerNormConfig::new(channels)
        .with_epsilon(epsilon)
        .init(p.device());
    norm.gamma = Param::from_tensor(p.tensor("weight", [channels])?);
    norm.beta = Some(Param::from_tensor(p.tensor("bias", [channels])?));
    Ok(norm)
}

/// Sizes of a convolution with a square kernel.
pub struct ConvSize {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub groups: usize,
    pub bias: bool,
}

impl ConvSize {
    /// A convolution with bias and without padding or groups.
    pub fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel,
            stride,
            padding: 0,
            groups: 1,
            bias: true,
        }
    }
}

/// A convolution over `(batch, channels, height, width)`.
pub fn conv2d(p: &Parameters, size: ConvSize) -> Result<Conv2d> {
    let shape = [
        size.outputs,
        size.inputs / size.groups,
        size.kernel,
        size.kernel,
    ];
    let bias = match size.bias {
        true => Some(p.tensor("bias", [size.outputs])?),
        false => None,
    };
    Ok(convolution(&size, p.tensor("weight", shape)?, bias))
}

/// A convolution of the given `weight`, `(outputs, inputs / groups, kernel, kernel)`, and `bias`.
pub fn convolution(size: &ConvSize, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Conv2d {
    Conv2d {
        weight: Param::from_tensor(weight),
        bias: bias.map(Param::from_tensor),
        stride: [size.stride, size.stride],
        kernel_size: [size.kernel, size.kernel],
        dilation: [1, 1],
        groups: size.groups,
        padding: PaddingConfig2d::Explicit(size.padding, size.padding, size.padding, size.padding),
    }
}

/// A convolution and what follows it. On the CPU the bias is added with that in one pass, and by all threads, where Burn's
/// device has one of them add it.
pub fn convolve(layer: &Conv2d, x: Tensor<4>, then: Activation) -> Tensor<4> {
    let [batch, inputs, height, width] = x.dims();
    match (&layer.bias, then) {
        (Some(bias), _) if on_cpu(&x) && batch == 1 && is_pointwise(layer) => {
            let weight = layer.weight.val();
            let outputs = weight.dims()[0];
            let weight = weight.reshape([outputs, inputs]);
            let x = x.reshape([inputs, height * width]);
            kernels::pointwise(x, weight, bias.val(), then).reshape([1, outputs, height, width])
        }
        (Some(bias), _) if on_cpu(&x) && batch == 1 => {
            let bare = Conv2d {
                bias: None,
                ..layer.clone()
            };
            kernels::add_bias(bare.forward(x), bias.val(), then)
        }
        (_, Activation::Gelu) => gelu(layer.forward(x)),
        (_, Activation::None) => layer.forward(x),
    }
}

fn is_pointwise(layer: &Conv2d) -> bool {
    (layer.kernel_size, layer.stride, layer.groups) == ([1, 1], [1, 1], 1)
}

/// A transposed convolution of kernel 2 and stride 2, which doubles height and width.
pub fn conv_transpose2x(p: &Parameters, inputs: usize, outputs: usize) -> Result<ConvTranspose2d> {
    Ok(ConvTranspose2d {
        weight: Param::from_tensor(p.tensor("weight", [inputs, outputs, 2, 2])?),
        bias: Some(Param::from_tensor(p.tensor("bias", [outputs])?)),
        stride: [2, 2],
        kernel_size: [2, 2],
        dilation: [1, 1],
        groups: 1,
        padding: [0, 0],
        padding_out: [0, 0],
        channels: [inputs, outputs],
    })
}

/// A layer norm over the channels of `(batch, channels, height, width)`
/// (`segment_anything/modeling/common.py`, `LayerNorm2d`).
#[derive(Module, Debug)]
pub struct LayerNorm2d {
    norm: LayerNorm,
}

impl LayerNorm2d {
    pub fn load(p: &Parameters, channels: usize) -> Result<Self> {
        Ok(Self {
            norm: layer_norm(p, channels, 1e-6)?,
        })
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.norm.forward(x.permute([0, 2, 3, 1]));
        x.permute([0, 3, 1, 2])
    }

    /// The largest absolute value that the layer can have: of `n` normalised values none exceeds √n.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn bound(&self) -> Result<f32> {
        let gamma = device::read(self.norm.gamma.val()).await?;
        let beta = self.norm.beta.as_ref().map(|beta| beta.val());
        let beta = match beta {
            Some(beta) => device::read(beta).await?,
            None => Vec::new(),
        };
        // Not a number where one of them is none, which `f32::max` would pass over.
        let largest = |values: &[f32]| match values.iter().any(|x| x.is_nan()) {
            true => f32::NAN,
            false => values.iter().fold(0.0, |most: f32, x| most.max(x.abs())),
        };
        Ok((gamma.len() as f32).sqrt() * largest(&gamma) + largest(&beta))
    }

    /// Over the channels of `(batch, pixels, channels)`.
    pub fn forward_last(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }
}

/// The transformer's two-layer perceptron, `lin2(act(lin1(x)))`.
#[derive(Module, Debug)]
pub struct MlpBlock {
    lin1: Linear,
    lin2: Linear,
}

impl MlpBlock {
    pub fn load(p: &Parameters, channels: usize, hidden: usize) -> Result<Self> {
        Ok(Self {
            lin1: linear(&p.at("lin1"), channels, hidden)?,
            lin2: linear(&p.at("lin2"), hidden, channels)?,
        })
    }

    /// With GELU, as in the image encoder.
    pub fn forward_gelu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let hidden = apply(&self.lin1, x, Activation::Gelu);
        apply(&self.lin2, hidden, Activation::None)
    }

    /// With ReLU, as in the two-way transformer.
    pub fn forward_relu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        // Burn's device has one thread for so few rows.
        let linear = |layer: &Linear, x: Tensor<D>| match on_cpu(&x) {
            true => apply(layer, x, Activation::None),
            false => layer.forward(x),
        };
        linear(&self.lin2, activation::relu(linear(&self.lin1, x)))
    }
}

/// A perceptron of several layers with ReLU between them
/// (`segment_anything/modeling/mask_decoder.py`, `MLP`).
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    pub fn load(p: &Parameters, sizes: &[usize]) -> Result<Self> {
        let layers = sizes
            .windows(2)
            .enumerate()
            .map(|(i, pair)| linear(&p.at("layers").at(i), pair[0], pair[1]))
            .collect::<Result<_>>()?;
        Ok(Self { layers })
    }

    pub fn forward<const D: usize>(&self, mut x: Tensor<D>) -> Tensor<D> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < self.layers.len() {
                x = activation::relu(x);
            }
        }
        x
    }
}
