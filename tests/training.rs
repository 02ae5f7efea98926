//! The loss and its gradients against PyTorch, on `tests/fixtures/make_training_fixtures.py`, and
//! what training must never do.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use common::{Prompts, input, sampled};
use graysam::device;
use graysam::image::decode::{Picture, Rgb};
use graysam::image::display::{Display, to_rgb};
use graysam::image::labels::Labels;
use graysam::image::sample::nuclei;
use graysam::model::mask_decoder::MaskDecoder;
use graysam::model::{Sam, SamConfig};
use graysam::predictor::Predictor;
use graysam::training::dataset::LabelledImage;
use graysam::training::decoder_file;
use graysam::training::loss::decoder_loss;
use graysam::training::trainer::{Settings, Trainer};
use graysam::weights::source::NoiseSource;
use serde::Deserialize;

/// Largest relative error ‖a−b‖/‖b‖.
const TOLERANCE: f64 = 1e-3;
/// Gradients this much smaller than the largest are rounding: that of a key's bias is zero.
const NOTHING: f64 = 1e-6;

#[derive(Deserialize)]
struct Sampled {
    values: Vec<f32>,
}

/// The fixture's loss: three points with and without a box and a mask, in a batch of two.
fn fixture_loss(sam: &Sam, decoder: &MaskDecoder, device: &Device) -> Tensor<1> {
    let image = input("input.image", [1, 3, 128, 128], device) * 2.0;
    let embedding = sam.image_encoder.forward(image).autodiff();
    let target = input("input.target", [2, 32, 32], device) / 2.0 + 0.5;
    let prompts = Prompts::new(128, device);

    let encoder = &sam.prompt_encoder;
    let position = encoder.dense_position().autodiff();
    let rounds = [
        (None, encoder.no_mask(), [1.0, 1.0]),
        (Some(prompts.boxes), encoder.dense(prompts.mask), [1.0, 0.0]),
    ];
    let points = (prompts.points, prompts.labels);
    let losses = rounds.map(|(boxes, dense, ambiguous)| {
        let sparse = encoder.sparse(Some(points.clone()), boxes);
        let (logits, ious) = decoder.forward(
            embedding.clone(),
            position.clone(),
            sparse.autodiff(),
            dense.autodiff(),
        );
        let ambiguous = Tensor::<1>::from_floats(ambiguous, device);
        decoder_loss(
            logits,
            ious,
            target.clone().autodiff(),
            ambiguous.autodiff(),
        )
    });
    let [first, second] = losses;
    first + second
}

/// Puts each parameter's gradient in its place.
struct ToGradients(GradientsParams);

impl ModuleMapper for ToGradients {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let gradient = self.0.get(id);
        let gradient = gradient.unwrap_or_else(|| tensor.inner().zeros_like());
        Param::from_mapped_value(id, gradient, mapper)
    }
}

