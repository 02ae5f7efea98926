//! Instances of an image by a model's own decoder of them, in parts where the image is large.

use burn::tensor::Tensor;
use serde::Deserialize;
use tsify::Tsify;

use super::prompts::{self, Mask};
use super::{Levels, Maps, segment};
use crate::automatic_masks::proposals::stability;
use crate::automatic_masks::tiles;
use crate::device;
use crate::error::{Error, Result};
use crate::image::labels::Labels;
use crate::image::part::{Part, WHOLE};
use crate::image::resize::Rows;
use crate::model::instance_decoder::{Decoding, MAPS};
use crate::model::mask_decoder::MASK_TOKENS;
use crate::model::two_way_transformer::PreparedImage;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt, answer_on, most_prompts, prepare};
use crate::settings::settings;

/// Share of a part's side that it has in common with its neighbour. Of what they share, each gives
/// the half that is farther from its border.
const OVERLAP: f32 = 0.25;

/// Pixels of the largest image: its maps take 12 bytes a pixel, and as many again while they are
/// smoothed.
pub(crate) const MAX_PIXELS: usize = 64 << 20;

/// Of how many pieces a decoding is made, for the progress.
const PIECES: f64 = 520.0;

/// Points that are asked for at a time.
const BATCH: usize = 32;

/// Logits by which a mask's cut is moved to see how stable it is.
const OFFSET: f32 = 1.0;

/// The share of a search's progress that the maps make, where points are asked for after them.
const MAPS_SHARE: f64 = 0.7;

settings! {
    /// What of the maps becomes objects.
    pub struct InstanceSettings with InstanceRanges {
        /// Pixels above it are foreground.
        foreground_threshold: f32 = 0.5, 0 to 1, "The foreground threshold";
        /// Foreground whose distances to its object's centre and border are both below these is a seed.
        center_distance_threshold: f32 = 0.5, 0 to 1, "The centre distance threshold";
        boundary_distance_threshold: f32 = 0.5, 0 to 1, "The boundary distance threshold";
        /// Least area of an object, in pixels.
        min_size: usize = 25, 0 to 100_000_000, "The least size of an object";
    }
}

impl InstanceSettings {
    fn levels(&self) -> Levels {
        Levels {
            foreground: self.foreground_threshold,
            centre: self.center_distance_threshold,
            border: self.boundary_distance_threshold,
        }
    }
}

/// What is made of the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A watershed of them (micro-sam's AIS).
    Watershed,
    /// Masks of points that they give (micro-sam's APG).
    Prompts,
}

/// A search under way.
pub struct InstanceSearch {
    size: (usize, usize),
    tiles: Vec<Part>,
    /// The part at hand.
    place: usize,
    /// Of the image, until it is looked at.
    embedding: Option<Embedding>,
    stage: Stage,
    maps: Maps,
    settings: InstanceSettings,
    method: Method,
    /// Of each part, where they are asked for points.
    embeddings: Vec<Embedding>,
    /// Of each part, once the maps are whole.
    points: Option<Vec<Vec<(usize, usize)>>>,
    /// How many these were.
    asked: usize,
    masks: Vec<Mask>,
}

enum Stage {
    Begin,
    Encode(Encoding),
    Decode(Embedding, Decoding),
    Prompt(Box<PreparedImage>),
}

