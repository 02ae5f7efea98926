//! The kernels of `src/model/kernels` against the plain formulation on the CPU device, on noise.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData, activation, module};
use graysam::device;
use graysam::model::Precision;
use graysam::model::kernels::{self, Activation, Form, Grid};
use graysam::model::layers::{self, ConvSize};
use graysam::model::tiny_vit::biased_attention;
use graysam::model::vit::relative_attention;
use graysam::weights::noise::noise;

use crate::common::webgpu;

/// Largest relative error ‖a−b‖/‖b‖, and that with weights in float16.
const TOLERANCE: f64 = 1e-5;
const HALF: f64 = 1e-3;

/// Noise by name, uniform in -`size`..`size`.
fn input<const D: usize>(name: &str, size: f32, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = noise(&format!("{name}.bias"), &[shape.iter().product()]);
    let values = values.into_iter().map(|v| 50.0 * size * v).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    device::block_on(device::read(tensor)).expect("the tensor is readable")
}

fn compare<const D: usize>(what: &str, ours: Tensor<D>, plain: Tensor<D>) {
    compare_within(TOLERANCE, what, ours, plain);
}

fn compare_within<const D: usize>(tolerance: f64, what: &str, ours: Tensor<D>, plain: Tensor<D>) {
    assert_eq!(ours.dims(), plain.dims(), "shape of {what}");
    let (mut difference, mut norm) = (0.0, 0.0);
    for (ours, plain) in read(ours).into_iter().zip(read(plain)) {
        difference += f64::from(ours - plain).powi(2);
        norm += f64::from(plain).powi(2);
    }
    let error = (difference / norm).sqrt();
    println!("{what}: relative error {error:.1e}");
    assert!(error < tolerance, "{what} is off by {error:.1e}");
}

/// `(qkv, rel_h, rel_w)`; large enough that the softmax is far from an average.
fn attention_inputs(grids: usize, grid: Grid, device: &Device) -> [Tensor<3>; 3] {
    let (height, width, channels) = (grid.height, grid.width, grid.channels);
    let outputs = 3 * grid.heads * channels;
    [
        input("qkv", 2.0, [grids, grid.tokens(), outputs], device),
        input("rel_h", 1.0, [height, height, channels], device),
        input("rel_w", 1.0, [width, width, channels], device),
    ]
}

fn compare_attention(grids: usize, [height, width]: [usize; 2], heads: usize, channels: usize) {
    let gpu = webgpu();
    let grid = Grid {
        form: Form::Sam,
        height,
        width,
        heads,
        channels,
    };
    assert!(kernels::attention_fits(channels));
    let [qkv, rel_h, rel_w] = attention_inputs(grids, grid, &gpu);
    let ours = kernels::attention(qkv, rel_h, rel_w, grid);
    let [qkv, rel_h, rel_w] = attention_inputs(grids, grid, &Device::flex());
    let plain = relative_attention(qkv, rel_h, rel_w, grid);
    compare(&format!("{grids} of {grid:?}"), ours, plain);
}

#[test]
fn attention_in_windows() {
    compare_attention(3, [14, 14], 2, 64);
}

#[test]
fn attention_over_the_whole_image() {
    compare_attention(1, [64, 64], 1, 64);
}

#[test]
fn attention_with_the_heads_of_other_models() {
    compare_attention(2, [14, 14], 2, 80);
    compare_attention(2, [7, 7], 3, 32);
    compare_attention(1, [8, 8], 3, 16);
}

#[test]
fn attention_over_odd_grids() {
    compare_attention(2, [3, 3], 3, 16);
    compare_attention(1, [5, 37], 1, 48);
    compare_attention(1, [37, 5], 2, 64);
    compare_attention(1, [1, 1], 1, 64);
}

fn compare_table(windows: usize, tokens: usize, heads: usize, channels: usize) {
    let gpu = webgpu();
    let inputs = |device: &Device| {
        let qkv = [windows, tokens, 3 * heads * channels];
        let table = input("table", 5.0, [heads, tokens, tokens], device);
        (input("qkv", 2.0, qkv, device), table)
    };
    let (qkv, table) = inputs(&gpu);
    let ours = kernels::table_attention(qkv, table);
    let (qkv, table) = inputs(&Device::flex());
    let plain = biased_attention(qkv, table);
    let what = format!("{windows} windows of {tokens}, {heads} heads of {channels}");
    compare(&what, ours, plain);
}

