//! Attention that never writes its scores (Dao et al., 2022, <https://arxiv.org/abs/2205.14135>),
//! with positions in SAM's way or in TinyViT's.
//!
//! A workgroup owns 64 queries of one head and goes through the keys 64 at a time. Its 16 by 8
//! units own four queries each, and eight keys or an eighth of the channels: the scores and the
//! result stay in their registers, and q, k, v and the weights pass through workgroup memory in
//! pieces.

use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::quads::{ACROSS, LANES, Quad, UNITS, add_outer, gather};
use super::relative::{self, ABSENT, Side};
use super::{LARGEST_DISPATCH, empty, values};

/// Queries of a workgroup, and keys of a step.
const TILE: usize = 64;
const TILE_QUADS: usize = TILE / LANES;
/// Channels of q and k, or keys of v, that are in workgroup memory at a time.
pub const CHUNK: usize = 16;
/// More would not fit 16 KiB of workgroup memory.
pub const MAX_CHANNELS: usize = 80;

/// Quads between two channels of q or k in workgroup memory; odd, to spread over the banks.
const STRIDE: usize = TILE_QUADS + 1;
/// Keys whose weights are in workgroup memory at a time, in quads.
const HALF: usize = TILE_QUADS / 2;
/// Where, in quads, k, v and what units tell each other begin in workgroup memory. q and the
/// weights begin at 0.
const K: usize = CHUNK * STRIDE;
const V: usize = TILE * HALF;

/// How a model arranges queries, keys and values in a token's row, and what its positions add to
/// the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// `(3, heads, channels)`, and one summand for a key's row and one for its column.
    Sam,
    /// `(heads, 3, channels)`, and a table `(heads, queries, keys)`. The grid is one row.
    TinyVit,
}

/// The sizes of an attention: a grid of tokens, and heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    pub form: Form,
    pub height: usize,
    pub width: usize,
    pub heads: usize,
    /// Of a head.
    pub channels: usize,
}

impl Grid {
    pub fn tokens(self) -> usize {
        self.height * self.width
    }

    /// Rows and columns of a grid's qkv.
    pub fn qkv_dims(self) -> [usize; 2] {
        [self.tokens(), 3 * self.heads * self.channels]
    }

    /// Keys of a row, with some that are not there to make whole quads, or whole steps.
    pub fn columns(self) -> usize {
        self.width.next_multiple_of(match self.form {
            Form::Sam => LANES,
            Form::TinyVit => TILE,
        })
    }

    /// Steps through the keys.
    fn steps(self) -> usize {
        (self.height * self.columns()).div_ceil(TILE)
    }

    /// Rows of keys that the steps touch, as a multiple of four.
    fn rows(self) -> usize {
        (self.steps() * TILE)
            .div_ceil(self.columns())
            .next_multiple_of(LANES)
    }

    /// Quads of a row of the result that a unit owns.
    fn share(self) -> usize {
        (self.channels / LANES).div_ceil(ACROSS)
    }

    /// Tiles of queries whose attention, in so many grids, one dispatch computes.
    pub fn tiles_at_a_time(self, grids: usize) -> usize {
        let tiles = self.tokens().div_ceil(TILE);
        tiles.div_ceil((self.operations(grids) / LARGEST_DISPATCH).ceil() as usize)
    }

    /// Multiplications and additions of so many grids.
    pub fn operations(self, grids: usize) -> f64 {
        let (tokens, stacked) = (self.tokens() as f64, (grids * self.heads) as f64);
        4.0 * stacked * tokens * tokens * self.channels as f64
    }

    /// Where what units tell each other begins in workgroup memory.
    fn notes(self) -> usize {
        V + CHUNK * self.channels / LANES
    }
}

/// With the embeddings of SAM's relative positions, `(side, side, channels)`.
pub fn launch_sam(qkv: CubeTensor, rel_h: CubeTensor, rel_w: CubeTensor, grid: Grid) -> CubeTensor {
    let by_row = relative::launch(&qkv, rel_h, Side::Rows, grid.rows(), grid);
    let by_column = relative::launch(&qkv, rel_w, Side::Columns, grid.columns(), grid);
    launch(qkv, Some(by_row), by_column, grid)
}

