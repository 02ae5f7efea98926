//! Learning from labelled objects and finding more, a piece of work at a time.

use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::encoding::open_displayed;
use super::engine::{Engine, reader};
use super::image::no_image;
use super::types::{Display, JsResult, read};
use crate::error::{Error, Result};
use crate::finder::choose::THRESHOLD;
use crate::finder::finding::{FinderQuality, Given, Instances};
use crate::finder::{Finder, Finding, FindingStep, Suggestion};
use crate::image::decode::{Gray, Picture, Samples};
use crate::image::display::{self, Shown};
use crate::image::labels::Labels;
use crate::image::shapes::Shape;
use crate::predictor::Embedding;
use crate::weights::digest;

/// A finding under way.
pub(super) struct FindingTask {
    finding: Finding,
    /// The image, where it is not the open one.
    picture: Option<Picture>,
    /// Tells it from others.
    key: String,
    display: display::Display,
}

/// What was made of an image when it was searched, so that another search need not make it again.
pub(super) struct Seen {
    key: String,
    display: display::Display,
    instances: Option<Instances>,
    embeddings: Vec<Embedding>,
}

/// What was found with what was learned.
#[wasm_bindgen]
pub struct FoundSuggestions {
    suggestions: Vec<Suggestion>,
    quality: Option<FinderQuality>,
}

/// A mask that may be an object.
#[derive(Serialize, Tsify)]
pub struct SuggestionInfo {
    /// 0..1
    pub sureness: f32,
    /// Left, top, right and bottom in pixels of the image, the last two just outside.
    pub bounds: [usize; 4],
}

/// What is known of what was learned.
#[derive(Serialize, Tsify)]
pub struct FinderInfo {
    /// Labelled objects that it was learned from.
    pub objects: usize,
}

