//! All objects of an image without a prompt: the decoder is asked at each point of a grid, and
//! the masks that it is sure of are kept (section 3 and appendix B of the paper;
//! `segment_anything/automatic_mask_generator.py`).

mod box_index;
mod finish;
mod joining;
mod painting;
mod proposals;
#[cfg(test)]
mod tests;
mod tiles;

use serde::Serialize;
use tsify::Tsify;

use self::finish::Finish;
pub use self::finish::Found;
pub use self::proposals::Mask;
use self::proposals::Proposal;
use crate::device;
use crate::error::{Error, Result};
use crate::image::part::{Part, WHOLE};
use crate::image::resize::Rows;
use crate::image::shapes::Shape;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, answer_on, prepare};
use crate::settings::settings;
use crate::tile_choice::SIDES;

settings! {
    /// What is kept of the decoder's answers.
    pub struct AutomaticMaskSettings with AutomaticMaskRanges {
        /// Points along each side of a tile's grid.
        points_per_side: usize = 32, 1 to 128, "The number of points along a side";
        /// Points that are asked for at once.
        batch: usize = 8, 1 to 256, "The number of points at once";
        /// The least IoU that the model predicts for a mask, 0..1.
        iou_threshold: f32 = 0.88, 0 to 1, "The least predicted IoU";
        /// The least share, 0..1, of a mask cut one logit lower that is left when it is cut one
        /// logit higher.
        stability_threshold: f32 = 0.95, 0 to 1, "The least stability";
        /// Of two masks whose boxes overlap by a larger IoU the surer one is kept.
        nms_threshold: f32 = 0.7, 0 to 1, "The largest overlap of boxes";
        /// Pixels.
        min_area: usize = 20, 0 to 1_000_000_000, "The least area";
        /// The largest share of the image and of each tile, 0..1: beyond it lies the background.
        max_share: f32 = 0.5, 0 to 1, "The largest share of the image";
        /// Pixels along a tile's side; a tile as long as the image is the image. 0: chosen by itself,
        /// the image where it is small, else what is looked at.
        tile: usize = 0, 0 to 32_768, "A tile's side";
        /// The share of a tile's side, 0..0.5, that it has in common with its neighbour.
        overlap: f32 = 0.25, 0 to 0.5, "The overlap of tiles";
    }
}

/// Logits by which a mask's cut is moved to see how stable it is.
pub const STABILITY_OFFSET: f32 = 1.0;

/// The part of the progress, 0..1, that the tiles make.
const TILES_SHARE: f64 = 0.98;

impl AutomaticMaskSettings {
    /// # Errors
    /// When a value is out of its range.
    pub fn check(&self) -> Result<()> {
        self.check_ranges()?;
        match self.tile {
            0 => Ok(()),
            side => check_side(side),
        }
    }

    /// The side of the tiles of an image whose longest side is `longest`, if what is looked at has
    /// the side `seen`.
    fn side(&self, longest: usize, seen: Option<usize>) -> usize {
        match (self.tile, seen) {
            (0, _) if longest <= WHOLE => longest,
            (0, seen) => seen.unwrap_or(WHOLE),
            (side, _) => side,
        }
    }
}

fn check_side(side: usize) -> Result<()> {
    match SIDES.contains(&side) {
        true => Ok(()),
        false => Err(Error::new(format!(
            "A tile's side is {side}, but must be from {} to {} pixels, or 0 to be chosen by itself.",
            SIDES.start(),
            SIDES.end()
        ))),
    }
}

/// An object that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Tsify)]
pub struct FoundObject {
    /// Its number in the labels.
    pub id: u32,
    /// As the model predicts it.
    pub iou: f32,
    pub stability: f32,
    /// Pixels of its mask, of which smaller objects may have taken some.
    pub area: usize,
}

/// A search under way.
pub struct AutomaticMasks {
    size: (usize, usize),
    settings: AutomaticMaskSettings,
    tiles: Vec<Part>,
    /// The tile at hand.
    place: usize,
    stage: Stage,
    proposals: Vec<Proposal>,
}

enum Stage {
    Begin,
    Encode(Encoding),
    Prepare(Embedding),
    Prompt(Box<Prompting>),
    Finish(Box<Finish>),
}

