//! GELU and softmax. On the CPU device their exponentials and error functions are computed here,
//! in loops without branches that the compiler turns into vector instructions: the device calls a
//! scalar library function for each element, which takes ten times as long.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::device::for_each_chunk;

/// `x · Φ(x)` with the exact distribution function (Hendrycks and Gimpel, 2016).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match on_cpu(&x) {
        true => on_values(x, gelu_of_all),
        false => activation::gelu(x),
    }
}

/// Softmax over the last dimension.
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let row = x.dims()[D - 1];
    match on_cpu(&x) {
        true if row < SHORT => on_values(x, |values| {
            let piece = row * PIECE_ROWS;
            for_each_chunk(values, piece, |rows| softmax_of_short(rows, row));
        }),
        true => on_values(x, |values| for_each_chunk(values, row, softmax_of)),
        false => activation::softmax(x, D - 1),
    }
}

/// Whether `x` is on the CPU and nothing is to be differentiated.
pub fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    !device.is_autodiff() && device == Device::flex()
}

/// `x`, which is on the CPU, with its values changed, row-major.
pub fn on_values<const D: usize>(x: Tensor<D>, change: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let values = x.into_data().try_into_vec::<f32>();
    let mut values = values.expect("the CPU device computes in float32");
    change(&mut values);
    Tensor::from_data(TensorData::new(values, shape), &device)
}

/// [`gelu`], in place.
pub fn gelu_of_all(values: &mut [f32]) {
    for_each_chunk(values, PIECE, |values| {
        values.iter_mut().for_each(|v| *v = gelu_of(*v));
    });
}

/// So many values stay in the cache.
const PIECE: usize = 4096;

fn gelu_of(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Beyond this the error function is 1 in single precision.
const ERF_END: f32 = 3.95;
/// A rational function of x² that is erf(x) / x up to there: fitted by least squares on Chebyshev
/// nodes, with weights raised where the error was largest. It is off by at most 4e-7.
const ERF_ABOVE: [f32; 7] = [
    1.128_378_7,
    0.208_995_27,
    0.051_777_292,
    0.004_090_193,
    1.513_436e-4,
    -1.991_557_2e-6,
    1.964_151_9e-8,
];
const ERF_BELOW: [f32; 5] = [1.0, 0.518_545_6, 0.118_753_69, 0.015_131_998, 0.001_051_075];

fn erf(x: f32) -> f32 {
    let x = limited(x, ERF_END);
    let t = x * x;
    x * polynomial(&ERF_ABOVE, t) / polynomial(&ERF_BELOW, t)
}

fn limited(x: f32, end: f32) -> f32 {
    let x = if x > end { end } else { x };
    if x < -end { -end } else { x }
}

/// By Horner's rule, the lowest power first.
fn polynomial(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// How many numbers are reduced side by side, in as many partial results: one after another they
/// could not be vectorised, and a single sum would lose more.
const LANES: usize = 8;

/// Softmax of a row, in place.
pub fn softmax_of(row: &mut [f32]) {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let most = reduced(row, f32::NEG_INFINITY, |v| v, larger);
    row.iter_mut().for_each(|v| *v = exp(*v - most));
    let part = 1.0 / sum_of(row, |v| v);
    row.iter_mut().for_each(|v| *v *= part);
}

/// Shorter rows fill no vectors, so the exponentials of many are taken at once.
const SHORT: usize = 4 * LANES;
/// How many short rows stay in the cache.
const PIECE_ROWS: usize = 512;

/// Softmax of rows of that length, in place.
fn softmax_of_short(rows: &mut [f32], length: usize) {
    for row in rows.chunks_exact_mut(length) {
        let larger = |a: f32, b: &f32| if *b > a { *b } else { a };
        let most = row.iter().fold(f32::NEG_INFINITY, larger);
        row.iter_mut().for_each(|v| *v -= most);
    }
    rows.iter_mut().for_each(|v| *v = exp(*v));
    for row in rows.chunks_exact_mut(length) {
        let part = 1.0 / row.iter().sum::<f32>();
        row.iter_mut().for_each(|v| *v *= part);
    }
}

fn reduced(
    values: &[f32],
    start: f32,
    of: impl Fn(f32) -> f32,
    both: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; LANES];
    let mut pieces = values.chunks_exact(LANES);
    for piece in &mut pieces {
        for (lane, v) in lanes.iter_mut().zip(piece) {
            *lane = both(*lane, of(*v));
        }
    }
    let rest = pieces.remainder().iter().map(|v| of(*v));
    lanes.into_iter().chain(rest).fold(start, both)
}

/// The sum of what `of` makes of each of `values`.
pub fn sum_of(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    reduced(values, 0.0, of, |a, b| a + b)
}

/// The smallest argument whose exponential is a normal number.
const EXP_START: f32 = -87.0;
/// The natural logarithm of 2, in two parts so that multiples of the first are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Added and taken off again, it leaves the nearest whole number.
const ROUND: f32 = 12_582_912.0;
/// Of the exponential series.
const EXP: [f32; 8] = [
    1.0,
    1.0,
    0.5,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
];

/// e to the power of `x`, which is at most 0.
fn exp(x: f32) -> f32 {
    let x = if x < EXP_START { EXP_START } else { x };
    let twos = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = x - twos * LN_2[0] - twos * LN_2[1];
    let power = f32::from_bits(((twos as i32 + 127) as u32) << 23);
    power * polynomial(&EXP, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of its definition, by Simpson's rule.
    fn erf_by_definition(x: f64) -> f64 {
        let (pieces, density) = (2000, |t: f64| (-t * t).exp());
        let step = x / f64::from(pieces);
        let weight = |i: i32| if i % 2 == 1 { 4.0 } else { 2.0 };
        let inner: f64 = (1..pieces)
            .map(|i| weight(i) * density(f64::from(i) * step))
            .sum();
        (density(0.0) + inner + density(x)) * step / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn largest_error(ours: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let steps = 2000;
        (0..=steps)
            .map(|i| from + (to - from) * i as f32 / steps as f32)
            .map(|x| (f64::from(ours(x)) - exact(f64::from(x))).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_error_function_is_right() {
        assert!(largest_error(erf, erf_by_definition, -9.0, 9.0) < 5e-7);
    }

    #[test]
    fn the_exponential_is_right() {
        assert!(largest_error(exp, f64::exp, -90.0, 0.0) < 2e-7);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn they_are_what_the_device_computes() {
        let device = Device::flex();
        let values: Vec<f32> = (0..300).map(|i| (i % 37) as f32 * 0.4 - 7.0).collect();
        let x = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([10, 30]);
        for (ours, theirs) in [
            (gelu(x.clone()), activation::gelu(x.clone())),
            (softmax(x.clone()), activation::softmax(x.clone(), 1)),
            (
                softmax(x.clone().reshape([3, 100])).reshape([10, 30]),
                activation::softmax(x.reshape([3, 100]), 1).reshape([10, 30]),
            ),
        ] {
            let most = (ours - theirs).abs().max().into_scalar::<f32>();
            assert!(most < 2e-6, "{most}");
        }
    }
}
