//! The plain vision transformer of SAM's image encoder: ViT-B, ViT-L and ViT-H
//! (section A of the paper; `segment_anything/modeling/image_encoder.py`).

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::attention::{Bias, attention, merge_heads, split_heads};
use super::config::VitConfig;
use super::kernels::{self, Activation, Form, Grid, Kernel};
use super::layers::{ConvSize, MlpBlock, apply, conv2d, layer_norm, linear};
use super::parameters::Parameters;
use crate::error::Result;

const EPSILON: f64 = 1e-6;

/// Patch embedding, absolute position embedding and transformer blocks.
#[derive(Module, Debug)]
pub struct Vit {
    patch_embed: Conv2d,
    pos_embed: Param<Tensor<4>>,
    blocks: Vec<Block>,
}

impl Vit {
    pub fn load(p: &Parameters, config: &VitConfig) -> Result<Self> {
        let (dim, patch) = (config.embed_dim, config.patch_size);
        let grid = config.image_size / patch;
        let blocks = (0..config.depth)
            .map(|i| {
                let window = match config.global_blocks.contains(&i) {
                    true => None,
                    false => Some(config.window),
                };
                Block::load(&p.at("blocks").at(i), config, window)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            patch_embed: conv2d(
                &p.at("patch_embed.proj"),
                ConvSize::new(3, dim, patch, patch),
            )?,
            pos_embed: Param::from_tensor(p.tensor("pos_embed", [1, grid, grid, dim])?),
            blocks,
        })
    }

    /// How many steps [`Vit::step`] knows.
    pub fn steps(&self) -> usize {
        1 + self.blocks.len()
    }

    /// Step 0 embeds the patches of `(B, 3, side, side)` as `(B, grid, grid, channels)`;
    /// the others are the blocks.
    pub fn step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        match step {
            0 => self.patch_embed.forward(x).permute([0, 2, 3, 1]) + self.pos_embed.val(),
            _ => self.blocks[step - 1].forward(x),
        }
    }
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: MlpBlock,
    /// Side of the attention windows in tokens; `None` attends globally.
    window: Option<usize>,
}

impl Block {
    fn load(p: &Parameters, config: &VitConfig, window: Option<usize>) -> Result<Self> {
        let dim = config.embed_dim;
        let side = window.unwrap_or(config.image_size / config.patch_size);
        Ok(Self {
            norm1: layer_norm(&p.at("norm1"), dim, EPSILON)?,
            attn: Attention::load(&p.at("attn"), dim, config.heads, side)?,
            norm2: layer_norm(&p.at("norm2"), dim, EPSILON)?,
            mlp: MlpBlock::load(&p.at("mlp"), dim, config.mlp_dim)?,
            window,
        })
    }

    /// `(B, height, width, channels)` to the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let y = self.norm1.forward(x.clone());
        let y = match self.window {
            None => self.attn.forward(y),
            Some(window) => {
                let windows = self.attn.forward(window_partition(y, window));
                window_unpartition(windows, height, width)
            }
        };
        let x = x + y;
        let y = self.mlp.forward_gelu(self.norm2.forward(x.clone()));
        x + y
    }
}

/// Cuts `(B, height, width, C)` into non-overlapping windows `(B · windows, w, w, C)`, padded
/// with zeros at the bottom and the right.
pub fn window_partition(x: Tensor<4>, window: usize) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let (rows, columns) = (height.div_ceil(window), width.div_ceil(window));
    let (bottom, right) = (rows * window - height, columns * window - width);
    let x = match bottom + right {
        0 => x,
        _ => x.pad([(0, 0), (0, bottom), (0, right), (0, 0)], 0.0),
    };
    x.reshape([batch, rows, window, columns, window, channels])
        .swap_dims(2, 3)
        .reshape([batch * rows * columns, window, window, channels])
}

/// Undoes [`window_partition`] and cuts the padding off.
pub fn window_unpartition(windows: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [count, window, _, channels] = windows.dims();
    let (rows, columns) = (height.div_ceil(window), width.div_ceil(window));
    let batch = count / (rows * columns);
    windows
        .reshape([batch, rows, columns, window, window, channels])
        .swap_dims(2, 3)
        .reshape([batch, rows * window, columns * window, channels])
        .narrow(1, 0, height)
        .narrow(2, 0, width)
}

