//! The two-way transformer, in which tokens and image attend to each other
//! (section A of the paper; `segment_anything/modeling/transformer.py`).

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, TensorData};

use super::config::SamConfig;
use super::elementwise::softmax;
use super::layers::{MlpBlock, layer_norm, linear};
use super::parameters::Parameters;
use crate::error::Result;

const EPSILON: f64 = 1e-5;
/// By how much the attention between tokens and image narrows the channels.
const DOWNSAMPLE: usize = 2;

#[derive(Module, Debug)]
pub struct TwoWayTransformer {
    layers: Vec<TwoWayAttentionBlock>,
    final_attn_token_to_image: Attention,
    norm_final_attn: LayerNorm,
}

impl TwoWayTransformer {
    pub fn load(p: &Parameters, config: &SamConfig) -> Result<Self> {
        let (dim, heads) = (config.embed_dim, config.mask_decoder.heads);
        let layers = (0..config.mask_decoder.depth)
            .map(|i| TwoWayAttentionBlock::load(&p.at("layers").at(i), config))
            .collect::<Result<_>>()?;
        Ok(Self {
            layers,
            final_attn_token_to_image: Attention::load(
                &p.at("final_attn_token_to_image"),
                dim,
                dim / DOWNSAMPLE,
                heads,
            )?,
            norm_final_attn: layer_norm(&p.at("norm_final_attn"), dim, EPSILON)?,
        })
    }

    /// What the first layer makes of an image alone, for many prompts on it: `image` and its
    /// `position` are `(1, pixels, C)`.
    pub fn prepare(&self, image: Tensor<3>, position: Tensor<3>) -> PreparedImage {
        let mut prepared = PreparedImage::new(image, position);
        if let Some(layer) = self.layers.first() {
            prepared.first = layer.project(prepared.first);
        }
        prepared
    }

    /// The tokens `(B, N, C)` and the image to both, `(B, pixels, C)` the latter, after they have
    /// attended to each other.
    pub fn forward(&self, image: &PreparedImage, tokens: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let position = &image.position;
        let (mut queries, mut keys) = (tokens.clone(), image.image.clone());
        for (i, layer) in self.layers.iter().enumerate() {
            let sides = match i {
                0 => image.first.clone(),
                _ => Sides::new(&keys, position),
            };
            (queries, keys) = layer.forward(queries, keys, &tokens, sides, i == 0);
        }
        let q = queries.clone() + tokens;
        let Sides {
            keys: k, values, ..
        } = Sides::new(&keys, position);
        let out = self.final_attn_token_to_image.of_tokens(q, k, values);
        (self.norm_final_attn.forward(queries + out), keys)
    }
}

/// An image on its way into the two-way transformer.
#[derive(Clone, Debug)]
pub struct PreparedImage {
    /// `(B or 1, pixels, C)`.
    image: Tensor<3>,
    /// `(1, pixels, C)`.
    position: Tensor<3>,
    first: Sides,
}

impl PreparedImage {
    /// An image `(B or 1, pixels, C)` with its position `(1, pixels, C)` for a single prompt, or
    /// for as many prompts as there are images.
    pub fn new(image: Tensor<3>, position: Tensor<3>) -> Self {
        Self {
            first: Sides::new(&image, &position),
            image,
            position,
        }
    }

    /// `(B or 1, pixels, C)`.
    pub fn image(&self) -> &Tensor<3> {
        &self.image
    }
}

/// The image as a layer's attentions take it.
#[derive(Clone, Debug)]
struct Sides {
    /// Of the tokens.
    keys: Side,
    values: Side,
    /// Of the image.
    queries: Side,
}

impl Sides {
    fn new(image: &Tensor<3>, position: &Tensor<3>) -> Self {
        let positioned = image.clone() + position.clone();
        Self {
            keys: Side::Plain(positioned.clone()),
            values: Side::Plain(image.clone()),
            queries: Side::Plain(positioned),
        }
    }
}

