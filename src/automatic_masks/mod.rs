//! All objects of an image without a prompt: the decoder is asked at points of a grid, and the masks
//! that it is sure of are kept (section 3 and appendix B of the paper;
//! `segment_anything/automatic_mask_generator.py`, which asks at all of them).

mod box_index;
mod finish;
mod joining;
mod painting;
mod points;
pub(crate) mod proposals;
#[cfg(test)]
mod tests;
pub(crate) mod tiles;

use serde::Serialize;
use tsify::Tsify;

use self::finish::Finish;
pub use self::finish::Found;
use self::points::Points;
pub use self::proposals::Mask;
use self::proposals::Proposal;
pub(crate) use self::proposals::stability;
use crate::device;
use crate::error::{Error, Result};
use crate::image::part::{Part, WHOLE};
use crate::image::resize::Rows;
use crate::model::halfway::halfway;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, attend, most_prompts, prepare};
use crate::settings::settings;
use crate::tile_choice::SIDES;
use crate::weights::decoder_info::Thresholds;

settings! {
    /// What is kept of the decoder's answers.
    pub struct AutomaticMaskSettings with AutomaticMaskRanges {
        /// Points along each side of a tile's grid.
        points_per_side: usize = 32, 1 to 128, "The number of points along a side";
        /// 1: all of them are asked for; 0: those that promise another mask.
        all_points: usize = 0, 0 to 1, "Whether all points are asked for";
        /// Points that are asked for at once.
        batch: usize = 3, 1 to 256, "The number of points at once";
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

/// A mask is the background if as many times the largest share of cells of logits are in it, as
/// pixels of the image need not be looked at then.
const CLEARLY: f32 = 1.1;

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

    /// The decoder that is asked, and the thresholds for its masks, which are set as they hold for the
    /// untouched one. Where a fine-tuned decoder tells its own it is the middle between the two: tuned to
    /// a few objects, a decoder alone takes much for objects that the untouched one knows to be none.
    fn asked(&self, predictor: &Predictor) -> (MaskDecoder, Thresholds) {
        let set = self.thresholds();
        match (predictor.fine_tuned(), predictor.thresholds()) {
            (Some(tuned), Some(own)) => {
                let usual = Self::default().thresholds();
                let least = usual.halfway(own).for_set(set, usual);
                let untouched = predictor.model().mask_decoder.clone();
                (halfway(untouched, tuned), least)
            }
            _ => (predictor.decoder().clone(), set),
        }
    }

    /// For masks of the untouched decoder.
    pub(crate) fn thresholds(&self) -> Thresholds {
        Thresholds {
            iou: self.iou_threshold,
            stability: self.stability_threshold,
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
    /// Of the image, until it is looked at.
    embedding: Option<Embedding>,
    stage: Stage,
    proposals: Vec<Proposal>,
}

enum Stage {
    Begin,
    Encode(Encoding, Points),
    Prepare(Embedding, Points),
    Prompt(Box<Prompting>),
    Finish(Box<Finish>),
}

/// A tile that is asked for points.
struct Prompting {
    embedding: Embedding,
    decoder: MaskDecoder,
    /// By the decoder.
    image: PreparedImage,
    points: Points,
    /// What the settings ask for, as the decoder predicts it.
    least: Thresholds,
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
        Ok(Self {
            size,
            settings,
            tiles,
            place: 0,
            embedding,
            stage: Stage::Begin,
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
        let tile = self.tiles[self.place];
        let AutomaticMaskSettings {
            points_per_side,
            all_points,
            ..
        } = self.settings;
        let points = Points::new(image, tile, points_per_side, all_points > 0);
        self.stage = match self.embedding.take() {
            Some(embedding) if embedding.part() == tile => Stage::Prepare(embedding, points),
            _ => Stage::Encode(predictor.begin_part(image, tile), points),
        };
        Ok(())
    }

    /// [`Self::advance`] where no image is wanted.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn go_on(&mut self, predictor: &Predictor) -> Result<bool> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => Stage::Begin,
            Stage::Encode(mut encoding, points) => match predictor.advance(&mut encoding).await? {
                Some(embedding) => Stage::Prepare(embedding, points),
                None => Stage::Encode(encoding, points),
            },
            Stage::Prepare(embedding, points) => {
                // The person may choose another one meanwhile.
                let (decoder, least) = self.settings.asked(predictor);
                let encoder = &predictor.model().prompt_encoder;
                Stage::Prompt(Box::new(Prompting {
                    image: prepare(encoder, &decoder, &embedding),
                    embedding,
                    decoder,
                    points,
                    least,
                }))
            }
            Stage::Prompt(mut prompting) => match self.ask(predictor, &mut prompting).await? {
                true => Stage::Prompt(prompting),
                false => self.finish_tile(),
            },
            Stage::Finish(finish) => {
                let finish = finish.advance(&self.settings, self.size);
                Stage::Finish(Box::new(finish))
            }
        };
        Ok(!matches!(&self.stage, Stage::Finish(finish) if finish.is_done()))
    }

    /// How far it is, 0..1, by the points that are done with and what follows the last tile; 1 only
    /// when all is done.
    pub fn progress(&self) -> f64 {
        let share = match &self.stage {
            Stage::Finish(finish) if finish.is_done() => return 1.0,
            Stage::Finish(finish) => {
                return TILES_SHARE + (1.0 - TILES_SHARE) * finish.progress();
            }
            Stage::Prompt(prompting) => prompting.points.share(),
            Stage::Begin | Stage::Encode(..) | Stage::Prepare(..) => 0.0,
        };
        TILES_SHARE * (self.place as f64 + share) / self.tiles.len() as f64
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

    /// Asks for the next batch of points, and keeps what passes. False when none is left.
    async fn ask(&mut self, predictor: &Predictor, prompting: &mut Prompting) -> Result<bool> {
        let Prompting {
            embedding,
            decoder,
            image,
            points,
            least,
        } = prompting;
        let batch = points.batch(self.settings.batch.min(most_prompts(embedding)));
        if batch.is_empty() {
            return Ok(false);
        }
        let prompts: Vec<[Prompt; 1]> = batch
            .iter()
            .map(|&point| {
                let ([x, y], positive) = (points.at(point), true);
                [Prompt::Point { x, y, positive }]
            })
            .collect();
        let prompts: Vec<&[Prompt]> = prompts.iter().map(|prompt| &prompt[..]).collect();
        let encoder = &predictor.model().prompt_encoder;
        let attended = attend(image, encoder, decoder, embedding, &prompts);
        let ious = device::read(decoder.ious(&attended)).await?;
        let (ious, _) = ious.as_chunks::<MASK_TOKENS>();
        // The first of each is the answer to prompts that are not ambiguous.
        let sure = |ious: &[f32]| ious[1..].iter().any(|&iou| iou > least.iou);
        let (sure, unsure): (Vec<_>, Vec<_>) = (0..batch.len()).partition(|&i| sure(&ious[i]));
        unsure.iter().for_each(|&i| points.found_nothing(batch[i]));
        if sure.is_empty() {
            return Ok(true);
        }
        // Most of the work is to make masks of what the tokens say.
        let masks = device::read(decoder.masks_of(attended.select(&sure))).await?;
        let pixels = masks.len() / (sure.len() * MASK_TOKENS);
        for (&i, masks) in sure.iter().zip(masks.chunks_exact(pixels * MASK_TOKENS)) {
            let masks = masks.chunks_exact(pixels).zip(ious[i]).skip(1);
            let found: Vec<_> = masks
                .filter_map(|mask| self.proposal(embedding, least, mask))
                .collect();
            if found.is_empty() {
                points.found_nothing(batch[i]);
            }
            found
                .iter()
                .for_each(|proposal| points.cover(&proposal.shape));
            self.proposals.extend(found);
        }
        Ok(true)
    }

    /// What the tile's logits and their predicted IoU are, if they may be an object.
    fn proposal(
        &self,
        embedding: &Embedding,
        least: &Thresholds,
        (logits, iou): (&[f32], f32),
    ) -> Option<Proposal> {
        let settings = &self.settings;
        let tile = &self.tiles[self.place];
        let background = embedding.share(logits) > CLEARLY * settings.max_share;
        if iou <= least.iou || background {
            return None;
        }
        let enlarged = embedding.enlarge(logits, -STABILITY_OFFSET)?;
        let stability = stability(&enlarged, STABILITY_OFFSET);
        if stability < least.stability {
            return None;
        }
        let shape = enlarged.shape()?;
        let most = f64::from(settings.max_share) * (tile.width * tile.height) as f64;
        (shape.area as f64 <= most).then(|| Proposal {
            cut: tiles::cuts(tile, &shape, self.size),
            shape,
            iou,
            stability,
            tile: self.place,
        })
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
