//! The two-way transformer, in which tokens and image attend to each other
//! (section A of the paper; `segment_anything/modeling/transformer.py`).

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::attention::{attention, merge_heads, split_heads};
use super::config::SamConfig;
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

    /// The image embedding and its position, both `(B, pixels, C)`, and the tokens `(B, N, C)`,
    /// to the tokens and the image after they have attended to each other.
    pub fn forward(
        &self,
        image: Tensor<3>,
        image_position: Tensor<3>,
        tokens: Tensor<3>,
    ) -> (Tensor<3>, Tensor<3>) {
        let (mut queries, mut keys) = (tokens.clone(), image);
        for (i, layer) in self.layers.iter().enumerate() {
            let first = i == 0;
            (queries, keys) = layer.forward(queries, keys, &tokens, &image_position, first);
        }
        let q = queries.clone() + tokens;
        let k = keys.clone() + image_position;
        let out = self.final_attn_token_to_image.forward(q, k, keys.clone());
        (self.norm_final_attn.forward(queries + out), keys)
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

    /// In the first layer the tokens are their own position, so it is not added to them.
    fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        position: &Tensor<3>,
        image_position: &Tensor<3>,
        first: bool,
    ) -> (Tensor<3>, Tensor<3>) {
        let queries = if first {
            self.self_attn
                .forward(queries.clone(), queries.clone(), queries)
        } else {
            let q = queries.clone() + position.clone();
            queries.clone() + self.self_attn.forward(q.clone(), q, queries)
        };
        let queries = self.norm1.forward(queries);

        let q = queries.clone() + position.clone();
        let k = keys.clone() + image_position.clone();
        let attended = self
            .cross_attn_token_to_image
            .forward(q, k.clone(), keys.clone());
        let queries = self.norm2.forward(queries + attended);
        let queries = self
            .norm3
            .forward(queries.clone() + self.mlp.forward_relu(queries));

        let q = queries.clone() + position.clone();
        let attended = self
            .cross_attn_image_to_token
            .forward(k, q, queries.clone());
        (queries, self.norm4.forward(keys + attended))
    }
}

/// Multi-head attention with projections, which may narrow the channels.
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

    /// `q` `(B, queries, C)`, `k` and `v` `(B, keys, C)` to `(B, queries, C)`.
    fn forward(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let q = split_heads(self.q_proj.forward(q), self.heads);
        let k = split_heads(self.k_proj.forward(k), self.heads);
        let v = split_heads(self.v_proj.forward(v), self.heads);
        let scale = (q.dims()[2] as f64).powf(-0.5);
        let out = attention(q, k, v, scale, 1, |_, scores| scores);
        self.out_proj.forward(merge_heads(out, self.heads))
    }
}
