//! Learning from the labelled objects of an image, and finding the others in it or in another one,
//! in pieces between which clicks are answered. A tile after another is held. Where the model has a
//! decoder of instances, what that finds is proposed too, and ranked like all other shapes.

mod asking;
mod checking;
mod learning;
mod search;
mod step;

use std::sync::Arc;

use self::asking::Asking;
use self::checking::Checking;
pub use self::checking::FinderQuality;
use self::learning::Learning;
use self::search::Search;
pub use self::step::FindingStep;
use super::choose::{Suggestion, THRESHOLD, Terms, choose};
use super::evidence::Rated;
use super::lesson::{Finder, Learned, Sight};
use super::network::Network;
use super::propose::{self, Proposal, Proposing};
use super::second_look::SecondLook;
use super::unet::UNet;
use super::view::{Shades, View};
use crate::error::{Error, Result};
use crate::image::labels::Labels;
use crate::image::resize::Rows;
use crate::image::shapes::{self, Shape};
use crate::instances::search::{InstanceSearch, InstanceSettings, MAX_PIXELS, Method};
use crate::predictor::{Embedding, Predictor};

/// The shares of a finding that learning makes, and of a tile that its proposals make.
const LEARNING: f64 = 0.1;
const PROPOSING: f64 = 0.3;
/// The share that the decoder of instances makes, where there is one.
const INSTANCES: f64 = 0.4;
/// Embeddings, of 4 MiB each with SAM, that are kept for another search in the same image.
const KEPT: usize = 16;

/// What is given of an image.
pub struct Given {
    pub labels: Labels,
    /// Suggestions that the person threw away.
    pub rejected: Vec<Shape>,
    /// Of the whole image and of parts of it, as far as they are there.
    pub embeddings: Vec<Embedding>,
    /// What the model's decoder of instances found in it, where it was asked before.
    pub instances: Option<Instances>,
}

impl Given {
    fn instances(&self) -> &[Shape] {
        self.instances.as_deref().unwrap_or_default()
    }
}

/// Shapes of an image.
pub type Instances = Arc<[Shape]>;

/// A finding under way.
pub struct Finding {
    size: (usize, usize),
    given: Given,
    finder: Finder,
    /// The image that is to be learned from.
    lesson: Option<String>,
    stage: Stage,
    shades: Shades,
    /// There once it is learned.
    search: Option<Search>,
    rated: Vec<Rated>,
    quality: Option<FinderQuality>,
    network: Network,
    unet: UNet,
    /// How many embeddings are kept.
    keeps: usize,
    asks_for_instances: bool,
    /// Whether the size of objects was looked at in this image.
    rescaled: bool,
}

enum Stage {
    Survey,
    Learn(Box<Learning>),
    Check(Box<Checking>),
    View,
    Propose(Box<(View, Proposing)>),
    Ask(Box<Asking>),
    LookAgain(Box<LookingAgain>),
    Instances(Box<InstanceSearch>),
    Done(Vec<Suggestion>),
}

/// All shapes are looked at again, where these are labelled.
struct LookingAgain {
    look: SecondLook,
    labelled: Vec<Shape>,
}

/// A tile with the shapes in it that are asked about.
struct Tile {
    view: View,
    sight: Sight,
    proposals: Vec<Proposal>,
}

impl Finding {
    /// Begins to learn from the labelled objects of an image, which `image` tells from others, on
    /// top of what `finder` knows, and then to find more in it.
    ///
    /// # Errors
    /// When no object is labelled.
    pub fn learn(finder: Finder, image: String, given: Given) -> Result<Self> {
        if given.labels.ids.iter().all(|id| *id == 0) {
            return Err(Error::new(
                "No object is labelled here to learn from: label one or a few first.",
            ));
        }
        Self::new(finder, Some(image), given)
    }

