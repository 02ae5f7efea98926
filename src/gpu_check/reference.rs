//! Attention by its definition, for some queries alone.

use crate::model::kernels::{Form, Grid};

/// Those that are compared of so many: all of a workgroup, one in each of the others, and the last.
pub fn some_queries(count: usize) -> Vec<usize> {
    let chosen = |&query: &usize| query < 64 || query % 61 == 0 || query + 1 == count;
    (0..count).filter(chosen).collect()
}

/// The rows of that length at `places`, one after the other.
pub fn rows(values: &[f32], length: usize, places: &[usize]) -> Vec<f32> {
    let rows = places.iter().map(|&i| &values[i * length..][..length]);
    rows.flatten().copied().collect()
}

/// What is added to the score of a query, of which the values are given, for the row and the column of a key.
pub fn relative<'a>(
    rel_h: &'a [f32],
    rel_w: &'a [f32],
    grid: Grid,
) -> impl Fn(&[f32], usize, usize, usize) -> f32 + 'a {
    let (height, width, channels) = (grid.height, grid.width, grid.channels);
    move |q, _head, query, key| {
        let row = (query / width) * height + key / width;
        let column = (query % width) * width + key % width;
        let of = |table: &[f32], at: usize| dot(q, &table[at * channels..][..channels]);
        of(rel_h, row) + of(rel_w, column)
    }
}

/// `softmax(q·kᵀ / √channels + bias)·v` of `queries`, counted through all grids of `qkv`, `(grids, tokens, 3 · heads ·
/// channels)` in the order of the grid's form: `(queries, heads · channels)`. `bias` is given the query's values, its head,
/// the query and the key.
pub fn attention(
    qkv: &[f32],
    grid: Grid,
    queries: &[usize],
    bias: impl Fn(&[f32], usize, usize, usize) -> f32,
) -> Vec<f32> {
    let ([tokens, row], channels) = (grid.qkv_dims(), grid.channels);
    let place = |part: usize, head: usize| match grid.form {
        Form::Sam => part * grid.heads + head,
        Form::TinyVit => head * 3 + part,
    };
    let mut out = Vec::with_capacity(queries.len() * grid.heads * channels);
    for &query in queries {
        let (first, token) = (query / tokens * tokens, query % tokens);
        for head in 0..grid.heads {
            let of = |token: usize, part: usize| {
                &qkv[(first + token) * row + place(part, head) * channels..][..channels]
            };
            let q = of(token, 0);
            let scale = (channels as f32).sqrt().recip();
            let score = |key| dot(q, of(key, 1)) * scale + bias(q, head, token, key);
            let scores: Vec<f32> = (0..tokens).map(score).collect();
            let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut sum, mut result) = (0.0, vec![0.0; channels]);
            for (key, score) in scores.into_iter().enumerate() {
                let weight = (score - most).exp();
                sum += weight;
                let values = result.iter_mut().zip(of(key, 2));
                values.for_each(|(result, value)| *result += weight * value);
            }
            out.extend(result.into_iter().map(|value| value / sum));
        }
    }
    out
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
