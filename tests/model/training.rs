//! The loss and its gradients against PyTorch, on `tests/fixtures/make_training_fixtures.py`, and
//! what training must never do.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use graysam::device;
use graysam::image::decode::{Picture, Rgb};
use graysam::image::display::{Display, to_rgb};
use graysam::image::labels::Labels;
use graysam::image::sample::nuclei;
use graysam::image::shapes;
use graysam::image::unknown::Unknown;
use graysam::model::layers::pixels_first;
use graysam::model::mask_decoder::MaskDecoder;
use graysam::model::two_way_transformer::PreparedImage;
use graysam::model::{Precision, Sam, SamConfig};
use graysam::predictor::{Predictor, Prompt};
use graysam::training::dataset::{HeldOut, LabelledImage, TrainingObject};
use graysam::training::decoder_file::{self, Base};
use graysam::training::loss::{decoder_loss, decoder_loss_where};
use graysam::training::trainer::{Trainer, TrainingSettings};
use graysam::weights::source::NoiseSource;
use serde::Deserialize;

use crate::common::{Prompts, guaranteed_webgpu, input, sampled, webgpu};

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
    let embedding = pixels_first(sam.image_encoder.forward(image));
    let target = input("input.target", [2, 32, 32], device) / 2.0 + 0.5;
    let prompts = Prompts::new(128, device);

    let encoder = &sam.prompt_encoder;
    let position = encoder.dense_position().autodiff();
    let with = |dense: Tensor<3>| (embedding.clone() + dense).autodiff();
    let (shared, refined) = (with(encoder.no_mask()), with(encoder.dense(prompts.mask)));
    let rounds = [
        (None, decoder.prepare(shared, position.clone()), [1.0, 1.0]),
        (
            Some(prompts.boxes),
            PreparedImage::new(refined, position),
            [1.0, 0.0],
        ),
    ];
    let points = (prompts.points, prompts.labels);
    let losses = rounds.map(|(boxes, image, ambiguous)| {
        let sparse = encoder.sparse(Some(points.clone()), boxes);
        let (logits, ious) = decoder.forward(&image, sparse.autodiff());
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
    compare_gradients(&Device::flex());
}

#[test]
fn loss_and_gradients_are_those_of_pytorch_on_webgpu() {
    compare_gradients(&webgpu());
    compare_gradients(&guaranteed_webgpu());
}

fn compare_gradients(device: &Device) {
    let source = &mut NoiseSource::default();
    let sam = Sam::load(source, &SamConfig::tiny(), device, Precision::F32).expect("noise has all");
    let decoder = sam.mask_decoder.clone().train();
    let loss = fixture_loss(&sam, &decoder, device);
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
    tiny_sample_on(&Device::flex())
}

fn tiny_sample_on(device: &Device) -> (Predictor, Rgb, Labels) {
    let source = &mut NoiseSource::default();
    let predictor = Predictor::load(source, SamConfig::tiny(), device, Precision::F32);
    let (gray, labels) = nuclei();
    let image = to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown");
    (predictor.expect("noise has all"), image, labels)
}

fn labelled(
    predictor: &mut Predictor,
    image: &Rgb,
    labels: Labels,
) -> graysam::Result<LabelledImage> {
    LabelledImage::new(device::block_on(predictor.encode(image))?, &labels)
}

/// Steps and a rate that change the tiny decoder's masks.
const SETTINGS: TrainingSettings = TrainingSettings {
    steps: 6,
    batch: 4,
    learning_rate: 0.01,
    rounds: 2,
    points: 0.5,
    held_out: 0.1,
    evaluate_every: 3,
    seed: 0,
};

fn trainer(settings: TrainingSettings) -> Trainer {
    trainer_on(&Device::flex(), settings)
}

fn trainer_on(device: &Device, settings: TrainingSettings) -> Trainer {
    let (mut predictor, image, labels) = tiny_sample_on(device);
    let images = vec![labelled(&mut predictor, &image, labels).expect("it has objects")];
    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, settings);
    trainer.expect("there is something to train on")
}

fn to_the_end(mut trainer: Trainer) -> Trainer {
    while !trainer.finished() {
        device::block_on(trainer.advance()).expect("training goes on");
    }
    trainer
}

fn losses(settings: TrainingSettings) -> Vec<Option<f32>> {
    to_the_end(trainer(settings)).losses().to_vec()
}

