//! Scaled dot-product attention, in pieces that fit a bounded buffer.

use burn::tensor::Tensor;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::elementwise::{on_cpu, on_values, softmax, softmax_of};
use crate::device;

/// Bytes of scores that are materialised at a time on a GPU: half of WebGPU's guaranteed
/// `maxStorageBufferBindingSize`, and in any case one head's.
const SCORE_BYTES: usize = 64 << 20;
/// The same on the CPU, where they should stay in its cache between two passes.
const CACHED_SCORES: usize = 4 << 20;

/// What is added to the scores before the softmax.
// There is one for each attention, so its size does not count.
#[allow(clippy::large_enum_variant)]
pub enum Bias {
    /// For the row and for the column of a key in the image, `(heads, queries, height)` and
    /// `(heads, queries, width)` (`segment_anything`'s decomposed relative positions).
    RowsColumns(Tensor<3>, Tensor<3>),
    /// `(n, queries, keys)`, the same for every n heads.
    Table(Tensor<3>),
}

/// `softmax(q·kᵀ·scale + bias)·v` for stacked heads.
///
/// `q` is `(heads, queries, channels)`, `k` and `v` are `(heads, keys, channels)`, and the
/// result has the shape of `q`.
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, scale: f64, bias: Bias) -> Tensor<3> {
    let ([heads, queries, _], keys) = (q.dims(), k.dims()[1]);
    let k = k.swap_dims(1, 2);
    match on_cpu(&q) {
        true => {
            let bias = BiasValues::of(bias);
            // Whole heads, so few that no thread waits long for another, or one head's queries in parts.
            let few = heads.div_ceil(4 * device::pool_size());
            let step = (CACHED_SCORES / (4 * queries * keys)).clamp(1, few);
            let rows = match step {
                1 => (CACHED_SCORES / (4 * keys)).clamp(1, queries),
                _ => queries,
            };
            let weigh = |part: Part, scores| bias.softmax(part, scores);
            let run = |piece: &(dyn Fn(usize) -> Tensor<3> + Sync), count: usize| {
                (0..count).into_par_iter().map(piece).collect()
            };
            let scale = scale as f32;
            // Burn's device takes a number by its place in the view, which is slower than a copy.
            let scaled = |q| on_values(q, |q| q.iter_mut().for_each(|value| *value *= scale));
            in_pieces(
                [heads, queries],
                [step, rows],
                (q, k, v),
                scaled,
                weigh,
                run,
            )
        }
        false => {
            let group = bias.group();
            let step = (SCORE_BYTES / (4 * queries * keys * group)).max(1) * group;
            in_pieces(
                [heads, queries],
                [step, queries],
                (q * scale, k, v),
                |q| q,
                |part, scores| softmax(bias.add(part.head, scores)),
                |piece, count| (0..count).map(piece).collect(),
            )
        }
    }
}

/// The first head and the first query of a piece of the scores.
struct Part {
    head: usize,
    query: usize,
}

/// `weigh(scaled(q)·k)·v`, where `k` is transposed already, for `step` heads and `rows` queries at a time. `run` makes so many
/// pieces, in their order.
fn in_pieces(
    [heads, queries]: [usize; 2],
    [step, rows]: [usize; 2],
    (q, k, v): (Tensor<3>, Tensor<3>, Tensor<3>),
    scaled: impl Fn(Tensor<3>) -> Tensor<3> + Sync,
    weigh: impl Fn(Part, Tensor<3>) -> Tensor<3> + Sync,
    run: impl Fn(&(dyn Fn(usize) -> Tensor<3> + Sync), usize) -> Vec<Tensor<3>>,
) -> Tensor<3> {
    let of_heads = queries.div_ceil(rows);
    let piece = |i: usize| {
        let (head, query) = (i / of_heads * step, i % of_heads * rows);
        let n = step.min(heads - head);
        let of_heads = |x: &Tensor<3>| x.clone().narrow(0, head, n);
        let (q, k, v) = (of_heads(&q), of_heads(&k), of_heads(&v));
        let q = scaled(q.narrow(1, query, rows.min(queries - query)));
        weigh(Part { head, query }, q.matmul(k)).matmul(v)
    };
    let mut pieces = run(&piece, heads.div_ceil(step) * of_heads).into_iter();
    let mut some_heads = || joined(pieces.by_ref().take(of_heads).collect(), 1);
    joined((0..heads).step_by(step).map(|_| some_heads()).collect(), 0)
}