#[wasm_bindgen]
impl Engine {
    /// Begins learning from the runs of the open image's labels, and then finding in it. The masks
    /// of suggestions that were thrown away are between `rejected_bounds`, four numbers each, and
    /// their `rejected_bits` follow one another.
    pub fn begin_learning(
        &self,
        display: Ts<Display>,
        runs: Vec<u32>,
        rejected_bounds: Vec<u32>,
        rejected_bits: Vec<u8>,
    ) -> JsResult<()> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let size = image.picture.size();
        let (key, display) = (fingerprint(&image.picture)?, image.display(&display)?);
        let (instances, mut embeddings) = self.seen_in(&key, &display);
        if embeddings.is_empty() {
            let own = self.with_predictor_now(|predictor| predictor.embedding().ok().cloned())?;
            embeddings.extend(own);
        }
        let given = Given {
            labels: Labels::from_runs(&runs, size)?,
            rejected: rejected(&rejected_bounds, &rejected_bits, size)?,
            embeddings,
            instances,
        };
        let finder = self.finder.borrow().clone();
        let task = FindingTask {
            finding: Finding::learn(finder, key.clone(), given)?,
            picture: None,
            key,
            display,
        };
        self.finding.set(Some(task));
        Ok(())
    }

    /// Begins finding in an image, a page of a file or the bundled sample where there is none, with
    /// what was learned or opened last. The runs of its labels, none where it has not been labelled,
    /// are never suggested.
    pub fn begin_finding(
        &self,
        file: Option<Blob>,
        page: usize,
        display: Ts<Display>,
        runs: Vec<u32>,
    ) -> JsResult<()> {
        // Two large images at a time may be too many.
        self.finding.set(None);
        let (picture, display) = open_displayed(file, page, read(&display, "display settings")?)?;
        let size = picture.size();
        let labels = match runs.is_empty() {
            true => Labels::empty(size),
            false => Labels::from_runs(&runs, size)?,
        };
        let key = fingerprint(&picture)?;
        let (instances, embeddings) = self.seen_in(&key, &display);
        let given = Given {
            labels,
            rejected: Vec::new(),
            embeddings,
            instances,
        };
        let finder = self.finder.borrow().clone();
        let task = FindingTask {
            finding: Finding::find(finder, given)?,
            picture: Some(picture),
            key,
            display,
        };
        self.finding.set(Some(task));
        Ok(())
    }

    /// Does the next piece of what `begin_learning` or `begin_finding` began; `undefined`: nothing
    /// is left to do.
    pub async fn advance_finding(&self) -> JsResult<Option<Ts<FindingStep>>> {
        let mut task = self.finding.take().ok_or_else(no_finding)?;
        let advanced = self.advance_task(&mut task).await;
        let step = task.finding.step();
        self.finding.set(Some(task));
        advanced?;
        Ok(step.map(|step| step.into_ts()).transpose()?)
    }

    /// Ends what `begin_learning` or `begin_finding` began: what it found.
    pub fn finish_finding(&self) -> JsResult<FoundSuggestions> {
        let task = self.finding.take().ok_or_else(no_finding)?;
        let FindingTask {
            finding,
            key,
            display,
            ..
        } = task;
        let quality = finding.quality();
        self.seen.replace(Some(Seen {
            key,
            display,
            instances: finding.instances().cloned(),
            embeddings: finding.embeddings().to_vec(),
        }));
        let (suggestions, finder) = finding.finish()?;
        self.finder.replace(finder);
        Ok(FoundSuggestions {
            suggestions,
            quality,
        })
    }

    /// Drops what `begin_learning` or `begin_finding` began.
    pub fn drop_finding(&self) {
        self.finding.set(None);
    }

    /// What was learned, as safetensors.
    pub async fn finder_file(&self) -> JsResult<Vec<u8>> {
        let base = self.base().await?;
        let finder = self.finder.borrow();
        if finder.objects() == 0 {
            return Err(Error::new(
                "Nothing has been learned yet: learn from labelled objects first.",
            )
            .into());
        }
        let mut file = Vec::new();
        finder.write(&mut file, &base)?;
        Ok(file)
    }

    /// Opens the file of what was learned, which must be of the loaded model.
    pub async fn open_finder(&self, file: Blob) -> JsResult<Ts<FinderInfo>> {
        let base = self.base().await?;
        let finder = Finder::read(reader(&file)?, &base)?;
        let objects = finder.objects();
        self.finder.replace(finder);
        Ok(FinderInfo { objects }.into_ts()?)
    }
}

impl Engine {
    /// What the decoder of instances found in that image when it was searched last, and embeddings of its
    /// parts.
    fn seen_in(
        &self,
        key: &str,
        display: &display::Display,
    ) -> (Option<Instances>, Vec<Embedding>) {
        match &*self.seen.borrow() {
            Some(seen) if seen.key == key && seen.display == *display => {
                (seen.instances.clone(), seen.embeddings.clone())
            }
            _ => (None, Vec::new()),
        }
    }

    async fn advance_task(&self, task: &mut FindingTask) -> Result<()> {
        let FindingTask {
            finding,
            picture,
            display,
            ..
        } = task;
        if !finding.wants_image() {
            return self
                .with_predictor(async |predictor| finding.go_on(predictor).await)
                .await;
        }
        let image = self.image.borrow();
        let picture = match (&*picture, &*image) {
            (Some(picture), _) => picture,
            (None, Some(image)) => &image.picture,
            (None, None) => return Err(no_image()),
        };
        let shown = Shown::new(picture, display)?;
        self.with_predictor_now(|predictor| finding.look(predictor, &shown))?
    }
}

#[wasm_bindgen]
impl FoundSuggestions {
    pub fn infos(&self) -> JsResult<Vec<Ts<SuggestionInfo>>> {
        let info = |Suggestion { shape, sureness }: &Suggestion| SuggestionInfo {
            sureness: *sureness,
            bounds: [
                shape.x,
                shape.y,
                shape.x + shape.width,
                shape.y + shape.height,
            ],
        };
        let infos = self
            .suggestions
            .iter()
            .map(|suggestion| info(suggestion).into_ts());
        Ok(infos.collect::<std::result::Result<Vec<_>, _>>()?)
    }

