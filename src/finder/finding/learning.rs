//! A lesson in the making.

use super::Given;
use super::checking::Checking;
use crate::error::{Error, Result};
use crate::finder::foreground::{Foreground, Pixels};
use crate::finder::lesson::{Finder, Lesson, Sight, Sizes, known};
use crate::finder::view::{Shades, Tiling, View};
use crate::image::labels::Labels;
use crate::image::part::Part;
use crate::image::resize::Rows;
use crate::image::shapes;

/// Tiles of an image that are learned from at most: those with the most objects.
const TILES: usize = 8;
/// So that the same objects teach the same.
const SEED: u64 = 0;

pub(super) struct Learning {
    tiling: Tiling,
    areas: Vec<f32>,
    /// Those with objects that are not looked at yet.
    cores: Vec<Part>,
    tiles: usize,
    views: Vec<(Part, View, Labels)>,
    pixels: Pixels,
}

impl Learning {
    /// # Errors
    /// When no object is labelled.
    pub fn new(labels: &Labels) -> Result<Self> {
        let objects = labels.objects(1);
        let areas: Vec<f32> = objects.iter().map(|object| object.area as f32).collect();
        let sizes = Sizes::of(areas.clone());
        let sizes = sizes.ok_or_else(|| Error::new("No object is labelled: label one first."))?;
        let tiling = Tiling::new((labels.width, labels.height), sizes.diameter);
        let within = |core: &Part| {
            let inside = |at: f32, start: usize, length: usize| {
                (start..start + length).contains(&(at as usize))
            };
            let holds = |[x0, y0, x1, y1]: [f32; 4]| {
                inside((x0 + x1) / 2.0, core.x, core.width)
                    && inside((y0 + y1) / 2.0, core.y, core.height)
            };
            objects.iter().filter(|object| holds(object.bbox)).count()
        };
        let mut cores: Vec<(usize, Part)> = tiling
            .cores()
            .into_iter()
            .map(|core| (within(&core), core))
            .filter(|(objects, _)| *objects > 0)
            .collect();
        cores.sort_by_key(|(objects, _)| std::cmp::Reverse(*objects));
        cores.truncate(TILES);
        Ok(Self {
            tiling,
            areas,
            tiles: cores.len(),
            cores: cores.into_iter().map(|(_, core)| core).rev().collect(),
            views: Vec::new(),
            pixels: Pixels::default(),
        })
    }

    pub fn progress(&self) -> f64 {
        self.views.len() as f64 / (self.tiles + 1) as f64
    }

    pub fn wants_image(&self) -> bool {
        !self.cores.is_empty()
    }

    /// Looks at the next tile.
    pub fn look(&mut self, image: &impl Rows, shades: Shades, given: &Given) {
        let Some(core) = self.cores.pop() else {
            return;
        };
        let Tiling {
            diameter, scale, ..
        } = self.tiling;
        let view = View::new(image, self.tiling.with_margins(&core), shades, scale);
        let ids = view.labels(&given.labels.ids, given.labels.width);
        let known = known(&view, &ids, &given.rejected);
        let seed = SEED + self.cores.len() as u64;
        let pixels = Pixels::of(&view.plane, diameter * scale, &known, self.tiles, seed);
        self.pixels.extend(pixels);
        let (width, height) = view.plane.size();
        let labels = Labels::new(width, height, ids);
        self.views.push((core, view, labels));
    }

    /// Learns, and adds the lesson to the others.
    pub fn go_on(self, finder: &mut Finder, image: String) -> Checking {
        let mut lesson = Lesson {
            image,
            pixels: self.pixels,
            areas: self.areas,
            examples: Vec::new(),
        };
        let others = finder
            .lessons
            .iter()
            .filter(|other| other.image != lesson.image);
        let pixels: Vec<_> = others
            .map(|other| &other.pixels)
            .chain([&lesson.pixels])
            .collect();
        let foreground = Foreground::learn(&pixels);
        let Tiling {
            diameter, scale, ..
        } = self.tiling;
        let mut cut = Vec::new();
        for (core, view, labels) in &self.views {
            let sight = Sight::new(view, &foreground, diameter, scale);
            for (id, bounds) in shapes::boxes(labels) {
                let shape = shapes::shape(labels, id, bounds);
                let whole = view.owns(core, &shape);
                let examples = if whole {
                    &mut lesson.examples
                } else {
                    &mut cut
                };
                examples.push(sight.region(&shape));
            }
        }
        if lesson.examples.is_empty() {
            lesson.examples = cut;
        }
        finder.add(lesson);
        Checking::new(self.tiling, self.views)
    }
}
