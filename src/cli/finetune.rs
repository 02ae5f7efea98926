//! `graysam finetune`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use graysam::device;
use graysam::evaluate::Scores;
use graysam::predictor::Predictor;
use graysam::training::bioimage_io::{self, TestTensors};
use graysam::training::dataset::{HeldOut, LabelledImage, LabelledParts};
use graysam::training::decoder_file::{self, DecoderInfo};
use graysam::training::trainer::{Evaluation, Trainer, TrainingReport, TrainingSettings};
use graysam::weights::{Checkpoint, Naming};
use graysam::{Error, Result};
use serde::Serialize;

use super::files::{create, in_file, open, print_json};
use super::options::{
    DisplayOptions, LabelledImageOptions, MaskOptions, ModelOptions, TileOption, one_of,
    setting_options,
};

/// Train the mask decoder on labelled objects and write it
///
/// Writes the decoder that is best on the held-out objects, the untouched one included, and prints
/// their scores before and after as JSON.
#[derive(Args)]
pub struct Finetune {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    images: LabelledImageOptions,
    #[command(flatten)]
    mask: MaskOptions,
    #[command(flatten)]
    display: DisplayOptions,
    #[command(flatten)]
    tile: TileOption,
    /// Whose tensor names the files are written with; micro_sam makes a PyTorch file (.pt) of the whole model
    #[arg(long, default_value = "segment_anything", value_parser = one_of(&["segment_anything", "hugging_face", "micro_sam"], Naming::parse))]
    names: Naming,
    /// safetensors file to write the decoder to
    #[arg(long)]
    out: PathBuf,
    /// File to write the whole model with that decoder to: safetensors, or .pt for micro-sam
    #[arg(long)]
    merged: Option<PathBuf>,
    /// BioImage.IO package (zip) to write the whole model with that decoder to
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,
    /// micro-sam's decoder of instances to go into --merged and --package, where the model's file has none
    #[arg(long, value_name = "FILE")]
    instance_decoder: Option<PathBuf>,
    #[command(flatten)]
    training: TrainingOptions,
}

setting_options! {
    struct TrainingOptions for TrainingSettings under "Training" {
        steps: usize, "steps", "N", "Training steps";
        learning_rate: f64, "lr", "X", "Highest learning rate";
        batch: usize, "batch", "N", "Objects in a step";
        rounds: usize, "rounds", "N", "Rounds for each object: the first prompt, and one for each correction";
        points: f64, "points", "SHARE", "Share of the objects that begin with a point, the others with a box";
        held_out: f64, "held-out", "SHARE", "Share of the objects, or of several images, held out for the scores";
        seed: u64, "seed", "N", "Random seed";
    }
}

/// The figures of a fine-tuning, on the held-out objects.
#[derive(Serialize)]
struct Finetuned {
    before: Scores,
    after: Scores,
    improved: bool,
    /// Median over the training steps, without evaluations.
    seconds_per_step: f64,
}

impl Finetune {
    pub fn run(&self) -> Result<()> {
        if self.instance_decoder.is_some() && self.merged.is_none() && self.package.is_none() {
            return Err(Error::new(
                "--instance-decoder is for the whole model: give --merged or --package with it.",
            ));
        }
        let pairs = self.images.pairs()?;
        let predictor = self.model.open()?;
        let images = device::block_on(self.encode_all(&predictor, pairs))?;
        let (part, settings) = (HeldOut::Part, self.training.settings());
        let mut trainer = Trainer::new(predictor.model(), images, &part, settings)?;
        let seconds_per_step = device::block_on(train(&mut trainer))?;
        let before = trainer.evaluations()[0].scores;
        let after = trainer.best().map_or(before, |best| best.evaluation.scores);
        self.write(&predictor, &trainer)?;
        print_json(&Finetuned {
            before,
            after,
            improved: trainer.best().is_some(),
            seconds_per_step,
        })
    }

    async fn encode_all<'a>(
        &self,
        predictor: &Predictor,
        pairs: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>,
    ) -> Result<Vec<LabelledImage>> {
        let mut images = Vec::new();
        for (image, labels) in pairs {
            eprintln!("Encoding {}.", image.display());
            let (shown, page, pages) = self.display.open_page(image)?;
            let size = (shown.width, shown.height);
            let objects = self.mask.open_labels(labels, page, pages)?;
            let parts = LabelledParts::new(&objects, size, self.tile.tile);
            let parts = parts.map_err(in_file(labels))?;
            let mut views = Vec::new();
            for part in parts.parts() {
                views.push(predictor.encode_part(&shown, *part).await?);
            }
            images.push(parts.with(views)?);
        }
        Ok(images)
    }

    /// Writes the best decoder, and the whole model with it where that is asked for.
    fn write(&self, predictor: &Predictor, trainer: &Trainer) -> Result<()> {
        if trainer.best().is_none() {
            eprintln!("No step beat the untouched decoder, so that one is written.");
        }
        let base = self.model.base(predictor.config())?;
        let info = DecoderInfo::of(trainer, &base);
        let best = trainer.best().map(|best| &best.decoder);
        let best = best.unwrap_or(&predictor.model().mask_decoder);
        let named = device::block_on(decoder_file::parameters(best))?;
        decoder_file::write(create(&self.out)?, &named, self.names, &base, &info)?;
        if let Some(merged) = &self.merged {
            let (model, instances) = self.checkpoints()?;
            let file = create(merged)?;
            decoder_file::write_merged(file, model, instances, &named, self.names, &base, &info)?;
        }
        if let Some(package) = &self.package {
            let (model, instances) = self.checkpoints()?;
            let tests = device::block_on(TestTensors::of(predictor, best))?;
            let file = create(package)?;
            bioimage_io::write(file, model, instances, &named, &info, &tests)?;
        }
        Ok(())
    }

    /// The model's file, and that of a decoder of instances beside it.
    fn checkpoints(&self) -> Result<(Opened, Option<Opened>)> {
        let opened = |path: &PathBuf| Checkpoint::open(open(path)?).map_err(in_file(path));
        let instances = self.instance_decoder.as_ref().map(opened).transpose()?;
        Ok((opened(&self.model.model)?, instances))
    }
}

type Opened = Checkpoint<BufReader<File>>;

/// Trains to the end; the median seconds of a step.
async fn train(trainer: &mut Trainer) -> Result<f64> {
    let mut seconds = Vec::new();
    while !trainer.finished() {
        let start = Instant::now();
        match trainer.advance().await {
            Ok(report) => {
                if report.loss.is_some() {
                    seconds.push(start.elapsed().as_secs_f64());
                }
                tell(&report);
            }
            // Without the untouched decoder's scores there is nothing to write.
            Err(error) if trainer.evaluations().is_empty() => return Err(error),
            Err(error) => {
                eprintln!("{error}");
                break;
            }
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied().unwrap_or(0.0))
}

fn tell(report: &TrainingReport) {
    match report.loss {
        Some(Some(loss)) => eprintln!("Step {}: loss {loss:.4}", report.step),
        Some(None) => eprintln!("Step {}: the loss is not finite; skipped.", report.step),
        None => {}
    }
    if let Some(Evaluation { step, scores }) = report.evaluation {
        eprintln!(
            "Held out after step {step}: {} objects, point IoU {:.3}, box IoU {:.3}.",
            scores.objects, scores.point_iou, scores.box_iou
        );
    }
}
