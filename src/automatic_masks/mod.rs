//! All objects of an image without a prompt: the decoder is asked at each point of a grid, and
//! the masks that it is sure of are kept (section 3 and appendix B of the paper;
//! `segment_anything/automatic_mask_generator.py`).

mod proposals;
mod tiles;

use serde::Serialize;
use tsify::Tsify;

pub use self::proposals::Proposal;
use self::tiles::Tile;
use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::labels::Labels;
use crate::image::shapes::{self, Shape};
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, answer_on, prepare};
use crate::settings::settings;

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
        /// The largest share of the image, 0..1: beyond it lies the background.
        max_share: f32 = 0.5, 0 to 1, "The largest share of the image";
        /// Pixels along a tile's side; 0: the image is one tile.
        tile: usize = 0, 0 to 32_768, "A tile's side";
        /// The share of a tile's side, 0..0.5, that it has in common with its neighbour.
        overlap: f32 = 0.25, 0 to 0.5, "The overlap of tiles";
    }
}

/// Logits by which a mask's cut is moved to see how stable it is.
pub const STABILITY_OFFSET: f32 = 1.0;

/// Tiles are not smaller, in pixels.
const SMALLEST_TILE: usize = 64;

impl AutomaticMaskSettings {
    /// # Errors
    /// When a value is out of its range.
    pub fn check(&self) -> Result<()> {
        self.check_ranges()?;
        match self.tile {
            1..SMALLEST_TILE => Err(Error::new(format!(
                "A tile's side is {}, but must be {SMALLEST_TILE} pixels or more, or 0 for a single tile.",
                self.tile
            ))),
            _ => Ok(()),
        }
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
    image: Rgb,
    settings: AutomaticMaskSettings,
    tiles: Vec<Tile>,
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
    /// Begins a search in `image`, whose embedding may be at hand already.
    ///
    /// # Errors
    /// When the settings are out of range.
    pub fn new(
        image: Rgb,
        settings: AutomaticMaskSettings,
        embedding: Option<Embedding>,
    ) -> Result<Self> {
        settings.check()?;
        let size = (image.width, image.height);
        let tiles = tiles::layout(size, settings.tile, settings.overlap);
        let stage = match embedding {
            Some(embedding) if tiles.len() == 1 => Stage::Prepare(embedding),
            _ => Stage::Begin,
        };
        Ok(Self {
            image,
            settings,
            tiles,
            place: 0,
            stage,
            proposals: Vec::new(),
        })
    }

    /// Does the next piece of work: a step of an encoding or a batch of points. False when all is
    /// done. The predictor's own image and prompts stay as they are.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn advance(&mut self, predictor: &Predictor) -> Result<bool> {
        let Some(tile) = self.tiles.get(self.place).copied() else {
            return Ok(false);
        };
        self.stage = match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => Stage::Encode(predictor.begin_encoding(&tile.of(&self.image))),
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
                self.ask(predictor, &mut prompting, tile).await?;
                if prompting.asked < self.settings.points_per_side.pow(2) {
                    Stage::Prompt(prompting)
                } else {
                    self.finish_tile();
                    Stage::Begin
                }
            }
        };
        Ok(self.place < self.tiles.len())
    }

    /// How far it is, 0..1, by the points that were asked for.
    pub fn progress(&self) -> f64 {
        let asked = match &self.stage {
            Stage::Prompt(prompting) => prompting.asked,
            _ => 0,
        };
        let points = self.settings.points_per_side.pow(2);
        (self.place as f64 + asked as f64 / points as f64) / self.tiles.len() as f64
    }

    /// Masks that were kept so far.
    pub fn found(&self) -> usize {
        self.proposals.len()
    }

    /// The masks that are kept of all tiles, in descending order of size.
    pub fn masks(self) -> Vec<Proposal> {
        let whole = tiles::join(self.proposals, &self.tiles);
        let mut kept = proposals::suppress(whole, self.settings.nms_threshold);
        let pixels = self.image.width * self.image.height;
        let most = f64::from(self.settings.max_share) * pixels as f64;
        kept.retain(|c| c.shape.area >= self.settings.min_area && c.shape.area as f64 <= most);
        kept.sort_by_key(|proposal| std::cmp::Reverse(proposal.shape.area));
        kept
    }

    /// The masks as labels, the larger ones below the smaller ones. Masks of which nothing shows
    /// are left out.
    pub fn finish(self) -> (Labels, Vec<FoundObject>) {
        let (width, height) = (self.image.width, self.image.height);
        let masks = self.masks();
        let mut labels = Labels {
            width,
            height,
            ids: vec![0; width * height],
        };
        for (id, mask) in (1..).zip(&masks) {
            paint(&mut labels, &mask.shape, id);
        }
        let shown = shapes::boxes(&labels);
        let found = (1..).zip(&masks).map(|(id, mask)| FoundObject {
            id,
            iou: mask.iou,
            stability: mask.stability,
            area: mask.shape.area,
        });
        let found = found
            .filter(|found| shown.contains_key(&found.id))
            .collect();
        (labels, found)
    }

    /// Asks for the next batch of points, and keeps what passes.
    async fn ask(
        &mut self,
        predictor: &Predictor,
        prompting: &mut Prompting,
        tile: Tile,
    ) -> Result<()> {
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
                let (x, y) = (at(i % side, tile.width), at(i / side, tile.height));
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
            let Some(part) = embedding.enlarge(logits, -STABILITY_OFFSET) else {
                continue;
            };
            let stability = proposals::stability(&part, STABILITY_OFFSET);
            if stability < self.settings.stability_threshold {
                continue;
            }
            if let Some(shape) = part.shape() {
                let shape = tile.placed(shape);
                let cut = tile.cuts(&shape, (self.image.width, self.image.height));
                self.proposals.push(Proposal {
                    shape,
                    iou,
                    stability,
                    tile: self.place,
                    cut,
                });
            }
        }
        *asked = end;
        Ok(())
    }

    /// Of the tile's masks that are of one object only the surest stay, so that their number
    /// does not grow with the points.
    fn finish_tile(&mut self) {
        let first = self.proposals.partition_point(|c| c.tile < self.place);
        let own = self.proposals.split_off(first);
        let kept = proposals::suppress(own, self.settings.nms_threshold);
        self.proposals.extend(kept);
        self.place += 1;
    }
}

fn paint(labels: &mut Labels, shape: &Shape, id: u32) {
    for i in (0..shape.bits.len()).filter(|&i| shape.bits[i]) {
        let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
        labels.ids[y * labels.width + x] = id;
    }
}