fn base() -> Base {
    Base {
        name: "tiny".into(),
        sha256: "0123456789abcdef".into(),
    }
}

fn checkpoint(trainer: &Trainer) -> Vec<u8> {
    let mut file = Vec::new();
    device::block_on(trainer.write_checkpoint(&mut file, &base())).expect("it is written");
    file
}

fn resume(file: &[u8], base: &Base, labels: Option<Labels>) -> graysam::Result<Trainer> {
    let (mut predictor, image, its_own) = tiny_sample();
    let labels = labels.unwrap_or(its_own);
    let images = vec![labelled(&mut predictor, &image, labels)?];
    let (sam, config) = (predictor.model(), predictor.config());
    Trainer::resume(Cursor::new(file), sam, config, base, images)
}

#[test]
fn a_seed_gives_one_run() {
    let first = losses(SETTINGS);
    assert_eq!(first.len(), SETTINGS.steps);
    assert_eq!(losses(SETTINGS), first);
    assert_ne!(
        losses(TrainingSettings {
            seed: 1,
            ..SETTINGS
        }),
        first
    );
}

#[test]
fn training_on_webgpu_is_that_on_the_cpu() {
    let settings = TrainingSettings {
        steps: 2,
        held_out: 0.02,
        learning_rate: 1e-3,
        ..SETTINGS
    };
    let cpu = losses(settings);
    let webgpu = to_the_end(trainer_on(&guaranteed_webgpu(), settings));
    for (loss, wanted) in webgpu.losses().iter().zip(&cpu) {
        let (loss, wanted) = (loss.expect("a number"), wanted.expect("a number"));
        println!("loss {loss}, on the CPU {wanted}");
        // AdamW takes whole steps along gradients that are all rounding.
        assert!((loss / wanted - 1.0).abs() < 1e-2, "{loss}, not {wanted}");
    }
    assert_eq!(webgpu.losses().len(), cpu.len());
    assert!(!checkpoint(&webgpu).is_empty());
}

#[test]
fn what_is_handed_over_is_never_worse() {
    for learning_rate in [1e-4, 1.0] {
        let trainer = to_the_end(trainer(TrainingSettings {
            learning_rate,
            ..SETTINGS
        }));
        let means: Vec<f64> = trainer
            .evaluations()
            .iter()
            .map(|evaluation| evaluation.scores.mean())
            .collect();
        assert_eq!(means.len(), 3, "untouched, after 3 steps and after 6");
        let best = means.iter().copied().fold(0.0, f64::max);
        match trainer.best() {
            Some(kept) => {
                assert_eq!(kept.evaluation.scores.mean(), best);
                let thresholds = kept.thresholds.expect("it is calibrated");
                let shares = [thresholds.iou, thresholds.stability];
                assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
            }
            None => assert_eq!(means[0], best, "the untouched decoder is the best"),
        }
    }
}

#[test]
fn held_out_scores_are_those_of_what_the_page_shows() {
    let (mut predictor, image, labels) = tiny_sample();
    let images = vec![labelled(&mut predictor, &image, labels.clone()).expect("it has objects")];
    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, SETTINGS);
    let trainer = to_the_end(trainer.expect("there is something to train on"));
    let again = labelled(&mut predictor, &image, labels).expect("it has objects");
    let shown = {
        let mut sums = [0.0; 2];
        for example in &trainer.split().held_out {
            let TrainingObject { object, shape, .. } = &again.objects[example.object];
            let ((x, y), [x0, y0, x1, y1]) = (object.point, object.bbox);
            let positive = true;
            let prompts = [
                Prompt::Point { x, y, positive },
                Prompt::Box { x0, y0, x1, y1 },
            ];
            for (sum, prompt) in sums.iter_mut().zip(prompts) {
                let answer = device::block_on(predictor.predict_on(&image, &[prompt.into()]));
                let answer = answer.expect("it is answered").expect("there is a prompt");
                *sum += shapes::iou(answer.mask.as_deref(), Some(shape));
            }
        }
        sums.map(|sum| sum / trainer.split().held_out.len() as f64)
    };
    let scores = trainer.evaluations()[0].scores;
    assert!(shown.iter().all(|iou| *iou > 0.0), "{shown:?}");
    for (iou, wanted) in [(scores.point_iou, shown[0]), (scores.box_iou, shown[1])] {
        assert!(
            (iou - wanted).abs() < 1e-6,
            "{scores:?}, but the page shows {shown:?}"
        );
    }
}