/// With TinyViT's table of biases, `(heads, queries, columns)`.
pub fn launch_tiny_vit(qkv: CubeTensor, table: CubeTensor, grid: Grid) -> CubeTensor {
    launch(qkv, None, table, grid)
}

fn launch(
    qkv: CubeTensor,
    by_row: Option<CubeTensor>,
    by_column: CubeTensor,
    grid: Grid,
) -> CubeTensor {
    let grids = qkv.meta.shape()[0];
    let out = empty(&qkv, [grids, grid.tokens(), grid.heads * grid.channels]);
    let tiles = grid.tokens().div_ceil(TILE);
    let step = grid.tiles_at_a_time(grids);
    for start in (0..tiles).step_by(step) {
        let count = step.min(tiles - start);
        // Every index is held to its buffer by the kernel itself.
        unsafe {
            attend::launch_unchecked(
                &out.client,
                CubeCount::Static(count as u32, (grids * grid.heads) as u32, 1),
                CubeDim::new_1d(UNITS as u32),
                values(qkv.clone()),
                by_row.clone().map(values).into(),
                values(by_column.clone()),
                values(out.clone()),
                start as u32,
                grid,
            );
        }
    }
    out
}

#[cube(launch_unchecked)]
fn attend(
    qkv: &[Quad],
    by_row: ComptimeOption<&[f32]>,
    by_column: &[Quad],
    out: &mut [Quad],
    start: u32,
    #[comptime] grid: Grid,
) {
    let share = comptime!(grid.share());
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    let first = (start + CUBE_POS_X) as usize * TILE;
    let mut shared = Shared::<[Quad]>::new_slice(comptime!(grid.notes() + TILE_QUADS * ACROSS));
    let mut result = Array::<Quad>::new(comptime!(LANES * share));
    // Of the unit's four queries: the largest score so far, and the sum of its own keys' weights.
    let mut most = Quad::new(ABSENT);
    let mut sum = Quad::new(0.0);
    for step in 0..comptime!(grid.steps()) {
        let mut scores = Array::<Quad>::new(2 * LANES);
        multiply_keys(qkv, &mut shared, &mut scores, first, step, grid);
        add_positions(
            by_row,
            by_column,
            &mut scores,
            first + down * LANES,
            step,
            grid,
        );
        let larger = max(most, largest(&mut shared, &scores, grid));
        let faded = (most - larger).exp();
        most = larger;
        sum = sum * faded + weigh(&mut scores, larger);
        #[unroll]
        for i in 0..LANES {
            #[unroll]
            for j in 0..share {
                result[i * share + j] *= Quad::new(faded.extract(i));
            }
        }
        add_values(qkv, &mut shared, &scores, &mut result, step, grid);
    }
    let notes = comptime!(grid.notes());
    shared[notes + across * TILE_QUADS + down] = sum;
    sync_cube();
    let mut total = Quad::new(0.0);
    #[unroll]
    for other in 0..ACROSS {
        total += shared[notes + other * TILE_QUADS + down];
    }
    write(out, &result, total, first, grid);
}

/// Scores of the unit's four queries with its two quads of keys, `q·kᵀ / √channels`.
#[cube]
fn multiply_keys(
    qkv: &[Quad],
    shared: &mut Shared<[Quad]>,
    scores: &mut Array<Quad>,
    first: usize,
    step: usize,
    #[comptime] grid: Grid,
) {
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    for chunk in 0..comptime!(grid.channels / CHUNK) {
        sync_cube();
        load_transposed(qkv, shared, first, step, chunk, grid);
        sync_cube();
        for channel in 0..CHUNK {
            let queries = shared[channel * STRIDE + down];
            let mut keys = Array::<Quad>::new(2usize);
            keys[0] = shared[K + channel * STRIDE + across];
            keys[1] = shared[K + channel * STRIDE + ACROSS + across];
            add_outer(scores, 0usize, queries, &keys);
        }
    }
}

