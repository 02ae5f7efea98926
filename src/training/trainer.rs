//! The training loop, a piece at a time, so that a caller can do other things between two pieces.

use serde::{Deserialize, Serialize};
use tsify::Tsify;

use super::adamw::AdamW;
use super::checkpoint::digest;
use super::dataset::{Example, HeldOut, LabelledImage, Split};
use super::evaluator::Evaluator;
use super::prompt_rounds::{FirstPrompt, Outcome, PromptRounds, outcome};
use crate::device;
use crate::error::{Error, Result};
use crate::evaluate::Scores;
use crate::model::Sam;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::random::Random;
use crate::settings::settings;
use crate::weights::decoder_info::Thresholds;

settings! {
    /// What a person may set; the defaults just work.
    pub struct TrainingSettings with TrainingRanges {
        steps: usize = 100, 1 to 100_000, "The number of steps";
        /// Objects that a step trains on.
        batch: usize = 4, 1 to 64, "The number of objects in a step";
        /// AdamW's highest learning rate, after the warm-up.
        learning_rate: f64 = 1e-4, 1e-9 to 1, "The learning rate";
        /// Rounds for each prompt: the first, and one for each correction.
        rounds: usize = 2, 1 to 8, "The number of rounds";
        /// The part of the objects whose first prompt is a point, 0..1; that of the others is a box.
        points: f64 = 0.5, 0 to 1, "The part of the objects that begin with a point";
        /// The part that is held out, 0..1.
        held_out: f64 = 0.25, 0.01 to 0.99, "The held-out part";
        /// Steps between two evaluations on the held-out objects.
        // The name in checkpoints of older versions.
        #[serde(alias = "judge_every")]
        evaluate_every: usize = 20, 1 to 100_000, "The number of steps between two evaluations";
        seed: u64 = 0, 0 to 9_007_199_254_740_991_u64, "The random seed";
    }
}

/// Part of the steps over which the learning rate rises.
const WARM_UP: f64 = 0.1;
/// What is left of the learning rate at the end.
const FINAL_RATE: f64 = 0.1;
/// Consecutive non-finite losses after which training stops.
const MOST_NON_FINITE: usize = 3;

impl TrainingSettings {
    /// Refuses what no training can be done with.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn check(&self) -> Result<()> {
        self.check_ranges()
    }
}

/// The held-out scores after a step; step 0 is the untouched decoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Tsify)]
pub struct Evaluation {
    pub step: usize,
    #[serde(flatten)]
    pub scores: Scores,
}

/// The outcome of one piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Tsify)]
pub struct TrainingReport {
    /// Steps done so far, and all.
    pub step: usize,
    pub steps: usize,
    /// The loss of a step; null where it was not finite and the step was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[tsify(optional)]
    pub loss: Option<Option<f32>>,
    /// Held-out objects evaluated so far and all, in the midst of an evaluation.
    pub evaluated: Option<[usize; 2]>,
    /// The result of one that has just ended.
    pub evaluation: Option<Evaluation>,
    pub finished: bool,
}

/// A decoder that beat the untouched one.
pub struct Best {
    pub evaluation: Evaluation,
    pub decoder: MaskDecoder,
    /// For automatic masks; those of a training that an earlier version began may lack them.
    pub thresholds: Option<Thresholds>,
}

/// The mask decoder under training.
pub struct Trainer {
    pub(super) encoder: PromptEncoder,
    pub(super) images: Vec<LabelledImage>,
    /// Digest of the images' labels.
    pub(super) labels: String,
    pub(super) progress: Progress,
    pub(super) decoder: MaskDecoder,
    pub(super) optimizer: AdamW,
    pub(super) evaluator: Option<Evaluator>,
    pub(super) best: Option<Best>,
}

/// All of a training's state but tensors.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    pub settings: TrainingSettings,
    pub split: Split,
    pub random: Random,
    /// Examples that are still to come before any comes again.
    pub queue: Vec<Example>,
    pub step: usize,
    /// Consecutive non-finite losses up to now.
    #[serde(alias = "broken")]
    pub non_finite: usize,
    /// Of each step; nothing where it was not finite.
    pub losses: Vec<Option<f32>>,
    #[serde(alias = "judgements")]
    pub evaluations: Vec<Evaluation>,
}

