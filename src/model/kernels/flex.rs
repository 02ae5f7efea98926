//! Linear layers, 1 × 1 convolutions, sums with products and layer norms' moments on the CPU. For a linear layer Burn's
//! device passes over the outputs five times: it makes and copies zeros, multiplies, and adds bias
//! and activation afterwards. Here the outputs begin as the bias, and the product is added to them.

use std::mem::MaybeUninit;

use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use gemm::Parallelism;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use super::Activation;
use crate::device;
use crate::model::elementwise::{gelu_of_all, sum_of};

/// `(rows, inputs)` times `(inputs, outputs)`, plus a bias of `(outputs)`, in any layout.
pub fn linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, then: Activation) -> FlexTensor {
    let (left, right) = (Matrix::of(&x, 0), Matrix::of(&weight, 0));
    let bias = bias.to_contiguous();
    let bias = &bias.storage::<f32>()[..right.columns];
    let begin = |_, row: &mut [MaybeUninit<f32>]| {
        row.write_copy_of_slice(bias);
    };
    let mut out = begun([left.rows, right.columns], begin);
    add_product_to(&mut out, &left, &right);
    if then == Activation::Gelu {
        gelu_of_all(&mut out);
    }
    let shape = [left.rows, right.columns];
    FlexTensor::from_data(TensorData::new(out, shape))
}

/// Rows of so many columns, each of which `begin` writes whole; by all threads.
fn begun(
    [rows, columns]: [usize; 2],
    begin: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync + Send,
) -> Vec<f32> {
    let length = rows * columns;
    let mut values = Vec::with_capacity(length);
    let columns = columns.max(1);
    values.spare_capacity_mut()[..length]
        .par_chunks_exact_mut(columns)
        .enumerate()
        .with_min_len(device::LEAST_VALUES.div_ceil(4 * columns))
        .for_each(|(i, row)| begin(i, row));
    // SAFETY: each of them was written.
    unsafe { values.set_len(length) };
    values
}

/// `x`, `(1, channels, …)` in any layout, plus a bias of `(channels)`, and what follows.
pub fn add_bias(x: FlexTensor, bias: FlexTensor, then: Activation) -> FlexTensor {
    let shape = x.layout().shape().clone();
    let values = x.into_data().try_into_vec::<f32>();
    let mut out = values.expect("the CPU device computes in float32");
    add_bias_to(&mut out, &bias, shape[1], then);
    FlexTensor::from_data(TensorData::new(out, shape))
}

/// A 1 × 1 convolution of `(inputs, pixels)` by weights of `(outputs, inputs)`, plus a bias of `(outputs)`, in any layout. The bias
/// is added last, as Burn's device does it.
pub fn pointwise(
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    then: Activation,
) -> FlexTensor {
    let (left, right) = (Matrix::of(&weight, 0), Matrix::of(&x, 0));
    let mut out = new_product(&left, &right);
    add_bias_to(&mut out, &bias, left.rows, then);
    let shape = [left.rows, right.columns];
    FlexTensor::from_data(TensorData::new(out, shape))
}

/// Adds its bias to each of so many channels, row-major, and does what follows; by all threads.
fn add_bias_to(out: &mut [f32], bias: &FlexTensor, channels: usize, then: Activation) {
    let bias = bias.to_contiguous();
    let bias = &bias.storage::<f32>()[..channels];
    let plane = (out.len() / channels).max(1);
    let of_channel = |(plane, bias): (&mut [f32], &f32)| {
        for piece in plane.chunks_mut(PIECE) {
            piece.iter_mut().for_each(|value| *value += bias);
            if then == Activation::Gelu {
                gelu_of_all(piece);
            }
        }
    };
    out.par_chunks_exact_mut(plane)
        .zip(bias)
        .with_min_len(device::LEAST_VALUES.div_ceil(4 * plane))
        .for_each(of_channel);
}

/// `a + b`, of the same shape in any layout.
pub fn add(a: FlexTensor, b: FlexTensor) -> FlexTensor {
    let shape = a.layout().shape().clone();
    let b = b.to_contiguous();
    let a = a.into_data().try_into_vec::<f32>();
    let mut sum = a.expect("the CPU device computes in float32");
    let b = &b.storage::<f32>()[..sum.len()];
    sum.par_chunks_mut(PIECE)
        .zip(b.par_chunks(PIECE))
        .with_min_len(device::LEAST_VALUES / 4 / PIECE)
        .for_each(|(sum, b)| sum.iter_mut().zip(b).for_each(|(sum, b)| *sum += b));
    FlexTensor::from_data(TensorData::new(sum, shape))
}

/// So many values at a time stay in the cache.
const PIECE: usize = 1024;