fn joined(mut pieces: Vec<Tensor<3>>, dim: usize) -> Tensor<3> {
    match pieces.len() {
        1 => pieces.remove(0),
        _ => Tensor::cat(pieces, dim),
    }
}

impl Bias {
    /// Heads that must stay together.
    fn group(&self) -> usize {
        match self {
            Self::RowsColumns(..) => 1,
            Self::Table(table) => table.dims()[0],
        }
    }

    /// Added to the scores `(n, queries, keys)` of the heads from `first` on.
    fn add(&self, first: usize, scores: Tensor<3>) -> Tensor<3> {
        let [n, queries, keys] = scores.dims();
        match self {
            Self::RowsColumns(rows, columns) => {
                let [_, _, height] = rows.dims();
                let rows = rows.clone().narrow(0, first, n).unsqueeze_dim::<4>(3);
                let columns = columns.clone().narrow(0, first, n).unsqueeze_dim::<4>(2);
                let scores = scores.reshape([n, queries, height, keys / height]);
                (scores + rows + columns).reshape([n, queries, keys])
            }
            Self::Table(table) => {
                let group = table.dims()[0];
                let scores = scores.reshape([n / group, group, queries, keys]);
                (scores + table.clone().unsqueeze()).reshape([n, queries, keys])
            }
        }
    }
}

/// A [`Bias`] on the CPU, row-major.
enum BiasValues {
    RowsColumns {
        rows: Vec<f32>,
        columns: Vec<f32>,
        queries: usize,
        sides: [usize; 2],
    },
    Table {
        table: Vec<f32>,
        shape: [usize; 3],
    },
}

impl BiasValues {
    fn of(bias: Bias) -> Self {
        match bias {
            Bias::RowsColumns(rows, columns) => {
                let [_, queries, height] = rows.dims();
                let sides = [height, columns.dims()[2]];
                let (rows, columns) = (values(rows), values(columns));
                Self::RowsColumns {
                    rows,
                    columns,
                    queries,
                    sides,
                }
            }
            Bias::Table(table) => {
                let shape = table.dims();
                let table = values(table);
                Self::Table { table, shape }
            }
        }
    }

    /// The softmax of biased scores `(n, queries, keys)`, of which `part` tells the first.
    fn softmax(&self, part: Part, scores: Tensor<3>) -> Tensor<3> {
        let [_, queries, keys] = scores.dims();
        on_values(scores, |values| {
            for (i, row) in values.chunks_exact_mut(keys).enumerate() {
                self.add(part.head + i / queries, part.query + i % queries, row);
                softmax_of(row);
            }
        })
    }

    /// Added to the scores of one query of one head.
    fn add(&self, head: usize, query: usize, scores: &mut [f32]) {
        match self {
            Self::RowsColumns {
                rows,
                columns,
                queries,
                sides: [height, width],
            } => {
                let at = head * queries + query;
                let columns = &columns[at * width..][..*width];
                let rows = &rows[at * height..][..*height];
                for (scores, row) in scores.chunks_exact_mut(*width).zip(rows) {
                    let both = scores.iter_mut().zip(columns);
                    both.for_each(|(score, column)| *score += row + column);
                }
            }
            Self::Table {
                table,
                shape: [heads, queries, keys],
            } => {
                let at = (head % heads) * queries + query;
                let both = scores.iter_mut().zip(&table[at * keys..]);
                both.for_each(|(score, bias)| *score += bias);
            }
        }
    }
}

fn values(x: Tensor<3>) -> Vec<f32> {
    let values = x.into_data().try_into_vec();
    values.expect("the CPU device computes in float32")
}

/// Moves the heads of `(batch, tokens, heads · channels)` to the front:
/// `(batch · heads, tokens, channels)`.
pub fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<3> {
    let [batch, tokens, channels] = x.dims();
    x.reshape([batch, tokens, heads, channels / heads])
        .swap_dims(1, 2)
        .reshape([batch * heads, tokens, channels / heads])
}

/// Undoes [`split_heads`].
pub fn merge_heads(x: Tensor<3>, heads: usize) -> Tensor<3> {
    let [stacked, tokens, channels] = x.dims();
    let batch = stacked / heads;
    x.reshape([batch, heads, tokens, channels])
        .swap_dims(1, 2)
        .reshape([batch, tokens, heads * channels])
}