#[test]
fn attention_with_a_table() {
    compare_table(3, 49, 4, 32);
    compare_table(2, 196, 5, 32);
    compare_table(1, 65, 2, 16);
}

fn linear_inputs(sizes: [usize; 3], device: &Device) -> (Tensor<2>, Tensor<2>, Tensor<1>) {
    let [rows, inputs, outputs] = sizes;
    let size = 3.0 / (inputs as f32).sqrt();
    (
        input("x", 1.0, [rows, inputs], device),
        input("weight", size, [inputs, outputs], device),
        input("shift", 1.0, [outputs], device),
    )
}

fn plain_linear(sizes: [usize; 3], device: &Device, then: Activation) -> Tensor<2> {
    let (x, weight, bias) = linear_inputs(sizes, device);
    let out = x.matmul(weight) + bias.unsqueeze();
    match then {
        Activation::None => out,
        Activation::Gelu => activation::gelu(out),
    }
}

fn compare_linear(sizes: [usize; 3]) {
    let gpu = webgpu();
    assert!(kernels::linear_fits(sizes[1], sizes[2]));
    for then in [Activation::None, Activation::Gelu] {
        let (x, weight, bias) = linear_inputs(sizes, &gpu);
        let ours = kernels::linear(x, weight, bias, then);
        let plain = plain_linear(sizes, &Device::flex(), then);
        compare(&format!("{sizes:?} {then:?}"), ours, plain);
    }
}

#[test]
fn linear_layers() {
    compare_linear([256, 128, 128]);
    compare_linear([196, 768, 192]);
}

/// On the CPU, of inputs that lie amid others and a weight that lies transposed.
fn compare_linear_on_the_cpu(sizes: [usize; 3]) {
    let device = Device::flex();
    for then in [Activation::None, Activation::Gelu] {
        let (x, weight, bias) = linear_inputs(sizes, &device);
        let others = x.clone() * 0.0 + 9.0;
        let x = Tensor::cat(vec![others.clone(), x, others], 0).narrow(0, sizes[0], sizes[0]);
        let weight = Tensor::from_data(weight.transpose().into_data(), &device).transpose();
        let ours = kernels::linear(x, weight, bias, then);
        let plain = plain_linear(sizes, &device, then);
        compare(&format!("{sizes:?} {then:?} on the CPU"), ours, plain);
    }
}

#[test]
fn linear_layers_on_the_cpu() {
    compare_linear_on_the_cpu([256, 128, 128]);
    compare_linear_on_the_cpu([1, 16, 4]);
    compare_linear_on_the_cpu([129, 47, 67]);
}

/// Of three batches, from parts of larger tensors in other orders.
#[test]
fn products_added_to_a_sum() {
    let device = Device::flex();
    let left = input("left", 1.0, [3, 21, 40], &device).swap_dims(1, 2);
    let left = left.narrow(1, 3, 33);
    let right = input("right", 1.0, [1, 30, 17], &device).narrow(1, 5, 21);
    for batch in [1, 3] {
        let sum = input("sum", 1.0, [batch, 33, 17], &device);
        let ours = kernels::add_product(sum.clone(), left.clone(), right.clone());
        let plain = sum + left.clone().matmul(right.clone());
        compare(&format!("a product added to {batch}"), ours, plain);
    }
}

/// Of sizes that fill no tiles, a lot of tiles at once, and several.
#[test]
fn convolutions_on_the_cpu() {
    let device = Device::flex();
    for [inputs, outputs, rows, columns] in [
        [3, 5, 1, 1],
        [8, 4, 7, 9],
        [16, 24, 32, 64],
        [2, 3, 41, 210],
    ] {
        let weight = input("weight", 1.0, [outputs, inputs, 3, 3], &device);
        let bias = input("bias", 1.0, [outputs], &device);
        let x = input("map", 2.0, [1, columns, rows + 2, inputs], &device).swap_dims(1, 3);
        let ours = kernels::convolve(
            x.clone(),
            kernels::transformed(weight.clone()),
            bias.clone(),
        );
        let options = ConvOptions::new([1, 1], [0, 1], [1, 1], 1);
        let plain = module::conv2d(x, weight, Some(bias), options);
        compare(
            &format!("{inputs} to {outputs} of {rows} x {columns}"),
            ours,
            plain,
        );
    }
}

