//! The training loop, a piece at a time, so that a caller can do other things between two pieces.

use serde::{Deserialize, Serialize};

use super::adamw::AdamW;
use super::dataset::{Example, HeldOut, LabelledImage, Split};
use super::dialogue::{Dialogue, Opening, Outcome, outcome};
use super::judging::Judging;
use crate::device;
use crate::error::{Error, Result};
use crate::evaluate::Scores;
use crate::model::Sam;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::random::Random;

/// What a person may set; the defaults just work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub steps: usize,
    pub batch: usize,
    /// AdamW's highest learning rate, after the warm-up.
    pub learning_rate: f64,
    /// Rounds for each prompt: the first, and one for each correction.
    pub rounds: usize,
    /// The part of the objects whose first prompt is a point, 0..1; that of the others is a box.
    pub points: f64,
    /// The part that is held out, 0..1.
    pub held_out: f64,
    /// Steps between two judgements on the held-out objects.
    pub judge_every: usize,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 100,
            batch: 4,
            learning_rate: 1e-4,
            rounds: 2,
            points: 0.5,
            held_out: 0.25,
            judge_every: 20,
            seed: 0,
        }
    }
}

impl Settings {
    /// Refuses what no training can be done with.
    pub fn check(&self) -> Result<()> {
        let whole = [
            ("steps", self.steps, 100_000),
            ("batch", self.batch, 64),
            ("rounds", self.rounds, 8),
            ("judge_every", self.judge_every, 100_000),
        ];
        for (name, value, most) in whole {
            if value == 0 || value > most {
                return Err(Error::new(format!(
                    "The training's setting {name} is {value}; give 1 to {most}."
                )));
            }
        }
        let rate = self.learning_rate;
        if !(1e-9..=1.0).contains(&rate) {
            return Err(Error::new(format!(
                "The learning rate is {rate}; give 1e-9 to 1."
            )));
        }
        if !(0.0..=1.0).contains(&self.points) {
            return Err(Error::new(format!(
                "The part of the objects that begin with a point is {}; give 0 to 1.",
                self.points
            )));
        }
        if !(0.01..=0.99).contains(&self.held_out) {
            return Err(Error::new(format!(
                "The held-out part is {}; give 0.01 to 0.99.",
                self.held_out
            )));
        }
        Ok(())
    }
}

/// Part of the steps over which the learning rate rises.
const WARM_UP: f64 = 0.1;
/// What is left of the learning rate at the end.
const FINAL_RATE: f64 = 0.1;
/// Losses in a row that are no numbers before training stops.
const MOST_BROKEN: usize = 3;

/// The held-out scores after some step; step 0 is the untouched decoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    pub step: usize,
    #[serde(flatten)]
    pub scores: Scores,
}

/// What one piece of work came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Report {
    /// Steps done so far, and all.
    pub step: usize,
    pub steps: usize,
    /// After a step its loss: `None` where it was no number and the step was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Option<f32>>,
    /// Held-out objects judged so far and all, in the midst of a judgement.
    pub judged: Option<[usize; 2]>,
    /// The end of a judgement.
    pub scores: Option<Judgement>,
    pub finished: bool,
}

/// A decoder that beat the untouched one.
pub struct Best {
    pub judgement: Judgement,
    pub decoder: MaskDecoder,
}

/// The mask decoder under training.
pub struct Trainer {
    pub(super) encoder: PromptEncoder,
    pub(super) images: Vec<LabelledImage>,
    pub(super) progress: Progress,
    pub(super) decoder: MaskDecoder,
    pub(super) optimizer: AdamW,
    pub(super) judging: Option<Judging>,
    pub(super) best: Option<Best>,
}

/// All of a training's state but tensors.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    pub settings: Settings,
    pub split: Split,
    pub random: Random,
    /// Examples that are still to come before any comes again.
    pub queue: Vec<Example>,
    pub step: usize,
    /// Losses in a row that were no numbers.
    pub broken: usize,
    /// Of each step.
    pub losses: Vec<Option<f32>>,
    pub judgements: Vec<Judgement>,
}

