//! The answers to lists of prompts, of which each further one refines the mask of those before.

use std::cell::OnceCell;

use burn::tensor::{Tensor, TensorData};

use super::answer::{answer, answer_on, prepare};
use super::prompt::mask_logits;
use super::{Predictor, Prompt};
use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;

/// A prompt, and which candidate of its answer is shown and refined further.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptRound {
    pub prompt: Prompt,
    /// `None`: the one of the highest predicted IoU.
    pub candidate: Option<usize>,
}

impl From<Prompt> for PromptRound {
    fn from(prompt: Prompt) -> Self {
        Self {
            prompt,
            candidate: None,
        }
    }
}

/// The answer to a list of rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The IoU that the model predicts for each candidate, about 0..1: three after a single
    /// point, else one.
    pub ious: Vec<f32>,
    pub selected: usize,
    /// The selected candidate over the original image: `width · height` booleans.
    pub mask: Vec<bool>,
}

/// A round with the decoder's answer to the prompts up to it.
pub(super) struct AnsweredRound {
    prompt: Prompt,
    pub(super) candidates: Vec<Candidate>,
    selected: usize,
}

/// A candidate mask as the decoder gives it.
pub(super) struct Candidate {
    /// Logits of `side × side`, positive inside, over the padded square input.
    pub(super) logits: Vec<f32>,
    iou: f32,
}

/// The present image as the decoders prepared it for prompts, once there is a first one.
#[derive(Default)]
pub(super) struct PreparedImages {
    untouched: OnceCell<PreparedImage>,
    pub(super) fine_tuned: OnceCell<PreparedImage>,
}

/// Which decoder answers.
#[derive(Clone, Copy)]
enum Answerer {
    /// The fine-tuned one, if there is one.
    Chosen,
    Untouched,
}

impl AnsweredRound {
    /// The candidate that is asked for, or else that of the highest predicted IoU.
    fn choice(&self, wanted: Option<usize>) -> Result<usize> {
        let candidates = &self.candidates;
        let Some(wanted) = wanted else {
            let by_iou = |a: &usize, b: &usize| candidates[*a].iou.total_cmp(&candidates[*b].iou);
            return Ok((0..candidates.len()).max_by(by_iou).unwrap_or(0));
        };
        if wanted >= candidates.len() {
            return Err(Error::new(format!(
                "There is no candidate {wanted}: this prompt has {}.",
                candidates.len()
            )));
        }
        Ok(wanted)
    }

    fn logits(&self) -> &[f32] {
        &self.candidates[self.selected].logits
    }
}

impl Predictor {
    /// Answers all of `rounds`; `None` without any. Those with which the list answered last
    /// began, too, are not computed again.
    ///
    /// # Errors
    /// When no image has been encoded, a prompt lies outside of it, there is no such candidate, or
    /// the device fails.
    pub async fn predict(&mut self, rounds: &[PromptRound]) -> Result<Option<Answer>> {
        if rounds.is_empty() {
            self.answered.clear();
            return Ok(None);
        }
        let size = self.embedding()?.original();
        rounds
            .iter()
            .try_for_each(|round| round.prompt.check(size))?;
        self.keep_common(rounds)?;
        for round in &rounds[self.answered.len()..] {
            let mut answered = self.next_round(round.prompt.clone()).await?;
            answered.selected = answered.choice(round.candidate)?;
            self.answered.push(answered);
        }
        let mask = self.mask_of(&self.answered)?;
        Ok(self.answered.last().map(|last| Answer {
            ious: last
                .candidates
                .iter()
                .map(|candidate| candidate.iou)
                .collect(),
            selected: last.selected,
            mask,
        }))
    }

    /// Keeps of the answered rounds those with which `rounds` begins. Where only the candidate is
    /// another, the round stays, but none that refined it.
    fn keep_common(&mut self, rounds: &[PromptRound]) -> Result<()> {
        let mut kept = 0;
        for (answered, wanted) in self.answered.iter_mut().zip(rounds) {
            if answered.prompt != wanted.prompt {
                break;
            }
            let selected = answered.choice(wanted.candidate)?;
            let same = std::mem::replace(&mut answered.selected, selected) == selected;
            kept += 1;
            if !same {
                break;
            }
        }
        self.answered.truncate(kept);
        Ok(())
    }

    async fn next_round(&mut self, prompt: Prompt) -> Result<AnsweredRound> {
        let first = self.answered.is_empty();
        let previewed = self
            .previewed
            .take_if(|round| first && round.prompt == prompt);
        match previewed {
            Some(round) => Ok(round),
            None => self.round(Answerer::Chosen, &self.answered, prompt).await,
        }
    }

    /// The mask of the highest predicted IoU for a single point inside, `width · height` booleans;
    /// the answered rounds stay as they are. If that very point is the first prompt then, its
    /// answer is here already.
    pub async fn preview(&mut self, x: f32, y: f32) -> Result<Vec<bool>> {
        let positive = true;
        let prompt = Prompt::Point { x, y, positive };
        prompt.check(self.embedding()?.original())?;
        let round = self.round(Answerer::Chosen, &[], prompt).await?;
        let mask = self.mask_of(std::slice::from_ref(&round))?;
        self.previewed = Some(round);
        Ok(mask)
    }