/// `sum + left · right` of three dimensions, the first of which may be 1 instead of the others', in
/// any layout.
pub fn add_product(sum: FlexTensor, left: FlexTensor, right: FlexTensor) -> FlexTensor {
    let batch_of = |tensor: &FlexTensor| tensor.layout().shape()[0];
    let batch = batch_of(&sum).max(batch_of(&left)).max(batch_of(&right));
    let repeats = batch / batch_of(&sum);
    let sum = sum.into_data().try_into_vec::<f32>();
    let mut out = sum.expect("the CPU device computes in float32");
    if repeats > 1 {
        out = out.repeat(repeats);
    }
    let piece = (out.len() / batch).max(1);
    let add_one = |(i, out): (usize, &mut [f32])| {
        add_product_to(out, &Matrix::of(&left, i), &Matrix::of(&right, i));
    };
    out.par_chunks_exact_mut(piece)
        .enumerate()
        .for_each(add_one);
    let shape = [
        batch,
        Matrix::of(&left, 0).rows,
        Matrix::of(&right, 0).columns,
    ];
    FlexTensor::from_data(TensorData::new(out, shape))
}

/// Adds a product to `out`, which is row-major.
fn add_product_to(out: &mut [f32], left: &Matrix, right: &Matrix) {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    let threads = device::threads(rows.saturating_mul(columns).saturating_mul(inner));
    product(out, left, right, true, threads);
}

/// Puts a product into `out`, which is row-major, or adds it to what is there.
pub(super) fn product(
    out: &mut [f32],
    left: &Matrix,
    right: &Matrix,
    adds: bool,
    threads: Parallelism,
) {
    assert!(out.len() == left.rows * right.columns);
    // SAFETY: it has a row of columns for each of left's.
    unsafe { product_at(out.as_mut_ptr(), left, right, adds, threads) };
}

/// A product, row-major.
fn new_product(left: &Matrix, right: &Matrix) -> Vec<f32> {
    let length = left.rows * right.columns;
    let threads = device::threads(length.saturating_mul(left.columns));
    let mut values = Vec::with_capacity(length);
    // SAFETY: there is room for as many, and each of them is written.
    unsafe {
        product_at(values.as_mut_ptr(), left, right, false, threads);
        values.set_len(length);
    }
    values
}

/// # Safety
/// From `out` on there must be a row of right's columns for each row of left's, with values where it adds to them.
unsafe fn product_at(
    out: *mut f32,
    left: &Matrix,
    right: &Matrix,
    adds: bool,
    threads: Parallelism,
) {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    assert!(inner == right.rows);
    let (keep, add) = (1.0, 1.0);
    // SAFETY: matrices lie in their values, and there is room for the product.
    unsafe {
        gemm::gemm::<f32>(
            rows,
            columns,
            inner,
            out,
            1,
            columns as isize,
            adds,
            left.values.as_ptr().add(left.start),
            left.column,
            left.row,
            right.values.as_ptr().add(right.start),
            right.column,
            right.row,
            keep,
            add,
            false,
            false,
            false,
            threads,
        );
    }
}

/// Means of the rows of `x`, its last dimension, and their standard deviations, with `epsilon` added
/// to the variance: `(2, rows)`.
pub fn moments(x: FlexTensor, epsilon: f32) -> FlexTensor {
    let x = x.to_contiguous();
    let length = x.layout().shape().last().copied().unwrap_or(1);
    let values = &x.storage::<f32>()[..x.layout().shape().num_elements()];
    let rows = values.par_chunks_exact(length);
    let count = rows.len();
    let of_row = |row: &[f32]| {
        let mean = sum_of(row, |v| v) / length as f32;
        let variance = sum_of(row, |v| (v - mean) * (v - mean)) / length as f32;
        (mean, (variance + epsilon).sqrt())
    };
    let together = rows.with_min_len(device::LEAST_VALUES.div_ceil(4 * length));
    let (mut means, deviations): (Vec<f32>, Vec<f32>) = together.map(of_row).unzip();
    means.extend(deviations);
    FlexTensor::from_data(TensorData::new(means, [2, count]))
}

/// How a matrix lies in a tensor's values: its rows and columns, where it begins, and the steps from
/// a row and from a column to the next.
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    start: usize,
    row: isize,
    column: isize,
}

impl<'a> Matrix<'a> {
    /// Rows that begin `step` values after each other.
    pub(super) fn rows(values: &'a [f32], [rows, columns]: [usize; 2], step: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            start: 0,
            row: step as isize,
            column: 1,
        }
    }

    /// A tensor's two last dimensions, at a place of the first of three; 1 stands for any number.
    fn of(tensor: &'a FlexTensor, batch: usize) -> Self {
        let layout = tensor.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        let last = shape.num_dims() - 1;
        let skipped = match last {
            2 if shape[0] > 1 => batch as isize * strides[0],
            _ => 0,
        };
        Self {
            values: tensor.storage(),
            rows: shape[last - 1],
            columns: shape[last],
            start: layout.start_offset().strict_add_signed(skipped),
            row: strides[last - 1],
            column: strides[last],
        }
    }
}
