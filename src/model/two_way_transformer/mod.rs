//! The two-way transformer, in which tokens and image attend to each other (section A of the
//! paper; `segment_anything/modeling/transformer.py`, whose names are kept).
//!
//! B is the number of prompts on one image, and N that of each one's tokens.

mod prepared_image;

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, TensorData};

use super::config::SamConfig;
use super::elementwise::softmax;
use super::kernels;
use super::layers::{MlpBlock, layer_norm, linear};
use super::parameters::Parameters;
use crate::error::Result;
pub use prepared_image::{FactoredImage, ImageAfter, PreparedImage};

/// Of the layer norms.
const EPSILON: f64 = 1e-5;
/// By how much the attentions between tokens and image narrow the channels.
const ATTENTION_DOWNSAMPLE_RATE: usize = 2;

/// Layers in which tokens and image attend to each other, and a last attention of the tokens.
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
            .map(|i| TwoWayAttentionBlock::load(&p.at("layers").at(i), config, i == 0))
            .collect::<Result<_>>()?;
        let last = p.at("final_attn_token_to_image");
        Ok(Self {
            layers,
            final_attn_token_to_image: Attention::load(
                &last,
                dim,
                dim / ATTENTION_DOWNSAMPLE_RATE,
                heads,
            )?,
            norm_final_attn: layer_norm(&p.at("norm_final_attn"), dim, EPSILON)?,
        })
    }

    /// The layers from number `first` on and the final attention: of `queries` `(B, N, C)` and
    /// `keys` `(B or 1, pixels, C)` as the layers before leave them, the tokens themselves and the
    /// image's embedding before all of them. The positions `query_pe` are those tokens, and
    /// `key_pe` is `(1, pixels, C)`. Gives tokens `(B, N, C)` and image `(B, pixels, C)`.
    fn forward(
        &self,
        first: usize,
        mut queries: Tensor<3>,
        mut keys: Tensor<3>,
        query_pe: &Tensor<3>,
        key_pe: &Tensor<3>,
    ) -> (Tensor<3>, Tensor<3>) {
        for layer in &self.layers[first..] {
            (queries, keys) = layer.forward(queries, keys, query_pe, key_pe);
        }
        let q = queries.clone() + query_pe.clone();
        let k = keys.clone() + key_pe.clone();
        let attn_out = self
            .final_attn_token_to_image
            .token_to_image(q, k, keys.clone());
        (self.norm_final_attn.forward(queries + attn_out), keys)
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
    skip_first_layer_pe: bool,
}

impl TwoWayAttentionBlock {
    fn load(p: &Parameters, config: &SamConfig, skip_first_layer_pe: bool) -> Result<Self> {
        let (dim, heads) = (config.embed_dim, config.mask_decoder.heads);
        let narrow = dim / ATTENTION_DOWNSAMPLE_RATE;
        let attn = |name: &str, inner| Attention::load(&p.at(name), dim, inner, heads);
        let norm = |name: &str| layer_norm(&p.at(name), dim, EPSILON);
        Ok(Self {
            self_attn: attn("self_attn", dim)?,
            norm1: norm("norm1")?,
            cross_attn_token_to_image: attn("cross_attn_token_to_image", narrow)?,
            norm2: norm("norm2")?,
            mlp: MlpBlock::load(&p.at("mlp"), dim, config.mask_decoder.mlp_dim)?,
            norm3: norm("norm3")?,
            cross_attn_image_to_token: attn("cross_attn_image_to_token", narrow)?,
            norm4: norm("norm4")?,
            skip_first_layer_pe,
        })
    }

    /// Tokens `queries` `(B, N, C)` with their position, and the image `keys`
    /// `(B or 1, pixels, C)` with its own.
    fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        query_pe: &Tensor<3>,
        key_pe: &Tensor<3>,
    ) -> (Tensor<3>, Tensor<3>) {
        let queries = self.attend_to_each_other(queries, query_pe);

        let q = queries.clone() + query_pe.clone();
        let k = keys.clone() + key_pe.clone();
        let cross_attn = &self.cross_attn_token_to_image;
        let attn_out = cross_attn.token_to_image(q, k.clone(), keys.clone());
        let queries = self.take_in(queries, attn_out);

        let q = queries.clone() + query_pe.clone();
        let cross_attn = &self.cross_attn_image_to_token;
        let attn_out = cross_attn.image_to_token(k, q, queries.clone());
        let keys = self.norm4.forward(attn_out.added_to(keys));
        (queries, keys)
    }

    /// Self-attention. In the first layer the tokens are their own position, which is not added,
    /// and there is no residual.
    fn attend_to_each_other(&self, queries: Tensor<3>, query_pe: &Tensor<3>) -> Tensor<3> {
        let queries = if self.skip_first_layer_pe {
            let q = queries.clone();
            self.self_attn.token_to_image(q.clone(), q, queries)
        } else {
            let q = queries.clone() + query_pe.clone();
            queries.clone() + self.self_attn.token_to_image(q.clone(), q, queries)
        };
        self.norm1.forward(queries)
    }

    /// Adds to the tokens what the image gave them; then the perceptron.
    fn take_in(&self, queries: Tensor<3>, attn_out: Tensor<3>) -> Tensor<3> {
        let queries = self.norm2.forward(queries + attn_out);
        let mlp_out = self.mlp.forward_relu(queries.clone());
        self.norm3.forward(queries + mlp_out)
    }
}