    /// What the model's own decoder makes of the prompts that were answered last,
    /// `width · height` booleans; `None` without any.
    pub async fn untouched_mask(&self) -> Result<Option<Vec<bool>>> {
        let mut rounds = Vec::with_capacity(self.answered.len());
        for AnsweredRound { prompt, .. } in &self.answered {
            let round = self.round(Answerer::Untouched, &rounds, prompt.clone());
            rounds.push(round.await?);
        }
        match rounds.is_empty() {
            true => Ok(None),
            false => self.mask_of(&rounds).map(Some),
        }
    }

    /// Answers a click and a second one on an embedding of zeros, so that a GPU has compiled the
    /// decoder's programs before the first image. Only while there is no image.
    pub async fn warm_up(&mut self) -> Result<()> {
        let side = self.config.image_size();
        let zeros = vec![0.0; self.config.embed_dim * self.config.grid().pow(2)];
        let embedding = self.restored(&self.begin_encoding(&Rgb::black(side)), zeros)?;
        self.set_embedding(embedding);
        let (x, y, positive) = (0.0, 0.0, true);
        let click = PromptRound::from(Prompt::Point { x, y, positive });
        let answered = self.predict(&[click.clone(), click]).await;
        self.drop_embedding();
        answered.map(drop)
    }

    /// Does now what the first prompt on the embedding would else wait for.
    pub fn prepare(&self) -> Result<()> {
        self.prepared(Answerer::Chosen)?;
        Ok(())
    }

    /// The answer to `prompt` after the rounds `before`.
    async fn round(
        &self,
        answerer: Answerer,
        before: &[AnsweredRound],
        prompt: Prompt,
    ) -> Result<AnsweredRound> {
        let prompts = before.iter().map(|round| &round.prompt).chain([&prompt]);
        let prompts: Vec<_> = prompts.cloned().collect();
        let single_point = prompts.len() == 1 && matches!(prompt, Prompt::Point { .. });
        let previous = match &prompt {
            Prompt::Point { .. } => before.last().map(|round| round.logits().to_vec()),
            // Another box is another object.
            Prompt::Box { .. } => None,
            Prompt::Mask(shape) => {
                let embedding = self.embedding()?;
                Some(mask_logits(shape, embedding, embedding.mask_side()))
            }
        };
        let mut candidates = self.decode(answerer, &prompts, previous).await?;
        if single_point {
            candidates.remove(0);
        } else {
            candidates.truncate(1);
        }
        let mut round = AnsweredRound {
            prompt,
            candidates,
            selected: 0,
        };
        round.selected = round.choice(None)?;
        Ok(round)
    }

    fn mask_of(&self, rounds: &[AnsweredRound]) -> Result<Vec<bool>> {
        let embedding = self.embedding()?;
        let logits = rounds.last().map_or(&[][..], AnsweredRound::logits);
        Ok(embedding.postprocess(logits))
    }

    fn answering(&self, answerer: Answerer) -> (&MaskDecoder, &OnceCell<PreparedImage>) {
        match (&self.fine_tuned, answerer) {
            (Some(decoder), Answerer::Chosen) => (decoder, &self.prepared.fine_tuned),
            _ => (&self.model.mask_decoder, &self.prepared.untouched),
        }
    }

    fn prepared(&self, answerer: Answerer) -> Result<&PreparedImage> {
        let (decoder, prepared) = self.answering(answerer);
        let embedding = self.embedding()?;
        Ok(prepared.get_or_init(|| prepare(&self.model.prompt_encoder, decoder, embedding)))
    }

    /// All four masks for `prompts` and, to refine it, the logits of a mask: first the mask for
    /// an unambiguous prompt, then the candidates for a single point. Of several boxes the last
    /// counts.
    async fn decode(
        &self,
        answerer: Answerer,
        prompts: &[Prompt],
        previous: Option<Vec<f32>>,
    ) -> Result<Vec<Candidate>> {
        let embedding = self.embedding()?;
        let side = embedding.mask_side();
        let encoder = &self.model.prompt_encoder;
        let (decoder, _) = self.answering(answerer);
        let (masks, ious) = match previous {
            Some(logits) => {
                let data = TensorData::new(logits, [1, 1, side, side]);
                let previous = Tensor::from_data(data, &self.device);
                answer(encoder, decoder, embedding, &[prompts], Some(previous))
            }
            None => {
                let image = self.prepared(answerer)?;
                answer_on(image, encoder, decoder, embedding, &[prompts])
            }
        };
        let (masks, ious) = (device::read(masks).await?, device::read(ious).await?);
        debug_assert_eq!(ious.len(), MASK_TOKENS);
        Ok(masks
            .chunks(side * side)
            .zip(ious)
            .map(|(logits, iou)| Candidate {
                logits: logits.to_vec(),
                iou,
            })
            .collect())
    }
}
