//! The two-way transformer, in which tokens and image attend to each other
//! (section A of the paper; `segment_anything/modeling/transformer.py`).

mod attention;
mod changed_image;

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::config::SamConfig;
use super::elementwise::on_cpu;
use super::layers::{MlpBlock, layer_norm};
use super::parameters::Parameters;
use crate::error::Result;
use attention::{Attended, Attention, PreparedKeys, PreparedQueries, Queries, Received};
pub use changed_image::ChangedImage;

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

    /// What the layers make of an image alone, for many prompts on it: `image` and its `position`
    /// are `(1, pixels, C)`. The image that they leave is to be projected by `then`, `(C, outputs)`.
    pub fn prepare(&self, image: Tensor<3>, position: Tensor<3>, then: Tensor<2>) -> PreparedImage {
        let first = match self.layers.first() {
            Some(layer) => layer.project(&image, &position),
            None => Sides::new(&image, &position),
        };
        // Less work in more steps, each of which a GPU has to be given.
        let later = on_cpu(&image).then(|| self.prepare_later(&image, &position, then));
        PreparedImage {
            image,
            position,
            first,
            later,
        }
    }

    fn prepare_later(&self, image: &Tensor<3>, position: &Tensor<3>, then: Tensor<2>) -> Later {
        let mut base = image.clone();
        let mut layers = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                layers.push(layer.prepare(&base, position));
            }
            base = base * layer.norm4.gamma.val().unsqueeze();
        }
        let last = &self.final_attn_token_to_image;
        Later {
            layers,
            last: last.prepare_keys(&base, position),
            then: base.matmul(then.unsqueeze()),
        }
    }

    /// The tokens `(B, N, C)` and the image to both after they have attended to each other.
    pub fn forward(&self, image: &PreparedImage, tokens: Tensor<3>) -> (Tensor<3>, ImageAfter) {
        let (mut queries, mut keys, mut changed) = (tokens.clone(), image.image.clone(), None);
        for (i, layer) in self.layers.iter().enumerate() {
            let sides = image.sides(i, &keys, changed.as_ref());
            let (attended, received) = layer.forward(queries, &tokens, sides, i == 0);
            queries = attended;
            keys = received.added_to(keys);
            if image.later.is_some() {
                let norm = &layer.norm4;
                changed = Some(ChangedImage::normalised(changed, received, &keys, norm));
            }
            // After the last layer the changed image is enough.
            if changed.is_none() || i + 1 < self.layers.len() {
                keys = layer.norm4.forward(keys);
            }
        }
        let q = queries.clone() + tokens;
        let attended = image.attended(&keys, changed.as_ref());
        let out = self.final_attn_token_to_image.of_tokens(q, attended);
        let after = match (changed, &image.later) {
            (Some(image), Some(later)) => ImageAfter::Changed(Box::new(image), later.then.clone()),
            _ => ImageAfter::Plain(keys),
        };
        (self.norm_final_attn.forward(queries + out), after)
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
    later: Option<Later>,
}

impl PreparedImage {
    /// An image `(B or 1, pixels, C)` with its position `(1, pixels, C)` for a single prompt, or
    /// for as many prompts as there are images.
    pub fn new(image: Tensor<3>, position: Tensor<3>) -> Self {
        Self {
            first: Sides::new(&image, &position),
            image,
            position,
            later: None,
        }
    }

    /// `(B or 1, pixels, C)`.
    pub fn image(&self) -> &Tensor<3> {
        &self.image
    }

    /// What the layer `i` attends to, of the image as it is before it: `keys`, which is also
    /// `changed` if that is known.
    fn sides(&self, i: usize, keys: &Tensor<3>, changed: Option<&ChangedImage>) -> Sides {
        match (i.checked_sub(1), &self.later, changed) {
            (None, ..) => self.first.clone(),
            (Some(i), Some(later), Some(changed)) => later.layers[i].of(changed),
            _ => Sides::new(keys, &self.position),
        }
    }

    /// Likewise, after all layers.
    fn attended(&self, keys: &Tensor<3>, changed: Option<&ChangedImage>) -> Attended {
        match (&self.later, changed) {
            (Some(later), Some(changed)) => {
                Attended::Changed(Box::new((later.last.clone(), changed.clone())))
            }
            _ => Sides::new(keys, &self.position).attended,
        }
    }
}

/// The image after the two-way transformer.
pub enum ImageAfter {
    /// `(B, pixels, C)`.
    Plain(Tensor<3>),
    /// With its base as it was prepared to be projected, `(1, pixels, outputs)`.
    Changed(Box<ChangedImage>, Tensor<3>),
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

/// What is prepared for the image as layers have changed it.
#[derive(Clone, Debug)]
struct Later {
    /// From the second on.
    layers: Vec<PreparedSides>,
    /// For the final attention.
    last: PreparedKeys,
    /// The projected base after all of them, `(1, pixels, outputs)`.
    then: Tensor<3>,
}

#[derive(Clone, Debug)]
struct PreparedSides {
    keys: PreparedKeys,
    queries: PreparedQueries,
}

impl PreparedSides {
    fn of(&self, image: &ChangedImage) -> Sides {
        Sides {
            attended: Attended::Changed(Box::new((self.keys.clone(), image.clone()))),
            queries: Queries::Changed(Box::new((self.queries.clone(), image.clone()))),
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

    /// The first layer's sides.
    fn project(&self, image: &Tensor<3>, position: &Tensor<3>) -> Sides {
        let positioned = image.clone() + position.clone();
        let of_tokens = &self.cross_attn_token_to_image;
        Sides {
            attended: of_tokens.project(positioned.clone(), image.clone()),
            queries: self.cross_attn_image_to_token.project_queries(positioned),
        }
    }

    /// A later layer's.
    fn prepare(&self, base: &Tensor<3>, position: &Tensor<3>) -> PreparedSides {
        let of_image = &self.cross_attn_image_to_token;
        PreparedSides {
            keys: self.cross_attn_token_to_image.prepare_keys(base, position),
            queries: of_image.prepare_queries(base, position),
        }
    }

    /// In the first layer the tokens are their own position, so it is not added to them.
    fn forward(
        &self,
        queries: Tensor<3>,
        position: &Tensor<3>,
        sides: Sides,
        first: bool,
    ) -> (Tensor<3>, Received) {
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
        let of_image = &self.cross_attn_image_to_token;
        let received = of_image.of_image(sides.queries, q, queries.clone());
        (queries, received)
    }
}
