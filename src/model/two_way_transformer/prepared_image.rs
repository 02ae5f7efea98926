//! What many prompts on one image have in common, computed once.
//!
//! Projections are linear, and what a layer does to the image keeps it in a form in which the
//! prompts have only a small part. With `A` and `T` for the attention's weights and vectors, and the
//! norm's μ, σ, γ and β, a layer makes of the image `X` (pixels × C)
//!
//! `(X + A·T − μ) / σ · γ + β`.
//!
//! So if `X = s·B + U·V` (a base `B`, a scale `s` and some weights `U` for each pixel, and as many
//! vectors `V`), the layer leaves `(s/σ) · (B·γ) + ([A, U, −μ, σ]/σ) · ([T; V; 1; β/γ]·γ)`, which has
//! that form again. The first layer gets `X` itself as the base, with s = 1 and no vectors. The base is
//! only ever multiplied by norms' γ, in which no prompt has a part. A projection by `W` is
//! `X·W = s · (B·W) + U · (V·W)`: `B·W` is computed once for an image, and `V` has about a hundred rows
//! where `X` has 4096. [`FactoredImage`] is s, U and V; with it a click takes a third fewer products.
//!
//! That means more and smaller steps, which a GPU would wait for, so there only the first layer is
//! prepared. A mask prompt changes the image itself, so that nothing can be prepared.

use burn::nn::LayerNorm;
use burn::tensor::{Int, Tensor};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{
    Attention, AttentionUpdate, EPSILON, TwoWayAttentionBlock, TwoWayTransformer, recombine_heads,
    transposed, weight,
};
use crate::device;
use crate::model::elementwise::{on_cpu, softmax};
use crate::model::kernels;

/// An image on its way into the two-way transformer.
#[derive(Clone, Debug)]
pub struct PreparedImage {
    /// `(B or 1, pixels, C)`.
    image: Tensor<3>,
    /// `(1, pixels, C)`.
    position: Tensor<3>,
    first: Option<FirstLayer>,
    later: Option<LaterLayers>,
}

impl PreparedImage {
    /// An image `(B or 1, pixels, C)` with its position `(1, pixels, C)`, of which nothing is
    /// computed beforehand: for a single prompt, or for as many prompts as there are images.
    pub fn new(image: Tensor<3>, position: Tensor<3>) -> Self {
        Self {
            image,
            position,
            first: None,
            later: None,
        }
    }

    /// The image as it was given, `(B or 1, pixels, C)`.
    pub fn image(&self) -> &Tensor<3> {
        &self.image
    }
}

/// Projections of the image before the first layer, with its position in keys and queries.
#[derive(Clone, Debug)]
struct FirstLayer {
    /// `(1, heads, inner / heads, pixels)`, without the bias.
    keys: Tensor<4>,
    /// `(1, heads, pixels, inner / heads)`.
    values: Tensor<4>,
    /// `(1, pixels, inner)`.
    queries: Tensor<3>,
}

/// Projections of the base for what follows the first layer.
#[derive(Clone, Debug)]
struct LaterLayers {
    /// From the second on.
    layers: Vec<LaterLayer>,
    /// For the final attention.
    last: BaseKeys,
    /// For the upscaling, `(1, pixels, outputs)`.
    upscaled: Tensor<3>,
}

#[derive(Clone, Debug)]
struct LaterLayer {
    keys: BaseKeys,
    /// `(1, pixels, inner)`, without the bias.
    queries: Tensor<3>,
    /// Those of the position, `(1, pixels, inner)`, with the bias.
    position_queries: Tensor<3>,
}

/// The base as tokens attend to it, all without biases.
#[derive(Clone, Debug)]
struct BaseKeys {
    /// `(1, heads, inner / heads, pixels)`.
    keys: Tensor<4>,
    /// Those of the position, `(1, heads, inner / heads, pixels)`.
    position_keys: Tensor<4>,
    /// `(1, heads, pixels, inner / heads)`.
    values: Tensor<4>,
}

/// An image as B prompts have changed it: `scale · base + weights · vectors`.
#[derive(Clone, Debug)]
pub struct FactoredImage {
    /// `(B, pixels, 1)`.
    pub scale: Tensor<3>,
    /// `(B, pixels, R)`.
    pub weights: Tensor<3>,
    /// `(B, R, C)`.
    pub vectors: Tensor<3>,
}

/// The image after the two-way transformer.
#[derive(Clone)]
pub enum ImageAfter {
    /// `(B, pixels, C)`.
    Plain(Tensor<3>),
    /// With its projected base, `(1, pixels, outputs)`.
    Factored(Box<FactoredImage>, Tensor<3>),
}