/// A tile that is asked for points.
struct Prompting {
    embedding: Embedding,
    decoder: MaskDecoder,
    /// By the decoder.
    image: PreparedImage,
    /// How many points have been asked for.
    asked: usize,
}

impl AutomaticMasks {
    /// Begins a search in an image of this width and height. Where the settings choose no tile it
    /// has the side `seen`, in pixels, or one that the model sees at its own size; the image's
    /// `embedding` serves if it is one tile.
    ///
    /// # Errors
    /// When the settings or `seen` are out of range.
    pub fn new(
        size: (usize, usize),
        settings: AutomaticMaskSettings,
        seen: Option<usize>,
        embedding: Option<Embedding>,
    ) -> Result<Self> {
        settings.check()?;
        seen.map_or(Ok(()), check_side)?;
        let side = settings.side(size.0.max(size.1), seen);
        let tiles = tiles::layout(size, side, settings.overlap);
        let stage = match embedding {
            Some(embedding) if tiles == [embedding.part()] => Stage::Prepare(embedding),
            _ => Stage::Begin,
        };
        Ok(Self {
            size,
            settings,
            tiles,
            place: 0,
            stage,
            proposals: Vec::new(),
        })
    }

    /// Does the next piece of work: a step of an encoding, a batch of points, or a part of what
    /// follows the last tile. False when all is done. The predictor's own image and prompts stay
    /// as they are.
    ///
    /// # Errors
    /// When `image` has another size, or the device fails.
    pub async fn advance(&mut self, predictor: &Predictor, image: &impl Rows) -> Result<bool> {
        match self.wants_image() {
            true => self.begin_tile(predictor, image).map(|()| true),
            false => self.go_on(predictor).await,
        }
    }

    /// Whether the next piece of work is [`Self::begin_tile`].
    pub fn wants_image(&self) -> bool {
        matches!(self.stage, Stage::Begin)
    }

    /// The piece of work that looks at the image, which is not needed after it.
    ///
    /// # Errors
    /// When `image` has another size.
    pub fn begin_tile(&mut self, predictor: &Predictor, image: &impl Rows) -> Result<()> {
        if image.size() != self.size {
            return Err(Error::new(
                "The search for objects is in an image of another size: begin it again.",
            ));
        }
        self.stage = Stage::Encode(predictor.begin_part(image, self.tiles[self.place]));
        Ok(())
    }

