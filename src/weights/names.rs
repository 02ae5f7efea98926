//! Tensor names: other spellings brought to those of the `segment_anything` package.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::instance_names;
use crate::choice::named;
use crate::error::{Error, Result};

/// What training wrappers put before every name.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "sam."];

/// What wrappers of a part of the model put into the names of its tensors.
const INNER_WRAPPERS: [&str; 4] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// With which the names of a model begin; where there is none of the first, those of the next count.
const BEGINNINGS: [&str; 3] = ["image_encoder.", "vision_encoder.", "mask_decoder."];

/// Beginnings of names in Hugging Face's `SamModel` and in `segment_anything`; the first that fits counts.
const HUGGING_FACE: [(&str, &str); 18] = [
    (
        "shared_image_embedding.positional_embedding",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (
        "prompt_encoder.shared_embedding.positional_embedding",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (
        "prompt_encoder.point_embed.",
        "prompt_encoder.point_embeddings.",
    ),
    (
        "prompt_encoder.mask_embed.conv1.",
        "prompt_encoder.mask_downscaling.0.",
    ),
    (
        "prompt_encoder.mask_embed.layer_norm1.",
        "prompt_encoder.mask_downscaling.1.",
    ),
    (
        "prompt_encoder.mask_embed.conv2.",
        "prompt_encoder.mask_downscaling.3.",
    ),
    (
        "prompt_encoder.mask_embed.layer_norm2.",
        "prompt_encoder.mask_downscaling.4.",
    ),
    (
        "prompt_encoder.mask_embed.conv3.",
        "prompt_encoder.mask_downscaling.6.",
    ),
    (
        "mask_decoder.upscale_conv1.",
        "mask_decoder.output_upscaling.0.",
    ),
    (
        "mask_decoder.upscale_layer_norm.",
        "mask_decoder.output_upscaling.1.",
    ),
    (
        "mask_decoder.upscale_conv2.",
        "mask_decoder.output_upscaling.3.",
    ),
    (
        "mask_decoder.transformer.layer_norm_final_attn.",
        "mask_decoder.transformer.norm_final_attn.",
    ),
    (
        "vision_encoder.patch_embed.projection.",
        "image_encoder.patch_embed.proj.",
    ),
    ("vision_encoder.neck.conv1.", "image_encoder.neck.0."),
    ("vision_encoder.neck.layer_norm1.", "image_encoder.neck.1."),
    ("vision_encoder.neck.conv2.", "image_encoder.neck.2."),
    ("vision_encoder.neck.layer_norm2.", "image_encoder.neck.3."),
    ("vision_encoder.layers.", "image_encoder.blocks."),
];

/// What stands before `image_encoder.`, or else before `vision_encoder.` or `mask_decoder.`, in the names of a file;
/// of several such prefixes that of most tensors, of equally many the shortest. None where there is none of them.
pub fn model_prefix<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    BEGINNINGS.iter().find_map(|beginning| {
        let mut counts = BTreeMap::new();
        for prefix in names.clone().filter_map(|name| before(name, beginning)) {
            *counts.entry(prefix).or_insert(0) += 1;
        }
        let order = |(prefix, count): &(&str, usize)| (*count, std::cmp::Reverse(prefix.len()));
        counts
            .into_iter()
            .max_by_key(order)
            .map(|(prefix, _)| prefix)
    })
}

/// What stands in `name` before `beginning`, which begins a part of it.
fn before<'a>(name: &'a str, beginning: &str) -> Option<&'a str> {
    let mut places = name.match_indices(beginning).map(|(at, _)| &name[..at]);
    places.find(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// Renames the tensors of a whole checkpoint. Which spelling it uses is seen from all names together: the
/// decoder's `layers.0` are another layer in Hugging Face's. Of tensors that come to the same name (Hugging
/// Face stores the shared positional embedding twice) the first stays, those of the model before what lies beside it.
pub fn canonicalise<T>(tensors: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let prefix = model_prefix(tensors.keys().map(String::as_str)).unwrap_or_default();
    let prefix = prefix.to_owned();
    let decoder = instance_names::prefix(tensors.keys().map(String::as_str)).map(str::to_owned);
    let decoders = |name: &str| instance_names::renamed(name, decoder.as_ref()?);
    let (mut model, mut beside) = (Vec::new(), Vec::new());
    for (name, tensor) in tensors {
        if let Some(name) = decoders(&name) {
            beside.push((name, tensor));
            continue;
        }
        match name.strip_prefix(&prefix) {
            Some(rest) => model.push((without_inner_wrappers(unwrapped(rest)), tensor)),
            None => beside.push((without_inner_wrappers(unwrapped(&name)), tensor)),
        }
    }
    let hugging_face = model.iter().any(|(name, _)| {
        name.starts_with("vision_encoder.") || name.starts_with("mask_decoder.upscale_conv1.")
    });
    let mut renamed = BTreeMap::new();
    for (name, tensor) in model.into_iter().chain(beside) {
        let name = match hugging_face {
            true => from_hugging_face(&name),
            false => name,
        };
        renamed.entry(name).or_insert(tensor);
    }
    renamed
}

fn without_inner_wrappers(name: &str) -> String {
    let parts = name.split('.');
    let parts: Vec<&str> = parts
        .filter(|part| !INNER_WRAPPERS.contains(part))
        .collect();
    parts.join(".")
}

fn unwrapped(mut name: &str) -> &str {
    while let Some(rest) = WRAPPERS
        .iter()
        .find_map(|wrapper| name.strip_prefix(wrapper))
    {
        name = rest;
    }
    name
}

/// The `segment_anything` name of a tensor of Hugging Face's `SamModel`.
fn from_hugging_face(name: &str) -> String {
    let renamed = HUGGING_FACE
        .iter()
        .find_map(|(theirs, ours)| Some(format!("{ours}{}", name.strip_prefix(theirs)?)))
        .unwrap_or_else(|| name.replacen("vision_encoder.", "image_encoder.", 1));
    let renamed = renamed.replace(".layer_norm", ".norm");
    if is_head(&renamed) {
        return renamed
            .replace(".layers.0.", ".layers.1.")
            .replace(".proj_in.", ".layers.0.")
            .replace(".proj_out.", ".layers.2.");
    }
    renamed
}

/// Whose names a file is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    #[default]
    SegmentAnything,
    HuggingFace,
    /// Those of `segment_anything`, in a PyTorch file of state dicts where it is a whole model.
    MicroSam,
}

