//! Decomposed relative positions: what a query adds to a key's score for the key's row, or for
//! its column (`add_decomposed_rel_pos` in `segment_anything/modeling/image_encoder.py`).

use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::attention::{Grid, QUERY, offset};
use super::quads::{LANES, Quad, UNITS};
use super::{empty, values};

/// Added to the score of a key that is not there. Finite, so that the sum of two is.
pub const ABSENT: f32 = -1e30;

/// Along which side of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Rows,
    Columns,
}

/// `(stacked heads, queries, keys)` from `qkv` and the distances' embeddings `(side, side,
/// channels)`; `keys` is the side padded with [`ABSENT`], a multiple of four.
pub fn launch(
    qkv: &CubeTensor,
    table: CubeTensor,
    side: Side,
    keys: usize,
    grid: Grid,
) -> CubeTensor {
    let stacked = qkv.meta.shape()[0] * grid.heads;
    let out = empty(qkv, [stacked, grid.tokens(), keys]);
    let cubes = (grid.tokens() * keys / LANES).div_ceil(UNITS);
    // Every index is held to its buffer by the kernel itself.
    unsafe {
        relative::launch_unchecked(
            &qkv.client,
            CubeCount::Static(cubes as u32, stacked as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            values(qkv.clone()),
            values(table),
            values(out.clone()),
            side,
            keys,
            grid,
        );
    }
    out
}

/// A unit computes one query with four keys.
#[cube(launch_unchecked)]
fn relative(
    qkv: &[Quad],
    table: &[Quad],
    out: &mut [Quad],
    #[comptime] side: Side,
    #[comptime] keys: usize,
    #[comptime] grid: Grid,
) {
    let quads = comptime!(keys / LANES);
    let channels = comptime!(grid.channels / LANES);
    let len = comptime!(match side {
        Side::Rows => grid.height,
        Side::Columns => grid.width,
    });
    let unit = CUBE_POS_X as usize * UNITS + UNIT_POS as usize;
    let stacked = CUBE_POS_Y as usize;
    let (query, key) = (unit / quads, unit % quads * LANES);
    if query < comptime!(grid.tokens()) {
        let position = if comptime!(side == Side::Rows) {
            query / comptime!(grid.width)
        } else {
            query % comptime!(grid.width)
        };
        let q = offset(query, QUERY, grid);
        let mut sum = Quad::new(0.0);
        for c in 0..channels {
            let value = qkv[q + c];
            let mut products = Quad::new(0.0);
            #[unroll]
            for lane in 0..LANES {
                let row = position * len + min(key + lane, comptime!(len - 1));
                products.insert(lane, value.dot(table[row * channels + c]));
            }
            sum += products;
        }
        #[unroll]
        for lane in 0..LANES {
            if key + lane >= len {
                sum.insert(lane, ABSENT);
            }
        }
        out[stacked * comptime!(grid.tokens() * quads) + unit] = sum;
    }
}
