//! The decoder's answer to prompts on one image.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::encoding::Embedding;
use super::prompt::{Prompt, embed_prompts};
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;

/// All four masks `(B, 4, side, side)` and their predicted IoUs `(B, 4)` of B lists of prompts on
/// one image, refining the low-resolution logits `previous` `(B, 1, side, side)` if there are
/// any; with what differentiation needs where `decoder` is under training.
pub(crate) fn answer(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    prompts: &[&[Prompt]],
    previous: Option<Tensor<4>>,
) -> (Tensor<4>, Tensor<2>) {
    let (sparse, dense) = embed_prompts(encoder, prompts, embedding, previous);
    let features = embedding.features().clone();
    let position = encoder.dense_position();
    if decoder.devices().iter().any(Device::is_autodiff) {
        let (features, position) = (features.autodiff(), position.autodiff());
        return decoder.forward(features, position, sparse.autodiff(), dense.autodiff());
    }
    decoder.forward(features, position, sparse, dense)
}
