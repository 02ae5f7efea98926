//! All objects of an image without a prompt: the decoder is asked at each point of a grid, and
//! the masks that it is sure of are kept (section 3 and appendix B of the paper;
//! `segment_anything/automatic_mask_generator.py`).

mod candidates;
mod tiles;

use serde::{Deserialize, Serialize};

pub use self::candidates::Candidate;
use self::tiles::Tile;
use crate::annotation::shapes::{self, Shape};
use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::labels::Labels;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, answer_on, prepare};

/// What is kept of the decoder's answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Points along each side of a tile's grid.
    pub points_per_side: usize,
    /// Points that are asked for at once.
    pub batch: usize,
    /// The least IoU that the model predicts for a mask, 0..1.
    pub iou_threshold: f32,
    /// The least share, 0..1, of a mask cut [`STABILITY_OFFSET`] lower that is left when it is
    /// cut as much higher.
    pub stability_threshold: f32,
    /// Of two masks whose boxes overlap by a larger IoU the surer one is kept.
    pub nms_threshold: f32,
    /// Pixels.
    pub min_area: usize,
    /// The largest share of the image, 0..1: beyond it lies the background.
    pub max_share: f32,
    /// Pixels along a tile's side; 0: the image is one tile.
    pub tile: usize,
    /// The share of a tile's side, 0..0.5, that it has in common with its neighbour.
    pub overlap: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            points_per_side: 32,
            batch: 16,
            iou_threshold: 0.88,
            stability_threshold: 0.95,
            nms_threshold: 0.7,
            min_area: 20,
            max_share: 0.5,
            tile: 0,
            overlap: 0.25,
        }
    }
}

/// Logits by which a mask's cut is moved to see how stable it is.
pub const STABILITY_OFFSET: f32 = 1.0;

/// Tiles are not smaller, in pixels.
const SMALLEST_TILE: usize = 64;

impl Settings {
    /// # Errors
    /// When a value is out of its range.
    pub fn check(&self) -> Result<()> {
        let told = |what: &str, range: &str| Err(Error::new(format!("{what} must be {range}.")));
        let share = |value: f32| (0.0..=1.0).contains(&value);
        match () {
            () if !(1..=128).contains(&self.points_per_side) => {
                told("The number of points along a side", "from 1 to 128")
            }
            () if !(1..=256).contains(&self.batch) => {
                told("The number of points at once", "from 1 to 256")
            }
            () if !share(self.iou_threshold) => told("The least predicted IoU", "from 0 to 1"),
            () if !share(self.stability_threshold) => told("The least stability", "from 0 to 1"),
            () if !share(self.nms_threshold) => told("The largest overlap of boxes", "from 0 to 1"),
            () if !share(self.max_share) => told("The largest share of the image", "from 0 to 1"),
            () if self.tile != 0 && self.tile < SMALLEST_TILE => {
                told("A tile's side", "64 pixels or more, or 0 for a single tile")
            }
            () if !(0.0..=0.5).contains(&self.overlap) => {
                told("The overlap of tiles", "from 0 to 0.5")
            }
            () => Ok(()),
        }
    }
}

/// An object that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Found {
    /// Its number in the labels.
    pub id: u32,
    /// As the model predicts it.
    pub iou: f32,
    pub stability: f32,
    /// Pixels of its mask, of which smaller objects may have taken some.
    pub area: usize,
}

/// A search under way.
pub struct Everything {
    image: Rgb,
    settings: Settings,
    tiles: Vec<Tile>,
    /// The tile at hand.
    place: usize,
    stage: Stage,
    candidates: Vec<Candidate>,
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

impl Everything {
    /// Begins a search in `image`, whose embedding may be at hand already.
    ///
    /// # Errors
    /// When the settings are out of range.
    pub fn new(image: Rgb, settings: Settings, embedding: Option<Embedding>) -> Result<Self> {
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
            candidates: Vec::new(),
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
        self.candidates.len()
    }

    /// The masks that are kept of all tiles, in descending order of size.
    pub fn masks(self) -> Vec<Candidate> {
        let whole = tiles::join(self.candidates, &self.tiles);
        let mut kept = candidates::suppress(whole, self.settings.nms_threshold);
        let pixels = self.image.width * self.image.height;
        let most = f64::from(self.settings.max_share) * pixels as f64;
        kept.retain(|c| c.shape.area >= self.settings.min_area && c.shape.area as f64 <= most);
        kept.sort_by_key(|candidate| std::cmp::Reverse(candidate.shape.area));
        kept
    }

    /// The masks as labels, the larger ones below the smaller ones. Masks of which nothing shows
    /// are left out.
    pub fn finish(self) -> (Labels, Vec<Found>) {
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
        let found = (1..).zip(&masks).map(|(id, mask)| Found {
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
            let stability = candidates::stability(&part, STABILITY_OFFSET);
            if stability < self.settings.stability_threshold {
                continue;
            }
            if let Some(shape) = part.shape() {
                let shape = tile.placed(shape);
                let cut = tile.cuts(&shape, (self.image.width, self.image.height));
                self.candidates.push(Candidate {
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
        let first = self.candidates.partition_point(|c| c.tile < self.place);
        let own = self.candidates.split_off(first);
        let kept = candidates::suppress(own, self.settings.nms_threshold);
        self.candidates.extend(kept);
        self.place += 1;
    }
}

fn paint(labels: &mut Labels, shape: &Shape, id: u32) {
    for i in (0..shape.bits.len()).filter(|&i| shape.bits[i]) {
        let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
        labels.ids[y * labels.width + x] = id;
    }
}
