//! Checkpoints: real and hand-made files, damaged and hostile ones, names, architectures and noise.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use graysam::weights::{Architecture, Checkpoint, Dtype, names, noise, recognise, safetensors};

/// Written by `fixtures/make_pth_fixture.py`.
const PTH: &[u8] = include_bytes!("../fixtures/tiny.pth");

type Memory = Cursor<Vec<u8>>;

fn open(bytes: impl Into<Vec<u8>>) -> Result<Checkpoint<Memory>, String> {
    Checkpoint::open(Cursor::new(bytes.into())).map_err(|error| error.to_string())
}

fn refusal(bytes: impl Into<Vec<u8>>) -> String {
    open(bytes).expect_err("the file should be refused")
}

/// A safetensors file from its header's text and its body.
fn safetensors_file(header: &str, body: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        body,
    ]
    .concat()
}

/// A `.pth` file with this pickle and one storage.
fn pth_file(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("archive/data.pkl", pickle), ("archive/data/0", storage)] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The pickle of `{"t": tensor}`: a tensor of 2 × 2 float32 numbers.
fn tensor_pickle(offset: u8, strides: [u8; 2]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x01\0\0\0tctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ");
    pickle.extend([
        b'K', offset, b'K', 2, b'K', 2, 0x86, b'K', strides[0], b'K', strides[1], 0x86,
    ]);
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    pickle
}

#[test]
fn a_file_from_torch_save_is_read() {
    let mut file = open(PTH).unwrap();
    assert_eq!(
        file.names().collect::<Vec<_>>(),
        ["brain", "count", "half", "single", "view"]
    );
    assert_eq!(
        file.read("single", &[2, 3]).unwrap(),
        [1.5, -2.0, 3.25, 0.1, 0.0, -0.0]
    );
    assert_eq!(
        file.read("half", &[3]).unwrap(),
        [0.5, -1024.0, 2f32.powi(-24)]
    );
    assert_eq!(file.read("brain", &[2, 1]).unwrap(), [1.0, -3.0]);
    assert_eq!(file.read("view", &[3]).unwrap(), [2.0, 3.0, 4.0]);
    assert_eq!(file.shape("count"), Some([].as_slice()));
}

#[test]
fn errors_name_the_tensor() {
    let mut file = open(PTH).unwrap();
    let mut error = |name, shape: &[usize]| file.read(name, shape).unwrap_err().to_string();
    assert_eq!(
        error("absent", &[1]),
        "The checkpoint has no tensor absent."
    );
    let shapes = error("single", &[3, 2]);
    assert!(
        shapes.contains("single has shape [2, 3]") && shapes.contains("needs [3, 2]"),
        "{shapes}"
    );
    let dtype = error("count", &[]);
    assert!(dtype.contains("count holds LongStorage"), "{dtype}");
}

#[test]
fn safetensors_are_read() {
    let header = r#"{"__metadata__":{"title":"two"},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#;
    // 1.0 and, by IEEE 754, half-precision 1.0 and -2.0.
    let mut file = open(safetensors_file(
        header,
        &[0, 0, 0x80, 0x3f, 0, 0x3c, 0, 0xc0],
    ))
    .unwrap();
    assert_eq!(file.read("a", &[1, 1]).unwrap(), [1.0]);
    assert_eq!(file.read("b", &[2]).unwrap(), [1.0, -2.0]);
    assert_eq!(file.metadata()["title"], "two");
}

#[test]
fn what_is_written_is_read_again() {
    // Long enough for several chunks; all values are exact in every type.
    let values: Vec<f32> = (0..200_003).map(|i| (i % 200) as f32 - 100.0).collect();
    let tensors: Vec<_> = [Dtype::F32, Dtype::F16, Dtype::BF16]
        .into_iter()
        .map(|dtype| (format!("{dtype:?}"), vec![values.len(), 1], dtype))
        .collect();
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut bytes = Vec::new();
    safetensors::write(&mut bytes, &tensors, &metadata, |_| Ok(values.clone())).unwrap();
    let mut file = open(bytes).unwrap();
    for (name, shape, _) in &tensors {
        assert!(file.read(name, shape).unwrap() == values, "{name}");
    }
    assert_eq!(file.metadata(), &metadata);
    let error = safetensors::write(Vec::new(), &tensors, &metadata, |_| Ok(vec![0.0])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be written from 1 numbers"),
        "{error}"
    );
}