#[test]
fn a_resumed_training_goes_on_as_if_it_had_never_stopped() {
    let whole = checkpoint(&to_the_end(trainer(SETTINGS)));
    for pieces in [3, 10, 12] {
        let mut trainer = trainer(SETTINGS);
        for _ in 0..pieces {
            device::block_on(trainer.advance()).expect("training goes on");
        }
        let resumed = resume(&checkpoint(&trainer), &base(), None).expect("it goes on");
        drop(trainer);
        assert!(
            checkpoint(&to_the_end(resumed)) == whole,
            "stopped after {pieces} pieces of work"
        );
    }
}

#[test]
fn a_checkpoint_of_an_older_version_goes_on() {
    let mut trainer = trainer(SETTINGS);
    for _ in 0..10 {
        device::block_on(trainer.advance()).expect("training goes on");
    }
    let file = checkpoint(&trainer);
    let end = 8 + u64::from_le_bytes(file[..8].try_into().expect("8 bytes")) as usize;
    let mut header = String::from_utf8(file[8..end].to_vec()).expect("it is text");
    for (name, older) in [
        ("evaluate_every", "judge_every"),
        ("evaluations", "judgements"),
        ("evaluating", "judging"),
        ("non_finite", "broken"),
    ] {
        let quoted = |name: &str| format!("\\\"{name}\\\":");
        assert_eq!(header.matches(&quoted(name)).count(), 1, "{name}");
        header = header.replace(&quoted(name), &quoted(older));
    }
    let length = (header.len() as u64).to_le_bytes();
    let older = [&length[..], header.as_bytes(), &file[end..]].concat();
    let resumed = resume(&older, &base(), None).expect("it goes on");
    assert!(checkpoint(&to_the_end(resumed)) == checkpoint(&to_the_end(trainer)));
}

#[test]
fn a_checkpoint_of_something_else_is_told() {
    let file = checkpoint(&trainer(SETTINGS));
    let refused = |file: &[u8], base: &Base, labels| {
        let error = resume(file, base, labels).err().expect("it is refused");
        error.to_string()
    };
    let other = Base {
        name: "ViT-B".into(),
        sha256: "fedcba9876543210".into(),
    };
    assert!(refused(&file, &other, None).contains("another model"));
    let (_, _, mut labels) = tiny_sample();
    let object = labels.ids.iter().position(|&id| id != 0).expect("objects");
    labels.ids[object] = 0;
    assert!(refused(&file, &base(), Some(labels)).contains("labels have changed"));
    assert!(refused(&file[..file.len() / 2], &base(), None).contains("cut short"));
}

#[test]
fn a_non_finite_loss_is_skipped_and_three_consecutive_ones_end_the_training() {
    let (predictor, image, labels) = tiny_sample();
    let nothing = vec![f32::NAN; 32 * 8 * 8];
    let embedding = predictor.restored(&predictor.begin_encoding(&image), nothing);
    let images = LabelledImage::new(embedding.expect("it has the right size"), &labels);
    let images = vec![images.expect("it has objects")];
    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, SETTINGS);
    let mut trainer = trainer.expect("there is something to train on");
    let error = loop {
        match device::block_on(trainer.advance()) {
            Ok(report) => assert!(!matches!(report.loss, Some(Some(_)))),
            Err(error) => break error,
        }
    };
    assert_eq!(trainer.losses(), [None; 3]);
    assert!(
        error
            .to_string()
            .contains("3 consecutive non-finite losses")
    );
    assert!(trainer.best().is_none(), "the untouched decoder is kept");
}

#[test]
fn whole_images_are_held_out_where_they_are_named() {
    let (mut predictor, image, labels) = tiny_sample();
    let mut two = || -> Vec<LabelledImage> {
        let mut one = || labelled(&mut predictor, &image, labels.clone()).expect("objects");
        vec![one(), one()]
    };
    let (first, second) = (two(), two());
    let held_out = HeldOut::Images(vec![1]);
    let trainer = Trainer::new(predictor.model(), first, &held_out, SETTINGS);
    let trainer = trainer.expect("one image is left");
    assert!(trainer.split().held_out.iter().all(|e| e.image == 1));
    assert!(trainer.split().training.iter().all(|e| e.image == 0));
    let all = HeldOut::Images(vec![0, 1]);
    let error = Trainer::new(predictor.model(), second, &all, SETTINGS).err();
    assert!(
        error
            .expect("nothing is left")
            .to_string()
            .contains("leave at least one")
    );
}