/// Multi-head attention with projections, which may narrow the channels to `inner`.
///
/// Between a handful of tokens and thousands of pixels the products of the reference's formula
/// ([`Self::forward`], for the tests) are taken in another order, in which the image is never projected: with head h's queries `q_h` and columns `W_h` of a projection,
/// `q_h · (k · W_h)ᵀ = (q_h · W_hᵀ) · kᵀ`, so that tokens are projected to where the image is. To
/// do that for all heads in one product, the tokens are repeated for each head with the other
/// heads' channels set to zero. That is less than half of the work.
///
/// A bias of the keys would add the same to all scores of a query, so it is left out.
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

    /// The reference's formula, `softmax(q · kᵀ / √(inner / heads)) · v` by head, with all four projections: `q`, `k` and
    /// `v` are `(B, N, C)`, and so is the result.
    #[cfg(test)]
    fn forward(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let q = self.separate_heads(self.queries(q));
        let k = self.separate_heads(k.matmul(weight(&self.k_proj)));
        let v = self.separate_heads(self.v_proj.forward(v));
        let out = softmax(q.matmul(k.swap_dims(2, 3))).matmul(v);
        self.out_proj.forward(recombine_heads(out))
    }

    /// Tokens `q` `(B, N, C)` attend to an image `k` and `v` `(B or 1, pixels, C)`, or to each other:
    /// `(B, N, C)`.
    fn token_to_image(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let q = self.queries(q);
        let [batch, count, inner] = q.dims();
        let own = self.own_channels(&q);
        let q = repeat_for_heads(q, &own).matmul(transposed(&self.k_proj));
        let weights = softmax(q.matmul(k.swap_dims(1, 2)));
        let out = self.v_proj.forward(weights.matmul(v));
        let out = out.reshape([batch, self.heads, count, inner]) * own;
        self.out_proj.forward(out.sum_dim(1).squeeze_dim(1))
    }

    /// An image `q` `(B or 1, pixels, C)` attends to tokens `k` and `v` `(B, N, C)`.
    fn image_to_token(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> AttentionUpdate {
        self.update(k, v, |k| {
            let projected = k.clone().matmul(transposed(&self.q_proj));
            let scores = q.matmul(projected.swap_dims(1, 2));
            match &self.q_proj.bias {
                Some(bias) => scores + k.matmul(bias.val().reshape([1, -1, 1])).swap_dims(1, 2),
                None => scores,
            }
        })
    }

    /// What an image gets from tokens `k` and `v` `(B, N, C)`, given the `scores`
    /// `(B, pixels, heads · N)` of its queries for the projected keys of each head
    /// `(B, heads · N, inner)`.
    fn update(
        &self,
        k: Tensor<3>,
        v: Tensor<3>,
        scores: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> AttentionUpdate {
        let (k, v) = (self.k_proj.forward(k), self.v_proj.forward(v));
        let [batch, count, inner] = k.dims();
        let own = self.own_channels(&k);
        let scores = scores(repeat_for_heads(k * self.scale(inner), &own));
        let pixels = scores.dims()[1];
        let weights = softmax(scores.reshape([batch, pixels, self.heads, count]));
        let mut vectors = repeat_for_heads(v, &own).matmul(weight(&self.out_proj));
        // Each head's weights sum to 1.
        if let Some(bias) = &self.out_proj.bias {
            vectors = vectors + bias.val().unsqueeze() / self.heads as f64;
        }
        AttentionUpdate {
            weights: weights.reshape([batch, pixels, self.heads * count]),
            vectors,
        }
    }

    /// Projected and scaled queries, `(B, N, inner)`.
    fn queries(&self, q: Tensor<3>) -> Tensor<3> {
        let q = self.q_proj.forward(q);
        let scale = self.scale(q.dims()[2]);
        q * scale
    }

    fn scale(&self, inner: usize) -> f64 {
        ((inner / self.heads) as f64).powf(-0.5)
    }

    /// `(B, N, inner)` as `(B, heads, N, inner / heads)`.
    fn separate_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, count, inner] = x.dims();
        x.reshape([batch, count, self.heads, inner / self.heads])
            .swap_dims(1, 2)
    }

    /// 1 for each head's own channels and 0 elsewhere, `(1, heads, 1, inner)`.
    fn own_channels(&self, like: &Tensor<3>) -> Tensor<4> {
        let inner = like.dims()[2];
        let own = |i: usize| f32::from(u8::from(i / inner == i % inner / (inner / self.heads)));
        let values: Vec<f32> = (0..self.heads * inner).map(own).collect();
        let shape = [1, self.heads, 1, inner];
        Tensor::from_data(TensorData::new(values, shape), &like.device())
    }
}

