//! Groups of four values, in which the kernels read, multiply and write.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// Values in a [`Quad`].
pub const LANES: usize = 4;
pub type Quad = QuadOf<f32>;
pub type QuadOf<F> = Vector<F, Const<LANES>>;

/// Units of a workgroup: 16 groups of rows by [`ACROSS`] groups of columns.
pub const UNITS: usize = 128;
pub const ACROSS: usize = 8;

/// The values at `lane` of four quads.
#[cube]
pub fn gather<F: Float>(
    a: QuadOf<F>,
    b: QuadOf<F>,
    c: QuadOf<F>,
    d: QuadOf<F>,
    #[comptime] lane: usize,
) -> QuadOf<F> {
    let mut out = QuadOf::<F>::new(a.extract(lane));
    out.insert(1usize, b.extract(lane));
    out.insert(2usize, c.extract(lane));
    out.insert(3usize, d.extract(lane));
    out
}

/// Adds to a tile in registers, four rows that begin at `first`, the product of a column of four
/// values and a row of quads.
#[cube]
pub fn add_outer<F: Float>(
    tile: &mut Array<QuadOf<F>>,
    #[comptime] first: usize,
    rows: QuadOf<F>,
    row: &Array<QuadOf<F>>,
) {
    let columns = row.len();
    #[unroll]
    for i in 0..LANES {
        let value = QuadOf::<F>::new(rows.extract(i));
        #[unroll]
        for j in 0..columns {
            tile[first + i * columns + j] += value * row[j];
        }
    }
}
