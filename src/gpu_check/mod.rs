//! Whether a GPU computes rightly: drivers differ, and some are wrong. Each kernel, in the shapes of the models, and a
//! decoder with its gradients run on the GPU and are compared with what the CPU computes from the same noise.

mod operations;
mod reference;
#[cfg(test)]
pub(crate) mod tests;

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::f16;

use crate::device;
use crate::error::Result;
use crate::model::kernels::{self, Activation, Form, Grid, Kernel, Tiles};
use crate::weights::noise::noise;
use operations::check_operations;

/// Something that a GPU computes wrongly.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// `None`: one of Burn's operations, without which a GPU is of no use.
    pub kernel: Option<Kernel>,
    /// In which shapes.
    pub shape: String,
    /// The largest error, of gradients the root mean square of all, as a multiple of the values' root mean square;
    /// infinite where something is no number.
    pub error: f32,
}

/// Checks what `device`, a GPU, computes; half a second on an integrated one. Where linear layers are wrong in the tiles
/// that were chosen and right in the usual ones, these are used from then on, and that is no fault.
///
/// # Errors
/// When the device fails.
pub async fn check(device: &Device) -> Result<Vec<Fault>> {
    let mut check = Check {
        device,
        faults: Vec::new(),
    };
    check_kernels(&mut check, &KERNELS).await?;
    check_operations(&mut check).await?;
    Ok(check.faults)
}

/// What is told of `faults`, as a sentence; `None`: all is right.
pub fn sentence(faults: &[Fault]) -> Option<String> {
    let fatal = faults.iter().find(|fault| fault.kernel.is_none());
    let worst = fatal.or(faults.first())?;
    let instead = match worst.kernel {
        None => "the CPU is used instead",
        Some(Kernel::HalfLinear) => "it computes in float32, which takes more memory",
        Some(_) => "slower operations are used there",
    };
    let by = match worst.error.is_finite() {
        true => format!("off by {:.0} %", (100.0 * worst.error).max(1.0)),
        false => "what it gives is no number".into(),
    };
    Some(format!(
        "This GPU or its driver computes wrongly ({}: {by}), so {instead}.",
        worst.shape
    ))
}

/// What is told where the check found those tiles computed wrongly, and the usual ones right.
pub fn wrong_tiles(tiles: Tiles) -> String {
    format!("This GPU computes wrongly in tiles of {tiles}, so the usual ones are taken.")
}

/// The kernels of `faults`.
pub fn faulty(faults: &[Fault]) -> Vec<Kernel> {
    let mut found = Vec::new();
    for kernel in faults.iter().filter_map(|fault| fault.kernel) {
        if !found.contains(&kernel) {
            found.push(kernel);
        }
    }
    found
}

/// What is checked: the kernels, or those of a test that are wrong.
#[derive(Clone, Copy)]
struct Kernels {
    linear: fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>,
    attention: fn(Tensor<3>, Tensor<3>, Tensor<3>, Grid) -> Tensor<3>,
    table_attention: fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
}

const KERNELS: Kernels = Kernels {
    linear: kernels::linear,
    attention: kernels::attention,
    table_attention: kernels::table_attention,
};

/// What errors may be: some ten to a hundred times what sums of other orders differ by.
const BOUND: f32 = 1e-3;
const HALF_BOUND: f32 = 5e-2;
const GRADIENTS_BOUND: f32 = 1e-2;

async fn check_kernels(check: &mut Check<'_>, kernels: &Kernels) -> Result<()> {
    check_linear(check, kernels.linear).await?;
    if !check.faults.is_empty() && kernels::tiles() != Tiles::default() {
        // It may be only those tiles that are computed wrongly.
        kernels::use_tiles(Tiles::default());
        check.faults.clear();
        check_linear(check, kernels.linear).await?;
    }
    check_attention(check, kernels.attention).await?;
    check_table_attention(check, kernels.table_attention).await
}

struct Check<'a> {
    device: &'a Device,
    faults: Vec<Fault>,
}