/// What an attention adds to an image for each prompt: `weights · vectors`.
struct AttentionUpdate {
    /// `(B, pixels, heads · N)`.
    weights: Tensor<3>,
    /// `(B, heads · N, C)`.
    vectors: Tensor<3>,
}

impl AttentionUpdate {
    /// The image `(B or 1, pixels, C)` with it, `(B, pixels, C)`.
    fn added_to(&self, image: Tensor<3>) -> Tensor<3> {
        kernels::add_product(image, self.weights.clone(), self.vectors.clone())
    }
}

/// `(B, heads, N, inner / heads)` as `(B, N, inner)`.
fn recombine_heads(x: Tensor<4>) -> Tensor<3> {
    x.swap_dims(1, 2).flatten(2, 3)
}

/// Tokens `(B, N, inner)` once for each head, with that head's channels alone:
/// `(B, heads · N, inner)`.
fn repeat_for_heads(tokens: Tensor<3>, own: &Tensor<4>) -> Tensor<3> {
    (tokens.unsqueeze_dim::<4>(1) * own.clone()).flatten(1, 2)
}

/// The weight of a projection, `(1, inputs, outputs)`.
fn weight(projection: &Linear) -> Tensor<3> {
    projection.weight.val().unsqueeze()
}

/// The weight of a projection, `(1, outputs, inputs)`.
fn transposed(projection: &Linear) -> Tensor<3> {
    projection.weight.val().transpose().unsqueeze()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::parameters::with_parameters;
    use crate::weights::noise::noise;
    use crate::weights::source::NoiseSource;

    fn loaded<T>(load: impl FnOnce(&Parameters) -> Result<T>) -> T {
        let mut source = NoiseSource::default();
        with_parameters(&mut source, &Device::flex(), load).unwrap()
    }

    fn random(name: &str, shape: [usize; 3]) -> Tensor<3> {
        let values = noise(&format!("{name}.pos_embed"), &shape);
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn assert_equal(ours: Tensor<3>, exact: Tensor<3>) {
        let largest = exact.clone().abs().max().into_scalar::<f32>();
        let error = (ours - exact).abs().max().into_scalar::<f32>() / largest;
        assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn tokens_and_image_attend_by_the_formula_of_the_reference() {
        let dim = 32;
        let attention = loaded(|p| Attention::load(p, dim, dim / 2, 4));
        let [tokens, values] = ["tokens", "values"].map(|name| random(name, [2, 5, dim]));
        let [image, position] = ["image", "position"].map(|name| random(name, [2, 49, dim]));
        let exact = attention.forward(tokens.clone(), image.clone(), position.clone());
        assert_equal(
            attention.token_to_image(tokens.clone(), image.clone(), position.clone()),
            exact,
        );
        let exact = attention.forward(image.clone(), tokens.clone(), values.clone());
        let update = attention.image_to_token(image, tokens, values);
        assert_equal(update.added_to(position.clone()), position + exact);
    }

    #[test]
    fn a_prepared_image_gives_the_answers_of_a_plain_one() {
        let config = SamConfig::tiny();
        let transformer = loaded(|p| TwoWayTransformer::load(p, &config));
        let (dim, pixels) = (config.embed_dim, config.grid().pow(2));
        let [image, position] = ["image", "position"].map(|name| random(name, [1, pixels, dim]));
        let tokens = random("tokens", [3, 7, dim]);
        let upscaling = random("upscaling", [1, dim, 12]);
        let plain = PreparedImage::new(image.clone(), position.clone());
        let prepared = transformer.prepare(image, position, upscaling.clone().squeeze_dim(0));

        let (exact, after) = transformer.forward_prepared(&plain, tokens.clone());
        let ImageAfter::Plain(image) = after else {
            panic!("nothing was prepared");
        };
        let upscaled = image.matmul(upscaling.clone());
        let (queries, after) = transformer.forward_prepared(&prepared, tokens);
        let ImageAfter::Factored(image, base) = after else {
            panic!("on the CPU all layers are prepared");
        };
        assert_equal(queries, exact);
        let vectors = image.vectors.clone().matmul(upscaling);
        assert_equal(image.projected(base, vectors), upscaled);
    }
}