impl InstanceSearch {
    /// Begins a search in an image of this width and height, in parts of `side` pixels, or of those
    /// that the model sees at its own size if it is nothing. The image's `embedding` serves if it is one
    /// part.
    ///
    /// # Errors
    /// When the image is too large, or a setting out of its range.
    pub fn new(
        size: (usize, usize),
        side: Option<usize>,
        method: Method,
        settings: InstanceSettings,
        embedding: Option<Embedding>,
    ) -> Result<Self> {
        settings.check_ranges()?;
        let (width, height) = size;
        let pixels = width.checked_mul(height);
        let pixels = pixels.filter(|&pixels| pixels <= MAX_PIXELS);
        let pixels = pixels.ok_or_else(|| {
            Error::new(format!(
                "The image has {width} × {height} pixels, but instances are found in up to {} million: open a part of \
                 it, or search for automatic masks.",
                MAX_PIXELS / 1_000_000
            ))
        })?;
        let plane = || vec![0.0; pixels];
        let tiles = tiles::layout(size, side.unwrap_or(WHOLE), OVERLAP);
        Ok(Self {
            size,
            embedding: embedding.filter(|whole| tiles.first() == Some(&whole.part())),
            tiles,
            place: 0,
            stage: Stage::Begin,
            maps: Maps {
                width,
                height,
                foreground: plane(),
                centre: plane(),
                border: plane(),
            },
            settings,
            method,
            embeddings: Vec::new(),
            points: None,
            asked: 0,
            masks: Vec::new(),
        })
    }

    /// Begins where the maps are there, of an image whose `embedding` is the whole of it.
    ///
    /// # Errors
    /// As those of [`Self::new`].
    pub fn of_maps(
        maps: Maps,
        embedding: Embedding,
        method: Method,
        settings: InstanceSettings,
    ) -> Result<Self> {
        let (size, side) = (embedding.size(), Some(usize::MAX));
        let search = Self::new(size, side, method, settings, None)?;
        Ok(Self {
            place: search.tiles.len(),
            embeddings: vec![embedding],
            maps,
            ..search
        })
    }

    /// Does the next piece of work: a step of an encoding, a strip of a layer, or a batch of points.
    /// False when all is done.
    ///
    /// # Errors
    /// As those of [`Self::begin_part`] and [`Self::go_on`].
    pub async fn advance(&mut self, predictor: &Predictor, image: &impl Rows) -> Result<bool> {
        if !self.wants_image() {
            return self.go_on(predictor).await;
        }
        self.begin_part(predictor, image)?;
        Ok(true)
    }

    /// Whether the next piece of work needs the image.
    pub fn wants_image(&self) -> bool {
        let begins = matches!(self.stage, Stage::Begin) && self.place < self.tiles.len();
        begins && self.embedding.is_none()
    }

    /// Begins the next part of `image`.
    ///
    /// # Errors
    /// When it has another size.
    pub fn begin_part(&mut self, predictor: &Predictor, image: &impl Rows) -> Result<()> {
        if image.size() != self.size {
            return Err(Error::new(
                "The image has changed while it was searched; search it again.",
            ));
        }
        if let Some(&tile) = self.tiles.get(self.place) {
            self.stage = Stage::Encode(predictor.begin_part(image, tile));
        }
        Ok(())
    }

    /// Does a piece of work that needs no image. False when all is done.
    ///
    /// # Errors
    /// When the model has no decoder of instances, or the device fails.
    pub async fn go_on(&mut self, predictor: &Predictor) -> Result<bool> {
        if self.place == self.tiles.len() {
            return self.ask(predictor).await;
        }
        let decoder = predictor.instances().ok_or_else(no_decoder)?;
        let decoded = |embedding: Embedding| {
            let decoding = decoder.begin(embedding.features());
            Stage::Decode(embedding, decoding)
        };
        match &mut self.stage {
            Stage::Begin => {
                if let Some(whole) = self.embedding.take() {
                    self.stage = decoded(whole);
                }
            }
            Stage::Encode(encoding) => {
                if let Some(embedding) = predictor.advance(encoding).await? {
                    self.stage = decoded(embedding);
                }
            }
            Stage::Decode(embedding, decoding) => {
                if let Some(maps) = decoding.advance().await? {
                    let embedding = embedding.clone();
                    self.stage = Stage::Begin;
                    self.put(&embedding, maps).await?;
                    if self.method == Method::Prompts {
                        self.embeddings.push(embedding);
                    }
                    self.place += 1;
                }
            }
            Stage::Prompt(_) => {}
        }
        Ok(true)
    }

