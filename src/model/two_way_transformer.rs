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
        let Sides { attended, .. } = Sides::new(&keys, position);
        let out = self.final_attn_token_to_image.of_tokens(q, attended);
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
    /// By the tokens.
    attended: Attended,
    queries: Queries,
}

impl Sides {
    fn new(image: &Tensor<3>, position: &Tensor<3>) -> Self {
        let positioned = image.clone() + position.clone();
        Self {
            attended: Attended::Plain(positioned.clone(), image.clone()),
            queries: Queries::Plain(positioned),
        }
    }
}

/// Keys and values that tokens attend to.
#[derive(Clone, Debug)]
enum Attended {
    /// As they come, `(B or 1, N, C)` each.
    Plain(Tensor<3>, Tensor<3>),
    /// Projected, by head: keys `(1, heads, C, N)` and values `(1, heads, N, C)`.
    ByHead(Tensor<4>, Tensor<4>),
}

/// The queries of an image, `(B or 1, pixels, C)`.
#[derive(Clone, Debug)]
enum Queries {
    Plain(Tensor<3>),
    Projected(Tensor<3>),
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
        let of_image = &self.cross_attn_image_to_token;
        Sides {
            attended: self.cross_attn_token_to_image.project(sides.attended),
            queries: match sides.queries {
                Queries::Plain(q) => Queries::Projected(of_image.q_proj.forward(q)),
                projected => projected,
            },
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
            let attended = Attended::Plain(queries.clone(), queries.clone());
            self.self_attn.of_tokens(queries, attended)
        } else {
            let q = queries.clone() + position.clone();
            let attended = Attended::Plain(q.clone(), queries.clone());
            queries + self.self_attn.of_tokens(q, attended)
        };
        let queries = self.norm1.forward(queries);

        let q = queries.clone() + position.clone();
        let attended = self.cross_attn_token_to_image.of_tokens(q, sides.attended);
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

/// Multi-head attention with projections, which may narrow the channels.
///
/// One side is a handful of tokens, the other may be the whole image. Unless the image has been
/// projected for many prompts, products are taken in the order that leaves it as it is: the tokens
/// are repeated for each head with the other heads' channels set to zero, and what would project
/// the image projects them instead. The sums are the same, with less than half of the work.
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

    /// What tokens attend to, projected for many prompts.
    fn project(&self, attended: Attended) -> Attended {
        match attended {
            Attended::Plain(k, v) => {
                let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
                // Laid out like that in memory, as the products read it.
                let keys = contiguous(self.split(k).swap_dims(2, 3));
                Attended::ByHead(keys, contiguous(self.split(v)))
            }
            by_head => by_head,
        }
    }

    /// Tokens `q` `(B, N, C)` attend: `(B, N, C)`. A bias of the keys would add the same to all of
    /// a token's scores, so it does not count where the keys are plain.
    fn of_tokens(&self, q: Tensor<3>, attended: Attended) -> Tensor<3> {
        let q = self.q_proj.forward(q);
        let [batch, count, inner] = q.dims();
        let q = q * self.scale(inner);
        let out = match attended {
            Attended::Plain(k, v) => {
                let own = self.own_channels(&q);
                let q = by_head(q, &own).matmul(back(&self.k_proj));
                let weights = softmax(q.matmul(k.swap_dims(1, 2)));
                let out = self.v_proj.forward(weights.matmul(v));
                let out = out.reshape([batch, self.heads, count, inner]) * own;
                out.sum_dim(1).squeeze_dim(1)
            }
            Attended::ByHead(k, v) => {
                let out = softmax(self.split(q).matmul(k)).matmul(v);
                out.swap_dims(1, 2).reshape([batch, count, inner])
            }
        };
        self.out_proj.forward(out)
    }

    /// `(B, N, C)` by head: `(B, heads, N, C / heads)`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, count, inner] = x.dims();
        x.reshape([batch, count, self.heads, inner / self.heads])
            .swap_dims(1, 2)
    }

    /// The image `q` attends to tokens `k` and `v` `(B, N, C)`: `(B, pixels, C)`.
    fn of_image(&self, q: Queries, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
        let [batch, count, inner] = k.dims();
        let own = self.own_channels(&k);
        let k = by_head(k * self.scale(inner), &own);
        let scores = match q {
            Queries::Projected(q) => q.matmul(k.swap_dims(1, 2)),
            Queries::Plain(q) => self.scores_of_image(q, k),
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

/// `x` with its values in memory in the order of its dimensions.
fn contiguous(x: Tensor<4>) -> Tensor<4> {
    let shape = x.dims();
    x.reshape([shape.iter().product::<usize>()]).reshape(shape)
}

/// Tokens `(B, N, C)` once for each head, with that head's channels alone: `(B, heads · N, C)`.
fn by_head(tokens: Tensor<3>, own: &Tensor<4>) -> Tensor<3> {
    (tokens.unsqueeze_dim::<4>(1) * own.clone()).flatten(1, 2)
}

/// The weight of `projection` to multiply its outputs by, `(1, outputs, inputs)`.
fn back(projection: &Linear) -> Tensor<3> {
    projection.weight.val().transpose().unsqueeze()
}
