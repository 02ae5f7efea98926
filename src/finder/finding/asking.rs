//! The model is asked about a tile's shapes, in parts of the image in which it sees them well.

use std::ops::Range;

use burn::tensor::Device;

use super::Tile;
use crate::automatic_masks::STABILITY_OFFSET;
use crate::device;
use crate::error::Result;
use crate::finder::evidence::{Answer, Rated, rated};
use crate::finder::lesson::Learned;
use crate::finder::network::Network;
use crate::image::part::Part;
use crate::image::resize::Rows;
use crate::model::mask_decoder::{Attended, MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, attend, prepare};

/// The side of a part is about as many diameters of objects, a power of two from the first number
/// of pixels on.
const ROOM: f32 = 24.0;
const SMALLEST: usize = 256;
/// What parts have in common with their neighbours, in diameters.
const OVERLAP: f32 = 2.0;
/// Boxes that a GPU is asked for at once; on the CPU it is one for each thread, so that no click waits for long.
const BATCH: usize = 8;
/// Logits along a cell of the embedding's grid.
const CELL: usize = 4;
/// How far around its box a mask is looked for, in heights of the box; rows are taken so many at a time.
const AROUND: f32 = 0.5;
const STEP: usize = 4;
/// The logit where nothing was looked at.
const OUTSIDE: f32 = -100.0;

pub(super) struct Asking {
    tile: Tile,
    /// Each part with the places of the proposals that are asked in it.
    parts: Vec<(Part, Vec<usize>)>,
    place: usize,
    stage: Stage,
    answers: Vec<Option<Answer>>,
}

enum Stage {
    Begin,
    Encode(Encoding),
    Prepare(Embedding),
    Ask(Box<Asked>),
}

struct Asked {
    embedding: Embedding,
    /// The model's own.
    own: Decoder,
    tuned: Option<Decoder>,
    count: usize,
}

/// A decoder that has the embedding.
struct Decoder {
    decoder: MaskDecoder,
    image: PreparedImage,
}

impl Decoder {
    fn new(decoder: &MaskDecoder, predictor: &Predictor, embedding: &Embedding) -> Self {
        let encoder = &predictor.model().prompt_encoder;
        Self {
            image: prepare(encoder, decoder, embedding),
            decoder: decoder.clone(),
        }
    }

    /// The predicted IoUs of all masks, prompt by prompt, and the logits of the first one, which is for
    /// prompts that leave nothing open. They are looked at near the boxes, and further away where a mask
    /// goes on there.
    async fn answers(
        &self,
        predictor: &Predictor,
        embedding: &Embedding,
        boxes: &[[Prompt; 1]],
    ) -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
        let encoder = &predictor.model().prompt_encoder;
        let prompts: Vec<&[Prompt]> = boxes.iter().map(|prompt| &prompt[..]).collect();
        let attended = attend(&self.image, encoder, &self.decoder, embedding, &prompts);
        let ious = device::read(self.decoder.ious(&attended)).await?;
        let near = rows(embedding, boxes);
        let mut masks = self.masks(attended.clone(), embedding, &near).await?;
        let side = embedding.mask_side();
        let reaches_on = |place: &usize| reaches_on(&masks[*place], side, &near);
        let places: Vec<usize> = (0..masks.len()).filter(reaches_on).collect();
        if !places.is_empty() {
            let all = 0..side / CELL;
            let whole = self
                .masks(attended.select(&places), embedding, &all)
                .await?;
            places
                .into_iter()
                .zip(whole)
                .for_each(|(place, mask)| masks[place] = mask);
        }
        Ok((ious, masks))
    }

    /// The first mask of each prompt, in some rows of the embedding's grid.
    async fn masks(
        &self,
        attended: Attended,
        embedding: &Embedding,
        rows: &Range<usize>,
    ) -> Result<Vec<Vec<f32>>> {
        let side = embedding.mask_side();
        let masks = self.decoder.masks_in(attended, 1, rows.clone());
        let masks = device::read(masks).await?;
        let mask = |own: &[f32]| {
            let mut mask = vec![OUTSIDE; side * side];
            mask[CELL * rows.start * side..][..own.len()].copy_from_slice(own);
            mask
        };
        Ok(masks
            .chunks_exact(CELL * rows.len() * side)
            .map(mask)
            .collect())
    }
}

