//! The mask decoder: image embedding and prompt tokens to masks and their predicted IoU
//! (section A of the paper; `segment_anything/modeling/mask_decoder.py`).

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::conv::ConvTranspose2d;
use burn::tensor::{Device, Int, Tensor};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use super::config::SamConfig;
use super::elementwise::{gelu, on_cpu};
use super::kernels::Activation;
use super::layers::{LayerNorm2d, Mlp, apply_to, conv_transpose2x};
use super::parameters::{Parameters, with_parameters};
use super::two_way_transformer::{ImageAfter, PreparedImage, TwoWayTransformer};
use crate::error::Result;
use crate::weights::source::ParameterSource;

/// One mask for unambiguous prompts and three for a single point: whole, part, subpart.
pub const MASK_TOKENS: usize = 4;

/// Pixels of the embedding that are upscaled at a time on the CPU, so that they stay in its cache.
const PIECE: usize = 256;

/// B prompts and the image after they have attended to each other.
#[derive(Clone)]
pub struct Attended {
    /// `(B, N, C)`.
    tokens: Tensor<3>,
    image: ImageAfter,
}

impl Attended {
    /// The prompts at `places` alone.
    pub fn select(self, places: &[usize]) -> Self {
        let [batch, _, _] = self.tokens.dims();
        if places.iter().copied().eq(0..batch) {
            return self;
        }
        let places: Vec<i32> = places.iter().map(|&place| place as i32).collect();
        let places = Tensor::<1, Int>::from_ints(&places[..], &self.tokens.device());
        Self {
            tokens: self.tokens.select(0, places.clone()),
            image: self.image.select(&places),
        }
    }
}

#[derive(Module, Debug)]
pub struct MaskDecoder {
    transformer: TwoWayTransformer,
    /// The IoU token and the mask tokens, `(1 + 4, C)`.
    output_tokens: Param<Tensor<2>>,
    upscaling: OutputUpscaling,
    hypernetworks: Vec<Mlp>,
    iou_prediction_head: Mlp,
}

impl MaskDecoder {
    pub fn load(p: &Parameters, config: &SamConfig) -> Result<Self> {
        let dim = config.embed_dim;
        let mut tokens = p.at("iou_token").values("weight", &[1, dim])?;
        tokens.extend(p.at("mask_tokens").values("weight", &[MASK_TOKENS, dim])?);
        let hypernetworks = p.at("output_hypernetworks_mlps");
        let hidden = config.mask_decoder.iou_head_hidden_dim;
        Ok(Self {
            transformer: TwoWayTransformer::load(&p.at("transformer"), config)?,
            output_tokens: Param::from_tensor(p.place(tokens, [1 + MASK_TOKENS, dim])),
            upscaling: OutputUpscaling::load(&p.at("output_upscaling"), dim)?,
            hypernetworks: (0..MASK_TOKENS)
                .map(|i| Mlp::load(&hypernetworks.at(i), &[dim, dim, dim, dim / 8]))
                .collect::<Result<_>>()?,
            iou_prediction_head: Mlp::load(
                &p.at("iou_prediction_head"),
                &[dim, hidden, hidden, MASK_TOKENS],
            )?,
        })
    }

    /// Builds the decoder alone on `device` from the `mask_decoder.*` of `source`.
    ///
    /// # Errors
    /// When a parameter is missing or has another shape.
    pub fn open(
        source: &mut dyn ParameterSource,
        config: &SamConfig,
        device: &Device,
    ) -> Result<Self> {
        with_parameters(source, device, |p| {
            Self::load(&p.at("mask_decoder"), config)
        })
    }

    /// Prepares an image for many prompts: `image`, the embedding with the dense embedding of there
    /// being no mask, and `position` are `(1, pixels, C)`.
    pub fn prepare(&self, image: Tensor<3>, position: Tensor<3>) -> PreparedImage {
        let upscaling = Upscale2x::new(&self.upscaling.conv1).weight;
        self.transformer.prepare(image, position, upscaling)
    }

