//! 3 × 3 convolutions on the CPU by Winograd's F(4 × 4, 3 × 3) (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks"): patches of 6 × 6 pixels and the weights are transformed so that 36
//! products make 16 outputs, where the definition takes 144.

use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;
use gemm::Parallelism;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::flex::{Matrix, product};

/// Sides of a tile, which is what a patch gives, and of the patch.
const TILE: usize = 4;
const PATCH: usize = TILE + 2;
const PRODUCTS: usize = PATCH * PATCH;

/// Tiles that are multiplied at a time: enough to be worth reading the weights, few enough for a cache.
const TOGETHER: usize = 512;

/// By which a line of a weight is transformed.
const WEIGHT_LINES: [[f32; 3]; PATCH] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

fn patch_line([a, b, c, d, e, f]: [f32; PATCH]) -> [f32; PATCH] {
    [
        4.0 * a - 5.0 * c + e,
        d + e - 4.0 * (b + c),
        e - d + 4.0 * (b - c),
        e - c + 2.0 * (d - b),
        e - c - 2.0 * (d - b),
        4.0 * b - 5.0 * d + f,
    ]
}

fn tile_line([a, b, c, d, e, f]: [f32; PATCH]) -> [f32; TILE] {
    let (near, far) = (b + c, d + e);
    let (near_slope, far_slope) = (b - c, d - e);
    [
        a + near + far,
        near_slope + 2.0 * far_slope,
        near + 4.0 * far,
        near_slope + 8.0 * far_slope + f,
    ]
}

/// Weights, `(outputs, inputs, 3, 3)`, as [`convolve`] takes them, `(36, outputs, inputs)`.
pub fn transformed(weight: Tensor<4>) -> Tensor<3> {
    let ([outputs, inputs, _, _], device) = (weight.dims(), weight.device());
    let of_pair = |a: [f32; 3], b: [f32; 3]| a.map(|a| b.map(|b| a * b)).as_flattened().to_vec();
    let lines = WEIGHT_LINES.into_iter();
    let both = lines.flat_map(|a| WEIGHT_LINES.into_iter().flat_map(move |b| of_pair(a, b)));
    let both = TensorData::new(both.collect::<Vec<f32>>(), [PRODUCTS, 9]);
    let weight: Tensor<2> = weight.reshape([outputs * inputs, 9]);
    let all = Tensor::<2>::from_data(both, &device).matmul(weight.transpose());
    all.reshape([PRODUCTS, outputs, inputs])
}

/// The convolution of `x`, `(1, inputs, rows + 2, columns)`, with transformed weights and a bias of
/// `(outputs)`: `(1, outputs, rows, columns)`. Beyond its columns lie zeros.
pub fn convolve(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
    let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.to_contiguous());
    let (shape, outputs) = (x.layout().shape(), weight.layout().shape()[1]);
    let (inputs, rows, columns) = (shape[1], shape[2] - 2, shape[3]);
    let (x, weight, bias) = (x.storage(), weight.storage::<f32>(), bias.storage::<f32>());
    let (across, down) = (columns.div_ceil(TILE), rows.div_ceil(TILE));
    let together = (TOGETHER / across).clamp(1, down);
    let mut patches = vec![0.0; inputs * PRODUCTS * together * across];
    let mut products = vec![0.0; PRODUCTS * outputs * together * across];
    let mut out = vec![0.0; outputs * rows * columns];
    for first in (0..down).step_by(together) {
        let lot = Lot {
            first,
            count: together.min(down - first),
            across,
            columns,
        };
        let tiles = lot.tiles();
        let patches = &mut patches[..inputs * PRODUCTS * tiles];
        let of_input = patches.par_chunks_exact_mut(PRODUCTS * tiles);
        let plane = (rows + 2) * columns;
        of_input
            .enumerate()
            .for_each(|(i, patches)| lot.transform(&x[i * plane..][..plane], patches));
        let products = &mut products[..PRODUCTS * outputs * tiles];
        let of_place = products.par_chunks_exact_mut(outputs * tiles);
        of_place.enumerate().for_each(|(place, out)| {
            let weight = &weight[place * outputs * inputs..];
            let weight = Matrix::rows(weight, [outputs, inputs], inputs);
            let patches = &patches[place * tiles..];
            let patches = Matrix::rows(patches, [inputs, tiles], PRODUCTS * tiles);
            product(out, &weight, &patches, false, Parallelism::None);
        });
        let of_output = out.par_chunks_exact_mut(rows * columns);
        of_output.enumerate().for_each(|(i, out)| {
            let places = products.chunks_exact(outputs * tiles);
            let places: Vec<&[f32]> = places.map(|all| &all[i * tiles..][..tiles]).collect();
            lot.put(&places, bias[i], out);
        });
    }
    FlexTensor::from_data(TensorData::new(out, [1, outputs, rows, columns]))
}