/// Multi-head attention with decomposed relative positions.
#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    /// `(query row, key row, head channels)`: one embedding for each distance.
    rel_h: Param<Tensor<3>>,
    rel_w: Param<Tensor<3>>,
    heads: usize,
}

impl Attention {
    fn load(p: &Parameters, dim: usize, heads: usize, side: usize) -> Result<Self> {
        Ok(Self {
            qkv: linear(&p.at("qkv"), dim, 3 * dim)?,
            proj: linear(&p.at("proj"), dim, dim)?,
            rel_h: relative_positions(p, "rel_pos_h", side, dim / heads)?,
            rel_w: relative_positions(p, "rel_pos_w", side, dim / heads)?,
            heads,
        })
    }

    /// `(B, side, side, channels)` to the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, channels] = x.dims();
        let grid = Grid {
            form: Form::Sam,
            height,
            width,
            heads: self.heads,
            channels: channels / self.heads,
        };
        let x = x.reshape([batch, grid.tokens(), channels]);
        let qkv = apply(&self.qkv, x, Activation::None);
        let fits = kernels::attention_fits(grid.channels);
        let out = match kernels::on_gpu(&qkv) && fits && kernels::is_usable(Kernel::Attention) {
            true => kernels::attention(qkv, self.rel_h.val(), self.rel_w.val(), grid),
            false => relative_attention(qkv, self.rel_h.val(), self.rel_w.val(), grid),
        };
        apply(&self.proj, out, Activation::None).reshape([batch, height, width, channels])
    }
}

/// What [`kernels::attention`] computes, in tensor operations.
pub fn relative_attention(
    qkv: Tensor<3>,
    rel_h: Tensor<3>,
    rel_w: Tensor<3>,
    grid: Grid,
) -> Tensor<3> {
    let heads = grid.heads;
    let channels = heads * grid.channels;
    let part = |i: usize| split_heads(qkv.clone().narrow(2, i * channels, channels), heads);
    let (q, k, v) = (part(0), part(1), part(2));
    let bias = relative_bias(q.clone(), rel_h, rel_w, grid);
    let scale = (grid.channels as f64).powf(-0.5);
    merge_heads(attention(q, k, v, scale, bias), heads)
}

/// What the queries `(heads, height · width, channels)` add to the score of a key for its row and
/// for its column.
fn relative_bias(q: Tensor<3>, rel_h: Tensor<3>, rel_w: Tensor<3>, grid: Grid) -> Bias {
    let [stacked, tokens, channels] = q.dims();
    let (height, width) = (grid.height, grid.width);
    let q = q.reshape([stacked, height, width, channels]);
    let by_row = q.clone().permute([1, 0, 2, 3]);
    let rel_h = by_row
        .reshape([height, stacked * width, channels])
        .matmul(rel_h.swap_dims(1, 2))
        .reshape([height, stacked, width, height])
        .permute([1, 0, 2, 3])
        .reshape([stacked, tokens, height]);
    let by_column = q.permute([2, 0, 1, 3]);
    let rel_w = by_column
        .reshape([width, stacked * height, channels])
        .matmul(rel_w.swap_dims(1, 2))
        .reshape([width, stacked, height, width])
        .permute([1, 2, 0, 3])
        .reshape([stacked, tokens, width]);
    Bias::RowsColumns(rel_h, rel_w)
}

/// The embeddings of the distances between `side` positions, looked up in a checkpoint's
/// table of `2 · side - 1` rows: `(query, key, channels)` (`get_rel_pos`).
fn relative_positions(
    p: &Parameters,
    name: &str,
    side: usize,
    channels: usize,
) -> Result<Param<Tensor<3>>> {
    let table = p.values(name, &[2 * side - 1, channels])?;
    let mut values = Vec::with_capacity(side * side * channels);
    for query in 0..side {
        for key in 0..side {
            let row = (query + side - 1 - key) * channels;
            values.extend_from_slice(&table[row..row + channels]);
        }
    }
    Ok(Param::from_tensor(p.place(values, [side, side, channels])))
}