impl ImageAfter {
    /// How many pixels it has.
    pub fn pixels(&self) -> usize {
        match self {
            Self::Plain(image) => image.dims()[1],
            Self::Factored(image, _) => image.weights.dims()[1],
        }
    }

    /// `count` of its pixels, from number `start` on.
    pub fn narrow(self, start: usize, count: usize) -> Self {
        match self {
            all if (start, count) == (0, all.pixels()) => all,
            Self::Plain(image) => Self::Plain(image.narrow(1, start, count)),
            Self::Factored(image, base) => {
                let image = Box::new(image.narrow(start, count));
                Self::Factored(image, base.narrow(1, start, count))
            }
        }
    }

    /// That of the prompts at `places` alone.
    pub fn select(self, places: &Tensor<1, Int>) -> Self {
        let select = |of_all: Tensor<3>| of_all.select(0, places.clone());
        match self {
            Self::Plain(image) => Self::Plain(select(image)),
            Self::Factored(image, base) => {
                let FactoredImage {
                    scale,
                    weights,
                    vectors,
                } = *image;
                let image = FactoredImage {
                    scale: select(scale),
                    weights: select(weights),
                    vectors: select(vectors),
                };
                Self::Factored(Box::new(image), base)
            }
        }
    }
}

impl TwoWayTransformer {
    /// Prepares an image `(1, pixels, C)` with its `position` `(1, pixels, C)` for many prompts. The
    /// image that the layers leave is to be projected by `upscaling`, `(C, outputs)`.
    pub fn prepare(
        &self,
        image: Tensor<3>,
        position: Tensor<3>,
        upscaling: Tensor<2>,
    ) -> PreparedImage {
        let first = self.layers.first();
        let later = || self.prepare_later(&image, &position, upscaling);
        PreparedImage {
            first: first.map(|layer| layer.prepare_first(&image, &position)),
            later: (first.is_some() && on_cpu(&image)).then(later),
            image,
            position,
        }
    }

    fn prepare_later(
        &self,
        image: &Tensor<3>,
        position: &Tensor<3>,
        upscaling: Tensor<2>,
    ) -> LaterLayers {
        let mut base = image.clone();
        let mut layers = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                layers.push(layer.prepare_later(&base, position));
            }
            base = base * layer.norm4.gamma.val().unsqueeze();
        }
        let last = &self.final_attn_token_to_image;
        LaterLayers {
            layers,
            last: last.base_keys(&base, position),
            upscaled: base.matmul(upscaling.unsqueeze()),
        }
    }

    /// The tokens `(B, N, C)` and the image to both after they have attended to each other.
    pub fn forward_prepared(
        &self,
        image: &PreparedImage,
        tokens: Tensor<3>,
    ) -> (Tensor<3>, ImageAfter) {
        let (keys, position) = (image.image.clone(), &image.position);
        let (Some(first), Some(layer)) = (&image.first, self.layers.first()) else {
            let (queries, keys) = self.forward(0, tokens.clone(), keys, &tokens, position);
            return (queries, ImageAfter::Plain(keys));
        };
        let (queries, update) = layer.forward_first(tokens.clone(), &tokens, first);
        let keys = update.added_to(keys);
        let Some(later) = &image.later else {
            let keys = layer.norm4.forward(keys);
            let (queries, keys) = self.forward(1, queries, keys, &tokens, position);
            return (queries, ImageAfter::Plain(keys));
        };
        let factored = FactoredImage::normalised(None, update, &keys, &layer.norm4);
        self.forward_later(later, queries, keys, factored, &tokens)
    }

    /// What follows the first layer, of the tokens that it leaves and of the image: `keys` before
    /// the layer's norm, and `image` after it.
    fn forward_later(
        &self,
        later: &LaterLayers,
        mut queries: Tensor<3>,
        mut keys: Tensor<3>,
        mut image: FactoredImage,
        tokens: &Tensor<3>,
    ) -> (Tensor<3>, ImageAfter) {
        let pairs = self.layers.iter().zip(&self.layers[1..]);
        for ((before, layer), prepared) in pairs.zip(&later.layers) {
            let update;
            (queries, update) = layer.forward_later(queries, tokens, prepared, &image);
            keys = update.added_to(before.norm4.forward(keys));
            image = FactoredImage::normalised(Some(image), update, &keys, &layer.norm4);
        }
        let q = queries.clone() + tokens.clone();
        let last = &self.final_attn_token_to_image;
        let attn_out = last.token_to_factored(q, &later.last, &image);
        let queries = self.norm_final_attn.forward(queries + attn_out);
        let base = later.upscaled.clone();
        (queries, ImageAfter::Factored(Box::new(image), base))
    }
}