/// The rows of the embedding's grid in which masks of boxes may lie.
fn rows(embedding: &Embedding, boxes: &[[Prompt; 1]]) -> Range<usize> {
    let grid = embedding.mask_side() / CELL;
    let [_, scale] = embedding.to_logits(grid);
    let (mut start, mut end) = (grid, 0);
    for [prompt] in boxes {
        if let Prompt::Box { y0, y1, .. } = prompt {
            let at = |y: f32| (y - embedding.part().y as f32) * scale;
            let around = AROUND * (at(*y1) - at(*y0)) + 1.0;
            start = start.min((at(*y0) - around) as usize / STEP * STEP);
            end = end
                .max((at(*y1) + around).ceil() as usize)
                .next_multiple_of(STEP);
        }
    }
    start..end.min(grid)
}

/// Whether a mask of a square of `side` goes on outside of these rows of the embedding's grid.
fn reaches_on(mask: &[f32], side: usize, rows: &Range<usize>) -> bool {
    let reaches = |row: usize| {
        mask[row * side..][..side]
            .iter()
            .any(|x| *x > -STABILITY_OFFSET)
    };
    rows.start > 0 && reaches(CELL * rows.start)
        || CELL * rows.end < side && reaches(CELL * rows.end - 1)
}

impl Asking {
    /// Of an image of `size` whose objects have this diameter in pixels.
    pub fn new(tile: Tile, size: (usize, usize), diameter: f32) -> Self {
        let layout = parts(tile.view.part, size, diameter);
        let mut parts: Vec<(Part, Vec<usize>)> =
            layout.into_iter().map(|p| (p, Vec::new())).collect();
        for (i, proposal) in tile.proposals.iter().enumerate() {
            let Some(shape) = tile.view.in_image(&proposal.shape) else {
                continue;
            };
            let (x, y) = (shape.x + shape.width / 2, shape.y + shape.height / 2);
            let off = |part: &Part| {
                (2 * x).abs_diff(2 * part.x + part.width)
                    + (2 * y).abs_diff(2 * part.y + part.height)
            };
            if let Some((_, own)) = parts.iter_mut().min_by_key(|(part, _)| off(part)) {
                own.push(i);
            }
        }
        parts.retain(|(_, own)| !own.is_empty());
        // Those that are asked at once lie in about the same rows.
        let row = |place: &usize| {
            2 * tile.proposals[*place].shape.y + tile.proposals[*place].shape.height
        };
        parts.iter_mut().for_each(|(_, own)| own.sort_by_key(row));
        Self {
            answers: vec![None; tile.proposals.len()],
            tile,
            parts,
            place: 0,
            stage: Stage::Begin,
        }
    }

    pub fn is_done(&self) -> bool {
        self.place >= self.parts.len()
    }

    pub fn progress(&self) -> f64 {
        let answered = self.answers.iter().flatten().count();
        answered as f64 / self.answers.len().max(1) as f64
    }

    pub fn wants_image(&self) -> bool {
        matches!(self.stage, Stage::Begin) && !self.is_done()
    }

    pub fn look(&mut self, predictor: &Predictor, image: &impl Rows, there: &[Embedding]) {
        let Some((part, _)) = self.parts.get(self.place) else {
            return;
        };
        let own =
            |embedding: &&Embedding| embedding.part() == *part && embedding.size() == image.size();
        self.stage = match there.iter().find(own) {
            Some(embedding) => Stage::Prepare(embedding.clone()),
            None => Stage::Encode(predictor.begin_part(image, *part)),
        };
    }

    /// The one at hand.
    pub fn embedding(&self) -> Option<&Embedding> {
        match &self.stage {
            Stage::Prepare(embedding) => Some(embedding),
            Stage::Ask(asked) => Some(&asked.embedding),
            Stage::Begin | Stage::Encode(_) => None,
        }
    }

