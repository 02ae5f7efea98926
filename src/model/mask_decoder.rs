//! The mask decoder: image embedding and prompt tokens to masks and their predicted IoU
//! (section A of the paper; `segment_anything/modeling/mask_decoder.py`).

use burn::module::{Module, Param};
use burn::nn::conv::ConvTranspose2d;
use burn::tensor::{Tensor, activation::gelu};

use super::config::SamConfig;
use super::layers::{LayerNorm2d, Mlp, upscale2x};
use super::parameters::Parameters;
use super::two_way_transformer::TwoWayTransformer;
use crate::error::Result;

/// One mask for unambiguous prompts and three for a single point: whole, part, subpart.
pub const MASK_TOKENS: usize = 4;

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

    /// All four masks and their predicted IoUs for each of B prompts on one image: logits
    /// `(B, 4, 4·grid, 4·grid)`, positive inside, and IoUs `(B, 4)`. Mask 0 is the answer to
    /// an unambiguous prompt, masks 1 to 3 are the candidates for a single point.
    ///
    /// `image` and `position` are `(1, C, grid, grid)`, `sparse` is `(B, N, C)`, `dense` is
    /// `(B, C, grid, grid)` or `(1, C, grid, grid)`.
    pub fn forward(
        &self,
        image: Tensor<4>,
        position: Tensor<4>,
        sparse: Tensor<3>,
        dense: Tensor<4>,
    ) -> (Tensor<4>, Tensor<2>) {
        let [batch, _, dim] = sparse.dims();
        let [_, _, height, width] = image.dims();
        let outputs = self.output_tokens.val().unsqueeze::<3>();
        let tokens = Tensor::cat(vec![outputs.repeat_dim(0, batch), sparse], 1);

        let flat = |x: Tensor<4>| {
            let copies = batch / x.dims()[0];
            let x = x.flatten::<3>(2, 3).swap_dims(1, 2);
            if copies == 1 {
                x
            } else {
                x.repeat_dim(0, copies)
            }
        };
        let (tokens, image) = self
            .transformer
            .forward(flat(image + dense), flat(position), tokens);

        let image = image.swap_dims(1, 2).reshape([batch, dim, height, width]);
        let features = self.upscaling.forward(image).flatten::<3>(2, 3);
        let weights = self
            .hypernetworks
            .iter()
            .enumerate()
            .map(|(i, mlp)| mlp.forward(tokens.clone().narrow(1, 1 + i, 1)))
            .collect();
        let masks = Tensor::cat(weights, 1).matmul(features);
        let iou_token = tokens.narrow(1, 0, 1).squeeze_dim::<2>(1);
        (
            masks.reshape([batch, MASK_TOKENS, 4 * height, 4 * width]),
            self.iou_prediction_head.forward(iou_token),
        )
    }
}

/// Upscales the image embedding four times, to `C/8` channels.
#[derive(Module, Debug)]
struct OutputUpscaling {
    conv1: ConvTranspose2d,
    norm: LayerNorm2d,
    conv2: ConvTranspose2d,
}

impl OutputUpscaling {
    fn load(p: &Parameters, dim: usize) -> Result<Self> {
        Ok(Self {
            conv1: upscale2x(&p.at(0), dim, dim / 4)?,
            norm: LayerNorm2d::load(&p.at(1), dim / 4)?,
            conv2: upscale2x(&p.at(3), dim / 4, dim / 8)?,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = gelu(self.norm.forward(self.conv1.forward(x)));
        gelu(self.conv2.forward(x))
    }
}
