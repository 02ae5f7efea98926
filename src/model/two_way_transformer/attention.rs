//! The attention of the two-way transformer's tokens and image to each other.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Tensor, TensorData};

use super::changed_image::ChangedImage;
use crate::error::Result;
use crate::model::elementwise::softmax;
use crate::model::kernels;
use crate::model::layers::linear;
use crate::model::parameters::Parameters;

/// Keys and values that tokens attend to.
#[derive(Clone, Debug)]
pub enum Attended {
    /// As they come, `(B or 1, N, C)` each.
    Plain(Tensor<3>, Tensor<3>),
    Projected(ByHead),
    /// An image's, with its position in the keys.
    Changed(Box<(PreparedKeys, ChangedImage)>),
}

/// Projected keys, without their bias, `(1, heads, C, N)`, and values, `(1, heads, N, C)`.
#[derive(Clone, Debug)]
pub struct ByHead {
    keys: Tensor<4>,
    values: Tensor<4>,
}

/// Projections, without their biases, of a [`ChangedImage`]'s base and of its position.
#[derive(Clone, Debug)]
pub struct PreparedKeys {
    base: ByHead,
    /// `(1, heads, C, pixels)`.
    position: Tensor<4>,
}

/// The queries of an image.
#[derive(Clone, Debug)]
pub enum Queries {
    /// `(B or 1, pixels, C)`.
    Plain(Tensor<3>),
    /// `(1, pixels, C)`.
    Projected(Tensor<3>),
    Changed(Box<(PreparedQueries, ChangedImage)>),
}

/// Projections of a [`ChangedImage`]'s base, and of its position with the bias: `(1, pixels, C)`.
#[derive(Clone, Debug)]
pub struct PreparedQueries {
    base: Tensor<3>,
    position: Tensor<3>,
}

/// What an image gets from tokens that it attends to: `weights · vectors` for each prompt.
pub struct Received {
    /// `(B, pixels, heads · N)`.
    pub weights: Tensor<3>,
    /// `(B, heads · N, C)`.
    pub vectors: Tensor<3>,
}

impl Received {
    /// The image `(B or 1, pixels, C)` with it, `(B, pixels, C)`.
    pub fn added_to(&self, image: Tensor<3>) -> Tensor<3> {
        kernels::add_product(image, self.weights.clone(), self.vectors.clone())
    }
}