impl TwoWayAttentionBlock {
    fn prepare_first(&self, image: &Tensor<3>, position: &Tensor<3>) -> FirstLayer {
        let positioned = image.clone() + position.clone();
        let to_image = &self.cross_attn_token_to_image;
        FirstLayer {
            keys: to_image.projected_keys(&positioned),
            values: to_image.values_by_head(to_image.v_proj.forward(image.clone())),
            queries: self.cross_attn_image_to_token.q_proj.forward(positioned),
        }
    }

    fn prepare_later(&self, base: &Tensor<3>, position: &Tensor<3>) -> LaterLayer {
        let of_image = &self.cross_attn_image_to_token;
        LaterLayer {
            keys: self.cross_attn_token_to_image.base_keys(base, position),
            queries: base.clone().matmul(weight(&of_image.q_proj)),
            position_queries: of_image.q_proj.forward(position.clone()),
        }
    }

    /// [`Self::forward`] in the first layer, but for adding to the image and its norm.
    fn forward_first(
        &self,
        queries: Tensor<3>,
        query_pe: &Tensor<3>,
        image: &FirstLayer,
    ) -> (Tensor<3>, AttentionUpdate) {
        let queries = self.attend_to_each_other(queries, query_pe);
        let q = queries.clone() + query_pe.clone();
        let attn_out = self.cross_attn_token_to_image.token_to_first(q, image);
        let queries = self.take_in(queries, attn_out);
        let k = queries.clone() + query_pe.clone();
        let of_image = &self.cross_attn_image_to_token;
        let update = of_image.update(k, queries.clone(), |k| {
            image.queries.clone().matmul(k.swap_dims(1, 2))
        });
        (queries, update)
    }

    /// [`Self::forward`] in a later layer, but for adding to the image and its norm.
    fn forward_later(
        &self,
        queries: Tensor<3>,
        query_pe: &Tensor<3>,
        prepared: &LaterLayer,
        image: &FactoredImage,
    ) -> (Tensor<3>, AttentionUpdate) {
        let queries = self.attend_to_each_other(queries, query_pe);
        let q = queries.clone() + query_pe.clone();
        let to_image = &self.cross_attn_token_to_image;
        let attn_out = to_image.token_to_factored(q, &prepared.keys, image);
        let queries = self.take_in(queries, attn_out);
        let k = queries.clone() + query_pe.clone();
        let of_image = &self.cross_attn_image_to_token;
        let update = of_image.update(k, queries.clone(), |k| {
            let k = k.swap_dims(1, 2);
            let vectors = |rows: Tensor<3>| rows.matmul(weight(&of_image.q_proj)).matmul(k.clone());
            let of_vectors = by_rows(&image.vectors, vectors);
            let base = prepared.queries.clone() * image.scale.clone();
            let of_base = (base + prepared.position_queries.clone()).matmul(k);
            kernels::add_product(of_base, image.weights.clone(), of_vectors)
        });
        (queries, update)
    }
}

impl Attention {
    fn base_keys(&self, base: &Tensor<3>, position: &Tensor<3>) -> BaseKeys {
        let values = base.clone().matmul(weight(&self.v_proj));
        BaseKeys {
            keys: self.projected_keys(base),
            position_keys: self.projected_keys(position),
            values: self.values_by_head(values),
        }
    }

    /// Keys `(1, pixels, C)` projected, without the bias, by head: `(1, heads, inner / heads, pixels)`.
    fn projected_keys(&self, k: &Tensor<3>) -> Tensor<4> {
        // So it lies in memory as the products read it.
        let k = transposed(&self.k_proj).matmul(k.clone().swap_dims(1, 2));
        let [_, inner, count] = k.dims();
        k.reshape([1, self.heads, inner / self.heads, count])
    }

    /// `(1, pixels, inner)` as `(1, heads, pixels, inner / heads)`, in memory too.
    fn values_by_head(&self, v: Tensor<3>) -> Tensor<4> {
        let v = self.separate_heads(v);
        let shape = v.dims();
        v.reshape([shape.iter().product::<usize>()]).reshape(shape)
    }

    /// Tokens `q` `(B, N, C)` attend to the image before the first layer: `(B, N, C)`.
    fn token_to_first(&self, q: Tensor<3>, image: &FirstLayer) -> Tensor<3> {
        let q = self.separate_heads(self.queries(q));
        let weights = softmax(q.matmul(image.keys.clone()));
        let out = weights.matmul(image.values.clone());
        self.out_proj.forward(recombine_heads(out))
    }

