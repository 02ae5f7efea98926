//! The decoder's answer to prompts on one image.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::encoding::Embedding;
use super::prompt::{Prompt, embed_prompts};
use crate::device;
use crate::model::mask_decoder::{Attended, MaskDecoder};
use crate::model::prompt_encoder::PromptEncoder;
use crate::model::two_way_transformer::PreparedImage;

/// From as many prompts on, preparing an image for them takes less time than it saves.
const MANY: usize = 4;

/// How many prompts can be answered at once: the upscaled images of all of them are one tensor.
pub(crate) fn most_prompts(embedding: &Embedding) -> usize {
    let ([_, _, channels], side) = (embedding.pixels.dims(), embedding.mask_side());
    let bytes = (4 * side * side * channels / 8) as u64;
    let largest = device::largest_tensor(&embedding.pixels.device());
    // A GPU may have more bytes than WebAssembly can count.
    largest.map_or(usize::MAX, |largest| (largest / bytes).max(1) as usize)
}

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
    let image = match previous {
        None if prompts.len() >= MANY => prepare(encoder, decoder, embedding),
        None => unprepared(encoder, decoder, embedding, encoder.no_mask()),
        Some(masks) => unprepared(encoder, decoder, embedding, encoder.dense(masks)),
    };
    answer_on(&image, encoder, decoder, embedding, prompts)
}

/// [`answer`] on a prepared image, which `embedding` is of.
pub(crate) fn answer_on(
    image: &PreparedImage,
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    prompts: &[&[Prompt]],
) -> (Tensor<4>, Tensor<2>) {
    let attended = attend(image, encoder, decoder, embedding, prompts);
    let ious = decoder.ious(&attended);
    (decoder.masks_of(attended), ious)
}

/// The part of [`answer_on`] that IoUs and masks have in common.
pub(crate) fn attend(
    image: &PreparedImage,
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    prompts: &[&[Prompt]],
) -> Attended {
    let sparse = embed_prompts(encoder, prompts, embedding);
    let sparse = match differentiates(decoder) {
        true => sparse.autodiff(),
        false => sparse,
    };
    decoder.attend(image, sparse)
}

/// What `decoder` can do before it gets prompts, if none is a mask.
pub(crate) fn prepare(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
) -> PreparedImage {
    let prepare = |image, position| decoder.prepare(image, position);
    on_image(encoder, decoder, embedding, encoder.no_mask(), prepare)
}

fn unprepared(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    dense: Tensor<3>,
) -> PreparedImage {
    on_image(encoder, decoder, embedding, dense, PreparedImage::new)
}

/// What `make` makes of the image with its dense embedding, and of its position.
fn on_image(
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    embedding: &Embedding,
    dense: Tensor<3>,
    make: impl FnOnce(Tensor<3>, Tensor<3>) -> PreparedImage,
) -> PreparedImage {
    let image = embedding.pixels.clone() + dense;
    let position = encoder.dense_position();
    match differentiates(decoder) {
        true => make(image.autodiff(), position.autodiff()),
        false => make(image, position),
    }
}

fn differentiates(decoder: &MaskDecoder) -> bool {
    decoder.devices().iter().any(Device::is_autodiff)
}