    /// How much of the work is done, 0..1.
    pub fn progress(&self) -> f64 {
        let within = match &self.stage {
            Stage::Decode(_, decoding) => {
                0.5 + 0.5 * (decoding.steps_done() as f64 / PIECES).min(1.0)
            }
            Stage::Begin | Stage::Encode(_) | Stage::Prompt(_) => 0.0,
        };
        let maps = (self.place as f64 + within) / self.tiles.len().max(1) as f64;
        if self.method == Method::Watershed {
            return maps.min(1.0);
        }
        let left: Option<usize> = self.points.as_ref().map(|p| p.iter().map(Vec::len).sum());
        let asked = left.map_or(0.0, |left| 1.0 - left as f64 / self.asked.max(1) as f64);
        maps.min(1.0) * MAPS_SHARE + asked * (1.0 - MAPS_SHARE)
    }

    /// Masks so far, where points are asked for.
    pub fn found(&self) -> usize {
        self.masks.len()
    }

    /// Asks for the next batch of the points that the maps give. False when none is left.
    async fn ask(&mut self, predictor: &Predictor) -> Result<bool> {
        if self.method == Method::Watershed {
            return Ok(false);
        }
        let Some(points) = &mut self.points else {
            let points = self.points_of_parts();
            self.asked = points.iter().map(Vec::len).sum();
            self.points = Some(points);
            return Ok(true);
        };
        let (Some(of_part), Some(embedding)) = (points.last_mut(), self.embeddings.last()) else {
            return Ok(false);
        };
        if of_part.is_empty() {
            points.pop();
            self.embeddings.pop();
            self.stage = Stage::Begin;
            return Ok(true);
        }
        let (encoder, decoder) = (&predictor.model().prompt_encoder, predictor.decoder());
        let Stage::Prompt(image) = &self.stage else {
            let image = prepare(encoder, decoder, embedding);
            self.stage = Stage::Prompt(Box::new(image));
            return Ok(true);
        };
        let most = BATCH.min(most_prompts(embedding));
        let batch = of_part.split_off(of_part.len().saturating_sub(most));
        let prompts = batch.iter().map(|&(x, y)| {
            let (x, y, positive) = (x as f32, y as f32, true);
            [Prompt::Point { x, y, positive }]
        });
        let prompts: Vec<_> = prompts.collect();
        let prompts: Vec<&[Prompt]> = prompts.iter().map(|prompt| &prompt[..]).collect();
        let (masks, ious) = answer_on(image, encoder, decoder, embedding, &prompts);
        // The first is the answer to a prompt that is not ambiguous.
        let logits = device::read(masks.narrow(1, 0, 1)).await?;
        let ious = device::read(ious).await?;
        let side = embedding.mask_side();
        for (logits, ious) in logits
            .chunks_exact(side * side)
            .zip(ious.chunks_exact(MASK_TOKENS))
        {
            let Some(part) = embedding.enlarge(logits, -OFFSET) else {
                continue;
            };
            if let Some(shape) = part.shape() {
                let score = ious[0] * stability(&part, OFFSET);
                self.masks.push(Mask { shape, score });
            }
        }
        Ok(true)
    }

    /// The points that each part is asked for.
    fn points_of_parts(&self) -> Vec<Vec<(usize, usize)>> {
        let points = prompts::points(&self.maps, self.settings.levels());
        let within = |tile: &Part| {
            let [left, top, right, bottom] = self.own(tile);
            let own = |&&(x, y): &&(usize, usize)| {
                (left..right).contains(&x) && (top..bottom).contains(&y)
            };
            points.iter().filter(own).copied().collect()
        };
        self.tiles.iter().map(within).collect()
    }