    /// Begins to find objects with what `finder` knows.
    ///
    /// # Errors
    /// When it knows nothing.
    pub fn find(finder: Finder, given: Given) -> Result<Self> {
        if finder.objects() == 0 {
            return Err(Error::new(
                "Nothing has been learned yet: label one or a few objects first.",
            ));
        }
        Self::new(finder, None, given)
    }

    fn new(finder: Finder, lesson: Option<String>, given: Given) -> Result<Self> {
        Ok(Self {
            size: (given.labels.width, given.labels.height),
            given,
            finder,
            lesson,
            stage: Stage::Survey,
            shades: Shades::of(&Nothing),
            search: None,
            rated: Vec::new(),
            quality: None,
            network: Network::shipped()?,
            unet: UNet::shipped()?,
            keeps: KEPT,
            asks_for_instances: false,
            rescaled: false,
        })
    }

    /// Ranks shapes with other networks, and keeps all embeddings that it makes.
    pub fn ranked_by(self, network: Network, unet: UNet) -> Self {
        let keeps = usize::MAX;
        Self {
            network,
            unet,
            keeps,
            ..self
        }
    }

    /// Does the next piece of work; nothing when all is done. The predictor's own image and prompts
    /// stay as they are.
    ///
    /// # Errors
    /// When `image` has another size, or the device fails.
    pub async fn advance(
        &mut self,
        predictor: &Predictor,
        image: &impl Rows,
    ) -> Result<Option<FindingStep>> {
        match self.wants_image() {
            true => self.look(predictor, image)?,
            false => self.go_on(predictor).await?,
        }
        Ok(self.step())
    }

    /// How far it is; nothing when all is done.
    pub fn step(&self) -> Option<FindingStep> {
        let done = match &self.stage {
            Stage::Done(_) => return None,
            Stage::Survey => 0.0,
            Stage::Learn(learning) => 0.5 * LEARNING * learning.progress(),
            Stage::Check(_) => 0.9 * LEARNING,
            Stage::View => self.share(0.0),
            Stage::Propose(tile) => self.share(PROPOSING * tile.1.progress()),
            Stage::Ask(asking) => self.share(PROPOSING + (1.0 - PROPOSING) * asking.progress()),
            Stage::LookAgain(_) => self.share(0.0),
            Stage::Instances(search) => {
                return Some(FindingStep::of(INSTANCES * search.progress()));
            }
        };
        let before = match self.asks_for_instances {
            true => INSTANCES,
            false => 0.0,
        };
        Some(FindingStep::of(before + (1.0 - before) * done))
    }

    /// How far it is, 0..1, when so much of the tile at hand is done.
    fn share(&self, of_tile: f64) -> f64 {
        let tiles = self.search.as_ref().map_or(0.0, |search| {
            (search.place as f64 + of_tile) / search.cores.len().max(1) as f64
        });
        LEARNING + (1.0 - LEARNING) * tiles
    }

    /// Whether the next piece of work is [`Self::look`].
    pub fn wants_image(&self) -> bool {
        match &self.stage {
            Stage::Survey | Stage::View => true,
            Stage::Learn(learning) => learning.wants_image(),
            Stage::Ask(asking) => asking.wants_image(),
            Stage::Instances(search) => search.wants_image(),
            Stage::Check(_) | Stage::Propose(_) | Stage::LookAgain(_) | Stage::Done(_) => false,
        }
    }

