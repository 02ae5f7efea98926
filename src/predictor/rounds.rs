//! The answers to lists of prompts, of which each further one refines the mask of those before.

use std::cell::RefCell;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::answer::{answer, answer_on, prepare};
use super::dialogue::Dialogue;
use super::encoding::Embedding;
use super::prompt::mask_logits;
use super::{Predictor, Prompt};
use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::part::Part;
use crate::image::resize::Rows;
use crate::image::shapes::Shape;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;

/// A prompt, and which candidate of its answer is shown and refined further.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptRound {
    pub prompt: Prompt,
    /// `None`: the one of the highest predicted IoU.
    pub candidate: Option<usize>,
    /// Side, in pixels of the image, of the parts in which the person looked at it; 0: the whole
    /// image.
    pub side: usize,
}

impl From<Prompt> for PromptRound {
    fn from(prompt: Prompt) -> Self {
        Self {
            prompt,
            candidate: None,
            side: 0,
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
    /// The selected candidate in pixels of the image; `None`: it has none.
    pub mask: Option<Arc<Shape>>,
    /// What of the image the model saw.
    pub part: Part,
}

/// What comes of rounds.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Answer(Answer),
    /// There is none before this part's embedding is here.
    Needs(Part),
}

/// A round with the decoder's answer to the prompts up to it.
pub(super) struct AnsweredRound {
    pub prompt: Prompt,
    pub side: usize,
    /// As it was asked for.
    pub candidate: Option<usize>,
    pub candidates: Vec<Candidate>,
    pub selected: usize,
}

/// A candidate mask as the decoder gives it.
pub(super) struct Candidate {
    /// Logits of `side × side`, positive inside, over the padded square input.
    pub logits: Vec<f32>,
    iou: f32,
}

/// The part in which prompts were answered last, as the decoders prepared it for them.
#[derive(Default)]
pub(super) struct PreparedImages {
    untouched: RefCell<Option<(Part, PreparedImage)>>,
    pub fine_tuned: RefCell<Option<(Part, PreparedImage)>>,
}

/// Which decoder answers.
#[derive(Clone, Copy)]
pub(super) enum Answerer {
    /// The fine-tuned one, if there is one.
    Chosen,
    Untouched,
}

impl AnsweredRound {
    /// The candidate that is asked for, or else that of the highest predicted IoU.
    pub fn choice(&self, wanted: Option<usize>) -> Result<usize> {
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

    pub fn logits(&self) -> &[f32] {
        &self.candidates[self.selected].logits
    }
}

impl Predictor {
    /// Answers `rounds`, of which a box or a mask begins another object; `None` without any. Those
    /// with which the list answered last began, too, are not computed again.
    ///
    /// # Errors
    /// When there is no image, a prompt lies outside of it, there is no such candidate, or the
    /// device fails.
    pub async fn predict(&mut self, rounds: &[PromptRound]) -> Result<Option<Reply>> {
        let of_object = of_object(rounds);
        let mut dialogue = std::mem::take(&mut self.dialogue);
        if let Some(previewed) = self.previewed.take_if(|previewed| {
            matches!(of_object, [only] if !dialogue.begins(only) && previewed.begins(only))
        }) {
            dialogue = previewed;
        }
        let reply = self.reply(Answerer::Chosen, &mut dialogue, rounds).await;
        self.dialogue = dialogue;
        if let Some(part) = self.dialogue.part {
            self.views.used(&part);
        }
        reply
    }

    /// [`Self::predict`] on `image`, whose parts are encoded as they are needed.
    ///
    /// # Errors
    /// Those of [`Self::predict`].
    pub async fn predict_on(
        &mut self,
        image: &impl Rows,
        rounds: &[PromptRound],
    ) -> Result<Option<Answer>> {
        if self.views.size != Some(image.size()) {
            self.open_image(image.size());
        }
        loop {
            match self.predict(rounds).await? {
                None => return Ok(None),
                Some(Reply::Answer(answer)) => return Ok(Some(answer)),
                Some(Reply::Needs(part)) => {
                    let embedding = self.encode_part(image, part).await?;
                    self.add_embedding(embedding);
                }
            }
        }
    }

    /// The answer to a single point inside; the answered rounds stay as they are. If that very
    /// point is the first prompt then, its answer is here already.
    ///
    /// # Errors
    /// Those of [`Self::predict`].
    pub async fn preview(&mut self, x: f32, y: f32, side: usize) -> Result<Reply> {
        let positive = true;
        let prompt = Prompt::Point { x, y, positive };
        let round = PromptRound {
            side,
            ..prompt.into()
        };
        let mut dialogue = Dialogue::default();
        let reply = self
            .reply(Answerer::Chosen, &mut dialogue, &[round])
            .await?;
        self.previewed = Some(dialogue);
        reply.ok_or_else(|| Error::new("There is nothing to preview."))
    }

