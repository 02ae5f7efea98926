//! The training loop, a step at a time, so that a caller can do other things between two steps.

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use serde::Serialize;

use super::dataset::{Example, LabelledImage, Split, targets};
use super::loss::decoder_loss;
use super::prompts::{Random, error_point, jittered_box, point_inside};
use crate::device;
use crate::error::{Error, Result};
use crate::evaluate::{Scores, object_prompts};
use crate::image::mask;
use crate::model::Sam;
use crate::model::mask_decoder::MaskDecoder;
use crate::predictor::{Prompt, embed_prompts};

/// What a person may set; the defaults just work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    pub steps: usize,
    pub batch: usize,
    /// AdamW's highest learning rate, after the warm-up.
    pub learning_rate: f64,
    /// Rounds for each prompt: the first, and one for each correction.
    pub rounds: usize,
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
            held_out: 0.25,
            judge_every: 25,
            seed: 0,
        }
    }
}

/// Part of the steps over which the learning rate rises.
const WARM_UP: f64 = 0.1;
/// What is left of the learning rate at the end.
const FINAL_RATE: f64 = 0.1;
const WEIGHT_DECAY: f32 = 0.01;
/// Largest norm of one parameter's gradient.
const CLIP: f32 = 1.0;
/// Losses in a row that are no numbers before training stops.
const MOST_BROKEN: usize = 3;

/// The mask decoder under training.
pub struct Trainer<'a> {
    sam: &'a Sam,
    images: &'a [LabelledImage],
    split: Split,
    settings: Settings,
    decoder: MaskDecoder,
    optimizer: ModuleOptimizer,
    random: Random,
    queue: Vec<Example>,
    step: usize,
    broken: usize,
    best: (Scores, MaskDecoder),
    before: Scores,
}

impl<'a> Trainer<'a> {
    /// Splits the objects and judges the untouched decoder, which is the best until another is.
    pub async fn new(
        sam: &'a Sam,
        images: &'a [LabelledImage],
        settings: Settings,
    ) -> Result<Self> {
        let mut random = Random::new(settings.seed);
        let split = Split::new(images, settings.held_out, &mut random)?;
        let decoder = sam.mask_decoder.clone();
        let before = judge(sam, &decoder, images, &split.held_out).await?;
        let optimizer = AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(WEIGHT_DECAY)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(CLIP)))
            .init();
        Ok(Self {
            sam,
            images,
            split,
            settings,
            best: (before, decoder.clone()),
            before,
            decoder: decoder.train(),
            optimizer,
            random,
            queue: Vec::new(),
            step: 0,
            broken: 0,
        })
    }
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done so far.
    pub step: usize,
    /// `None` where the loss was no number and the step was skipped.
    pub loss: Option<f32>,
    /// The held-out scores, after the steps that are judged.
    pub scores: Option<Scores>,
}

