//! Kernels that Burn does not have: the image encoder's attention and linear layers for the GPU, in
//! CubeCL; linear layers, sums with products, layer norms' moments, 1 × 1 and 3 × 3 convolutions and bilinear
//! doubling for the CPU. None has a derivative: where one is needed, the same formulas in tensor operations serve.
//!
//! The GPU's kernels keep within WebGPU's guaranteed limits (16 KiB of workgroup memory, 256
//! invocations, 128 MiB to a binding) and use no subgroups. Loops around a barrier have bounds that
//! are known when the kernel is compiled: browsers refuse a barrier if they cannot prove that the
//! whole workgroup reaches it.

mod attention;
mod doubling;
mod flex;
mod linear;
mod quads;
mod relative;
mod stopwatch;
#[cfg(test)]
mod tests;
mod tile;
mod winograd;

use std::sync::atomic::{AtomicU8, Ordering};

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};
use burn_flex::{Flex, FlexTensor};
use cubecl::prelude::BufferArg;
use serde::{Deserialize, Serialize};
use tsify::Tsify;

pub use attention::{Form, Grid};
pub use stopwatch::Stopwatch;
pub use tile::{Tile, Tiles, tiles, use_tiles};
pub use winograd::transformed;

use super::elementwise::on_cpu;

/// Multiplications and additions that a dispatch has at most: a fifth of a second on 0.4 TFLOP/s. Drivers take a GPU that
/// answers nothing for a second or two for dead.
pub const LARGEST_DISPATCH: f64 = 0.2 * 0.4e12;

/// Whether a tensor is on the GPU, with nothing to be differentiated.
pub fn on_gpu<const D: usize>(x: &Tensor<D>) -> bool {
    runs_on(&x.device())
}

/// Whether `device` is a GPU with nothing to be differentiated.
pub fn runs_on(device: &Device) -> bool {
    !device.is_autodiff() && *device != Device::flex()
}

/// What of these kernels a GPU may compute wrongly by itself. A process opens one GPU, so it is avoided there by all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Tsify)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Linear layers, whatever their weights.
    Linear,
    /// Those with weights in float16.
    HalfLinear,
    /// [`attention`].
    Attention,
    /// [`table_attention`].
    TableAttention,
}

/// A bit for each of those that are avoided.
static AVOIDED: AtomicU8 = AtomicU8::new(0);

impl Kernel {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Has the GPU do without these kernels, and no others, from now on: models that are loaded then use tensor operations in
/// their place.
pub fn avoid(kernels: &[Kernel]) {
    let bits = kernels.iter().fold(0, |bits, kernel| bits | kernel.bit());
    AVOIDED.store(bits, Ordering::Relaxed);
}

/// Whether the GPU may be given that kernel.
pub fn is_usable(kernel: Kernel) -> bool {
    AVOIDED.load(Ordering::Relaxed) & kernel.bit() == 0
}

/// What follows a matrix product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    None,
    Gelu,
}

/// `(rows, inputs)` times `(inputs, outputs)`, plus a bias of `(outputs)`, where [`has_linear`]
/// says so. The weight is in float32 or, on a GPU that has it, in float16; the rest is in float32.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    if on_gpu(&x) {
        let half = weight.dtype() == DType::F16;
        let tile = if half { tiles().half } else { tiles().single };
        return linear_in(tile, x, weight, bias, then);
    }
    assert!(on_cpu(&x) && weight.dims()[0] == x.dims()[1] && bias.dims() == [weight.dims()[1]]);
    let ([x, weight], bias) = ([x, weight].map(Tensor::into_dispatch), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::linear_from_bias(x, weight, bias, then))
}

/// [`linear`] on a GPU in tiles of that kind.
pub fn linear_in(
    tile: Tile,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    then: Activation,
) -> Tensor<2> {
    let ([_, inputs], [rows, outputs]) = (x.dims(), weight.dims());
    assert!(on_gpu(&x) && linear_fits(inputs, outputs));
    assert!(rows == inputs && bias.dims() == [outputs]);
    let ([x, weight], bias) = ([x, weight].map(Tensor::into_dispatch), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_linear(x, weight, bias, then, tile))
}

/// `a + b`, of the same shape; on the CPU by all threads.
pub fn add<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    match on_cpu(&a) && on_cpu(&b) {
        true => {
            assert!(a.dims() == b.dims());
            let sum = Dispatch::add_values(a.into_dispatch(), b.into_dispatch());
            Tensor::from_dispatch(sum)
        }
        false => a + b,
    }
}