    /// The piece of work that looks at the image, which is not needed after it.
    ///
    /// # Errors
    /// When `image` has another size.
    pub fn look(&mut self, predictor: &Predictor, image: &impl Rows) -> Result<()> {
        if image.size() != self.size {
            return Err(Error::new(
                "The search for objects is in an image of another size: begin it again.",
            ));
        }
        match &mut self.stage {
            Stage::Survey => {
                self.shades = Shades::of(image);
                self.stage = match self.instance_search(predictor)? {
                    Some(search) => Stage::Instances(Box::new(search)),
                    None => self.begin()?,
                };
            }
            Stage::Learn(learning) => learning.look(image, self.shades, &self.given),
            Stage::View => {
                if let Some(search) = &self.search {
                    let view = search.view(image, self.shades);
                    let proposing = Proposing::new(search.scope(
                        &view,
                        (&self.network, &self.unet),
                        &self.given,
                    ));
                    self.stage = Stage::Propose(Box::new((view, proposing)));
                }
            }
            Stage::Ask(asking) => asking.look(predictor, image, &self.given.embeddings),
            Stage::Instances(search) => search.begin_part(predictor, image)?,
            Stage::Check(_) | Stage::Propose(_) | Stage::LookAgain(_) | Stage::Done(_) => {}
        }
        Ok(())
    }