impl Naming {
    /// `segment_anything`, `hugging_face` or `micro_sam`.
    pub fn parse(text: &str) -> Result<Self> {
        named(text).ok_or_else(|| {
            Error::new(format!(
                "There are no names \u{201c}{text}\u{201d}: choose segment_anything, hugging_face or micro_sam."
            ))
        })
    }

    /// The names under which the tensor of a `segment_anything` name is written.
    pub fn spell(self, name: &str) -> Vec<String> {
        match self {
            Self::SegmentAnything | Self::MicroSam => vec![name.to_owned()],
            Self::HuggingFace => to_hugging_face(name),
        }
    }
}

/// The names in Hugging Face's `SamModel` of the tensor `name` of `segment_anything`: two of the
/// shared positional embedding, else one.
fn to_hugging_face(name: &str) -> Vec<String> {
    let spellings: Vec<String> = HUGGING_FACE
        .iter()
        .filter_map(|(theirs, ours)| Some(format!("{theirs}{}", name.strip_prefix(ours)?)))
        .collect();
    if spellings.len() > 1 {
        return spellings;
    }
    let one = spellings.into_iter().next();
    let renamed = one.unwrap_or_else(|| name.replacen("image_encoder.", "vision_encoder.", 1));
    let renamed = renamed.replace(".norm", ".layer_norm");
    if !is_head(&renamed) {
        return vec![renamed];
    }
    let renamed = renamed
        .replace(".layers.0.", ".proj_in.")
        .replace(".layers.1.", ".layers.0.")
        .replace(".layers.2.", ".proj_out.");
    vec![renamed]
}

/// Whether the tensor is of a head, of which SAM's have three layers: input, one hidden, output.
fn is_head(name: &str) -> bool {
    name.starts_with("mask_decoder.iou_prediction_head.")
        || name.starts_with("mask_decoder.output_hypernetworks_mlps.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(names: &[&str]) -> Vec<String> {
        let tensors = names.iter().map(|name| ((*name).to_owned(), ())).collect();
        canonicalise(tensors).into_keys().collect()
    }

    #[test]
    fn wrappers_are_stripped() {
        assert_eq!(
            renamed(&["module.model.mask_decoder.iou_token.weight"]),
            ["mask_decoder.iou_token.weight"]
        );
    }

    #[test]
    fn whatever_stands_before_the_image_encoder_is_a_prefix() {
        for prefix in [
            "net.",
            "sam_model.",
            "base_model.model.",
            "a.module._orig_mod.",
        ] {
            let names = ["image_encoder.pos_embed", "mask_decoder.iou_token.weight"];
            let mut prefixed = names.map(|name| format!("{prefix}{name}")).to_vec();
            // A copy of averaged weights is one more model.
            prefixed.extend(names.map(|name| format!("{prefix}averaged.{name}")));
            let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
            let renamed = renamed(&prefixed);
            assert!(
                names
                    .iter()
                    .all(|name| renamed.contains(&(*name).to_owned()))
            );
        }
        assert_eq!(
            renamed(&["image_encoder._orig_mod.blocks.0.module.norm1.bias"]),
            ["image_encoder.blocks.0.norm1.bias"]
        );
        assert_eq!(model_prefix(["my_image_encoder.x"].into_iter()), None);
    }

    #[test]
    fn the_decoders_layers_move_only_in_hugging_face_files() {
        let head = "mask_decoder.iou_prediction_head";
        let hidden = format!("{head}.layers.0.weight");
        let first = format!("{head}.proj_in.weight");
        assert_eq!(renamed(&[&hidden]), [hidden.as_str()]);
        assert_eq!(
            renamed(&[&hidden, &first, "vision_encoder.pos_embed"]),
            [
                "image_encoder.pos_embed".to_owned(),
                hidden.clone(),
                format!("{head}.layers.1.weight")
            ]
        );
    }
}