/// The 1 × 1 convolution of `x`, `(inputs, pixels)` on the CPU, with weights of `(outputs, inputs)` and a bias of
/// `(outputs)`: `(outputs, pixels)`.
pub fn pointwise(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, then: Activation) -> Tensor<2> {
    let [outputs, inputs] = weight.dims();
    assert!(on_cpu(&x) && x.dims()[0] == inputs && bias.dims() == [outputs]);
    let ([x, weight], bias) = ([x, weight].map(Tensor::into_dispatch), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::pointwise(x, weight, bias, then))
}

/// `x`, `(1, channels, height, width)` on the CPU, plus a bias of `(channels)`, and what follows, by all threads.
pub fn add_bias(x: Tensor<4>, bias: Tensor<1>, then: Activation) -> Tensor<4> {
    let [batch, channels, ..] = x.dims();
    assert!(on_cpu(&x) && batch == 1 && bias.dims() == [channels]);
    let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::add_bias(x, bias, then))
}

/// `sum + left · right`, of `(B, N, C)`, `(B, N, R)` and `(B, R, C)`; 1 may stand for each of the Bs.
pub fn add_product(sum: Tensor<3>, left: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    match on_cpu(&sum) && on_cpu(&left) && on_cpu(&right) {
        true => {
            let [sum, left, right] = [sum, left, right].map(Tensor::into_dispatch);
            Tensor::from_dispatch(Dispatch::add_product(sum, left, right))
        }
        false => sum + left.matmul(right),
    }
}

/// Mean and standard deviation of the last dimension of `x`, `(B, N, C)` on the CPU, as a layer
/// norm of that epsilon takes them: `(B, N, 1)` each.
pub fn moments(x: &Tensor<3>, epsilon: f64) -> [Tensor<3>; 2] {
    assert!(on_cpu(x));
    let [batch, count, _] = x.dims();
    let both = Dispatch::moments(x.clone().into_dispatch(), epsilon);
    let both = Tensor::<2>::from_dispatch(both);
    [0, 1].map(|i| both.clone().narrow(0, i, 1).reshape([batch, count, 1]))
}

/// The 3 × 3 convolution of `x`, `(1, inputs, rows + 2, columns)` on the CPU, with [`transformed`]
/// weights and a bias of `(outputs)`: `(1, outputs, rows, columns)`. Beyond its columns lie zeros.
pub fn convolve(x: Tensor<4>, weight: Tensor<3>, bias: Tensor<1>) -> Tensor<4> {
    let ([batch, channels, rows, _], [_, outputs, inputs]) = (x.dims(), weight.dims());
    assert!(on_cpu(&x) && on_cpu(&weight) && batch == 1 && rows > 2);
    assert!(channels == inputs && bias.dims() == [outputs]);
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve_3x3(x, weight, bias.into_dispatch()))
}

/// `x`, `(1, channels, rows + 2, columns)` on the CPU, without the first and the last row, bilinearly
/// twice as high and wide: `(1, channels, 2 · rows, 2 · columns)`.
pub fn double(x: Tensor<4>) -> Tensor<4> {
    let [batch, _, rows, columns] = x.dims();
    assert!(on_cpu(&x) && batch == 1 && rows > 2 && columns > 0);
    Tensor::from_dispatch(Dispatch::double(x.into_dispatch()))
}

/// Whether [`linear`] has a kernel for `x` and these sizes that is to be used.
pub fn has_linear<const D: usize>(x: &Tensor<D>, inputs: usize, outputs: usize) -> bool {
    on_cpu(x) || on_gpu(x) && linear_fits(inputs, outputs) && is_usable(Kernel::Linear)
}

/// Whether [`linear`] takes these sizes on a GPU.
pub fn linear_fits(inputs: usize, outputs: usize) -> bool {
    inputs.is_multiple_of(linear::DEPTH) && outputs.is_multiple_of(quads::LANES)
}

/// SAM's attention with decomposed relative positions over grids of tokens.
///
/// `qkv` is `(grids, tokens, 3 · heads · channels)`, and `rel_h` and `rel_w` are the embeddings
/// of the distances along each side, `(side, side, channels)`. The result is
/// `(grids, tokens, heads · channels)`. See [`attention_fits`] for the sizes.
pub fn attention(qkv: Tensor<3>, rel_h: Tensor<3>, rel_w: Tensor<3>, grid: Grid) -> Tensor<3> {
    assert!(attention_fits(grid.channels) && qkv.dims()[1..] == grid.qkv_dims());
    let [qkv, rel_h, rel_w] = [qkv, rel_h, rel_w].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::sam_attention(qkv, rel_h, rel_w, grid))
}