    /// What the model's own decoder makes of the prompts that were answered last; `None` without
    /// any.
    ///
    /// # Errors
    /// Those of [`Self::predict`].
    pub async fn untouched(&mut self) -> Result<Option<Reply>> {
        let rounds = self.dialogue.answered.iter();
        // The candidates were chosen of the other decoder's.
        let rounds: Vec<PromptRound> = rounds
            .map(|round| PromptRound {
                side: round.side,
                ..round.prompt.clone().into()
            })
            .collect();
        let mut dialogue = std::mem::take(&mut self.compared);
        let reply = self
            .reply(Answerer::Untouched, &mut dialogue, &rounds)
            .await;
        self.compared = dialogue;
        reply
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
        self.drop_embeddings();
        answered.map(drop)
    }

    /// Does now what the first prompt in `part` would else wait for.
    ///
    /// # Errors
    /// When it has not been encoded.
    pub fn prepare(&self, part: &Part) -> Result<()> {
        self.prepared(Answerer::Chosen, self.view(part)?)?;
        Ok(())
    }

    /// The embedding of `part`.
    ///
    /// # Errors
    /// When it has not been encoded.
    pub(super) fn view(&self, part: &Part) -> Result<&Embedding> {
        self.views.get(part).ok_or_else(super::not_encoded)
    }

    async fn reply(
        &self,
        answerer: Answerer,
        dialogue: &mut Dialogue,
        rounds: &[PromptRound],
    ) -> Result<Option<Reply>> {
        if rounds.is_empty() {
            *dialogue = Dialogue::default();
            return Ok(None);
        }
        let size = self.views.size.ok_or_else(super::not_encoded)?;
        for round in rounds {
            round.prompt.check(size)?;
        }
        let rounds = of_object(rounds);
        if let Some(part) = self.advance_dialogue(answerer, dialogue, rounds).await? {
            return Ok(Some(Reply::Needs(part)));
        }
        let (Some(last), Some(part)) = (dialogue.answered.last(), dialogue.part) else {
            return Ok(None);
        };
        let ious = last.candidates.iter().map(|candidate| candidate.iou);
        Ok(Some(Reply::Answer(Answer {
            ious: ious.collect(),
            selected: last.selected,
            mask: self.view(&part)?.shape(last.logits()).map(Arc::new),
            part,
        })))
    }

    /// The answer of one part to `prompt` after the rounds `before`.
    pub(super) async fn round(
        &self,
        answerer: Answerer,
        embedding: &Embedding,
        before: &[AnsweredRound],
        PromptRound {
            prompt,
            side,
            candidate,
        }: &PromptRound,
    ) -> Result<AnsweredRound> {
        let prompts = before.iter().map(|round| &round.prompt).chain([prompt]);
        let prompts: Vec<_> = prompts.cloned().collect();
        let single_point = prompts.len() == 1 && matches!(prompt, Prompt::Point { .. });
        let previous = match prompt {
            Prompt::Mask(shape) => Some(mask_logits(shape, embedding, embedding.mask_side())),
            _ => before.last().map(|round| round.logits().to_vec()),
        };
        let decoded = self.decode(answerer, embedding, &prompts, previous).await;
        let mut candidates = decoded?;
        if single_point {
            candidates.remove(0);
        } else {
            candidates.truncate(1);
        }
        let mut round = AnsweredRound {
            prompt: prompt.clone(),
            side: *side,
            candidate: *candidate,
            candidates,
            selected: 0,
        };
        round.selected = round.choice(*candidate)?;
        Ok(round)
    }

    fn answering(
        &self,
        answerer: Answerer,
    ) -> (&MaskDecoder, &RefCell<Option<(Part, PreparedImage)>>) {
        match (&self.fine_tuned, answerer) {
            (Some(decoder), Answerer::Chosen) => (decoder, &self.prepared.fine_tuned),
            _ => (&self.model.mask_decoder, &self.prepared.untouched),
        }
    }

    fn prepared(&self, answerer: Answerer, embedding: &Embedding) -> Result<PreparedImage> {
        let (decoder, prepared) = self.answering(answerer);
        let part = embedding.part();
        let mut prepared = prepared.borrow_mut();
        if let Some((_, image)) = prepared.as_ref().filter(|(known, _)| *known == part) {
            return Ok(image.clone());
        }
        // Its memory is that of the next.
        prepared.take();
        let image = prepare(&self.model.prompt_encoder, decoder, embedding);
        *prepared = Some((part, image.clone()));
        Ok(image)
    }

    /// All four masks for `prompts` and, to refine it, the logits of a mask: first the mask for
    /// an unambiguous prompt, then the candidates for a single point.
    async fn decode(
        &self,
        answerer: Answerer,
        embedding: &Embedding,
        prompts: &[Prompt],
        previous: Option<Vec<f32>>,
    ) -> Result<Vec<Candidate>> {
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
                let image = self.prepared(answerer, embedding)?;
                answer_on(&image, encoder, decoder, embedding, &[prompts])
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

/// The last of `rounds` that are of one object, which a box or a mask begins.
fn of_object(rounds: &[PromptRound]) -> &[PromptRound] {
    let begins = |round: &PromptRound| !matches!(round.prompt, Prompt::Point { .. });
    &rounds[rounds.iter().rposition(begins).unwrap_or(0)..]
}