    /// All four masks and their predicted IoUs for each of B prompts on one image: logits
    /// `(B, 4, 4·grid, 4·grid)`, positive inside, and IoUs `(B, 4)`. Mask 0 is the answer to
    /// an unambiguous prompt, masks 1 to 3 are the candidates for a single point.
    ///
    /// `image` is the embedding with the prompts' dense embedding, from [`Self::prepare`] or as it
    /// is; `sparse` is `(B, N, C)`.
    pub fn forward(&self, image: &PreparedImage, sparse: Tensor<3>) -> (Tensor<4>, Tensor<2>) {
        let attended = self.attend(image, sparse);
        let ious = self.ious(&attended);
        (self.masks_of(attended), ious)
    }

    /// The part of [`Self::forward`] that all of its results need.
    pub fn attend(&self, image: &PreparedImage, sparse: Tensor<3>) -> Attended {
        let [batch, _, _] = sparse.dims();
        let outputs = self.output_tokens.val().unsqueeze::<3>();
        let tokens = Tensor::cat(vec![outputs.repeat_dim(0, batch), sparse], 1);
        let (tokens, image) = self.transformer.forward_prepared(image, tokens);
        Attended { tokens, image }
    }

    /// The predicted IoUs of all four masks, `(B, 4)`.
    pub fn ious(&self, attended: &Attended) -> Tensor<2> {
        let iou_token = attended.tokens.clone().narrow(1, 0, 1).squeeze_dim::<2>(1);
        self.iou_prediction_head.forward(iou_token)
    }

    /// All four masks, `(B, 4, 4·grid, 4·grid)`.
    pub fn masks_of(&self, attended: Attended) -> Tensor<4> {
        let rows = 0..attended.image.pixels().isqrt();
        self.masks_in(attended, MASK_TOKENS, rows)
    }

    /// The first `count` masks in these rows of the embedding's grid alone, `(B, count, 4 · rows, 4 · grid)`,
    /// which upscales no other ones.
    pub fn masks_in(&self, attended: Attended, count: usize, rows: Range<usize>) -> Tensor<4> {
        let Attended { tokens, image } = attended;
        let [batch, _, _] = tokens.dims();
        let grid = image.pixels().isqrt();
        let weights = self.hypernetworks[..count]
            .iter()
            .enumerate()
            .map(|(i, mlp)| mlp.forward(tokens.clone().narrow(1, 1 + i, 1)))
            .collect();
        let image = image.narrow(rows.start * grid, rows.len() * grid);
        let masks = self.masks(Tensor::cat(weights, 1), image);
        let masks = to_rows(masks.flatten(0, 1), rows.len(), grid);
        masks.reshape([batch, count, 4 * rows.len(), 4 * grid])
    }

    /// The upscaled image multiplied by `weights`, `(B, K, C/8)`: `(B, K, 16 · pixels)`, in the order
    /// of [`OutputUpscaling`].
    fn masks(&self, weights: Tensor<3>, image: ImageAfter) -> Tensor<3> {
        let first = Upscale2x::new(&self.upscaling.conv1);
        let upscale = |image| first.forward(image, Activation::None);
        let after_first = self.upscaling.after_first();
        let masks = |upscaled| {
            weights
                .clone()
                .matmul(after_first(upscaled).swap_dims(1, 2))
        };
        let pieces = match image {
            ImageAfter::Plain(image) if !on_cpu(&image) => return masks(upscale(image)),
            ImageAfter::Plain(image) => {
                at_once(image.split(PIECE, 1), |_, piece| masks(upscale(piece)))
            }
            ImageAfter::Factored(image, base) => {
                let vectors = image
                    .vectors
                    .clone()
                    .matmul(first.weight.clone().unsqueeze());
                at_once(base.split(PIECE, 1), |i, base| {
                    let piece = image.narrow(i * PIECE, base.dims()[1]);
                    masks(first.finish(piece.projected(base, vectors.clone())))
                })
            }
        };
        Tensor::cat(pieces, 2)
    }
}

/// What `work` makes of pieces, given the place of each, by all threads.
fn at_once(
    pieces: Vec<Tensor<3>>,
    work: impl Fn(usize, Tensor<3>) -> Tensor<3> + Sync,
) -> Vec<Tensor<3>> {
    let pieces = pieces.into_par_iter().enumerate();
    pieces.map(|(i, piece)| work(i, piece)).collect()
}

/// Upscales the image embedding four times, to `C/8` channels, by two transposed convolutions of
/// kernel and stride 2. Such a convolution makes four pixels of each one and mixes none, so it
/// is a linear layer; the new pixels stay next to each other until the masks are made of them.
#[derive(Module, Debug)]
struct OutputUpscaling {
    conv1: ConvTranspose2d,
    norm: LayerNorm2d,
    conv2: ConvTranspose2d,
}

