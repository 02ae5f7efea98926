//! A whole fine-tuning of MobileSAM against the same recipe in PyTorch, run by
//! `tests/fixtures/finetune_reference.py make` with the same random numbers, on many tiny objects.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use burn::tensor::Device;
use graysam::device;
use graysam::evaluate::Scores;
use graysam::image::decode::Picture;
use graysam::image::display::{Display, to_rgb};
use graysam::image::sample::vesicles;
use graysam::model::Precision;
use graysam::predictor::Predictor;
use graysam::training::dataset::{HeldOut, LabelledImage};
use graysam::training::trainer::{Trainer, TrainingSettings};
use serde::Deserialize;

/// Largest difference of a mean IoU.
const TOLERANCE: f64 = 0.02;

#[derive(Deserialize)]
struct Reference {
    settings: ReferenceSettings,
    before: Scores,
    after: Scores,
    /// Of the first steps.
    losses: Vec<f32>,
}

#[derive(Deserialize)]
struct ReferenceSettings {
    steps: usize,
    batch: usize,
    lr: f64,
    rounds: usize,
    held_out: f64,
    #[serde(rename = "judge_every")]
    evaluate_every: usize,
    seed: u64,
}

/// The first steps, each with the losses of PyTorch, from the same scores.
#[test]
fn fine_tuning_begins_as_in_pytorch() {
    let reference = reference();
    let mut trainer = trainer(&reference.settings);
    while trainer.losses().len() < reference.losses.len() {
        device::block_on(trainer.advance()).expect("training goes on");
    }
    for (step, (loss, wanted)) in trainer.losses().iter().zip(&reference.losses).enumerate() {
        let loss = loss.expect("a number");
        println!("step {}: loss {loss}, in PyTorch {wanted}", step + 1);
        assert!(
            (loss / wanted - 1.0).abs() < 0.01,
            "step {}: {loss}, not {wanted}",
            step + 1
        );
    }
    assert_near(trainer.evaluations()[0].scores, reference.before);
}

#[test]
#[ignore = "it takes five minutes on two cores"]
fn fine_tuning_learns_what_it_learns_in_pytorch() {
    let reference = reference();
    let mut trainer = trainer(&reference.settings);
    while !trainer.finished() {
        device::block_on(trainer.advance()).expect("training goes on");
    }
    let before = trainer.evaluations()[0].scores;
    let best = trainer.best().expect("it beats the untouched decoder");
    let after = best.evaluation.scores;
    assert_near(before, reference.before);
    assert_near(after, reference.after);
    assert!(
        after.point_iou > before.point_iou + 0.1,
        "{before:?} became {after:?}"
    );
}

fn reference() -> Reference {
    let reference = include_str!("../fixtures/finetune.json");
    serde_json::from_str(reference).expect("the fixture is JSON")
}

fn assert_near(scores: Scores, wanted: Scores) {
    println!("{scores:?}, in PyTorch {wanted:?}");
    assert_eq!(scores.objects, wanted.objects);
    assert!((scores.point_iou - wanted.point_iou).abs() < TOLERANCE);
    assert!((scores.box_iou - wanted.box_iou).abs() < TOLERANCE);
}

fn trainer(given: &ReferenceSettings) -> Trainer {
    let settings = TrainingSettings {
        steps: given.steps,
        batch: given.batch,
        learning_rate: given.lr,
        rounds: given.rounds,
        points: TrainingSettings::default().points,
        held_out: given.held_out,
        evaluate_every: given.evaluate_every,
        seed: given.seed,
    };
    assert_eq!((settings.steps, settings.batch), (100, 4));

    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    let model = File::open(model).expect("the tests' models are made first");
    let predictor = Predictor::open(
        BufReader::new(model),
        &Device::flex(),
        Precision::F32,
        &mut |_| (),
    );
    let predictor = predictor.expect("it is a checkpoint");
    let (gray, labels) = vesicles();
    let image = to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown");
    let embedding = device::block_on(predictor.encode(&image)).expect("it can be encoded");
    let images = vec![LabelledImage::new(embedding, &labels).expect("it has objects")];
    assert!(
        images[0]
            .objects
            .iter()
            .all(|o| (30..=80).contains(&o.object.area))
    );

    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, settings);
    let trainer = trainer.expect("there is something to train on");
    assert_eq!(trainer.split().training.len(), 60);
    trainer
}
