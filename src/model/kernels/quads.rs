//! Groups of four values, in which the kernels read, multiply and write.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// Values in a [`Quad`].
pub const LANES: usize = 4;
pub type Quad = Vector<f32, Const<LANES>>;

/// Units of a workgroup: 16 groups of rows by [`ACROSS`] groups of columns.
pub const UNITS: usize = 128;
pub const ACROSS: usize = 8;

/// The values at `lane` of four quads.
#[cube]
pub fn gather(a: Quad, b: Quad, c: Quad, d: Quad, #[comptime] lane: usize) -> Quad {
    let mut out = Quad::new(a.extract(lane));
    out.insert(1usize, b.extract(lane));
    out.insert(2usize, c.extract(lane));
    out.insert(3usize, d.extract(lane));
    out
}

/// Adds to a tile in registers, four rows that begin at `first`, the product of a column of four
/// values and a row of quads.
#[cube]
pub fn add_outer(tile: &mut Array<Quad>, #[comptime] first: usize, rows: Quad, row: &Array<Quad>) {
    let columns = row.len();
    #[unroll]
    for i in 0..LANES {
        let value = Quad::new(rows.extract(i));
        #[unroll]
        for j in 0..columns {
            tile[first + i * columns + j] += value * row[j];
        }
    }
}