impl OutputUpscaling {
    fn load(p: &Parameters, dim: usize) -> Result<Self> {
        Ok(Self {
            conv1: conv_transpose2x(&p.at(0), dim, dim / 4)?,
            norm: LayerNorm2d::load(&p.at(1), dim / 4)?,
            conv2: conv_transpose2x(&p.at(3), dim / 4, dim / 8)?,
        })
    }

    /// What follows the first convolution: `(B, 4 · pixels, C/4)` to `(B, 16 · pixels, C/8)`.
    fn after_first(&self) -> impl Fn(Tensor<3>) -> Tensor<3> {
        let second = Upscale2x::new(&self.conv2);
        move |x| second.forward(gelu(self.norm.forward_last(x)), Activation::Gelu)
    }
}

/// A transposed convolution of kernel and stride 2 as a linear layer.
struct Upscale2x {
    /// `(inputs, 4 · outputs)`.
    weight: Tensor<2>,
    /// `(4 · outputs)`.
    bias: Option<Tensor<1>>,
}

impl Upscale2x {
    fn new(conv: &ConvTranspose2d) -> Self {
        let weight = conv.weight.val().permute([0, 2, 3, 1]);
        Self {
            weight: weight.flatten(1, 3),
            bias: conv.bias.as_ref().map(|bias| bias.val().repeat_dim(0, 4)),
        }
    }

    /// `(B, N, inputs)` to `(B, 4 · N, outputs)`.
    fn forward(&self, x: Tensor<3>, then: Activation) -> Tensor<3> {
        four_pixels(apply_to(x, self.weight.clone(), self.bias.clone(), then))
    }

    /// [`Self::forward`] without activation of what the weight has already multiplied,
    /// `(B, N, 4 · outputs)`.
    fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        four_pixels(match &self.bias {
            Some(bias) => x + bias.clone().unsqueeze(),
            None => x,
        })
    }
}

/// `(B, N, 4 · outputs)` as `(B, 4 · N, outputs)`.
fn four_pixels(x: Tensor<3>) -> Tensor<3> {
    let [batch, count, outputs] = x.dims();
    x.reshape([batch, 4 * count, outputs / 4])
}

/// Masks `(K, 16 · rows · grid)` in the order of [`OutputUpscaling`] as rows of pixels:
/// `(K, 4 · rows, 4 · grid)`.
fn to_rows(masks: Tensor<2>, rows: usize, grid: usize) -> Tensor<3> {
    let [count, _] = masks.dims();
    masks
        .reshape([count, rows, grid, 2, 2, 2, 2])
        .permute([0, 1, 3, 5, 2, 4, 6])
        .reshape([count, 4 * rows, 4 * grid])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::weights::noise::noise;
    use crate::weights::source::NoiseSource;

    #[test]
    fn masks_in_some_rows_are_those_rows_of_all_masks() {
        let (config, device) = (SamConfig::tiny(), Device::flex());
        let mut source = NoiseSource::default();
        let decoder =
            MaskDecoder::open(&mut source, &config, &device).expect("noise has all parameters");
        let (grid, dim) = (config.grid(), config.embed_dim);
        let random = |name: &str, shape: [usize; 3]| {
            let values = noise(&format!("{name}.pos_embed"), &shape);
            Tensor::<3>::from_data(TensorData::new(values, shape), &device)
        };
        let [image, position] =
            ["image", "position"].map(|name| random(name, [1, grid * grid, dim]));
        let prompts = random("prompts", [3, 2, dim]);
        let plain = PreparedImage::new(image.clone(), position.clone());
        for image in [plain, decoder.prepare(image, position)] {
            let attended = decoder.attend(&image, prompts.clone());
            let all = decoder.masks_of(attended.clone());
            let some = decoder.masks_in(attended, 2, 1..grid - 1);
            let wanted = all.narrow(1, 0, 2).narrow(2, 4, 4 * (grid - 2));
            assert_eq!(some.dims(), wanted.dims());
            let error = (some - wanted).abs().max().into_scalar::<f32>();
            assert!(error < 1e-5, "{error}");
        }
    }
}