impl Trainer<'_> {
    /// Scores of the untouched decoder on the held-out objects.
    pub fn before(&self) -> Scores {
        self.before
    }

    /// The best decoder on the held-out objects so far, the untouched one included.
    pub fn best(&self) -> (Scores, &MaskDecoder) {
        (self.best.0, &self.best.1)
    }

    /// Whether all steps are done.
    pub fn finished(&self) -> bool {
        self.step >= self.settings.steps
    }

    /// Trains on the next batch.
    ///
    /// # Errors
    /// When the device fails, or the loss was no number three times in a row; the best decoder
    /// stays.
    pub async fn step(&mut self) -> Result<StepReport> {
        let batch = self.next_batch();
        let loss = self.loss(&batch).await?;
        let value = device::read(loss.clone().inner()).await?[0];
        self.step += 1;
        if !value.is_finite() {
            return self.skip();
        }
        self.broken = 0;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.decoder);
        let rate = self.learning_rate();
        self.decoder = self.optimizer.step(rate, self.decoder.clone(), gradients);
        let judged = self.step.is_multiple_of(self.settings.judge_every) || self.finished();
        let scores = match judged {
            true => Some(self.judge().await?),
            false => None,
        };
        Ok(StepReport {
            step: self.step,
            loss: Some(value),
            scores,
        })
    }

    fn skip(&mut self) -> Result<StepReport> {
        self.broken += 1;
        if self.broken >= MOST_BROKEN {
            return Err(Error::new(format!(
                "The loss was no number {MOST_BROKEN} times in a row, so training stopped; the best decoder so far is kept. Try a lower learning rate."
            )));
        }
        Ok(StepReport {
            step: self.step,
            loss: None,
            scores: None,
        })
    }

    async fn judge(&mut self) -> Result<Scores> {
        let decoder = self.decoder.valid();
        let scores = judge(self.sam, &decoder, self.images, &self.split.held_out).await?;
        if scores.mean() > self.best.0.mean() {
            self.best = (scores, decoder);
        }
        Ok(scores)
    }

    /// A linear rise, then a cosine down to a part of the highest rate.
    fn learning_rate(&self) -> f64 {
        let done = self.step as f64 / self.settings.steps as f64;
        let rate = match done < WARM_UP {
            true => done / WARM_UP,
            false => {
                let cosine = (std::f64::consts::PI * (done - WARM_UP) / (1.0 - WARM_UP)).cos();
                FINAL_RATE + (1.0 - FINAL_RATE) * 0.5 * (1.0 + cosine)
            }
        };
        self.settings.learning_rate * rate
    }

    /// Examples of one image, every example once before any comes again.
    fn next_batch(&mut self) -> Vec<Example> {
        if self.queue.is_empty() {
            self.queue = self.split.training.clone();
            self.random.shuffle(&mut self.queue);
        }
        let image = self.queue[0].image;
        let mut batch = Vec::new();
        self.queue.retain(|example| {
            let taken = example.image == image && batch.len() < self.settings.batch;
            if taken {
                batch.push(*example);
            }
            !taken
        });
        batch
    }

    /// The mean loss of all rounds: points for one half of the batch, boxes for the other.
    async fn loss(&mut self, batch: &[Example]) -> Result<Tensor<1>> {
        let (points, boxes) = batch.split_at(batch.len().div_ceil(2));
        let mut losses = Vec::new();
        for (examples, with_point) in [(points, true), (boxes, false)] {
            if examples.is_empty() {
                continue;
            }
            let share = examples.len() as f64 / (batch.len() * self.settings.rounds) as f64;
            losses.push(self.rounds(examples, with_point).await? * share);
        }
        Ok(Tensor::cat(losses, 0).sum())
    }
}

/// Prompts given to each example so far, and the low-resolution logits of the last answer,
/// `(B, 1, side, side)`.
struct Dialogue {
    image: usize,
    prompts: Vec<Vec<Prompt>>,
    previous: Option<Tensor<4>>,
}