    /// [`Self::advance`] where no image is wanted.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn go_on(&mut self, predictor: &Predictor) -> Result<()> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Survey) {
            Stage::Learn(learning) => {
                let image = self.lesson.clone().unwrap_or_default();
                Stage::Check(Box::new(learning.go_on(&mut self.finder, image)))
            }
            Stage::Check(mut checking) => {
                match checking.go_on(&self.finder, &self.given, (&self.network, &self.unet)) {
                    None => Stage::Check(checking),
                    Some(quality) => {
                        self.quality = (quality.examples > 0).then_some(quality);
                        self.begin_search()?
                    }
                }
            }
            Stage::Propose(tile) => self.propose(*tile),
            Stage::Ask(mut asking) => {
                asking.go_on(predictor).await?;
                let kept = &mut self.given.embeddings;
                if let (true, Some(embedding)) = (kept.len() < self.keeps, asking.embedding()) {
                    let has = |other: &Embedding| other.part() == embedding.part();
                    if !kept.iter().any(has) {
                        kept.push(embedding.clone());
                    }
                }
                match (asking.is_done(), &self.search) {
                    (true, Some(search)) => {
                        self.rated
                            .extend(asking.rated(&search.learned, &self.network));
                        self.next_tile()
                    }
                    _ => Stage::Ask(asking),
                }
            }
            Stage::Instances(mut search) => match search.go_on(predictor).await? {
                true => Stage::Instances(search),
                false => {
                    self.given.instances = Some(shapes_of(&search.finish()?));
                    self.begin()?
                }
            },
            Stage::LookAgain(mut again) => {
                let LookingAgain { look, labelled } = &mut *again;
                let terms = Terms {
                    taken: labelled,
                    refused: &self.given.rejected,
                    large: self
                        .search
                        .as_ref()
                        .and_then(|search| search.learned.large()),
                };
                match look.go_on(terms) {
                    true => Stage::LookAgain(again),
                    false => {
                        let found = choose(look.rated(), terms);
                        self.at_another_scale(&found).unwrap_or(Stage::Done(found))
                    }
                }
            }
            other => other,
        };
        Ok(())
    }

    /// What the decoder of instances has to be asked, if there is one and it was not.
    fn instance_search(&mut self, predictor: &Predictor) -> Result<Option<InstanceSearch>> {
        let (width, height) = self.size;
        let has_decoder = predictor.instances().is_some();
        self.asks_for_instances =
            has_decoder && self.given.instances.is_none() && width * height <= MAX_PIXELS;
        if !self.asks_for_instances {
            return Ok(None);
        }
        let is_whole = |e: &&Embedding| (e.part().width, e.part().height) == self.size;
        let whole = self.given.embeddings.iter().find(is_whole).cloned();
        let (method, settings) = (Method::Watershed, InstanceSettings::default());
        InstanceSearch::new(self.size, None, method, settings, whole).map(Some)
    }

    /// Begins with what was labelled, or else with what is known.
    fn begin(&mut self) -> Result<Stage> {
        match self.lesson {
            Some(_) => Ok(Stage::Learn(Box::new(Learning::new(&self.given.labels)?))),
            None => self.begin_search(),
        }
    }

    fn begin_search(&mut self) -> Result<Stage> {
        let mut learned = self.finder.learned().ok_or_else(|| {
            Error::new("The labelled objects are too small to learn from: label larger ones.")
        })?;
        learned.own = self.lesson.is_some();
        Ok(self.search_for(learned))
    }

    /// Searches an image whose objects have another size than those that were learned from once more.
    fn at_another_scale(&mut self, found: &[Suggestion]) -> Option<Stage> {
        if self.lesson.is_some() || std::mem::replace(&mut self.rescaled, true) {
            return None;
        }
        let sure = found.iter().filter(|one| one.sureness >= THRESHOLD);
        let areas: Vec<f32> = sure.map(|one| one.shape.area as f32).collect();
        let search = self.search.take()?;
        let learned = search.learned.for_size_of(&areas)?;
        self.rated.clear();
        Some(self.search_for(learned))
    }

    fn search_for(&mut self, learned: Learned) -> Stage {
        self.search = Some(Search::new(self.size, learned));
        Stage::View
    }

    fn propose(&mut self, (view, proposing): (View, Proposing)) -> Stage {
        let Some(search) = &self.search else {
            return Stage::Survey;
        };
        let scope = search.scope(&view, (&self.network, &self.unet), &self.given);
        let (sight, all) = match proposing.go_on(scope) {
            Ok(done) => done,
            Err(proposing) => return Stage::Propose(Box::new((view, proposing))),
        };
        let tile = Tile {
            proposals: propose::likely(all, scope),
            view,
            sight,
        };
        if tile.proposals.is_empty() {
            return self.next_tile();
        }
        Stage::Ask(Box::new(Asking::new(
            tile,
            self.size,
            search.tiling.diameter,
        )))
    }

    fn next_tile(&mut self) -> Stage {
        if let Some(search) = &mut self.search {
            search.place += 1;
            if search.place < search.cores.len() {
                return Stage::View;
            }
        }
        Stage::LookAgain(Box::new(LookingAgain {
            labelled: shapes_of(&self.given.labels).to_vec(),
            look: SecondLook::new(self.rated.clone()),
        }))
    }

    /// All shapes that the model was asked about, with what speaks for them.
    pub fn rated(&self) -> &[Rated] {
        &self.rated
    }

    /// How well the labelled objects are found again; nothing where too few were learned from.
    pub fn quality(&self) -> Option<FinderQuality> {
        self.quality
    }

    /// What is known so far.
    pub fn finder(&self) -> &Finder {
        &self.finder
    }

    /// What the model's decoder of instances found, once it was asked.
    pub fn instances(&self) -> Option<&Instances> {
        self.given.instances.as_ref()
    }

    /// Embeddings that were given or kept.
    pub fn embeddings(&self) -> &[Embedding] {
        &self.given.embeddings
    }

    /// What was found, surest first, and what is known afterwards.
    ///
    /// # Errors
    /// When it is not all done.
    pub fn finish(self) -> Result<(Vec<Suggestion>, Finder)> {
        match self.stage {
            Stage::Done(suggestions) => Ok((suggestions, self.finder)),
            _ => Err(Error::new(
                "The search for objects goes on: wait until it has ended.",
            )),
        }
    }
}

/// The objects of labels, in the order of their numbers.
fn shapes_of(labels: &Labels) -> Instances {
    let boxes = shapes::boxes(labels);
    let shape = |(&id, &bounds): (&u32, &[usize; 4])| shapes::shape(labels, id, bounds);
    boxes.iter().map(shape).collect()
}

/// An image without a pixel.
struct Nothing;

impl Rows for Nothing {
    fn size(&self) -> (usize, usize) {
        (0, 0)
    }

    fn row(&self, _: usize, _: std::ops::Range<usize>) -> std::borrow::Cow<'_, [u8]> {
        Vec::new().into()
    }
}

#[cfg(test)]
mod tests;