/// Brings a chunk of channels of the queries and keys to workgroup memory, `(channel, token)`.
/// Half of the units load queries and half load keys, each four channels of four tokens.
#[cube]
fn load_transposed(
    qkv: &[Quad],
    shared: &mut Shared<[Quad]>,
    first: usize,
    step: usize,
    chunk: usize,
    #[comptime] grid: Grid,
) {
    let chunk_quads = comptime!(CHUNK / LANES);
    let unit = UNIT_POS as usize;
    let is_key = unit >= comptime!(UNITS / 2);
    let block = unit % comptime!(UNITS / 2);
    let (tokens, part) = (block / chunk_quads, block % chunk_quads);
    let channel = chunk * chunk_quads + part;
    let which = select(is_key, KEY, QUERY);
    let factor = comptime!(1.0 / (grid.channels as f32).sqrt());
    let factor = Quad::new(select(is_key, 1.0, factor));
    let mut quads = Array::<Quad>::new(LANES);
    #[unroll]
    for i in 0..LANES {
        let position = tokens * LANES + i;
        let query = min(first + position, comptime!(grid.tokens() - 1));
        let token = select(is_key, key_token(step * TILE + position, grid), query);
        quads[i] = qkv[offset(token, which, grid) + channel] * factor;
    }
    let to = select(is_key, K, 0) + part * comptime!(LANES * STRIDE) + tokens;
    #[unroll]
    for lane in 0..LANES {
        shared[to + lane * STRIDE] = gather(quads[0], quads[1], quads[2], quads[3], lane);
    }
}

/// Parts of a token's row.
pub const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

/// Where a part of a token's row of qkv begins for the workgroup's head, in quads.
#[cube]
pub fn offset(token: usize, part: usize, #[comptime] grid: Grid) -> usize {
    let heads = comptime!(grid.heads);
    let (window, head) = (CUBE_POS_Y as usize / heads, CUBE_POS_Y as usize % heads);
    let row = (window * comptime!(grid.tokens()) + token) * comptime!(3 * heads);
    let place = match comptime!(grid.form) {
        Form::Sam => part * heads + head,
        Form::TinyVit => head * 3 + part,
    };
    (row + place) * comptime!(grid.channels / LANES)
}

/// The token of a key, counted with those that are not there; another's for one of them.
#[cube]
fn key_token(key: usize, #[comptime] grid: Grid) -> usize {
    let columns = comptime!(grid.columns());
    let row = min(key / columns, comptime!(grid.height - 1));
    let column = min(key % columns, comptime!(grid.width - 1));
    row * comptime!(grid.width) + column
}

/// Adds to the scores what the keys' positions add, see [`Form`].
#[cube]
fn add_positions(
    by_row: ComptimeOption<&[f32]>,
    by_column: &[Quad],
    scores: &mut Array<Quad>,
    first: usize,
    step: usize,
    #[comptime] grid: Grid,
) {
    let columns = comptime!(grid.columns());
    let across = UNIT_POS as usize % ACROSS;
    let head = match comptime!(grid.form) {
        Form::Sam => CUBE_POS_Y as usize,
        Form::TinyVit => CUBE_POS_Y as usize % comptime!(grid.heads),
    };
    #[unroll]
    for i in 0..LANES {
        let query = min(first + i, comptime!(grid.tokens() - 1));
        let query = head * comptime!(grid.tokens()) + query;
        #[unroll]
        for j in 0..2usize {
            let key = step * TILE + (across + j * ACROSS) * LANES;
            scores[i * 2 + j] += by_column[(query * columns + key % columns) / LANES];
            #[comptime]
            match by_row {
                ComptimeOption::Some(by_row) => {
                    let value = by_row[query * comptime!(grid.rows()) + key / columns];
                    scores[i * 2 + j] += Quad::new(value);
                }
                ComptimeOption::None => {}
            }
        }
    }
}

/// The largest scores of the unit's four queries over all keys of the step.
#[cube]
fn largest(shared: &mut Shared<[Quad]>, scores: &Array<Quad>, #[comptime] grid: Grid) -> Quad {
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    let notes = comptime!(grid.notes());
    let mut own = Quad::new(ABSENT);
    #[unroll]
    for lane in 0..LANES {
        // A quad of the four queries' scores with one key.
        let a = gather(scores[0], scores[2], scores[4], scores[6], lane);
        let b = gather(scores[1], scores[3], scores[5], scores[7], lane);
        own = max(own, max(a, b));
    }
    shared[notes + across * TILE_QUADS + down] = own;
    sync_cube();
    let mut all = own;
    #[unroll]
    for other in 0..ACROSS {
        all = max(all, shared[notes + other * TILE_QUADS + down]);
    }
    all
}

