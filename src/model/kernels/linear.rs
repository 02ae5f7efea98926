//! A linear layer: a matrix product with bias and activation.
//!
//! A workgroup computes a [`Tile`], each of its units some rows by columns of it in registers; both factors pass through
//! workgroup memory a few inputs at a time. Where the weights are in float16, that memory and the products of those inputs
//! are too; their sum is then added up in float32.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use half::f16;

use super::quads::{LANES, Quad, QuadOf, add_outer, gather};
use super::tile::{Layout, Tile};
use super::{Activation, empty, values};

/// All tiles take their inputs in equal parts of so many.
pub const DEPTH: usize = 16;

/// The largest number in float16.
const HALF_MAX: f32 = f16::MAX.to_f32_const();

/// The sizes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sizes {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

pub fn launch(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    then: Activation,
    tile: Tile,
) -> CubeTensor {
    let (rows, inputs) = (x.meta.shape()[0], x.meta.shape()[1]);
    let outputs = weight.meta.shape()[1];
    let out = empty(&x, [rows, outputs]);
    let half = weight.dtype == DType::F16;
    let weight_type = dtype_to_storage_type(weight.dtype);
    let sizes = Sizes {
        rows,
        inputs,
        outputs,
    };
    let tile = tile.layout();
    let (across, down) = (outputs.div_ceil(tile.columns()), rows.div_ceil(tile.rows()));
    // Every index is held to its buffer by the kernel itself.
    unsafe {
        multiply::launch_unchecked(
            &out.client,
            CubeCount::Static(across as u32, down as u32, 1),
            CubeDim::new_1d(tile.units() as u32),
            values(x),
            values(weight),
            values(bias),
            values(out.clone()),
            sizes,
            then,
            tile,
            half,
            weight_type,
        );
    }
    out
}

#[cube(launch_unchecked)]
fn multiply<W: Float>(
    x: &[Quad],
    weight: &[QuadOf<W>],
    bias: &[Quad],
    out: &mut [Quad],
    #[comptime] sizes: Sizes,
    #[comptime] then: Activation,
    #[comptime] tile: Layout,
    #[comptime] half: bool,
    #[define(W)] _weight_type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / comptime!(tile.across), unit % comptime!(tile.across));
    let mut shared = Shared::<[QuadOf<W>]>::new_slice(comptime!(tile.shared()));
    // Blocks of four rows by some quads, one below the other.
    let block = comptime!(LANES * tile.wide);
    let mut sums = Array::<Quad>::new(comptime!(tile.high * block));
    let mut part = Array::<QuadOf<W>>::new(comptime!(tile.high * block));
    for chunk in 0..comptime!(sizes.inputs / tile.depth) {
        sync_cube();
        load_rows(x, &mut shared, chunk, sizes, tile, half);
        load_weights(weight, &mut shared, chunk, sizes, tile);
        sync_cube();
        for input in 0..comptime!(tile.depth) {
            let mut columns = Array::<QuadOf<W>>::new(comptime!(tile.wide));
            let first = comptime!(tile.weights()) + input * comptime!(tile.column_quads()) + across;
            #[unroll]
            for j in 0..comptime!(tile.wide) {
                columns[j] = shared[first + j * comptime!(tile.across)];
            }
            #[unroll]
            for i in 0..comptime!(tile.high) {
                let first =
                    input * comptime!(tile.stride()) + comptime!(i * tile.row_quads() / tile.high);
                add_outer(
                    &mut part,
                    comptime!(i * block),
                    shared[first + down],
                    &columns,
                );
            }
        }
        if comptime!(half) {
            add_up(&mut sums, &mut part, comptime!(tile.high * block));
        }
    }
    if comptime!(!half) {
        add_up(&mut sums, &mut part, comptime!(tile.high * block));
    }
    write(bias, out, &sums, sizes, then, tile);
}