/// Rows of tiles that are made at a time.
struct Lot {
    first: usize,
    count: usize,
    /// Tiles of a row.
    across: usize,
    /// Of the map.
    columns: usize,
}

impl Lot {
    fn tiles(&self) -> usize {
        self.count * self.across
    }

    /// The transformed patches of an input's plane: the values at each of their places follow on each
    /// other.
    fn transform(&self, plane: &[f32], patches: &mut [f32]) {
        let (across, tiles) = (self.across, self.tiles());
        // Of each row of a patch the pixels 0, 4, 8 …, then 1, 5, 9 … and so on, from one before the map.
        let length = across + 1;
        let mut lines = vec![0.0; PATCH * TILE * length];
        for row in 0..self.count {
            lines.fill(0.0);
            let from = (self.first + row) * TILE * self.columns;
            let rows = plane[from..].chunks_exact(self.columns);
            for (line, row) in lines.chunks_exact_mut(TILE * length).zip(rows) {
                for (x, &value) in (1..).zip(row) {
                    line[x % TILE * length + x / TILE] = value;
                }
            }
            down(&mut lines, TILE * length);
            let out = patches.chunks_exact_mut(PATCH * tiles);
            for (line, out) in lines.chunks_exact(TILE * length).zip(out) {
                let (line, out) = (cut(line, length), cut_mut(out, tiles));
                let at = row * across..(row + 1) * across;
                let out: [&mut [f32]; PATCH] = out.map(|out| &mut out[at.clone()]);
                along(line, out, across);
            }
        }
    }

    /// Puts the tiles that the products at all places make into an output's plane.
    fn put(&self, places: &[&[f32]], bias: f32, plane: &mut [f32]) {
        let (across, columns) = (self.across, self.columns);
        let mut lines = vec![0.0; TILE * PATCH * across];
        for row in 0..self.count {
            let at = row * across..(row + 1) * across;
            for column in 0..PATCH {
                let own: [&[f32]; PATCH] =
                    std::array::from_fn(|i| &places[i * PATCH + column][at.clone()]);
                let [a, b, c, d] = cut_mut::<TILE>(&mut lines, PATCH * across);
                let out = [a, b, c, d].map(|line| &mut line[column * across..][..across]);
                up(own, out, across);
            }
            let from = (self.first + row) * TILE * columns;
            let rows = plane[from..].chunks_exact_mut(columns).take(TILE);
            for (line, out) in lines.chunks_exact(PATCH * across).zip(rows) {
                let line: [&[f32]; PATCH] = cut(line, across);
                for (t, out) in out.chunks_mut(TILE).enumerate() {
                    let tile = tile_line(line.map(|line| line[t])).map(|value| value + bias);
                    out.copy_from_slice(&tile[..out.len()]);
                }
            }
        }
    }
}

/// Transforms columns of patches, whose rows of `length` follow on each other.
fn down(lines: &mut [f32], length: usize) {
    let [a, b, c, d, e, f] = cut_mut::<PATCH>(lines, length);
    for i in 0..length {
        [a[i], b[i], c[i], d[i], e[i], f[i]] = patch_line([a[i], b[i], c[i], d[i], e[i], f[i]]);
    }
}

/// Transforms rows of patches: of neighbours, four pixels apart, two are in common.
fn along([a, b, c, d]: [&[f32]; TILE], out: [&mut [f32]; PATCH], across: usize) {
    let [o0, o1, o2, o3, o4, o5] = out.map(|out| &mut out[..across]);
    let ([a, b], [e, f]) = (
        [&a[..across], &b[..across]],
        [&a[1..=across], &b[1..=across]],
    );
    let [c, d] = [&c[..across], &d[..across]];
    for i in 0..across {
        [o0[i], o1[i], o2[i], o3[i], o4[i], o5[i]] =
            patch_line([a[i], b[i], c[i], d[i], e[i], f[i]]);
    }
}

/// Makes columns of tiles.
fn up([a, b, c, d, e, f]: [&[f32]; PATCH], out: [&mut [f32]; TILE], across: usize) {
    let [o0, o1, o2, o3] = out.map(|out| &mut out[..across]);
    let [a, b, c] = [&a[..across], &b[..across], &c[..across]];
    let [d, e, f] = [&d[..across], &e[..across], &f[..across]];
    for i in 0..across {
        [o0[i], o1[i], o2[i], o3[i]] = tile_line([a[i], b[i], c[i], d[i], e[i], f[i]]);
    }
}

/// The first `N` pieces of `length`.
fn cut<const N: usize>(values: &[f32], length: usize) -> [&[f32]; N] {
    std::array::from_fn(|i| &values[i * length..][..length])
}

fn cut_mut<const N: usize>(values: &mut [f32], length: usize) -> [&mut [f32]; N] {
    let mut pieces = values.chunks_exact_mut(length);
    std::array::from_fn(|_| pieces.next().unwrap_or_default())
}