    pub async fn go_on(&mut self, predictor: &Predictor) -> Result<()> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => Stage::Begin,
            Stage::Encode(mut encoding) => match predictor.advance(&mut encoding).await? {
                Some(embedding) => Stage::Prepare(embedding),
                None => Stage::Encode(encoding),
            },
            Stage::Prepare(embedding) => {
                let decoder = |decoder| Decoder::new(decoder, predictor, &embedding);
                Stage::Ask(Box::new(Asked {
                    own: decoder(&predictor.model().mask_decoder),
                    tuned: predictor.fine_tuned().map(decoder),
                    embedding,
                    count: 0,
                }))
            }
            Stage::Ask(mut asked) => {
                self.ask(predictor, &mut asked).await?;
                let all = self.parts.get(self.place).map_or(0, |(_, own)| own.len());
                if asked.count < all {
                    Stage::Ask(asked)
                } else {
                    self.place += 1;
                    Stage::Begin
                }
            }
        };
        Ok(())
    }

    /// Asks for the boxes of the next proposals.
    async fn ask(&mut self, predictor: &Predictor, asked: &mut Asked) -> Result<()> {
        let Some((part, own)) = self.parts.get(self.place) else {
            return Ok(());
        };
        let batch = match asked.embedding.device() == Device::flex() {
            true => device::pool_size(),
            false => BATCH,
        };
        let end = (asked.count + batch).min(own.len());
        let batch = &own[asked.count..end];
        asked.count = end;
        let view = &self.tile.view;
        let prompt = |&i: &usize| {
            let shape = view.in_image(&self.tile.proposals[i].shape)?;
            let within =
                |at: usize, start: usize, length: usize| at.clamp(start, start + length) as f32;
            let x = |at: usize| within(at, part.x, part.width);
            let y = |at: usize| within(at, part.y, part.height);
            Some((
                i,
                [Prompt::Box {
                    x0: x(shape.x),
                    y0: y(shape.y),
                    x1: x(shape.x + shape.width),
                    y1: y(shape.y + shape.height),
                }],
            ))
        };
        let (places, boxes): (Vec<usize>, Vec<[Prompt; 1]>) =
            batch.iter().filter_map(prompt).unzip();
        if boxes.is_empty() {
            return Ok(());
        }
        let Asked {
            own,
            tuned,
            embedding,
            ..
        } = asked;
        let (ious, masks) = own.answers(predictor, embedding, &boxes).await?;
        for ((place, mask), ious) in places.iter().zip(masks).zip(ious.chunks_exact(MASK_TOKENS)) {
            self.answers[*place] = Some(answer(embedding, &mask, ious));
        }
        if let Some(tuned) = tuned {
            let (_, masks) = tuned.answers(predictor, embedding, &boxes).await?;
            for (place, mask) in places.iter().zip(masks) {
                if let Some(answer) = &mut self.answers[*place] {
                    answer.tuned = embedding.shape(&mask);
                }
            }
        }
        Ok(())
    }

    /// The tile's shapes and the model's, each with its score.
    pub fn rated(&self, learned: &Learned, network: &Network) -> Vec<Rated> {
        let Tile {
            view,
            sight,
            proposals,
        } = &self.tile;
        let pairs = proposals.iter().zip(&self.answers);
        pairs
            .filter_map(|(proposal, answer)| Some((proposal, answer.as_ref()?)))
            .flat_map(|(proposal, answer)| rated(proposal, answer, (view, sight, learned), network))
            .collect()
    }
}

/// What the first mask, which is for prompts that leave nothing open, comes to.
fn answer(embedding: &Embedding, logits: &[f32], ious: &[f32]) -> Answer {
    let enlarged = embedding.enlarge(logits, -STABILITY_OFFSET);
    let stability = enlarged.as_ref().map_or(0.0, |enlarged| {
        let outer = enlarged.count(-STABILITY_OFFSET).max(1);
        enlarged.count(STABILITY_OFFSET) as f32 / outer as f32
    });
    let open = ious.iter().skip(1).copied().fold(0.0, f32::max);
    Answer {
        shape: enlarged.and_then(|enlarged| enlarged.shape()),
        tuned: None,
        iou: ious.first().copied().unwrap_or(0.0),
        open,
        stability,
    }
}

/// Parts that lie over `tile`, and the whole image where that is small.
fn parts(tile: Part, size: (usize, usize), diameter: f32) -> Vec<Part> {
    let level = (ROOM * diameter / SMALLEST as f32)
        .log2()
        .round()
        .clamp(0.0, 16.0);
    let side = SMALLEST << level as u32;
    if side >= size.0.max(size.1) {
        return vec![Part::whole(size)];
    }
    let starts = |start: usize, length: usize, all: usize| {
        let side = side.min(all);
        let room = length.saturating_sub(side);
        let step = (side as f32 - OVERLAP * diameter).max(side as f32 / 2.0);
        let count = (room as f32 / step).ceil() as usize;
        let place = move |i: usize| (start + room * i / count.max(1)).min(all - side);
        (0..=count).map(place).collect::<Vec<_>>()
    };
    let columns = starts(tile.x, tile.width, size.0);
    let rows = starts(tile.y, tile.height, size.1);
    let part = |(x, y)| Part {
        x,
        y,
        width: side.min(size.0),
        height: side.min(size.1),
    };
    let places = rows
        .iter()
        .flat_map(|&y| columns.iter().map(move |&x| (x, y)));
    places.map(part).collect()
}