    /// Puts what the decoder gave of a part into the image's maps.
    async fn put(&mut self, embedding: &Embedding, maps: Tensor<4>) -> Result<()> {
        let part = embedding.part();
        let [left, top, right, bottom] = self.own(&part);
        let (
            width,
            Maps {
                foreground,
                centre,
                border,
                ..
            },
        ) = (self.size.0, &mut self.maps);
        for (i, plane) in [foreground, centre, border]
            .into_iter()
            .enumerate()
            .take(MAPS)
        {
            let map = device::read(maps.clone().narrow(1, i, 1)).await?;
            let Some(enlarged) = embedding.enlarge(&map, f32::NEG_INFINITY) else {
                return Err(Error::new(
                    "The decoder of instances gave values that are no numbers; its file may be damaged.",
                ));
            };
            for y in top..bottom {
                let from = (y - part.y) * part.width + left - part.x;
                plane[y * width + left..y * width + right]
                    .copy_from_slice(&enlarged.logits[from..from + right - left]);
            }
        }
        Ok(())
    }

    /// The left, top, right and bottom of what a part gives: where it overlaps others, the half.
    fn own(&self, part: &Part) -> [usize; 4] {
        let ends = |start: fn(&Part) -> usize, length: fn(&Part) -> usize, whole: usize| {
            let (own, end) = (start(part), start(part) + length(part));
            let before = self.tiles.iter().filter(|tile| start(tile) < own);
            let behind = self.tiles.iter().filter(|tile| start(tile) > own);
            let before = before.map(|tile| start(tile) + length(tile)).max();
            let behind = behind.map(start).min();
            [
                before.map_or(0, |before| own + before.saturating_sub(own) / 2),
                behind.map_or(whole, |behind| behind + end.saturating_sub(behind) / 2),
            ]
        };
        let [left, right] = ends(|tile| tile.x, |tile| tile.width, self.size.0);
        let [top, bottom] = ends(|tile| tile.y, |tile| tile.height, self.size.1);
        [left, top, right, bottom]
    }

    /// The objects, once all is done.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(self) -> Result<Labels> {
        if self.place < self.tiles.len() {
            return Err(Error::new(
                "The search for instances has not come to its end.",
            ));
        }
        let least = self.settings.min_size;
        if self.method == Method::Watershed {
            return Ok(segment(self.maps, self.settings.levels(), least));
        }
        if self.points.is_none_or(|points| !points.is_empty()) {
            return Err(Error::new(
                "The search for instances has not come to its end.",
            ));
        }
        let masks = prompts::suppress(self.masks, least);
        let (width, height) = self.size;
        let ids = prompts::painted(&masks, self.size, least);
        Ok(Labels::new(width, height, ids))
    }
}

fn no_decoder() -> Error {
    Error::new(
        "The model has no decoder of instances: open one of micro-sam's models that has, or search for automatic masks.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_comes_from_one_part() {
        for size in [(2500, 1700), (1024, 3000), (1025, 1025), (600, 400)] {
            let settings = InstanceSettings::default();
            let search = InstanceSearch::new(size, None, Method::Watershed, settings, None)
                .expect("it is small");
            let mut from = vec![0_u8; size.0 * size.1];
            for tile in &search.tiles {
                let [left, top, right, bottom] = search.own(tile);
                assert!(left >= tile.x && right <= tile.x + tile.width);
                assert!(top >= tile.y && bottom <= tile.y + tile.height);
                for y in top..bottom {
                    for from in &mut from[y * size.0 + left..y * size.0 + right] {
                        *from += 1;
                    }
                }
            }
            assert!(from.iter().all(|&from| from == 1), "{size:?}");
        }
    }

    #[test]
    fn an_image_that_is_too_large_is_refused() {
        let settings = InstanceSettings::default();
        let told = InstanceSearch::new((20_000, 20_000), None, Method::Watershed, settings, None);
        let told = told.err();
        let told = told.expect("it is refused").to_string();
        assert!(
            told.starts_with("The image has 20000 × 20000 pixels"),
            "{told}"
        );
    }
}
