//! Rounds of prompts and corrections on a batch of objects in one view (section A of the paper,
//! "Training algorithm").

use burn::module::Module;
use burn::tensor::Tensor;

use super::adamw::gradients;
use super::dataset::{Example, LabelledImage, TrainingObject, known, targets};
use super::loss::decoder_loss_where;
use super::prompts::{error_point, jittered_box, point_inside};
use crate::device;
use crate::error::{Error, Result};
use crate::model::mask_decoder::MaskDecoder;
use crate::model::prompt_encoder::PromptEncoder;
use crate::predictor::{Embedding, Prompt, answer, most_prompts};
use crate::random::Random;

/// The prompt of the first round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FirstPrompt {
    Point,
    Box,
}

/// The loss of a batch and its gradients.
pub struct Outcome {
    pub loss: f32,
    pub gradients: Vec<Tensor<1>>,
}

/// What the examples of one kind of first prompt come to: the mean loss of all rounds over the
/// examples, times `share`, with its gradients for the parameters of `decoder`.
pub async fn outcome(
    prompts: PromptRounds<'_>,
    encoder: &PromptEncoder,
    decoder: &MaskDecoder,
    (rounds, share): (usize, f64),
    mut random: Random,
) -> Result<Outcome> {
    let most = most_prompts(prompts.view);
    if prompts.prompts.len() > most {
        return Err(Error::new(format!(
            "This GPU has room for {} objects in a step of the training; choose a batch of no more, or the CPU device.",
            2 * most
        )));
    }
    let decoder = decoder.clone().train();
    let loss = prompts.loss(encoder, &decoder, rounds, &mut random);
    let loss = loss.await? * (share / rounds as f64);
    Ok(Outcome {
        loss: device::read(loss.clone().inner()).await?[0],
        gradients: gradients(loss, &decoder),
    })
}

/// Prompts given to each example so far, and the low-resolution logits of the last answer,
/// `(B, 1, side, side)`.
pub struct PromptRounds<'a> {
    view: &'a Embedding,
    first: FirstPrompt,
    prompts: Vec<Vec<Prompt>>,
    previous: Option<Tensor<4>>,
    /// `(B, side, side)`.
    target: Tensor<3>,
    /// What of the target is annotated, in the same shape; none where all is.
    known: Option<Tensor<3>>,
}

impl<'a> PromptRounds<'a> {
    /// Begins with a simulated prompt for each of `examples`, which share an image and a view.
    pub fn new(
        images: &'a [LabelledImage],
        examples: &[Example],
        first: FirstPrompt,
        random: &mut Random,
    ) -> Self {
        let image = &images[examples[0].image];
        let view = image.view(examples[0].object);
        let mut prompt = |e: &Example| {
            let TrainingObject { object, shape, .. } = &image.objects[e.object];
            vec![match first {
                FirstPrompt::Point => point_inside(shape, random),
                FirstPrompt::Box => jittered_box(object.bbox, &view.part(), random),
            }]
        };
        Self {
            view,
            first,
            prompts: examples.iter().map(&mut prompt).collect(),
            previous: None,
            target: targets(images, examples, view.mask_side(), &view.device()),
            known: known(images, examples, view.mask_side(), &view.device()),
        }
    }

    /// The loss `(1)` summed over `rounds` rounds and averaged over the examples.
    async fn loss(
        mut self,
        encoder: &PromptEncoder,
        decoder: &MaskDecoder,
        rounds: usize,
        random: &mut Random,
    ) -> Result<Tensor<1>> {
        let mut losses = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let prompts: Vec<&[Prompt]> = self.prompts.iter().map(Vec::as_slice).collect();
            let (view, previous) = (self.view, self.previous.clone());
            let (logits, ious) = answer(encoder, decoder, view, &prompts, previous);
            let single_point = round == 0 && self.first == FirstPrompt::Point;
            let ambiguous = f32::from(u8::from(single_point));
            let ambiguous =
                Tensor::<1>::full([prompts.len()], ambiguous, &self.target.device()).autodiff();
            let target = self.target.clone().autodiff();
            let known = self.known.clone().map(|known| known.autodiff());
            let loss = decoder_loss_where(logits.clone(), ious, target, known, ambiguous);
            losses.push(loss);
            if round + 1 < rounds {
                self.correct(logits.inner().narrow(1, 0, 1), random).await?;
            }
        }
        Ok(Tensor::cat(losses, 0).sum())
    }

    /// Adds to each example a point where its mask is wrong, and keeps the mask as a prompt.
    async fn correct(&mut self, mask: Tensor<4>, random: &mut Random) -> Result<()> {
        let side = mask.dims()[2];
        let logits = device::read(mask.clone()).await?;
        let shares = device::read(self.target.clone()).await?;
        let known = match &self.known {
            Some(known) => device::read(known.clone()).await?,
            None => vec![1.0; shares.len()],
        };
        let (cell, seen) = (self.view.to_logits(side), self.view.part());
        for (i, prompts) in self.prompts.iter_mut().enumerate() {
            let part = i * side * side..(i + 1) * side * side;
            let truth = shares[part.clone()].iter().map(|&share| share > 0.5);
            let truth: Vec<bool> = truth.collect();
            // What is not annotated is never wrong.
            let answered = logits[part.clone()].iter().zip(&known[part]).zip(&truth);
            let found = answered.map(|((&x, &known), &t)| if known > 0.5 { x > 0.0 } else { t });
            let found: Vec<bool> = found.collect();
            // Where nothing is wrong, any pixel of the object confirms it.
            let (index, positive) = error_point(&found, &truth, random)
                .unwrap_or_else(|| (truth.iter().position(|&t| t).unwrap_or(0), true));
            prompts.push(Prompt::Point {
                x: ((index % side) as f32 + 0.5) / cell[0] + seen.x as f32,
                y: ((index / side) as f32 + 0.5) / cell[1] + seen.y as f32,
                positive,
            });
        }
        self.previous = Some(mask);
        Ok(())
    }
}
