//! A linear layer: a matrix product with bias and activation.
//!
//! A workgroup computes 128 rows by 64 columns, and each of its 16 by 8 units eight by eight of
//! them, in registers; both factors pass through workgroup memory 16 inputs at a time. Where the
//! weights are in float16, that memory and the products of 16 inputs are too; their sum is then
//! added up in float32.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use half::f16;

use super::quads::{ACROSS, LANES, Quad, QuadOf, UNITS, add_outer, gather};
use super::{Activation, empty, values};

/// Rows and columns of a workgroup.
const ROWS: usize = 128;
const COLUMNS: usize = 64;
/// Inputs that are in workgroup memory at a time.
pub const DEPTH: usize = 16;

/// The largest number in float16.
const HALF_MAX: f32 = f16::MAX.to_f32_const();

const ROW_QUADS: usize = ROWS / LANES;
const COLUMN_QUADS: usize = COLUMNS / LANES;
/// Quads between two inputs of x in workgroup memory; odd, to spread over the banks.
const STRIDE: usize = ROW_QUADS + 1;
/// Where the weights begin in workgroup memory.
const WEIGHTS: usize = DEPTH * STRIDE;

/// The sizes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sizes {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

pub fn launch(x: CubeTensor, weight: CubeTensor, bias: CubeTensor, then: Activation) -> CubeTensor {
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
    let (across, down) = (outputs.div_ceil(COLUMNS), rows.div_ceil(ROWS));
    // Every index is held to its buffer by the kernel itself.
    unsafe {
        multiply::launch_unchecked(
            &out.client,
            CubeCount::Static(across as u32, down as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            values(x),
            values(weight),
            values(bias),
            values(out.clone()),
            sizes,
            then,
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
    #[comptime] half: bool,
    #[define(W)] _weight_type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    let mut shared = Shared::<[QuadOf<W>]>::new_slice(comptime!(WEIGHTS + DEPTH * COLUMN_QUADS));
    // Two blocks of four rows by two quads.
    let mut sums = Array::<Quad>::new(4 * LANES);
    let mut part = Array::<QuadOf<W>>::new(4 * LANES);
    for chunk in 0..comptime!(sizes.inputs / DEPTH) {
        sync_cube();
        load_rows(x, &mut shared, chunk, sizes, half);
        load_weights(weight, &mut shared, chunk, sizes);
        sync_cube();
        for input in 0..DEPTH {
            let mut columns = Array::<QuadOf<W>>::new(2usize);
            columns[0] = shared[WEIGHTS + input * COLUMN_QUADS + across];
            columns[1] = shared[WEIGHTS + input * COLUMN_QUADS + ACROSS + across];
            let upper = shared[input * STRIDE + down];
            let lower = shared[input * STRIDE + ROW_QUADS / 2 + down];
            add_outer(&mut part, 0usize, upper, &columns);
            add_outer(&mut part, comptime!(2 * LANES), lower, &columns);
        }
        if comptime!(half) {
            add_up(&mut sums, &mut part);
        }
    }
    if comptime!(!half) {
        add_up(&mut sums, &mut part);
    }
    write(bias, out, &sums, sizes, then);
}

/// Moves partial sums to those in float32.
#[cube]
fn add_up<W: Float>(sums: &mut Array<Quad>, part: &mut Array<QuadOf<W>>) {
    #[unroll]
    for i in 0..comptime!(4 * LANES) {
        sums[i] += Quad::cast_from(part[i]);
        part[i] = QuadOf::<W>::new(W::from_int(0));
    }
}

/// Brings 128 rows of inputs to workgroup memory, `(input, row)`; a unit four inputs of four rows.
#[cube]
fn load_rows<W: Float>(
    x: &[Quad],
    shared: &mut Shared<[QuadOf<W>]>,
    chunk: usize,
    #[comptime] sizes: Sizes,
    #[comptime] half: bool,
) {
    let depth_quads = comptime!(DEPTH / LANES);
    let unit = UNIT_POS as usize;
    let (rows, part) = (unit / depth_quads, unit % depth_quads);
    let mut quads = Array::<QuadOf<W>>::new(LANES);
    #[unroll]
    for i in 0..LANES {
        let row = CUBE_POS_Y as usize * ROWS + rows * LANES + i;
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
        let to = (part * LANES + lane) * STRIDE + rows;
        shared[to] = gather(quads[0], quads[1], quads[2], quads[3], lane);
    }
}

/// Brings 64 columns of weights to workgroup memory, `(input, column)`; a unit two quads.
#[cube]
fn load_weights<W: Float>(
    weight: &[QuadOf<W>],
    shared: &mut Shared<[QuadOf<W>]>,
    chunk: usize,
    #[comptime] sizes: Sizes,
) {
    let outputs = comptime!(sizes.outputs / LANES);
    #[unroll]
    for n in 0..comptime!(DEPTH * COLUMN_QUADS / UNITS) {
        let at = n * UNITS + UNIT_POS as usize;
        let column = CUBE_POS_X as usize * COLUMN_QUADS + at % COLUMN_QUADS;
        let input = chunk * DEPTH + at / COLUMN_QUADS;
        shared[WEIGHTS + at] = weight[input * outputs + min(column, comptime!(outputs - 1))];
    }
}

#[cube]
fn write(
    bias: &[Quad],
    out: &mut [Quad],
    sums: &Array<Quad>,
    #[comptime] sizes: Sizes,
    #[comptime] then: Activation,
) {
    let outputs = comptime!(sizes.outputs / LANES);
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    #[unroll]
    for j in 0..2usize {
        let column = CUBE_POS_X as usize * COLUMN_QUADS + j * ACROSS + across;
        let offset = bias[min(column, comptime!(outputs - 1))];
        #[unroll]
        for i in 0..comptime!(2 * LANES) {
            let quad = comptime!(i / LANES * ROW_QUADS / 2) + down;
            let row = CUBE_POS_Y as usize * ROWS + quad * LANES + comptime!(i % LANES);
            if row < comptime!(sizes.rows) && column < outputs {
                out[row * outputs + column] = activate(sums[i * 2 + j] + offset, then);
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