/// A convolution of that kernel, stride and number of groups whose bias and GELU are one pass, against Burn's own bias and GELU.
fn compare_biased(inputs: usize, outputs: usize, [kernel, stride, groups]: [usize; 3]) {
    let device = Device::flex();
    let weight = input(
        "weight",
        0.3,
        [outputs, inputs / groups, kernel, kernel],
        &device,
    );
    let bias: Tensor<1> = input("conv", 1.0, [outputs], &device);
    let x = input("x", 1.0, [1, inputs, 60, 52], &device);
    let size = ConvSize {
        padding: kernel / 2,
        groups,
        ..ConvSize::new(inputs, outputs, kernel, stride)
    };
    let layer = layers::convolution(&size, weight, Some(bias));
    let plain = layer.forward(x.clone());
    assert_eq!(
        read(layers::convolve(&layer, x.clone(), Activation::None)),
        read(plain.clone())
    );
    let what = format!("GELU of {kernel} × {kernel} from {inputs} to {outputs}");
    compare(
        &what,
        layers::convolve(&layer, x, Activation::Gelu),
        activation::gelu(plain),
    );
}

#[test]
fn biases_of_convolutions_on_the_cpu() {
    compare_biased(32, 70, [1, 1, 1]);
    compare_biased(40, 40, [3, 1, 40]);
    compare_biased(32, 24, [3, 2, 1]);
    compare_biased(3, 16, [3, 2, 1]);
}

/// Against the definition: a pixel's centre lies between those of four pixels of the smaller map.
#[test]
fn doubling_on_the_cpu() {
    let device = Device::flex();
    let (channels, rows, columns) = (3, 5, 7);
    let x = input("small", 1.0, [1, channels, rows + 2, columns], &device);
    let values = read(x.clone());
    let at = |c: usize, y: usize, x: usize| values[(c * (rows + 2) + y) * columns + x];
    let mut plain = Vec::new();
    for (c, y) in (0..channels).flat_map(|c| (0..2 * rows).map(move |y| (c, y))) {
        for x in 0..2 * columns {
            let (across, down) = ((x as f32 - 0.5) / 2.0, (y as f32 + 1.5) / 2.0);
            let across = across.clamp(0.0, columns as f32 - 1.0);
            let (left, top) = (across as usize, down as usize);
            let (share, below) = (across.fract(), down.fract());
            let right = (left + 1).min(columns - 1);
            let line = |y: usize| at(c, y, left) * (1.0 - share) + at(c, y, right) * share;
            plain.push(line(top) * (1.0 - below) + line(top + 1) * below);
        }
    }
    let shape = [1, channels, 2 * rows, 2 * columns];
    let plain = Tensor::from_data(TensorData::new(plain, shape), &device);
    compare("doubled", kernels::double(x), plain);
}

#[test]
fn moments_of_rows() {
    let device = Device::flex();
    let x = input("moments", 3.0, [2, 31, 7], &device).swap_dims(1, 2) + 0.5;
    let epsilon = 1e-3;
    let [mean, deviation] = kernels::moments(&x, epsilon);
    let plain = x.clone().mean_dim(2);
    compare("means", mean, plain.clone());
    let variance = (x - plain).square().mean_dim(2);
    compare("deviations", deviation, (variance + epsilon).sqrt());
}

/// Weights in float16 on the GPU against float32 on the CPU.
fn compare_half_linear(sizes: [usize; 3]) {
    let gpu = webgpu();
    if Precision::F16.on(&gpu) == Precision::F32 {
        println!("The GPU adapter here has no float16: weights in it are not tested.");
        return;
    }
    for then in [Activation::None, Activation::Gelu] {
        let (x, weight, bias) = linear_inputs(sizes, &gpu);
        let ours = kernels::linear(x, weight.cast(DType::F16), bias, then);
        let plain = plain_linear(sizes, &Device::flex(), then);
        let what = format!("{sizes:?} {then:?} in float16");
        compare_within(HALF, &what, ours, plain);
    }
}

#[test]
fn linear_layers_in_float16() {
    compare_half_linear([256, 128, 128]);
    compare_half_linear([196, 768, 192]);
    compare_half_linear([1, 16, 4]);
    compare_half_linear([129, 48, 68]);
}

#[test]
fn linear_layers_of_odd_sizes() {
    compare_linear([1, 16, 4]);
    compare_linear([129, 48, 68]);
    compare_linear([7, 160, 100]);
}