impl Trainer {
    /// Splits the objects. The untouched decoder is evaluated first, and is the best until another
    /// is.
    ///
    /// # Errors
    /// When the settings make no sense, or there is nothing to train on or to evaluate on.
    pub fn new(
        sam: &Sam,
        images: Vec<LabelledImage>,
        held_out: &HeldOut,
        settings: TrainingSettings,
    ) -> Result<Self> {
        settings.check()?;
        let mut random = Random::new(settings.seed);
        let split = Split::new(&images, held_out, settings.held_out, &mut random)?;
        Ok(Self {
            encoder: sam.prompt_encoder.clone(),
            labels: digest(&images),
            images,
            progress: Progress {
                settings,
                split,
                random,
                queue: Vec::new(),
                step: 0,
                non_finite: 0,
                losses: Vec::new(),
                evaluations: Vec::new(),
            },
            evaluator: Some(Evaluator::new(sam.mask_decoder.clone())),
            decoder: sam.mask_decoder.clone(),
            optimizer: AdamW::default(),
            best: None,
        })
    }

    pub fn settings(&self) -> &TrainingSettings {
        &self.progress.settings
    }

    pub fn split(&self) -> &Split {
        &self.progress.split
    }

    /// Steps done so far.
    pub fn step(&self) -> usize {
        self.progress.step
    }

    /// The loss of every step so far; `None` where it was not finite.
    pub fn losses(&self) -> &[Option<f32>] {
        &self.progress.losses
    }