impl Check<'_> {
    /// Notes a fault where what the GPU computed is not `right`.
    async fn compare<const D: usize>(
        &mut self,
        kernel: Option<Kernel>,
        shape: String,
        computed: Tensor<D>,
        right: &[f32],
    ) -> Result<()> {
        let computed = device::read(computed).await?;
        self.compare_values(kernel, shape, &computed, right);
        Ok(())
    }

    fn compare_values(
        &mut self,
        kernel: Option<Kernel>,
        shape: String,
        computed: &[f32],
        right: &[f32],
    ) {
        let bound = match kernel {
            Some(Kernel::HalfLinear) => HALF_BOUND,
            _ => BOUND,
        };
        self.hold(kernel, shape, largest_error(computed, right), bound);
    }

    /// The largest of a step's gradients are many times their root mean square, so all count together.
    fn compare_gradients(&mut self, computed: &[f32], right: &[f32]) {
        let error = error_of_all(computed, right);
        self.hold(
            None,
            "the decoder's gradients".into(),
            error,
            GRADIENTS_BOUND,
        );
    }

    fn hold(&mut self, kernel: Option<Kernel>, shape: String, error: f32, bound: f32) {
        if error > bound {
            self.faults.push(Fault {
                kernel,
                shape,
                error,
            });
        }
    }
}

/// The largest difference as a multiple of the root mean square of `right`; infinite where one is no number, or missing.
fn largest_error(computed: &[f32], right: &[f32]) -> f32 {
    if computed.len() != right.len() {
        return f32::INFINITY;
    }
    let scale = root_mean_square(right.iter().copied());
    let pairs = computed.iter().zip(right);
    pairs.fold(0.0, |most: f32, (a, b)| match (a - b).abs() / scale {
        error if error.is_finite() => most.max(error),
        _ => f32::INFINITY,
    })
}

/// The root mean square of all differences, likewise.
fn error_of_all(computed: &[f32], right: &[f32]) -> f32 {
    let differences = computed.iter().zip(right).map(|(a, b)| a - b);
    let error = root_mean_square(differences) / root_mean_square(right.iter().copied());
    match computed.len() == right.len() && error.is_finite() {
        true => error,
        false => f32::INFINITY,
    }
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f64;
    let squares: f64 = values.map(|value| f64::from(value).powi(2)).sum();
    (squares / count).sqrt() as f32
}

