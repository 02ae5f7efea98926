//! Models that people may take for SAM, told from the names of their tensors.

/// Parts of names that only one kind of model has, and what that is; the first that is found counts.
const KINDS: [(&[&str], &str); 12] = [
    (
        &[
            "mask_decoder.hf_token",
            "mask_decoder.hf_mlp",
            "mask_decoder.hq_",
            "mask_decoder.compress_vit_feat",
        ],
        "This is HQ-SAM, whose mask decoder has layers of its own",
    ),
    (
        &[
            ".lora_",
            "lora_A",
            "lora_B",
            ".linear_a_",
            ".linear_b_",
            ".w_a_linear",
            ".w_b_linear",
            "w_a_0",
            "w_b_0",
        ],
        "This is a SAM with LoRA layers, which have to be merged into its weights before they are saved (in peft \
         with merge_and_unload())",
    ),
    (
        &[".qkv_proj.", ".base_layer.", ".FacT", ".q_FacT"],
        "This is a SAM with layers of parameter-efficient fine-tuning (PEFT), which have to be merged into its \
         weights before they are saved",
    ),
    (
        &[".Adapter.channel."],
        "This is SAM-Med2D, whose encoder has adapter layers",
    ),
    (
        &[
            ".MLP_Adapter.",
            ".Space_Adapter.",
            ".Depth_Adapter.",
            ".adapter.",
            ".adapter_",
            "image_encoder.prompt_generator.",
        ],
        "This is a SAM whose encoder has adapter layers, which SAM itself does not have",
    ),
    (&[".rel_pos_d"], "This is SAM-Med3D, a model of volumes"),
    (
        &["detr_encoder.", "detr_decoder.", ".vision_backbone.trunk."],
        "This is SAM 3",
    ),
    (
        &[
            "image_encoder.trunk.",
            "vision_encoder.backbone.",
            "memory_attention.",
            "memory_encoder.",
            "sam_mask_decoder.",
        ],
        "This is SAM 2",
    ),
    (
        &["mask_decoder.final_output_upscaling_layers."],
        "This is EfficientSAM",
    ),
    (
        &[
            "image_encoder.backbone.input_stem.",
            "image_encoder.backbone.stages.",
        ],
        "This is EfficientViT-SAM",
    ),
    (
        &["image_encoder.features."],
        "This is EdgeSAM or RepViT-SAM",
    ),
    (
        &["encoder.neck.0.weight"],
        "This network holds SAM's image encoder but not its mask decoder, as Cellpose-SAM does",
    ),
];

/// What a file with tensors of these names holds, if that is no SAM; the beginning of a sentence.
pub(super) fn other<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    let has = |part: &str| match part {
        // SAM's own name ends with it.
        "encoder.neck.0.weight" => names.clone().any(|name| name == part),
        _ => names.clone().any(|name| name.contains(part)),
    };
    let kind = KINDS
        .iter()
        .find(|(parts, _)| parts.iter().any(|part| has(part)));
    kind.map(|(_, what)| *what)
}

/// The parts of a Segment Anything model, the beginnings of their names, and a tensor that each has.
const PARTS: [(&str, &str, &str); 3] = [
    (
        "image encoder",
        "image_encoder.",
        "image_encoder.neck.0.weight",
    ),
    (
        "prompt encoder",
        "prompt_encoder.",
        "prompt_encoder.no_mask_embed.weight",
    ),
    (
        "mask decoder",
        "mask_decoder.",
        "mask_decoder.iou_token.weight",
    ),
];

/// A part of the model of which the file has nothing or not all, if it has any other.
pub(super) fn missing_part<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'static str> {
    let has = |tensor: &str| names.clone().any(|name| name == tensor);
    let begins = |beginning: &str| names.clone().any(|name| name.starts_with(beginning));
    if begins("image_encoder.blocks.") && !has("image_encoder.pos_embed") {
        return Some("image encoder");
    }
    let missing = PARTS.iter().find(|(_, _, tensor)| !has(tensor));
    let any = PARTS.iter().any(|(_, beginning, _)| begins(beginning));
    missing.filter(|_| any).map(|(part, _, _)| *part)
}