    /// All evaluations so far; the first is of the untouched decoder.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.progress.evaluations
    }

    /// The best decoder on the held-out objects so far, if it beats the untouched one.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Whether all is done.
    pub fn finished(&self) -> bool {
        self.progress.step >= self.progress.settings.steps && self.evaluator.is_none()
    }

    /// Does the next piece of work: trains on a batch, or evaluates on one held-out object.
    ///
    /// # Errors
    /// When the device fails, or after three consecutive non-finite losses; the best decoder
    /// stays.
    pub async fn advance(&mut self) -> Result<TrainingReport> {
        let mut report = TrainingReport {
            step: self.progress.step,
            steps: self.progress.settings.steps,
            loss: None,
            evaluated: None,
            evaluation: None,
            finished: false,
        };
        if self.evaluator.is_some() {
            report.evaluation = self.evaluate().await?;
        } else if !self.finished() {
            report.loss = Some(self.train().await?);
            report.step = self.progress.step;
        }
        let all = self.progress.split.held_out.len();
        let evaluator = self.evaluator.as_ref();
        report.evaluated = evaluator.map(|evaluator| [evaluator.done(), all]);
        report.finished = self.finished();
        Ok(report)
    }

    /// Trains on the next batch and gives the loss, if it is finite.
    async fn train(&mut self) -> Result<Option<f32>> {
        let batch = self.next_batch();
        let Outcome { loss, gradients } = self.outcome(&batch).await?;
        let loss = loss.is_finite().then_some(loss);
        self.progress.step += 1;
        self.progress.losses.push(loss);
        if loss.is_some() {
            self.progress.non_finite = 0;
            let (rate, decoder) = (self.learning_rate(), self.decoder.clone());
            self.decoder = self.optimizer.step(rate, decoder, gradients);
        } else {
            self.progress.non_finite += 1;
        }
        if self.progress.non_finite >= MOST_NON_FINITE {
            return Err(Error::new(format!(
                "Training stopped after {MOST_NON_FINITE} consecutive non-finite losses; the best decoder so far is kept. Try a lower learning rate."
            )));
        }
        let settings = &self.progress.settings;
        let step = self.progress.step;
        if step.is_multiple_of(settings.evaluate_every) || step >= settings.steps {
            self.evaluator = Some(Evaluator::new(self.decoder.clone()));
        }
        Ok(loss)
    }

    /// Evaluates on the next held-out object; after the last, calibrates the decoder, an object at a
    /// time, and keeps it if it is the best.
    async fn evaluate(&mut self) -> Result<Option<Evaluation>> {
        let Some(evaluator) = &mut self.evaluator else {
            return Ok(None);
        };
        let held_out = &self.progress.split.held_out;
        let scores = evaluator
            .advance(&self.encoder, &self.images, held_out)
            .await?;
        let Some(scores) = scores else {
            return Ok(None);
        };
        let evaluation = Evaluation {
            step: self.progress.step,
            scores,
        };
        let known = &mut self.progress.evaluations;
        let beats = |other: &Evaluation| scores.mean() > other.scores.mean();
        if !known.is_empty() && known.iter().all(beats) {
            let split = &self.progress.split;
            let calibrated = evaluator.calibrate(&self.encoder, &self.images, split);
            let Some(thresholds) = calibrated.await? else {
                return Ok(None);
            };
            self.best = Some(Best {
                evaluation,
                decoder: evaluator.decoder.clone(),
                thresholds: Some(thresholds),
            });
        }
        known.push(evaluation);
        self.evaluator = None;
        Ok(Some(evaluation))
    }

    /// A linear rise, then a cosine down to a part of the highest rate.
    fn learning_rate(&self) -> f64 {
        let settings = &self.progress.settings;
        let done = self.progress.step as f64 / settings.steps as f64;
        let rate = match done < WARM_UP {
            true => done / WARM_UP,
            false => {
                let cosine = (std::f64::consts::PI * (done - WARM_UP) / (1.0 - WARM_UP)).cos();
                FINAL_RATE + (1.0 - FINAL_RATE) * 0.5 * (1.0 + cosine)
            }
        };
        settings.learning_rate * rate
    }

    /// Examples of one view, every example once before any comes again.
    fn next_batch(&mut self) -> Vec<Example> {
        let progress = &mut self.progress;
        if progress.queue.is_empty() {
            progress.queue = progress.split.training.clone();
            progress.random.shuffle(&mut progress.queue);
        }
        let images = &self.images;
        let view = |e: &Example| (e.image, images[e.image].objects[e.object].view);
        let first = view(&progress.queue[0]);
        let mut batch = Vec::new();
        progress.queue.retain(|example| {
            let taken = view(example) == first && batch.len() < progress.settings.batch;
            if taken {
                batch.push(*example);
            }
            !taken
        });
        batch
    }

    /// The mean loss of all rounds, and its gradients: one part of the batch begins with points,
    /// the other with boxes.
    async fn outcome(&mut self, batch: &[Example]) -> Result<Outcome> {
        let part = self.progress.settings.points;
        let points = points_of(batch.len(), self.progress.step, part);
        let (points, boxes) = batch.split_at(points);
        let random = &mut self.progress.random;
        let rounds = self.progress.settings.rounds;
        let (images, encoder, decoder) = (&self.images, &self.encoder, &self.decoder);
        let mut part = |examples: &[Example], first| {
            let mut random = random.fork();
            let share = examples.len() as f64 / batch.len() as f64;
            let prompts = PromptRounds::new(images, examples, first, &mut random);
            outcome(prompts, encoder, decoder, (rounds, share), random)
        };
        if boxes.is_empty() {
            return part(points, FirstPrompt::Point).await;
        }
        if points.is_empty() {
            return part(boxes, FirstPrompt::Box).await;
        }
        let (points, boxes) = (
            part(points, FirstPrompt::Point),
            part(boxes, FirstPrompt::Box),
        );
        let device = images[batch[0].image].view(batch[0].object).device();
        let (points, boxes) = device::both(&device, points, boxes).await;
        let (points, boxes) = (points?, boxes?);
        let pairs = points.gradients.into_iter().zip(boxes.gradients);
        Ok(Outcome {
            loss: points.loss + boxes.loss,
            gradients: pairs.map(|(a, b)| a + b).collect(),
        })
    }
}

/// How many of the `size` objects of a step begin with a point, so that over many steps it is
/// `part` of them whatever their number.
fn points_of(size: usize, step: usize, part: f64) -> usize {
    let before = |step: usize| ((step * size) as f64 * part).ceil() as usize;
    before(step + 1) - before(step)
}

#[cfg(test)]
mod tests {
    use super::points_of;

    #[test]
    fn points_are_the_part_asked_for() {
        for (size, part, wanted) in [
            (4, 0.5, 200),
            (1, 0.5, 50),
            (3, 0.25, 75),
            (2, 0.0, 0),
            (4, 1.0, 400),
        ] {
            let points: Vec<_> = (0..100).map(|step| points_of(size, step, part)).collect();
            assert!(points.iter().all(|&n| n <= size));
            assert_eq!(points.iter().sum::<usize>(), wanted, "{size}, {part}");
        }
    }
}