/// What an attention has of the image: the image itself, `(B or 1, pixels, C)`, or what its
/// projection makes of it.
#[derive(Clone, Debug)]
enum Side {
    Plain(Tensor<3>),
    Projected(Tensor<3>),
}

impl Side {
    fn project(self, projection: &Linear) -> Self {
        match self {
            Self::Plain(x) => Self::Projected(projection.forward(x)),
            projected => projected,
        }
    }
}

/// Self-attention of the tokens, tokens to image, a perceptron, image to tokens.
#[derive(Module, Debug)]
struct TwoWayAttentionBlock {
    self_attn: Attention,
    norm1: LayerNorm,
    cross_attn_token_to_image: Attention,
    norm2: LayerNorm,
    mlp: MlpBlock,
    norm3: LayerNorm,
    cross_attn_image_to_token: Attention,
    norm4: LayerNorm,
}

impl TwoWayAttentionBlock {
    fn load(p: &Parameters, config: &SamConfig) -> Result<Self> {
        let (dim, heads) = (config.embed_dim, config.mask_decoder.heads);
        let attn = |name: &str, inner| Attention::load(&p.at(name), dim, inner, heads);
        let norm = |name: &str| layer_norm(&p.at(name), dim, EPSILON);
        Ok(Self {
            self_attn: attn("self_attn", dim)?,
            norm1: norm("norm1")?,
            cross_attn_token_to_image: attn("cross_attn_token_to_image", dim / DOWNSAMPLE)?,
            norm2: norm("norm2")?,
            mlp: MlpBlock::load(&p.at("mlp"), dim, config.mask_decoder.mlp_dim)?,
            norm3: norm("norm3")?,
            cross_attn_image_to_token: attn("cross_attn_image_to_token", dim / DOWNSAMPLE)?,
            norm4: norm("norm4")?,
        })
    }

    fn project(&self, sides: Sides) -> Sides {
        let (of_tokens, of_image) = (
            &self.cross_attn_token_to_image,
            &self.cross_attn_image_to_token,
        );
        Sides {
            keys: sides.keys.project(&of_tokens.k_proj),
            values: sides.values.project(&of_tokens.v_proj),
            queries: sides.queries.project(&of_image.q_proj),
        }
    }

    /// In the first layer the tokens are their own position, so it is not added to them. `sides`
    /// are of `keys`, the image.
    fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        position: &Tensor<3>,
        sides: Sides,
        first: bool,
    ) -> (Tensor<3>, Tensor<3>) {
        let queries = if first {
            let q = queries.clone();
            self.self_attn
                .of_tokens(q, plain(&queries), plain(&queries))
        } else {
            let q = queries.clone() + position.clone();
            let k = plain(&q);
            queries.clone() + self.self_attn.of_tokens(q, k, plain(&queries))
        };
        let queries = self.norm1.forward(queries);

        let q = queries.clone() + position.clone();
        let attended = self
            .cross_attn_token_to_image
            .of_tokens(q, sides.keys, sides.values);
        let queries = self.norm2.forward(queries + attended);
        let queries = self
            .norm3
            .forward(queries.clone() + self.mlp.forward_relu(queries));

        let q = queries.clone() + position.clone();
        let attended = self
            .cross_attn_image_to_token
            .of_image(sides.queries, q, queries.clone());
        (queries, self.norm4.forward(keys + attended))
    }
}

fn plain(x: &Tensor<3>) -> Side {
    Side::Plain(x.clone())
}