#[test]
fn a_target_shares_out_the_objects_pixels() {
    let (mut predictor, image, labels) = tiny_sample();
    let labelled = labelled(&mut predictor, &image, labels).expect("it has objects");
    // 640 × 512 pixels become 128 × 102, and four of those a cell.
    let pixels_of_cell = (640.0 / 32.0) * (512.0 / 25.5);
    for (i, TrainingObject { object, .. }) in labelled.objects.iter().enumerate() {
        let shares = labelled.target(i, 32);
        let pixels = shares.iter().sum::<f32>() * pixels_of_cell;
        assert!(
            (pixels / object.area as f32 - 1.0).abs() < 1e-3,
            "{pixels} of {}",
            object.area
        );
    }
}

#[test]
fn what_is_not_annotated_does_not_count_in_the_loss() {
    let device = Device::flex();
    let logits = input("input.image", [2, 4, 6, 8], &device) * 4.0;
    let target = input("input.target", [2, 6, 8], &device) / 2.0 + 0.5;
    let ious = || Tensor::<2>::from_floats([[0.1, 0.9, 0.4, 0.2], [0.3, 0.5, 0.6, 0.8]], &device);
    let ambiguous = || Tensor::<1>::from_floats([1.0, 0.0], &device);
    let left = Tensor::<3>::ones([2, 6, 3], &device);
    let known = Tensor::cat(vec![left, Tensor::zeros([2, 6, 5], &device)], 2);
    let known = Some(known);
    let (cut, cut_target) = (
        logits.clone().narrow(3, 0, 3),
        target.clone().narrow(2, 0, 3),
    );
    let masked = decoder_loss_where(logits, ious(), target, known, ambiguous());
    let cropped = decoder_loss(cut, ious(), cut_target, ambiguous());
    let [masked, cropped] =
        [masked, cropped].map(|loss| device::block_on(device::read(loss)).expect("a loss")[0]);
    assert!((masked / cropped - 1.0).abs() < 1e-5, "{masked} {cropped}");
}

#[test]
fn labels_that_are_not_annotated_are_not_scored() {
    let (mut predictor, image, labels) = tiny_sample();
    let object = labels.objects(20).remove(0);
    let mut partly = labels.clone();
    // A column through the image, with what lies on it.
    let column = object.point.0 as usize;
    let hidden = |at: &usize| at % labels.width == column;
    partly.unknown = Unknown::of((0..labels.ids.len()).filter(hidden));
    partly
        .unknown
        .places()
        .for_each(|place| partly.ids[place] = 0);
    let whole = labelled(&mut predictor, &image, labels).expect("it has objects");
    let partly = labelled(&mut predictor, &image, partly).expect("it has objects");
    assert!(whole.known(0).is_none());
    let known = partly.known(0).expect("not all is annotated");
    let missing = known.iter().filter(|share| **share < 1.0).count();
    assert!(missing > 0 && missing < known.len() / 8, "{missing}");
    for object in 0..partly.objects.len() {
        let target = partly.target(object, (known.len() as f64).sqrt() as usize);
        let most = target
            .iter()
            .zip(known)
            .map(|(target, known)| target - known);
        assert!(
            most.fold(f32::MIN, f32::max) < 1e-5,
            "no more of an object than is known"
        );
    }
}

#[test]
fn bad_labels_are_told() {
    let (mut predictor, image, labels) = tiny_sample();
    let (width, height) = (labels.width, labels.height);
    let with = |ids: Vec<u32>, width, height| Labels::new(width, height, ids);
    let small = with(vec![1; 16], 4, 4);
    let empty = with(vec![0; width * height], width, height);
    for (labels, word) in [(small, "one size"), (empty, "No labelled object")] {
        let error = labelled(&mut predictor, &image, labels)
            .err()
            .expect("it is refused");
        assert!(error.to_string().contains(word), "{error}");
    }
    let one: Vec<u32> = labels.ids.iter().map(|&id| u32::from(id == 1)).collect();
    let images = vec![labelled(&mut predictor, &image, with(one, width, height)).expect("one")];
    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, SETTINGS);
    let error = trainer.err().expect("it is refused");
    assert!(
        error.to_string().contains("single labelled object"),
        "{error}"
    );
}
