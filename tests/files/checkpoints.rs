//! Checkpoints as training programs write them, and those of other models.

use std::io::Cursor;

use graysam::weights::Checkpoint;

/// Written by `fixtures/make_checkpoint_files.py`.
const TORCH_EM: &[u8] = include_bytes!("../fixtures/checkpoints/torch_em.pth");
const LIGHTNING: &[u8] = include_bytes!("../fixtures/checkpoints/lightning.pth");
const MODULE: &[u8] = include_bytes!("../fixtures/checkpoints/module.pth");
const MICRO_SAM: &[u8] = include_bytes!("../fixtures/checkpoints/micro_sam.pth");
const MICRO_SAM_DECODER: &[u8] = include_bytes!("../fixtures/checkpoints/micro_sam_decoder.pth");
const PARTS: &[u8] = include_bytes!("../fixtures/checkpoints/parts.pth");

fn open(bytes: impl Into<Vec<u8>>) -> Checkpoint<Cursor<Vec<u8>>> {
    Checkpoint::open(Cursor::new(bytes.into())).expect("the checkpoint is read")
}

fn check_weights(file: &[u8]) {
    let mut checkpoint = open(file);
    let mut read = |name, size| checkpoint.read(name, &[size]).unwrap();
    assert_eq!(read("image_encoder.pos_embed", 4), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(read("mask_decoder.iou_token.weight", 3), [4.0, 5.0, 6.0]);
}

#[test]
fn what_torch_em_pickles_beside_the_weights_does_not_matter() {
    check_weights(TORCH_EM);
    // The decoder and the optimizer are no part of the model.
    assert_eq!(open(TORCH_EM).names().count(), 2);
}

#[test]
fn the_decoder_of_instances_comes_with_the_model_and_alone() {
    check_weights(MICRO_SAM);
    for file in [MICRO_SAM, MICRO_SAM_DECODER] {
        let mut checkpoint = open(file);
        let mut read = |name, size| checkpoint.read(name, &[size]).unwrap();
        let sampler = read("instance_decoder.deconv1.block.0.conv.bias", 2);
        assert_eq!(sampler, [0.0, 1.0]);
        let out = read("instance_decoder.out_conv.bias", 3);
        assert_eq!(out, [3.0, 4.0, 5.0]);
    }
    let told = told(MICRO_SAM_DECODER.to_vec());
    assert!(
        told.contains("decoder of instances without its model"),
        "{told}"
    );
}

#[test]
fn the_weights_of_lightning_come_before_their_averaged_copy() {
    check_weights(LIGHTNING);
}

#[test]
fn a_whole_module_is_read_without_its_class() {
    check_weights(MODULE);
}

#[test]
fn the_parts_of_a_model_may_lie_in_dicts_of_their_own() {
    check_weights(PARTS);
}

/// A safetensors file of tensors with these names and shapes, whose numbers are not read.
fn file_of(tensors: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(name, shape): &(&str, &str)| {
        format!(r#""{name}":{{"dtype":"U8","shape":[{shape}],"data_offsets":[0,0]}}"#)
    };
    let entries: Vec<String> = tensors.iter().map(entry).collect();
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

/// The names and shapes of a small model, and more names.
fn file_with(more: &[&str], without: &str) -> Vec<u8> {
    let listed = include_str!("../fixtures/segment_anything_names.txt").replace(' ', ",");
    let listed = listed.lines().filter_map(|line| line.split_once(','));
    let more = more.iter().map(|name| (*name, "1"));
    let all = listed.chain(more);
    let all: Vec<_> = all
        .filter(|(name, _)| without.is_empty() || !name.contains(without))
        .collect();
    file_of(&all)
}

fn told(file: Vec<u8>) -> String {
    let refused = open(file).architecture().expect_err("it is refused");
    refused.to_string()
}

#[test]
fn other_models_are_told_by_name() {
    assert!(open(file_with(&[], "")).architecture().is_ok());
    for (name, what) in [
        ("mask_decoder.hf_token.weight", "This is HQ-SAM"),
        ("image_encoder.trunk.pos_embed", "This is SAM 2;"),
        ("image_encoder.blocks.0.attn.qkv.linear_a_q.weight", "LoRA"),
        (
            "image_encoder.blocks.0.attn.qkv.lora_A.default.weight",
            "LoRA",
        ),
        (
            "image_encoder.blocks.0.attn.qkv.w_a_linear_q.weight",
            "LoRA",
        ),
        ("image_encoder.blocks.0.attn.qkv.qkv_proj.weight", "PEFT"),
        (
            "image_encoder.blocks.0.Adapter.channel.0.weight",
            "SAM-Med2D",
        ),
        (
            "image_encoder.blocks.0.MLP_Adapter.D_fc1.weight",
            "adapter layers",
        ),
        ("image_encoder.blocks.0.attn.rel_pos_d", "SAM-Med3D"),
        (
            "mask_decoder.final_output_upscaling_layers.0.0.weight",
            "EfficientSAM",
        ),
    ] {
        let told = told(file_with(&[name], ""));
        assert!(told.contains(what), "{name}: {told}");
        assert!(told.ends_with("is needed."), "{told}");
    }
    let cellpose = [
        ("encoder.neck.0.weight", "256,1024,1,1"),
        ("out.weight", "3"),
    ];
    assert!(told(file_of(&cellpose)).contains("as Cellpose-SAM does"));
}

#[test]
fn a_part_of_a_model_says_that_it_is_one() {
    for without in [
        "prompt_encoder.",
        "mask_decoder.",
        "image_encoder.neck",
        "image_encoder.pos_embed",
    ] {
        let told = told(file_with(&[], without));
        assert!(told.contains("only a part of a model"), "{without}: {told}");
        let part = without
            .split('.')
            .next()
            .unwrap_or_default()
            .replace('_', " ");
        assert!(told.contains(&format!("its {part} is missing")), "{told}");
    }
    assert!(
        told(file_with(&[], "image_encoder")).contains("a mask decoder without an image encoder")
    );
    let index =
        br#"{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00002.safetensors"}}"#;
    let refused = Checkpoint::open(Cursor::new(index)).expect_err("it is no checkpoint");
    assert!(refused.to_string().contains("the list of a model's files"));
}

#[test]
fn a_pickle_cannot_ask_for_endless_work() {
    // Empty tuples without end, kept in as many places.
    let pickle = [
        b"\x80\x02".to_vec(),
        b")\x94".repeat(2_000_000),
        b".".to_vec(),
    ]
    .concat();
    let refused = Checkpoint::open(Cursor::new(pth_file(&pickle))).expect_err("it is too much");
    assert!(
        refused
            .to_string()
            .contains("more than a model and its training need")
    );
}

fn pth_file(pickle: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("archive/data.pkl", stored).unwrap();
    zip.write_all(pickle).unwrap();
    zip.finish().unwrap().into_inner()
}