/// Multi-head attention with projections, which may narrow the channels.
///
/// One side is a handful of tokens, the other may be the whole image. Products are taken in the
/// order that leaves the image as it is: the tokens are repeated for each head with the other
/// heads' channels set to zero, and what would project the image projects them instead. The sums
/// are the same, with less than half of the work.
#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl Attention {
    fn load(p: &Parameters, dim: usize, inner: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            q_proj: linear(&p.at("q_proj"), dim, inner)?,
            k_proj: linear(&p.at("k_proj"), dim, inner)?,
            v_proj: linear(&p.at("v_proj"), dim, inner)?,
            out_proj: linear(&p.at("out_proj"), inner, dim)?,
            heads,
        })
    }

    /// Tokens `q` `(B, N, C)` attend to `k` and `v`: `(B, N, C)`. A bias of the keys would add the
    /// same to all of a token's scores, so it does not count.
    fn of_tokens(&self, q: Tensor<3>, k: Side, v: Side) -> Tensor<3> {
        let q = self.q_proj.forward(q);
        let [batch, count, inner] = q.dims();
        let own = self.own_channels(&q);
        let q = by_head(q * self.scale(inner), &own);
        let scores = match k {
            Side::Plain(k) => q.matmul(back(&self.k_proj)).matmul(k.swap_dims(1, 2)),
            Side::Projected(k) => q.matmul(k.swap_dims(1, 2)),
        };
        let weights = softmax(scores);
        let out = match v {
            Side::Plain(v) => self.v_proj.forward(weights.matmul(v)),
            Side::Projected(v) => weights.matmul(v),
        };
        let out = out.reshape([batch, self.heads, count, inner]) * own;
        self.out_proj.forward(out.sum_dim(1).squeeze_dim(1))
    }

    /// The image `q` attends to tokens `k` and `v` `(B, N, C)`: `(B, pixels, C)`.
    fn of_image(&self, q: Side, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
        let [batch, count, inner] = k.dims();
        let own = self.own_channels(&k);
        let k = by_head(k * self.scale(inner), &own);
        let scores = match q {
            Side::Projected(q) => q.matmul(k.swap_dims(1, 2)),
            Side::Plain(q) => self.scores_of_image(q, k),
        };
        let pixels = scores.dims()[1];
        let weights = softmax(scores.reshape([batch, pixels, self.heads, count]));
        let weights = weights.reshape([batch, pixels, self.heads * count]);
        let mut v = by_head(v, &own).matmul(self.out_proj.weight.val().unsqueeze());
        // Each head's weights sum to 1.
        if let Some(bias) = &self.out_proj.bias {
            v = v + bias.val().unsqueeze() / self.heads as f64;
        }
        weights.matmul(v)
    }

    /// Of the image `q` `(B or 1, pixels, C)` for the projected keys of each head,
    /// `(B, heads · N, inner)`: `(B, pixels, heads · N)`.
    fn scores_of_image(&self, q: Tensor<3>, k: Tensor<3>) -> Tensor<3> {
        let scores = q.matmul(k.clone().matmul(back(&self.q_proj)).swap_dims(1, 2));
        let Some(bias) = &self.q_proj.bias else {
            return scores;
        };
        let bias = bias.val().reshape([1, -1, 1]);
        scores + k.matmul(bias).swap_dims(1, 2)
    }

    fn scale(&self, inner: usize) -> f64 {
        ((inner / self.heads) as f64).powf(-0.5)
    }

    /// 1 for each head's own channels and 0 elsewhere, `(1, heads, 1, C)`.
    fn own_channels(&self, like: &Tensor<3>) -> Tensor<4> {
        let inner = like.dims()[2];
        let own = |i: usize| f32::from(u8::from(i / inner == i % inner / (inner / self.heads)));
        let values: Vec<f32> = (0..self.heads * inner).map(own).collect();
        let shape = [1, self.heads, 1, inner];
        Tensor::from_data(TensorData::new(values, shape), &like.device())
    }
}

/// Tokens `(B, N, C)` once for each head, with that head's channels alone: `(B, heads · N, C)`.
fn by_head(tokens: Tensor<3>, own: &Tensor<4>) -> Tensor<3> {
    (tokens.unsqueeze_dim::<4>(1) * own.clone()).flatten(1, 2)
}

/// The weight of `projection` to multiply its outputs by, `(1, outputs, inputs)`.
fn back(projection: &Linear) -> Tensor<3> {
    projection.weight.val().transpose().unsqueeze()
}
