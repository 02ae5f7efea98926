//! How well the labelled objects of an image are found again, each by what is learned without it.

use std::collections::BTreeSet;

use serde::Serialize;
use tsify::Tsify;

use super::Given;
use crate::finder::choose::{THRESHOLD, sureness};
use crate::finder::foreground::{Foreground, Pixels};
use crate::finder::lesson::{Finder, Learned, Sight, known};
use crate::finder::network::Network;
use crate::finder::propose::{Proposal, Proposing, Scope, common, overlap};
use crate::finder::unet::UNet;
use crate::finder::view::{Tiling, View};
use crate::image::labels::Labels;
use crate::image::part::Part;
use crate::image::shapes::{self, Shape};

/// Parts of the objects of which each is held out once.
const FOLDS: usize = 2;
/// The IoU from which on an object counts as found.
const FOUND: f64 = 0.5;

/// How well the labelled objects are found again, each by what is learned without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Tsify)]
pub struct FinderQuality {
    pub examples: usize,
    pub found: usize,
    pub missed: usize,
    /// What was found where the person says that no such object is.
    pub wrong: usize,
}

pub(super) struct Checking {
    pub tiling: Tiling,
    pub views: Vec<(Part, View, Labels)>,
    /// The labelled objects' numbers, sorted; every second is held out in turn.
    ids: Vec<u32>,
    fold: usize,
    /// What is learned without the objects that are held out, and the tile at hand.
    held_out: Option<(Learned, usize)>,
    proposing: Option<(Proposing, About)>,
    quality: FinderQuality,
}

/// Shapes of a tile that are to be found there, or not.
struct About {
    /// Objects that are held out, and then what the person threw away.
    shapes: Vec<Shape>,
    /// How many the former are.
    held: usize,
}

impl Checking {
    pub fn new(tiling: Tiling, views: Vec<(Part, View, Labels)>) -> Self {
        let ids = views.iter().flat_map(|(_, _, labels)| &labels.ids);
        let ids: BTreeSet<u32> = ids.copied().filter(|id| *id > 0).collect();
        Self {
            tiling,
            views,
            ids: ids.into_iter().collect(),
            fold: 0,
            held_out: None,
            proposing: None,
            quality: FinderQuality::default(),
        }
    }

    /// Does the next piece of work; what came out when all is done, nothing of it where fewer than
    /// two objects are labelled.
    pub fn go_on(
        &mut self,
        finder: &Finder,
        given: &Given,
        (network, unet): (&Network, &UNet),
    ) -> Option<FinderQuality> {
        let objects = self
            .views
            .iter()
            .map(|(_, _, labels)| shapes::boxes(labels).len());
        if objects.sum::<usize>() < FOLDS || self.fold >= FOLDS {
            return Some(self.quality);
        }
        let Some((learned, tile)) = &self.held_out else {
            match self.without_fold(finder, given) {
                Some(learned) => self.held_out = Some((learned, 0)),
                None => self.fold += 1,
            }
            return None;
        };
        let Some((core, view, labels)) = self.views.get(*tile) else {
            self.held_out = None;
            self.fold += 1;
            return None;
        };
        let (begun, about) = match self.proposing.take() {
            Some((proposing, about)) => (Some(proposing), about),
            None => (None, self.about((core, view, labels), given)),
        };
        let scope = Scope {
            instances: given.instances(),
            about: Some(&about.shapes),
            view,
            core,
            learned,
            network,
            unet,
            scale: self.tiling.scale,
        };
        let all = match about.shapes.is_empty() {
            true => Vec::new(),
            false => {
                let proposing = begun.unwrap_or_else(|| Proposing::new(scope));
                match proposing.go_on(scope) {
                    Ok((_, all)) => all,
                    Err(proposing) => {
                        self.proposing = Some((proposing, about));
                        return None;
                    }
                }
            }
        };
        self.check(all, &about);
        if let Some((_, tile)) = &mut self.held_out {
            *tile += 1;
        }
        None
    }

    /// What is learned without the objects that are held out.
    fn without_fold(&self, finder: &Finder, given: &Given) -> Option<Learned> {
        let Tiling {
            diameter, scale, ..
        } = self.tiling;
        let lesson = finder.lessons.last()?;
        let mut pixels = Pixels::default();
        for (i, (_, view, labels)) in self.views.iter().enumerate() {
            let kept: Vec<u32> = labels
                .ids
                .iter()
                .map(|id| if self.holds(*id) { 0 } else { *id })
                .collect();
            let known = known(view, &kept, &given.rejected);
            pixels.extend(Pixels::of(
                &view.plane,
                diameter * scale,
                &known,
                self.views.len(),
                i as u64,
            ));
        }
        let others = &finder.lessons[..finder.lessons.len() - 1];
        let all: Vec<&Pixels> = others
            .iter()
            .map(|other| &other.pixels)
            .chain([&pixels])
            .collect();
        let foreground = Foreground::learn(&all);
        let mut examples: Vec<_> = others
            .iter()
            .flat_map(|other| &other.examples)
            .copied()
            .collect();
        for (core, view, labels) in &self.views {
            let sight = Sight::new(view, &foreground, diameter, scale);
            let kept = shapes::boxes(labels)
                .into_iter()
                .filter(|(id, _)| !self.holds(*id));
            let kept = kept.map(|(id, bounds)| shapes::shape(labels, id, bounds));
            examples.extend(
                kept.filter(|shape| view.owns(core, shape))
                    .map(|shape| sight.region(&shape)),
            );
        }
        Learned::of(foreground, &examples, lesson.areas.clone())
    }

    fn holds(&self, id: u32) -> bool {
        let place = self.ids.binary_search(&id);
        place.is_ok_and(|place| place % FOLDS == self.fold)
    }

    fn about(&self, (core, view, labels): (&Part, &View, &Labels), given: &Given) -> About {
        let boxes = shapes::boxes(labels).into_iter();
        let held = boxes.filter(|(id, _)| self.holds(*id));
        let held = held.map(|(id, bounds)| shapes::shape(labels, id, bounds));
        let mut shapes: Vec<Shape> = held.filter(|shape| view.owns(core, shape)).collect();
        let held = shapes.len();
        shapes.extend(given.rejected.iter().filter_map(|shape| view.seen(shape)));
        About { shapes, held }
    }

    fn check(&mut self, mut all: Vec<Proposal>, about: &About) {
        let (held, refused) = about.shapes.split_at(about.held);
        let mut found = vec![false; held.len()];
        all.retain(|proposal| sureness(proposal.score) >= THRESHOLD);
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut chosen: Vec<Shape> = Vec::new();
        let mut wrong = 0;
        for Proposal { shape, .. } in all {
            if chosen.iter().any(|other| overlap(&shape, other)) {
                continue;
            }
            let same = |other: &Shape| shapes::iou(Some(&shape), Some(other)) >= FOUND;
            match held.iter().position(same) {
                Some(place) => found[place] = true,
                None => {
                    let on: usize = held.iter().map(|held| common(&shape, held)).sum();
                    wrong += usize::from(2 * on > shape.area || refused.iter().any(same));
                }
            }
            chosen.push(shape);
        }
        let found = found.into_iter().filter(|found| *found).count();
        self.quality.examples += held.len();
        self.quality.found += found;
        self.quality.missed += held.len() - found;
        self.quality.wrong += wrong;
    }
}