    /// [`Self::advance`] where no image is wanted.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn go_on(&mut self, predictor: &Predictor) -> Result<bool> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => Stage::Begin,
            Stage::Encode(mut encoding) => match predictor.advance(&mut encoding).await? {
                Some(embedding) => Stage::Prepare(embedding),
                None => Stage::Encode(encoding),
            },
            Stage::Prepare(embedding) => {
                // The person may choose another one meanwhile.
                let decoder = predictor.decoder().clone();
                let encoder = &predictor.model().prompt_encoder;
                Stage::Prompt(Box::new(Prompting {
                    image: prepare(encoder, &decoder, &embedding),
                    embedding,
                    decoder,
                    asked: 0,
                }))
            }
            Stage::Prompt(mut prompting) => {
                self.ask(predictor, &mut prompting).await?;
                if prompting.asked < self.settings.points_per_side.pow(2) {
                    Stage::Prompt(prompting)
                } else {
                    self.finish_tile()
                }
            }
            Stage::Finish(finish) => {
                let finish = finish.advance(&self.settings, self.size);
                Stage::Finish(Box::new(finish))
            }
        };
        Ok(!matches!(&self.stage, Stage::Finish(finish) if finish.is_done()))
    }

    /// How far it is, 0..1, by the points that were asked for and what follows the last tile; 1
    /// only when all is done.
    pub fn progress(&self) -> f64 {
        let asked = match &self.stage {
            Stage::Finish(finish) if finish.is_done() => return 1.0,
            Stage::Finish(finish) => {
                return TILES_SHARE + (1.0 - TILES_SHARE) * finish.progress();
            }
            Stage::Prompt(prompting) => prompting.asked,
            Stage::Begin | Stage::Encode(_) | Stage::Prepare(_) => 0,
        };
        let points = self.settings.points_per_side.pow(2);
        let tiles = self.place as f64 + asked as f64 / points as f64;
        TILES_SHARE * tiles / self.tiles.len() as f64
    }

    /// Masks that were kept so far.
    pub fn found(&self) -> usize {
        match &self.stage {
            Stage::Finish(finish) => finish.found(),
            _ => self.proposals.len(),
        }
    }

    /// The masks that are kept of all tiles, in descending order of size; none before all is done.
    pub fn masks(&self) -> &[Mask] {
        match &self.stage {
            Stage::Finish(finish) => finish.masks(),
            _ => &[],
        }
    }

    /// What was found.
    ///
    /// # Errors
    /// When it is not all done.
    pub fn finish(self) -> Result<Found> {
        let found = match self.stage {
            Stage::Finish(finish) => finish.found_objects(),
            _ => None,
        };
        found.ok_or_else(|| Error::new("The search for objects goes on: wait until it has ended."))
    }

    /// Asks for the next batch of points, and keeps what passes.
    async fn ask(&mut self, predictor: &Predictor, prompting: &mut Prompting) -> Result<()> {
        let tile = self.tiles[self.place];
        let Prompting {
            embedding,
            decoder,
            image,
            asked,
        } = prompting;
        let side = self.settings.points_per_side;
        let end = (*asked + self.settings.batch).min(side * side);
        let at = |i: usize, length: usize| (i as f32 + 0.5) / side as f32 * length as f32;
        let prompts: Vec<[Prompt; 1]> = (*asked..end)
            .map(|i| {
                let x = tile.x as f32 + at(i % side, tile.width);
                let y = tile.y as f32 + at(i / side, tile.height);
                let positive = true;
                [Prompt::Point { x, y, positive }]
            })
            .collect();
        let prompts: Vec<&[Prompt]> = prompts.iter().map(|prompt| &prompt[..]).collect();
        let encoder = &predictor.model().prompt_encoder;
        let (masks, ious) = answer_on(image, encoder, decoder, embedding, &prompts);
        let (masks, ious) = (device::read(masks).await?, device::read(ious).await?);
        let pixels = masks.len() / ious.len();
        for (i, (logits, &iou)) in masks.chunks_exact(pixels).zip(&ious).enumerate() {
            // The first of each is the answer to prompts that are not ambiguous.
            if i % MASK_TOKENS == 0 || iou <= self.settings.iou_threshold {
                continue;
            }
            let Some(enlarged) = embedding.enlarge(logits, -STABILITY_OFFSET) else {
                continue;
            };
            let stability = proposals::stability(&enlarged, STABILITY_OFFSET);
            if stability < self.settings.stability_threshold {
                continue;
            }
            let shape = enlarged.shape();
            if let Some(shape) = shape.filter(|shape| self.may_be_object(shape)) {
                self.proposals.push(Proposal {
                    cut: tiles::cuts(&tile, &shape, self.size),
                    shape,
                    iou,
                    stability,
                    tile: self.place,
                });
            }
        }
        *asked = end;
        Ok(())
    }

    /// Whether a shape is none of the background in the tile at hand, of several.
    fn may_be_object(&self, shape: &Shape) -> bool {
        let Part { width, height, .. } = self.tiles[self.place];
        let most = f64::from(self.settings.max_share) * (width * height) as f64;
        self.tiles.len() == 1 || shape.area as f64 <= most
    }

    /// Of the tile's masks that are of one object only the surest stay, so that their number
    /// does not grow with the points.
    fn finish_tile(&mut self) -> Stage {
        let first = self.proposals.partition_point(|c| c.tile < self.place);
        let own = self.proposals.split_off(first);
        let kept = proposals::suppress(own, self.settings.nms_threshold);
        self.proposals.extend(kept);
        self.place += 1;
        if self.place < self.tiles.len() {
            return Stage::Begin;
        }
        let proposals = std::mem::take(&mut self.proposals);
        Stage::Finish(Box::new(Finish::new(proposals, self.tiles.clone())))
    }
}