    /// Tokens `q` `(B, N, C)` attend to a factored image: `(B, N, C)`. Neither keys nor values of
    /// its pixels are made.
    fn token_to_factored(&self, q: Tensor<3>, base: &BaseKeys, image: &FactoredImage) -> Tensor<3> {
        let q = self.separate_heads(self.queries(q));
        let scale = image.scale.clone().swap_dims(1, 2).unsqueeze_dim::<4>(1);
        let vectors = |projection| by_rows(&image.vectors, |rows| rows.matmul(weight(projection)));
        let keys = self.separate_heads(vectors(&self.k_proj));
        let values = self.separate_heads(vectors(&self.v_proj));
        let [batch, heads, count, _] = q.dims();
        let [_, pixels, rank] = image.weights.dims();

        let of_base = q.clone().matmul(base.keys.clone()) * scale.clone()
            + q.clone().matmul(base.position_keys.clone());
        let of_vectors = q.matmul(keys.swap_dims(2, 3)).flatten::<3>(1, 2);
        let of_pixels = image.weights.clone().swap_dims(1, 2);
        let scores = kernels::add_product(of_base.flatten(1, 2), of_vectors, of_pixels);

        let weights = softmax(scores);
        let of_vectors = by_rows(&weights, |rows| rows.matmul(image.weights.clone()));
        let of_vectors = of_vectors.reshape([batch, heads, count, rank]);
        let of_base = weights.reshape([batch, heads, count, pixels]) * scale;
        let out = of_base.matmul(base.values.clone()) + of_vectors.matmul(values);
        let mut out = recombine_heads(out);
        if let Some(bias) = &self.v_proj.bias {
            out = out + bias.val().unsqueeze();
        }
        self.out_proj.forward(out)
    }
}

/// What `work` makes of the rows of `x`, its middle dimension, by all threads: Burn's device has one for a
/// product of so few.
fn by_rows(x: &Tensor<3>, work: impl Fn(Tensor<3>) -> Tensor<3> + Send + Sync) -> Tensor<3> {
    let some = x.dims()[1].div_ceil(device::pool_size());
    let pieces = x.clone().split(some, 1).into_par_iter();
    Tensor::cat(pieces.map(work).collect(), 1)
}

impl FactoredImage {
    /// What `norm` makes of `sum`, `(B, pixels, C)` on the CPU: that is the image as it was
    /// `before`, or the base where that is nothing, with `update`.
    fn normalised(
        before: Option<Self>,
        update: AttentionUpdate,
        sum: &Tensor<3>,
        norm: &LayerNorm,
    ) -> Self {
        let batch = sum.dims()[0];
        let [mean, deviation] = kernels::moments(sum, EPSILON);
        let scale = deviation.recip();
        let (mut weights, mut vectors) = (vec![update.weights], vec![update.vectors]);
        let before = before.map(|before| {
            weights.push(before.weights);
            vectors.push(before.vectors);
            before.scale
        });
        weights.push(mean.neg());
        vectors.push(Tensor::ones_like(&vectors[0]).narrow(1, 0, 1));
        let gamma = norm.gamma.val().unsqueeze::<3>();
        let mut weights = Tensor::cat(weights, 2) * scale.clone();
        let mut vectors = Tensor::cat(vectors, 1) * gamma;
        if let Some(beta) = &norm.beta {
            let beta = beta.val().unsqueeze::<3>().repeat_dim(0, batch);
            weights = Tensor::cat(vec![weights, scale.ones_like()], 2);
            vectors = Tensor::cat(vec![vectors, beta], 1);
        }
        Self {
            scale: match before {
                Some(before) => before * scale,
                None => scale,
            },
            weights,
            vectors,
        }
    }

    /// A projection of the image, `(B, pixels, outputs)`, of the projected `base`,
    /// `(1, pixels, outputs)`, and `vectors`, `(B, R, outputs)`.
    pub fn projected(&self, base: Tensor<3>, vectors: Tensor<3>) -> Tensor<3> {
        kernels::add_product(base * self.scale.clone(), self.weights.clone(), vectors)
    }

    /// `count` of its pixels, from number `start` on.
    pub fn narrow(&self, start: usize, count: usize) -> Self {
        Self {
            scale: self.scale.clone().narrow(1, start, count),
            weights: self.weights.clone().narrow(1, start, count),
            vectors: self.vectors.clone(),
        }
    }
}