#[test]
fn false_safetensors_headers_are_refused() {
    let entry = |shape: &str, offsets: &str| {
        let header =
            format!(r#"{{"t":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        refusal(safetensors_file(&header, &[0; 8]))
    };
    for (error, expected) in [
        (
            entry("[2]", "[0,12]"),
            "t claims bytes 0 to 12 of a body of 8",
        ),
        (entry("[2]", "[8,0]"), "t claims bytes 8 to 0"),
        (entry("[3]", "[0,8]"), "t claims 8 bytes for the shape [3]"),
        (
            entry("[4294967296,4294967296,4]", "[0,0]"),
            "t claims 0 bytes for the shape",
        ),
        (entry("[-1]", "[0,8]"), "header is not valid"),
        (
            refusal(safetensors_file("{\"t\":", &[])),
            "header is not valid",
        ),
        (refusal([&[0xff; 8][..], b"{}"].concat()), "header claims"),
        (
            refusal([&64u64.to_le_bytes()[..], b"{}"].concat()),
            "header claims 64 bytes",
        ),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_a_pickle_would_call_is_not_called() {
    let by_global = b"\x80\x02}X\x01\0\0\0acposix\nsystem\nX\x04\0\0\0echo\x85Rs.";
    let by_stack_global = b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.";
    let by_instance = b"\x80\x02(X\x01\0\0\0aiposix\nsystem\n.";
    for pickle in [&by_global[..], by_stack_global, by_instance] {
        let error = refusal(pth_file(pickle, &[]));
        assert!(error.contains("no named tensors"), "{error}");
    }
    // The weights beside it are read all the same.
    let mut pickle = tensor_pickle(0, [2, 1]);
    pickle.pop();
    pickle.extend(b"X\x01\0\0\0acposix\nsystem\nX\x04\0\0\0echo\x85Rs.");
    let mut file = open(pth_file(&pickle, &[0; 16])).unwrap();
    assert_eq!(file.read("t", &[2, 2]).unwrap(), [0.0; 4]);
    let unknown = refusal(pth_file(b"\x80\x02\xff.", &[]));
    assert!(unknown.contains("no pickle opcode 0xff"), "{unknown}");
}

#[test]
fn only_tensors_that_lie_in_their_storage_row_by_row_are_read() {
    let storage: Vec<u8> = [1f32, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let mut plain = open(pth_file(&tensor_pickle(0, [2, 1]), &storage)).unwrap();
    assert_eq!(plain.read("t", &[2, 2]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let mut turned = open(pth_file(&tensor_pickle(0, [1, 2]), &storage)).unwrap();
    let transposed = turned.read("t", &[2, 2]).unwrap_err().to_string();
    assert!(
        transposed.contains("tensor t is a transposed or strided view"),
        "{transposed}"
    );
    let beyond = refusal(pth_file(&tensor_pickle(1, [2, 1]), &storage));
    assert!(
        beyond.contains("tensor t of shape [2, 2] does not fit in its 16 bytes"),
        "{beyond}"
    );
}

#[test]
fn a_compressed_storage_is_refused() {
    let mut file = pth_file(&tensor_pickle(0, [2, 1]), &[0; 16]);
    // The method field of the last central directory entry, the storage's: 8 is deflate.
    let entry = file
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    file[entry + 10] = 8;
    let error = refusal(file);
    assert!(error.contains("archive/data/0 is compressed"), "{error}");
}

#[test]
fn other_files_are_told_from_checkpoints() {
    let old = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    assert!(refusal(*old).contains("before version 1.6"));
    assert!(refusal(*b"version https://git-lfs.github.com/spec/v1").contains("not a checkpoint"));
    assert!(refusal([]).contains("not a checkpoint"));
    let empty_zip = zip::ZipWriter::new_append(Cursor::new(pth_file(b"}.", &[]))).unwrap();
    let error = refusal(empty_zip.finish().unwrap().into_inner());
    assert!(error.contains("no named tensors"), "{error}");
}

/// Reads all tensors, whatever their shapes, to see that nothing panics.
fn read_everything(bytes: Vec<u8>) {
    if let Ok(mut file) = open(bytes) {
        let names: Vec<_> = file.names().map(str::to_owned).collect();
        for name in names {
            let shape = file.shape(&name).unwrap().to_vec();
            let _ = file.read(&name, &shape);
        }
    }
}

#[test]
fn cut_and_corrupted_files_do_not_panic() {
    for length in 0..PTH.len() {
        assert!(open(&PTH[..length]).is_err(), "cut at {length}");
    }
    for at in 0..PTH.len() {
        for mask in [0xff, 0x01, 0x80] {
            let mut bytes = PTH.to_vec();
            bytes[at] ^= mask;
            read_everything(bytes);
        }
    }
}

/// The names and shapes in a file of `fixtures/make_name_fixtures.py`.
fn listed(text: &str) -> BTreeMap<String, Vec<usize>> {
    text.lines()
        .map(|line| {
            let (name, shape) = line.split_once(' ').unwrap();
            let shape = shape.split(' ').map(|size| size.parse().unwrap());
            (name.to_owned(), shape.collect())
        })
        .collect()
}

#[test]
fn hugging_face_names_become_those_of_segment_anything() {
    let theirs = listed(include_str!("../fixtures/hugging_face_names.txt"));
    let ours = listed(include_str!("../fixtures/segment_anything_names.txt"));
    assert_eq!(names::canonicalise(theirs), ours);
    assert_eq!(names::canonicalise(ours.clone()), ours);
    let spelt = ours.iter().flat_map(|(name, shape)| {
        let spellings = names::Naming::HuggingFace.spell(name);
        spellings.into_iter().map(move |name| (name, shape.clone()))
    });
    let theirs = listed(include_str!("../fixtures/hugging_face_names.txt"));
    assert_eq!(spelt.collect::<BTreeMap<_, _>>(), theirs);
}

fn recognised(shapes: &BTreeMap<String, Vec<usize>>) -> Result<Architecture, String> {
    recognise(|name| shapes.get(name).map(Vec::as_slice)).map_err(|error| error.to_string())
}

#[test]
fn vision_transformers_are_recognised() {
    let mut shapes = listed(include_str!("../fixtures/segment_anything_names.txt"));
    let expected = Architecture::Vit {
        embed_dim: 64,
        depth: 2,
        heads: 2,
        window: 4,
        global_blocks: vec![1],
        patch: 16,
        image_size: 128,
        out_channels: 256,
        mlp_dim: 256,
    };
    assert_eq!(recognised(&shapes).unwrap(), expected);
    shapes.insert(
        "image_encoder.blocks.1.attn.rel_pos_h".to_owned(),
        vec![14, 32],
    );
    assert!(
        recognised(&shapes)
            .unwrap_err()
            .contains("image_encoder.blocks.1.attn.rel_pos_h")
    );
    shapes.retain(|name, _| name.starts_with("mask_decoder."));
    assert!(
        recognised(&shapes)
            .unwrap_err()
            .contains("a mask decoder without an image encoder")
    );
}

#[test]
fn mobile_sam_and_its_neighbours_are_recognised() {
    let mobile = [
        (
            "image_encoder.patch_embed.seq.0.c.weight",
            vec![32, 3, 3, 3],
        ),
        (
            "image_encoder.layers.1.blocks.0.attn.attention_biases",
            vec![4, 49],
        ),
        (
            "image_encoder.layers.2.blocks.5.attn.attention_biases",
            vec![5, 196],
        ),
        (
            "image_encoder.layers.3.blocks.1.attn.attention_biases",
            vec![10, 49],
        ),
    ];
    let mut shapes: BTreeMap<_, _> = mobile.map(|(name, shape)| (name.to_owned(), shape)).into();
    assert_eq!(recognised(&shapes).unwrap(), Architecture::TinyVit5M);
    shapes.insert(mobile_name(3), vec![18, 49]);
    assert!(
        recognised(&shapes)
            .unwrap_err()
            .contains("a TinyViT of another size")
    );
    assert!(
        recognised(&BTreeMap::new())
            .unwrap_err()
            .contains("no Segment Anything image encoder")
    );
}

fn mobile_name(stage: usize) -> String {
    format!("image_encoder.layers.{stage}.blocks.1.attn.attention_biases")
}

#[test]
fn noise_has_the_bits_of_the_python_formula() {
    // Printed by `fixtures/noise.py`.
    let printed: [(&str, &[usize], &[u32]); 7] = [
        (
            "image_encoder.blocks.0.norm1.weight",
            &[3],
            &[0x3f6b5336, 0x3f66d517, 0x3f6ce3dd],
        ),
        (
            "image_encoder.blocks.0.norm1.bias",
            &[3],
            &[0x3ae01d70, 0xbc852ca5, 0x3bae5c00],
        ),
        (
            "image_encoder.blocks.0.attn.qkv.weight",
            &[2, 5],
            &[
                0xbe5ac63f, 0x3f44cb03, 0x3e06817c, 0xbe9cb9ad, 0xbebb4ab0, 0xbf33d8e5, 0xbf33d741,
                0xbed4fff7, 0xbebe6e6e, 0xbe64673b,
            ],
        ),
        (
            "image_encoder.pos_embed",
            &[1, 1, 2, 2],
            &[0x3d2fc840, 0xbef2735e, 0x3ea59b60, 0x3e75b3dc],
        ),
        (
            "mask_decoder.iou_token.weight",
            &[1, 4],
            &[0x3d975230, 0x3d3cac80, 0x3e8b1ae2, 0xbedecae2],
        ),
        (
            "mask_decoder.output_upscaling.0.weight",
            &[3, 1, 2, 2],
            &[
                0xbeb2550c, 0x3ed15198, 0xbe4f0040, 0x3eeb7ba8, 0xbed7df98, 0x3e0d31d0, 0xbee37140,
                0xbeea0fe4, 0xbf319b00, 0x3dcfb2b0, 0xbda7e280, 0xbe2e26e8,
            ],
        ),
        (
            "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
            &[2, 2],
            &[0x3f694510, 0xbce1a200, 0x3d29b2c0, 0xbf20dc90],
        ),
    ];
    for (name, shape, expected) in printed {
        let bits: Vec<_> = noise::noise(name, shape)
            .iter()
            .map(|value| value.to_bits())
            .collect();
        assert_eq!(bits, expected, "{name}");
    }
}
