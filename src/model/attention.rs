//! Scaled dot-product attention, in pieces that fit a bounded buffer.

use burn::tensor::Tensor;

use super::elementwise::softmax;

/// Bytes of scores that are materialised at a time: half of WebGPU's guaranteed
/// `maxStorageBufferBindingSize`, and in any case one head's.
const SCORE_BYTES: usize = 64 << 20;

/// `softmax(q·kᵀ·scale + bias)·v` for stacked heads.
///
/// `q` is `(heads, queries, channels)`, `k` and `v` are `(heads, keys, channels)`, and the
/// result has the shape of `q`. `bias(first, scores)` adds to the scores
/// `(n, queries, keys)` of the heads from `first` on, `n` being a multiple of `group`.
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    scale: f64,
    group: usize,
    bias: impl Fn(usize, Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    let [heads, queries, _] = q.dims();
    let keys = k.dims()[1];
    let step = (SCORE_BYTES / (4 * queries * keys * group)).max(1) * group;
    let q = q * scale;
    let k = k.swap_dims(1, 2);
    let pieces: Vec<_> = (0..heads)
        .step_by(step)
        .map(|first| {
            let n = step.min(heads - first);
            let piece = |x: &Tensor<3>| x.clone().narrow(0, first, n);
            let scores = bias(first, piece(&q).matmul(piece(&k)));
            softmax(scores).matmul(piece(&v))
        })
        .collect();
    match pieces.len() {
        1 => pieces.into_iter().next().expect("one piece"),
        _ => Tensor::cat(pieces, 0),
    }
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