/// Noise by name, uniform in -`size`..`size`.
fn values(name: &str, size: f32, count: usize) -> Vec<f32> {
    // Noise gives a bias a fiftieth of that.
    let noise = noise(&format!("{name}.bias"), &[count]);
    noise.into_iter().map(|value| 50.0 * size * value).collect()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Rows, inputs and outputs of linear layers: those of ViT-B and of TinyViT that differ most, with rows that fill no
/// workgroup, and the smallest.
const LINEAR: [[usize; 3]; 5] = [
    [130, 768, 2304],
    [97, 3072, 768],
    [200, 768, 320],
    [131, 160, 640],
    [1, 16, 4],
];

async fn check_linear(
    check: &mut Check<'_>,
    linear: fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>,
) -> Result<()> {
    let cpu = Device::flex();
    for (i, [rows, inputs, outputs]) in LINEAR.into_iter().enumerate() {
        let then = [Activation::None, Activation::Gelu][i % 2];
        let x = values("x", 1.0, rows * inputs);
        let weight = values("weight", 3.0 / (inputs as f32).sqrt(), inputs * outputs);
        let bias = values("shift", 1.0, outputs);
        let layer = |weight: Tensor<2>, device: &Device| {
            let x = tensor(&x, [rows, inputs], device);
            (x, weight, tensor(&bias, [outputs], device))
        };
        let single = |device: &Device| tensor(&weight, [inputs, outputs], device);
        let (x, w, b) = layer(single(&cpu), &cpu);
        let right = device::read(kernels::linear(x, w, b, then)).await?;
        let (x, w, b) = layer(single(check.device), check.device);
        let shape = format!("a linear layer of {rows} × {inputs} by {outputs}");
        let kernel = Some(Kernel::Linear);
        check
            .compare(kernel, shape.clone(), linear(x, w, b, then), &right)
            .await?;
        if !device::supports_half(check.device) {
            continue;
        }
        let data = TensorData::new(weight.clone(), [inputs, outputs]);
        let half = Tensor::from_data(data, (check.device, DType::F16));
        let (x, w, b) = layer(half, check.device);
        let computed = linear(x, w, b, then);
        let rounded: Vec<f32> = weight.iter().map(|&w| f16::from_f32(w).to_f32()).collect();
        let (x, w, b) = layer(tensor(&rounded, [inputs, outputs], &cpu), &cpu);
        let right = device::read(kernels::linear(x, w, b, then)).await?;
        let (kernel, shape) = (Some(Kernel::HalfLinear), format!("{shape} in float16"));
        check.compare(kernel, shape, computed, &right).await?;
    }
    Ok(())
}

/// Number of grids, side, heads and their channels: ViT-B's windows and whole image, and ViT-H's windows.
const ATTENTION: [[usize; 4]; 3] = [[2, 14, 2, 64], [1, 64, 1, 64], [1, 14, 1, 80]];

async fn check_attention(
    check: &mut Check<'_>,
    attention: fn(Tensor<3>, Tensor<3>, Tensor<3>, Grid) -> Tensor<3>,
) -> Result<()> {
    for [grids, side, heads, channels] in ATTENTION {
        let grid = Grid {
            form: Form::Sam,
            height: side,
            width: side,
            heads,
            channels,
        };
        let [tokens, row] = grid.qkv_dims();
        // Large enough that the softmax is far from an average.
        let qkv = values("qkv", 2.0, grids * tokens * row);
        let [rel_h, rel_w] =
            ["rel_h", "rel_w"].map(|name| values(name, 1.0, side * side * channels));
        let table = |values: &[f32]| tensor(values, [side, side, channels], check.device);
        let computed = attention(
            tensor(&qkv, [grids, tokens, row], check.device),
            table(&rel_h),
            table(&rel_w),
            grid,
        );
        let computed = device::read(computed).await?;
        let queries = reference::some_queries(grids * tokens);
        let bias = reference::relative(&rel_h, &rel_w, grid);
        let right = reference::attention(&qkv, grid, &queries, bias);
        let computed = reference::rows(&computed, heads * channels, &queries);
        let shape = format!("attention over {side} × {side} with {channels} channels");
        check.compare_values(Some(Kernel::Attention), shape, &computed, &right);
    }
    Ok(())
}

/// Number of windows, their tokens, heads and channels: those of TinyViT.
const TABLE_ATTENTION: [[usize; 4]; 2] = [[3, 49, 2, 32], [2, 196, 2, 32]];

async fn check_table_attention(
    check: &mut Check<'_>,
    attention: fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Result<()> {
    for [windows, tokens, heads, channels] in TABLE_ATTENTION {
        let grid = Grid {
            form: Form::TinyVit,
            height: 1,
            width: tokens,
            heads,
            channels,
        };
        let [_, row] = grid.qkv_dims();
        let qkv = values("qkv", 2.0, windows * tokens * row);
        let table = values("table", 5.0, heads * tokens * tokens);
        let computed = attention(
            tensor(&qkv, [windows, tokens, row], check.device),
            tensor(&table, [heads, tokens, tokens], check.device),
        );
        let queries: Vec<usize> = (0..windows * tokens).collect();
        let bias = |_: &[f32], head: usize, query: usize, key: usize| {
            table[(head * tokens + query) * tokens + key]
        };
        let right = reference::attention(&qkv, grid, &queries, bias);
        let shape = format!("attention of {tokens} tokens with a table");
        let kernel = Some(Kernel::TableAttention);
        check.compare(kernel, shape, computed, &right).await?;
    }
    Ok(())
}