#[test]
fn loss_and_gradients_are_those_of_pytorch() {
    let device = Device::flex();
    let source = &mut NoiseSource::default();
    let sam = Sam::load(source, &SamConfig::tiny(), &device).expect("noise has all");
    let decoder = sam.mask_decoder.clone().train();
    let loss = fixture_loss(&sam, &decoder, &device);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/training.json");
    let text = std::fs::read_to_string(path).expect("the fixture is readable");
    let expected: BTreeMap<String, Sampled> = serde_json::from_str(&text).expect("it is JSON");

    let value = device::block_on(device::read(loss.clone().inner())).expect("a loss")[0];
    assert!(
        (value / expected["loss"].values[0] - 1.0).abs() < 1e-5,
        "{value}"
    );

    let gradients = GradientsParams::from_grads(loss.backward(), &decoder);
    let gradients = decoder.map(&mut ToGradients(gradients));
    let gradients = device::block_on(decoder_file::parameters(&gradients)).expect("gradients");
    assert_eq!(
        gradients.len() + 1,
        expected.len(),
        "every parameter is compared"
    );
    let norm = |values: &[f32]| {
        values
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let largest = expected
        .values()
        .map(|e| norm(&e.values))
        .fold(0.0, f64::max);
    for gradient in gradients {
        let wanted = &expected[&gradient.name].values;
        let difference: Vec<f32> = wanted
            .iter()
            .enumerate()
            .map(|(i, w)| sampled(&gradient.values, i) - w)
            .collect();
        let error = norm(&difference) / norm(wanted).max(NOTHING * largest / TOLERANCE);
        assert!(error < TOLERANCE, "{} is off by {error:.1e}", gradient.name);
    }
}

/// The sample with the tiny model of noise, whose scores mean nothing but cost little.
fn tiny_sample() -> (Predictor, Rgb, Labels) {
    let source = &mut NoiseSource::default();
    let predictor = Predictor::load(source, SamConfig::tiny(), &Device::flex());
    let (gray, labels) = nuclei();
    let image = to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown");
    (predictor.expect("noise has all"), image, labels)
}

fn labelled(
    predictor: &mut Predictor,
    image: &Rgb,
    labels: Labels,
) -> graysam::Result<LabelledImage> {
    device::block_on(predictor.set_image(image))?;
    LabelledImage::new(predictor.embedding()?.clone(), labels, 50)
}

fn train(
    predictor: &Predictor,
    images: &[LabelledImage],
    settings: Settings,
) -> (f64, f64, Vec<f32>) {
    device::block_on(async {
        let mut trainer = Trainer::new(predictor.model(), images, settings).await?;
        let before = trainer.before().mean();
        let mut losses = Vec::new();
        while !trainer.finished() {
            losses.extend(trainer.step().await?.loss);
        }
        graysam::Result::Ok((before, trainer.best().0.mean(), losses))
    })
    .expect("training ends")
}

#[test]
fn a_seed_gives_one_run_and_the_best_is_never_worse() {
    let (mut predictor, image, labels) = tiny_sample();
    let images = [labelled(&mut predictor, &image, labels).expect("it has objects")];
    let settings = Settings {
        steps: 6,
        judge_every: 3,
        learning_rate: 0.1,
        ..Settings::default()
    };
    let (before, after, losses) = train(&predictor, &images, settings);
    assert!(
        after >= before,
        "a rate that wrecks the decoder hands over the untouched one"
    );
    assert_eq!(train(&predictor, &images, settings).2, losses);
    let other = Settings {
        seed: 1,
        ..settings
    };
    assert_ne!(train(&predictor, &images, other).2, losses);
}

#[test]
fn a_target_shares_out_the_objects_pixels() {
    let (mut predictor, image, labels) = tiny_sample();
    let labelled = labelled(&mut predictor, &image, labels).expect("it has objects");
    // 640 × 512 pixels become 128 × 102, and four of those a cell.
    let pixels_of_cell = (640.0 / 32.0) * (512.0 / 25.5);
    for object in &labelled.objects {
        let shares = labelled.target(object, 32);
        let pixels = shares.iter().sum::<f32>() * pixels_of_cell;
        assert!(
            (pixels / object.area as f32 - 1.0).abs() < 1e-3,
            "{pixels} of {}",
            object.area
        );
    }
}

#[test]
fn bad_labels_are_told() {
    let (mut predictor, image, labels) = tiny_sample();
    let (width, height) = (labels.width, labels.height);
    let with = |ids: Vec<u32>, width, height| Labels { width, height, ids };
    let small = with(vec![1; 16], 4, 4);
    let empty = with(vec![0; width * height], width, height);
    for (labels, word) in [(small, "one size"), (empty, "nothing to train on")] {
        let error = labelled(&mut predictor, &image, labels)
            .err()
            .expect("it is refused");
        assert!(error.to_string().contains(word), "{error}");
    }
    let one: Vec<u32> = labels.ids.iter().map(|&id| u32::from(id == 1)).collect();
    let images = [labelled(&mut predictor, &image, with(one, width, height)).expect("one object")];
    let trainer = device::block_on(Trainer::new(
        predictor.model(),
        &images,
        Settings::default(),
    ));
    let error = trainer.err().expect("it is refused");
    assert!(
        error.to_string().contains("single labelled object"),
        "{error}"
    );
}