/// Multi-head attention with projections, which may narrow the channels.
///
/// One side is a handful of tokens, the other may be the whole image. Unless the image has been
/// projected for many prompts, products are taken in the order that leaves it as it is: the tokens
/// are repeated for each head with the other heads' channels set to zero, and what would project
/// the image projects them instead. The sums are the same, with less than half of the work.
#[derive(Module, Debug)]
pub struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl Attention {
    pub fn load(p: &Parameters, dim: usize, inner: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            q_proj: linear(&p.at("q_proj"), dim, inner)?,
            k_proj: linear(&p.at("k_proj"), dim, inner)?,
            v_proj: linear(&p.at("v_proj"), dim, inner)?,
            out_proj: linear(&p.at("out_proj"), inner, dim)?,
            heads,
        })
    }

    /// Keys and values, `(1, N, C)` each, projected for many prompts.
    pub fn project(&self, k: Tensor<3>, v: Tensor<3>) -> Attended {
        Attended::Projected(ByHead {
            keys: self.keys(&k),
            values: contiguous(self.split(self.v_proj.forward(v))),
        })
    }

    /// The queries of an image, `(1, pixels, C)`, projected for many prompts.
    pub fn project_queries(&self, q: Tensor<3>) -> Queries {
        Queries::Projected(self.q_proj.forward(q))
    }

    /// For changed images of this `base` and `position`, `(1, pixels, C)` each, to be attended to.
    pub fn prepare_keys(&self, base: &Tensor<3>, position: &Tensor<3>) -> PreparedKeys {
        let values = base.clone().matmul(forth(&self.v_proj));
        PreparedKeys {
            base: ByHead {
                keys: self.keys(base),
                values: contiguous(self.split(values)),
            },
            position: self.keys(position),
        }
    }

    /// For changed images of this `base` and `position`, `(1, pixels, C)` each, to attend.
    pub fn prepare_queries(&self, base: &Tensor<3>, position: &Tensor<3>) -> PreparedQueries {
        PreparedQueries {
            base: base.clone().matmul(forth(&self.q_proj)),
            position: self.q_proj.forward(position.clone()),
        }
    }

    /// Keys `(1, N, C)` projected, without the bias, and by head: `(1, heads, C, N)`.
    fn keys(&self, k: &Tensor<3>) -> Tensor<4> {
        // So it lies in memory as the products read it.
        let k = back(&self.k_proj).matmul(k.clone().swap_dims(1, 2));
        let [_, inner, count] = k.dims();
        k.reshape([1, self.heads, inner / self.heads, count])
    }

    /// Tokens `q` `(B, N, C)` attend: `(B, N, C)`. A bias of the keys would add the same to all of
    /// a token's scores, so it is left out.
    pub fn of_tokens(&self, q: Tensor<3>, attended: Attended) -> Tensor<3> {
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
            Attended::Projected(ByHead { keys, values }) => {
                joined(softmax(self.split(q).matmul(keys)).matmul(values))
            }
            Attended::Changed(changed) => self.of_changed(q, changed.0, changed.1),
        };
        self.out_proj.forward(out)
    }

    /// Projected tokens `q` `(B, N, C)` attend to a changed image: `(B, N, C)`. Neither keys nor values
    /// of its pixels are made: scores are sums of those for the base, the position and the vectors,
    /// and so is what the values give.
    fn of_changed(&self, q: Tensor<3>, prepared: PreparedKeys, image: ChangedImage) -> Tensor<3> {
        let PreparedKeys { base, position } = prepared;
        let ChangedImage {
            scale,
            weights,
            vectors,
        } = image;
        let scale = scale.swap_dims(1, 2).unsqueeze_dim::<4>(1);
        let keys = self.split(vectors.clone().matmul(forth(&self.k_proj)));
        let values = self.split(vectors.matmul(forth(&self.v_proj)));
        let q = self.split(q);
        let [batch, heads, count, _] = q.dims();
        let [_, pixels, rank] = weights.dims();

        let of_base = q.clone().matmul(base.keys) * scale.clone() + q.clone().matmul(position);
        let to_vectors = q.matmul(keys.swap_dims(2, 3)).flatten::<3>(1, 2);
        let of_pixels = weights.clone().swap_dims(1, 2);
        let scores = kernels::add_product(of_base.flatten(1, 2), to_vectors, of_pixels);

        let shares = softmax(scores);
        let of_vectors = shares.clone().matmul(weights);
        let of_vectors = of_vectors.reshape([batch, heads, count, rank]);
        let of_base = shares.reshape([batch, heads, count, pixels]) * scale;
        let out = of_base.matmul(base.values) + of_vectors.matmul(values);
        match &self.v_proj.bias {
            Some(bias) => joined(out) + bias.val().unsqueeze(),
            None => joined(out),
        }
    }

    /// `(B, N, C)` by head: `(B, heads, N, C / heads)`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, count, inner] = x.dims();
        x.reshape([batch, count, self.heads, inner / self.heads])
            .swap_dims(1, 2)
    }

    /// The image `q` attends to tokens `k` and `v` `(B, N, C)`.
    pub fn of_image(&self, q: Queries, k: Tensor<3>, v: Tensor<3>) -> Received {
        let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
        let [batch, count, inner] = k.dims();
        let own = self.own_channels(&k);
        let k = by_head(k * self.scale(inner), &own);
        let scores = match q {
            Queries::Plain(q) => self.scores_of_image(q, k),
            Queries::Projected(q) => q.matmul(k.swap_dims(1, 2)),
            Queries::Changed(changed) => {
                let (PreparedQueries { base, position }, image) = *changed;
                let k = k.swap_dims(1, 2);
                let of_vectors = image.vectors.matmul(forth(&self.q_proj)).matmul(k.clone());
                let of_base = (base * image.scale + position).matmul(k);
                kernels::add_product(of_base, image.weights, of_vectors)
            }
        };
        let pixels = scores.dims()[1];
        let weights = softmax(scores.reshape([batch, pixels, self.heads, count]));
        let weights = weights.reshape([batch, pixels, self.heads * count]);
        let mut vectors = by_head(v, &own).matmul(forth(&self.out_proj));
        // Each head's weights sum to 1.
        if let Some(bias) = &self.out_proj.bias {
            vectors = vectors + bias.val().unsqueeze() / self.heads as f64;
        }
        Received { weights, vectors }
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

/// `(B, heads, N, C / heads)` as `(B, N, C)`.
fn joined(x: Tensor<4>) -> Tensor<3> {
    x.swap_dims(1, 2).flatten(2, 3)
}

/// The weight of `projection` to multiply its inputs by, `(1, inputs, outputs)`.
fn forth(projection: &Linear) -> Tensor<3> {
    projection.weight.val().unsqueeze()
}

/// The weight of `projection` to multiply its outputs by, `(1, outputs, inputs)`.
fn back(projection: &Linear) -> Tensor<3> {
    projection.weight.val().transpose().unsqueeze()
}