impl Trainer<'_> {
    /// The loss summed over the rounds and averaged over `examples`, which share an image.
    async fn rounds(&mut self, examples: &[Example], with_point: bool) -> Result<Tensor<1>> {
        let image = examples[0].image;
        let features = self.images[image].embedding.features();
        let (device, side) = (features.device(), 4 * features.dims()[2]);
        let target = targets(self.images, examples, side, &device);
        let mut dialogue = Dialogue {
            image,
            prompts: self.first_prompts(examples, with_point),
            previous: None,
        };
        let mut losses = Vec::new();
        for round in 0..self.settings.rounds {
            let single_point = round == 0 && with_point;
            let (logits, ious) = answer(self.sam, &self.decoder, self.images, &dialogue);
            let ambiguous = f32::from(u8::from(single_point));
            let ambiguous = Tensor::<1>::full([examples.len()], ambiguous, &device);
            let truth = (target.clone().autodiff(), ambiguous.autodiff());
            losses.push(decoder_loss(logits.clone(), ious, truth.0, truth.1));
            if round + 1 < self.settings.rounds {
                self.correct(&mut dialogue, logits.inner().narrow(1, 0, 1), &target)
                    .await?;
            }
        }
        Ok(Tensor::cat(losses, 0).sum())
    }

    fn first_prompts(&mut self, examples: &[Example], with_point: bool) -> Vec<Vec<Prompt>> {
        let images = self.images;
        let prompt = |e: &Example| {
            let image = &images[e.image];
            let object = &image.objects[e.object];
            vec![match with_point {
                true => point_inside(&image.labels, object, &mut self.random),
                false => jittered_box(&image.labels, object, &mut self.random),
            }]
        };
        examples.iter().map(prompt).collect()
    }

    /// Adds to each example a point where its mask is wrong, and keeps the mask as a prompt.
    async fn correct(
        &mut self,
        dialogue: &mut Dialogue,
        mask: Tensor<4>,
        target: &Tensor<3>,
    ) -> Result<()> {
        let side = mask.dims()[2];
        let logits = device::read(mask.clone()).await?;
        let shares = device::read(target.clone()).await?;
        let cell = self.images[dialogue.image].embedding.to_logits(side);
        for (i, prompts) in dialogue.prompts.iter_mut().enumerate() {
            let part = i * side * side..(i + 1) * side * side;
            let found: Vec<bool> = logits[part.clone()].iter().map(|&x| x > 0.0).collect();
            let truth: Vec<bool> = shares[part].iter().map(|&share| share > 0.5).collect();
            // Where nothing is wrong, any pixel of the object confirms it.
            let (index, positive) = error_point(&found, &truth, &mut self.random)
                .unwrap_or_else(|| (truth.iter().position(|&t| t).unwrap_or(0), true));
            prompts.push(Prompt::Point {
                x: ((index % side) as f32 + 0.5) / cell[0],
                y: ((index / side) as f32 + 0.5) / cell[1],
                positive,
            });
        }
        dialogue.previous = Some(mask);
        Ok(())
    }
}

/// All four masks `(B, 4, side, side)` of a dialogue and their predicted IoUs `(B, 4)`, with
/// what differentiation needs where `decoder` is under training.
fn answer(
    sam: &Sam,
    decoder: &MaskDecoder,
    images: &[LabelledImage],
    dialogue: &Dialogue,
) -> (Tensor<4>, Tensor<2>) {
    let embedding = &images[dialogue.image].embedding;
    let prompts: Vec<&[Prompt]> = dialogue.prompts.iter().map(Vec::as_slice).collect();
    let previous = dialogue.previous.clone();
    let (sparse, dense) = embed_prompts(&sam.prompt_encoder, &prompts, embedding, previous);
    let features = embedding.features().clone();
    let position = sam.prompt_encoder.dense_position();
    if decoder.devices().iter().any(Device::is_autodiff) {
        let (features, position) = (features.autodiff(), position.autodiff());
        return decoder.forward(features, position, sparse.autodiff(), dense.autodiff());
    }
    decoder.forward(features, position, sparse, dense)
}

/// Mean IoU of the single mask over `examples`, from a point and from a box.
async fn judge(
    sam: &Sam,
    decoder: &MaskDecoder,
    images: &[LabelledImage],
    examples: &[Example],
) -> Result<Scores> {
    let mut sums = [0.0; 2];
    for example in examples {
        let image = &images[example.image];
        let object = &image.objects[example.object];
        let truth = image.labels.mask(object.id);
        for (prompt, sum) in object_prompts(object).into_iter().zip(&mut sums) {
            let dialogue = Dialogue {
                image: example.image,
                prompts: vec![vec![prompt]],
                previous: None,
            };
            let (logits, _) = answer(sam, decoder, images, &dialogue);
            let single = device::read(logits.narrow(1, 0, 1)).await?;
            *sum += mask::iou(&image.embedding.postprocess(&single), &truth);
        }
    }
    let [point_iou, box_iou] = sums.map(|sum| sum / examples.len() as f64);
    Ok(Scores {
        objects: examples.len(),
        point_iou,
        box_iou,
    })
}