/// Moves partial sums to those in float32.
#[cube]
fn add_up<W: Float>(sums: &mut Array<Quad>, part: &mut Array<QuadOf<W>>, #[comptime] count: usize) {
    #[unroll]
    for i in 0..count {
        sums[i] += Quad::cast_from(part[i]);
        part[i] = QuadOf::<W>::new(W::from_int(0));
    }
}

/// Brings rows of inputs to workgroup memory, `(input, row)`; a unit four inputs of four rows at a time.
#[cube]
fn load_rows<W: Float>(
    x: &[Quad],
    shared: &mut Shared<[QuadOf<W>]>,
    chunk: usize,
    #[comptime] sizes: Sizes,
    #[comptime] tile: Layout,
    #[comptime] half: bool,
) {
    let unit = UNIT_POS as usize;
    if unit < comptime!(tile.blocks()) {
        let depth_quads = comptime!(tile.depth / LANES);
        let (rows, part) = (unit / depth_quads, unit % depth_quads);
        let mut quads = Array::<QuadOf<W>>::new(LANES);
        #[unroll]
        for i in 0..LANES {
            let row = CUBE_POS_Y as usize * comptime!(tile.rows()) + rows * LANES + i;
            let row = min(row, comptime!(sizes.rows - 1));
            let quad = x[row * comptime!(sizes.inputs / LANES) + chunk * depth_quads + part];
            quads[i] = if comptime!(half) {
                QuadOf::<W>::cast_from(quad.clamp(Quad::new(-HALF_MAX), Quad::new(HALF_MAX)))
            } else {
                QuadOf::<W>::cast_from(quad)
            };
        }
        #[unroll]
        for lane in 0..LANES {
            let to = (part * LANES + lane) * comptime!(tile.stride()) + rows;
            shared[to] = gather(quads[0], quads[1], quads[2], quads[3], lane);
        }
    }
}

/// Brings columns of weights to workgroup memory, `(input, column)`.
#[cube]
fn load_weights<W: Float>(
    weight: &[QuadOf<W>],
    shared: &mut Shared<[QuadOf<W>]>,
    chunk: usize,
    #[comptime] sizes: Sizes,
    #[comptime] tile: Layout,
) {
    let outputs = comptime!(sizes.outputs / LANES);
    let quads = comptime!(tile.column_quads());
    #[unroll]
    for n in 0..comptime!(tile.depth * tile.column_quads() / tile.units()) {
        let at = n * comptime!(tile.units()) + UNIT_POS as usize;
        let column = CUBE_POS_X as usize * quads + at % quads;
        let input = chunk * comptime!(tile.depth) + at / quads;
        shared[comptime!(tile.weights()) + at] =
            weight[input * outputs + min(column, comptime!(outputs - 1))];
    }
}

#[cube]
fn write(
    bias: &[Quad],
    out: &mut [Quad],
    sums: &Array<Quad>,
    #[comptime] sizes: Sizes,
    #[comptime] then: Activation,
    #[comptime] tile: Layout,
) {
    let outputs = comptime!(sizes.outputs / LANES);
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / comptime!(tile.across), unit % comptime!(tile.across));
    #[unroll]
    for j in 0..comptime!(tile.wide) {
        let column = CUBE_POS_X as usize * comptime!(tile.column_quads())
            + j * comptime!(tile.across)
            + across;
        let offset = bias[min(column, comptime!(outputs - 1))];
        #[unroll]
        for i in 0..comptime!(tile.high * LANES) {
            let quad = comptime!(i / LANES * tile.row_quads() / tile.high) + down;
            let row =
                CUBE_POS_Y as usize * comptime!(tile.rows()) + quad * LANES + comptime!(i % LANES);
            if row < comptime!(sizes.rows) && column < outputs {
                out[row * outputs + column] =
                    activate(sums[i * comptime!(tile.wide) + j] + offset, then);
            }
        }
    }
}

#[cube]
fn activate(x: Quad, #[comptime] then: Activation) -> Quad {
    if comptime!(then == Activation::Gelu) {
        let half = x * Quad::new(0.5);
        half + half * (x * Quad::new(std::f32::consts::FRAC_1_SQRT_2)).erf()
    } else {
        x
    }
}