/// TinyViT's attention, likewise, with a `table` of biases, `(heads, tokens, tokens)`.
pub fn table_attention(qkv: Tensor<3>, table: Tensor<3>) -> Tensor<3> {
    let [heads, tokens, _] = table.dims();
    let grid = Grid {
        form: Form::TinyVit,
        height: 1,
        width: tokens,
        heads,
        channels: qkv.dims()[2] / (3 * heads),
    };
    assert!(attention_fits(grid.channels) && qkv.dims()[1..] == grid.qkv_dims());
    let absent = [(0, 0), (0, 0), (0, grid.columns() - tokens)];
    let table = table.pad(absent, relative::ABSENT);
    let [qkv, table] = [qkv, table].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::tiny_vit_attention(qkv, table, grid))
}

/// Whether [`attention`] and [`table_attention`] take heads of that many channels.
pub fn attention_fits(channels: usize) -> bool {
    channels.is_multiple_of(attention::CHUNK) && channels <= attention::MAX_CHANNELS
}

#[backend_extension(Cube)]
trait Kernels: Backend {
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        then: Activation,
        tile: Tile,
    ) -> FloatTensor<Self>;

    fn sam_attention(
        qkv: FloatTensor<Self>,
        rel_h: FloatTensor<Self>,
        rel_w: FloatTensor<Self>,
        grid: Grid,
    ) -> FloatTensor<Self>;

    fn tiny_vit_attention(
        qkv: FloatTensor<Self>,
        table: FloatTensor<Self>,
        grid: Grid,
    ) -> FloatTensor<Self>;
}

impl Kernels for CubeBackend {
    fn fused_linear(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        then: Activation,
        tile: Tile,
    ) -> CubeTensor {
        linear::launch(x, weight, bias, then, tile)
    }

    fn sam_attention(
        qkv: CubeTensor,
        rel_h: CubeTensor,
        rel_w: CubeTensor,
        grid: Grid,
    ) -> CubeTensor {
        attention::launch_sam(qkv, rel_h, rel_w, grid)
    }

    fn tiny_vit_attention(qkv: CubeTensor, table: CubeTensor, grid: Grid) -> CubeTensor {
        attention::launch_tiny_vit(qkv, table, grid)
    }
}

#[backend_extension(Flex)]
trait CpuKernels: Backend {
    fn linear_from_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        then: Activation,
    ) -> FloatTensor<Self>;

    fn pointwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        then: Activation,
    ) -> FloatTensor<Self>;

    fn add_bias(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        then: Activation,
    ) -> FloatTensor<Self>;

    fn add_values(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    fn add_product(
        sum: FloatTensor<Self>,
        left: FloatTensor<Self>,
        right: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn moments(x: FloatTensor<Self>, epsilon: f64) -> FloatTensor<Self>;

    fn convolve_3x3(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn double(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl CpuKernels for Flex {
    fn linear_from_bias(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        then: Activation,
    ) -> FlexTensor {
        flex::linear(x, weight, bias, then)
    }

    fn pointwise(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        then: Activation,
    ) -> FlexTensor {
        flex::pointwise(x, weight, bias, then)
    }

    fn add_bias(x: FlexTensor, bias: FlexTensor, then: Activation) -> FlexTensor {
        flex::add_bias(x, bias, then)
    }

    fn add_values(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        flex::add(a, b)
    }

    fn add_product(sum: FlexTensor, left: FlexTensor, right: FlexTensor) -> FlexTensor {
        flex::add_product(sum, left, right)
    }

    fn moments(x: FlexTensor, epsilon: f64) -> FlexTensor {
        flex::moments(x, epsilon as f32)
    }

    fn convolve_3x3(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        winograd::convolve(x, weight, bias)
    }

    fn double(x: FlexTensor) -> FlexTensor {
        doubling::double(x)
    }
}

/// A row-major tensor of that shape next to `like`, with nothing in it yet.
fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, shape.into(), like.dtype)
}

/// The tensor's values, row-major, as a kernel's argument.
fn values(tensor: CubeTensor) -> BufferArg {
    into_contiguous(tensor).into_buffer_arg()
}