    /// Of the labelled objects, held out in turn; `undefined` where nothing was learned.
    pub fn quality(&self) -> JsResult<Option<Ts<FinderQuality>>> {
        Ok(self.quality.map(|quality| quality.into_ts()).transpose()?)
    }

    /// The sureness, 0..1, from which on suggestions are best shown.
    #[wasm_bindgen(getter)]
    pub fn threshold(&self) -> f32 {
        THRESHOLD
    }

    /// The masks within their bounds, one after the other: 255 inside and 0 outside. With them this
    /// is used up.
    pub fn bits(self) -> Vec<u8> {
        let bits = self
            .suggestions
            .iter()
            .flat_map(|suggestion| &suggestion.shape.bits);
        bits.map(|bit| if *bit { 255 } else { 0 }).collect()
    }
}

/// What tells an image from others, however it is displayed.
fn fingerprint(picture: &Picture) -> Result<String> {
    /// Samples that are looked at, evenly over the image.
    const SAMPLES: usize = 1 << 20;
    let (width, height) = picture.size();
    let step = (width * height).div_ceil(SAMPLES).max(1);
    let mut bytes = format!("{width} {height} ").into_bytes();
    let mut add = |gray: &Gray| match &gray.samples {
        Samples::U8(v) => bytes.extend(v.iter().step_by(step)),
        Samples::U16(v) => bytes.extend(v.iter().step_by(step).flat_map(|x| x.to_le_bytes())),
        Samples::F32(v) => bytes.extend(v.iter().step_by(step).flat_map(|x| x.to_le_bytes())),
    };
    match picture {
        Picture::Gray(gray) => add(gray),
        Picture::Composite(composite) => composite.channels.iter().flatten().for_each(add),
        Picture::Rgb(rgb) => bytes.extend(rgb.pixels.chunks_exact(3).step_by(step).flatten()),
    }
    digest(&bytes[..]).map_err(|_| Error::new("The image cannot be read."))
}

/// Shapes of an image of this size from their bounds and bits.
fn rejected(bounds: &[u32], bits: &[u8], (width, height): (usize, usize)) -> Result<Vec<Shape>> {
    let wrong = || Error::new("The suggestions that were thrown away do not fit the image.");
    let (boxes, rest) = bounds.as_chunks::<4>();
    let (mut left, mut shapes) = (bits, Vec::new());
    for bounds in boxes {
        let [x0, y0, x1, y1] = bounds.map(|at| at as usize);
        let fits = x0 < x1 && y0 < y1 && x1 <= width && y1 <= height;
        let area = if fits {
            (x1 - x0) * (y1 - y0)
        } else {
            return Err(wrong());
        };
        let own = left.split_at_checked(area).ok_or_else(wrong)?;
        left = own.1;
        let bits = own.0.iter().map(|bit| *bit > 0).collect();
        shapes.extend(Shape::trimmed(x0, y0, x1 - x0, bits));
    }
    match rest.is_empty() && left.is_empty() {
        true => Ok(shapes),
        false => Err(wrong()),
    }
}

fn no_finding() -> Error {
    Error::new("No search for objects like the labelled ones is running: start one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_thrown_away_lies_in_the_image() {
        let shapes = rejected(&[1, 1, 3, 2, 0, 0, 1, 2], &[255, 0, 0, 255], (4, 4));
        let boxes: Vec<_> = shapes.unwrap().iter().map(|s| (s.x, s.y, s.area)).collect();
        assert_eq!(boxes, [(1, 1, 1), (0, 1, 1)]);
        for (bounds, bits) in [
            (&[1, 1, 3, 5][..], &[255; 8][..]),
            (&[1, 1, 3, 2], &[255]),
            (&[1, 1, 3, 2], &[255; 3]),
            (&[1, 1, 3], &[]),
            (&[3, 1, 3, 2], &[]),
        ] {
            assert!(rejected(bounds, bits, (4, 4)).is_err(), "{bounds:?}");
        }
    }
}