/// Makes weights of the scores, `exp(score - most)`, and adds up each query's.
#[cube]
fn weigh(scores: &mut Array<Quad>, most: Quad) -> Quad {
    #[unroll]
    for i in 0..LANES {
        #[unroll]
        for j in 0..2usize {
            scores[i * 2 + j] = (scores[i * 2 + j] - Quad::new(most.extract(i))).exp();
        }
    }
    let mut sum = Quad::new(0.0);
    #[unroll]
    for lane in 0..LANES {
        sum += gather(scores[0], scores[2], scores[4], scores[6], lane);
        sum += gather(scores[1], scores[3], scores[5], scores[7], lane);
    }
    sum
}

/// Adds the step's values, times their weights, to the unit's part of the result.
#[cube]
fn add_values(
    qkv: &[Quad],
    shared: &mut Shared<[Quad]>,
    weights: &Array<Quad>,
    result: &mut Array<Quad>,
    step: usize,
    #[comptime] grid: Grid,
) {
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    let chunks = comptime!(TILE / CHUNK / 2);
    #[unroll]
    for half in 0..2usize {
        for chunk in 0..chunks {
            sync_cube();
            if chunk == 0 {
                #[unroll]
                for i in 0..LANES {
                    shared[(down * LANES + i) * HALF + across] = weights[i * 2 + half];
                }
            }
            load_values(
                qkv,
                shared,
                step * TILE + (half * chunks + chunk) * CHUNK,
                grid,
            );
            sync_cube();
            multiply_values(shared, result, chunk, grid);
        }
    }
}

/// Brings a chunk of values to workgroup memory, `(key, channel)`.
#[cube]
fn load_values(
    qkv: &[Quad],
    shared: &mut Shared<[Quad]>,
    first_key: usize,
    #[comptime] grid: Grid,
) {
    let channels = comptime!(grid.channels / LANES);
    #[unroll]
    for n in 0..comptime!((CHUNK * channels).div_ceil(UNITS)) {
        let at = n * UNITS + UNIT_POS as usize;
        if at < comptime!(CHUNK * channels) {
            let token = key_token(first_key + at / channels, grid);
            shared[V + at] = qkv[offset(token, VALUE, grid) + at % channels];
        }
    }
}

#[cube]
fn multiply_values(
    shared: &mut Shared<[Quad]>,
    result: &mut Array<Quad>,
    chunk: usize,
    #[comptime] grid: Grid,
) {
    let (channels, share) = comptime!((grid.channels / LANES, grid.share()));
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    for quad in 0..comptime!(CHUNK / LANES) {
        let mut weights = Array::<Quad>::new(LANES);
        #[unroll]
        for i in 0..LANES {
            let keys = chunk * comptime!(CHUNK / LANES) + quad;
            weights[i] = shared[(down * LANES + i) * HALF + keys];
        }
        #[unroll]
        for lane in 0..LANES {
            let queries = gather(weights[0], weights[1], weights[2], weights[3], lane);
            let mut values = Array::<Quad>::new(share);
            #[unroll]
            for j in 0..share {
                let channel = min(across + j * ACROSS, comptime!(channels - 1));
                values[j] = shared[V + (quad * LANES + lane) * channels + channel];
            }
            add_outer(result, 0usize, queries, &values);
        }
    }
}

/// The result over the sum of the weights, as `(grids, tokens, heads · channels)`.
#[cube]
fn write(
    out: &mut [Quad],
    result: &Array<Quad>,
    total: Quad,
    first: usize,
    #[comptime] grid: Grid,
) {
    let (channels, share) = comptime!((grid.channels / LANES, grid.share()));
    let heads = comptime!(grid.heads);
    let unit = UNIT_POS as usize;
    let (down, across) = (unit / ACROSS, unit % ACROSS);
    let stacked = CUBE_POS_Y as usize;
    #[unroll]
    for i in 0..LANES {
        let query = first + down * LANES + i;
        let row = stacked / heads * comptime!(grid.tokens()) + query;
        let to = (row * heads + stacked % heads) * channels;
        #[unroll]
        for j in 0..share {
            let channel = across + j * ACROSS;
            if query < comptime!(grid.tokens()) && channel < channels {
                out[to + channel] = result[i * share + j] / Quad::new(total.extract(i));
            }
        }
    }
}