impl Trainer {
    /// Splits the objects. The untouched decoder is judged first, and is the best until another
    /// is.
    ///
    /// # Errors
    /// When the settings make no sense, or there is nothing to train on or to judge by.
    pub fn new(
        sam: &Sam,
        images: Vec<LabelledImage>,
        held_out: &HeldOut,
        settings: Settings,
    ) -> Result<Self> {
        settings.check()?;
        let mut random = Random::new(settings.seed);
        let split = Split::new(&images, held_out, settings.held_out, &mut random)?;
        Ok(Self {
            encoder: sam.prompt_encoder.clone(),
            images,
            progress: Progress {
                settings,
                split,
                random,
                queue: Vec::new(),
                step: 0,
                broken: 0,
                losses: Vec::new(),
                judgements: Vec::new(),
            },
            judging: Some(Judging::new(sam.mask_decoder.clone())),
            decoder: sam.mask_decoder.clone(),
            optimizer: AdamW::default(),
            best: None,
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.progress.settings
    }

    pub fn split(&self) -> &Split {
        &self.progress.split
    }

    /// Steps done so far.
    pub fn step(&self) -> usize {
        self.progress.step
    }

    /// The loss of every step so far; `None` where it was no number.
    pub fn losses(&self) -> &[Option<f32>] {
        &self.progress.losses
    }

    /// All judgements so far; the first is of the untouched decoder.
    pub fn judgements(&self) -> &[Judgement] {
        &self.progress.judgements
    }

    /// The best decoder on the held-out objects so far, if it beats the untouched one.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Whether all is done.
    pub fn finished(&self) -> bool {
        self.progress.step >= self.progress.settings.steps && self.judging.is_none()
    }

    /// Does the next piece of work: trains on a batch, or judges one held-out object.
    ///
    /// # Errors
    /// When the device fails, or the loss was no number three times in a row; the best decoder
    /// stays.
    pub async fn advance(&mut self) -> Result<Report> {
        let mut report = Report {
            step: self.progress.step,
            steps: self.progress.settings.steps,
            loss: None,
            judged: None,
            scores: None,
            finished: false,
        };
        if self.judging.is_some() {
            report.scores = self.judge().await?;
        } else if !self.finished() {
            report.loss = Some(self.train().await?);
            report.step = self.progress.step;
        }
        let all = self.progress.split.held_out.len();
        report.judged = self.judging.as_ref().map(|judging| [judging.done(), all]);
        report.finished = self.finished();
        Ok(report)
    }

    /// Trains on the next batch and gives the loss, if it is a number.
    async fn train(&mut self) -> Result<Option<f32>> {
        let batch = self.next_batch();
        let Outcome { loss, gradients } = self.outcome(&batch).await?;
        let loss = loss.is_finite().then_some(loss);
        self.progress.step += 1;
        self.progress.losses.push(loss);
        if loss.is_some() {
            self.progress.broken = 0;
            let (rate, decoder) = (self.learning_rate(), self.decoder.clone());
            self.decoder = self.optimizer.step(rate, decoder, gradients);
        } else {
            self.progress.broken += 1;
        }
        if self.progress.broken >= MOST_BROKEN {
            return Err(Error::new(format!(
                "The loss was no number {MOST_BROKEN} times in a row, so training stopped; the best decoder so far is kept. Try a lower learning rate."
            )));
        }
        let settings = &self.progress.settings;
        let step = self.progress.step;
        if step.is_multiple_of(settings.judge_every) || step >= settings.steps {
            self.judging = Some(Judging::new(self.decoder.clone()));
        }
        Ok(loss)
    }

    /// Judges the next held-out object; once all are, keeps the decoder if it is the best.
    async fn judge(&mut self) -> Result<Option<Judgement>> {
        let Some(judging) = &mut self.judging else {
            return Ok(None);
        };
        let held_out = &self.progress.split.held_out;
        let scores = judging
            .advance(&self.encoder, &self.images, held_out)
            .await?;
        let Some(scores) = scores else {
            return Ok(None);
        };
        let judgement = Judgement {
            step: self.progress.step,
            scores,
        };
        let known = &mut self.progress.judgements;
        let beats = |other: &Judgement| scores.mean() > other.scores.mean();
        let best = !known.is_empty() && known.iter().all(beats);
        known.push(judgement);
        if let (Some(judging), true) = (self.judging.take(), best) {
            self.best = Some(Best {
                judgement,
                decoder: judging.decoder,
            });
        }
        Ok(Some(judgement))
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

    /// Examples of one image, every example once before any comes again.
    fn next_batch(&mut self) -> Vec<Example> {
        let progress = &mut self.progress;
        if progress.queue.is_empty() {
            progress.queue = progress.split.training.clone();
            progress.random.shuffle(&mut progress.queue);
        }
        let image = progress.queue[0].image;
        let mut batch = Vec::new();
        progress.queue.retain(|example| {
            let taken = example.image == image && batch.len() < progress.settings.batch;
            if taken {
                batch.push(*example);
            }
            !taken
        });
        batch
    }

    /// The mean loss of all rounds, and its gradients: points open for one part of the batch,
    /// boxes for the other.
    async fn outcome(&mut self, batch: &[Example]) -> Result<Outcome> {
        let part = self.progress.settings.points;
        let points = points_of(batch.len(), self.progress.step, part);
        let (points, boxes) = batch.split_at(points);
        let random = &mut self.progress.random;
        let rounds = self.progress.settings.rounds;
        let (images, encoder, decoder) = (&self.images, &self.encoder, &self.decoder);
        let mut part = |examples: &[Example], opening| {
            let mut random = random.fork();
            let share = examples.len() as f64 / batch.len() as f64;
            let dialogue = Dialogue::new(images, examples, opening, &mut random);
            outcome(dialogue, encoder, decoder, (rounds, share), random)
        };
        if boxes.is_empty() {
            return part(points, Opening::Point).await;
        }
        if points.is_empty() {
            return part(boxes, Opening::Box).await;
        }
        let (points, boxes) = (part(points, Opening::Point), part(boxes, Opening::Box));
        let (points, boxes) = device::both(points, boxes).await;
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
