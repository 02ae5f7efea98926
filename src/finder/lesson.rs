//! What is learned of labelled objects, image by image, and what all lessons come to.

use super::foreground::{Foreground, Known, Pixels};
use super::numbers::{self, Typical, weighted_median};
use super::plane::Plane;
use super::prior::Prior;
use super::region::{Look, Region};
use super::view::View;
use crate::image::shapes::{Shape, plane};

/// Lessons that are kept; the oldest gives way.
const MOST: usize = 8;
/// Smoothings of the image and of its gradient, as shares of the diameter and at least in pixels.
const LIGHT: (f32, f32) = (0.04, 0.5);
const EDGE: (f32, f32) = (0.05, 0.7);
/// Found objects of which the size is believed, and the factor from which on it is another one.
const ENOUGH: usize = 5;
const OTHER: f32 = 1.3;

/// Whole examples that tell how small objects are, and by how much smaller than the smallest of them none is
/// looked for, unless the image's border cuts it. From as many on examples tell how large objects are.
const MANY: usize = 5;
const SPECK: f32 = 0.25;

/// What an image's labelled objects taught.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lesson {
    /// Tells the image from others.
    pub image: String,
    pub pixels: Pixels,
    /// Of the objects, in pixels of the image.
    pub areas: Vec<f32>,
    /// The objects, seen with the foreground that was learned then.
    pub examples: Vec<Region>,
}

/// All that was learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finder {
    pub lessons: Vec<Lesson>,
}

impl Finder {
    /// Takes a lesson, in the place of the one before on the same image.
    pub fn add(&mut self, lesson: Lesson) {
        self.lessons.retain(|other| other.image != lesson.image);
        self.lessons.push(lesson);
        let over = self.lessons.len().saturating_sub(MOST);
        self.lessons.drain(..over);
    }

    /// Labelled objects that it was learned from.
    pub fn objects(&self) -> usize {
        self.lessons.iter().map(|lesson| lesson.areas.len()).sum()
    }

    /// What the lessons come to; nothing where there is none.
    pub fn learned(&self) -> Option<Learned> {
        let pixels: Vec<&Pixels> = self.lessons.iter().map(|lesson| &lesson.pixels).collect();
        let examples: Vec<Region> = self
            .lessons
            .iter()
            .flat_map(|l| &l.examples)
            .copied()
            .collect();
        let areas = self.lessons.iter().flat_map(|lesson| &lesson.areas);
        Learned::of(
            Foreground::learn(&pixels),
            &examples,
            areas.copied().collect(),
        )
    }
}

/// What objects are searched for with.
pub struct Learned {
    pub foreground: Foreground,
    pub typical: Typical,
    pub sizes: Sizes,
    /// How many it was learned from.
    pub examples: usize,
    /// Whether objects of the image that is searched were among them.
    pub own: bool,
    /// The area of the smallest one that no border cuts, in pixels of the image, where these are many.
    smallest_whole: Option<f32>,
    /// The area that nine of ten do not exceed, where these are many.
    large: Option<f32>,
}

impl Learned {
    /// Of the examples and the areas of the labelled objects, for the image that these are in; nothing where
    /// there are none.
    pub fn of(foreground: Foreground, examples: &[Region], areas: Vec<f32>) -> Option<Self> {
        Some(Self {
            foreground,
            typical: Typical::of(examples)?,
            sizes: Sizes::of(areas)?,
            examples: examples.len(),
            own: true,
            smallest_whole: smallest_whole(examples),
            large: large(examples),
        })
    }

    /// Whether so few pixels of the image are far less than any of many whole examples has. In another
    /// image all objects may be that small.
    pub fn is_speck(&self, area: f32) -> bool {
        let smallest = self.smallest_whole.filter(|_| self.own);
        smallest.is_some_and(|smallest| area < SPECK * smallest)
    }

    /// Pixels from which on a shape may well be several objects, in an image of which less is known.
    pub fn large(&self) -> Option<f32> {
        self.large.filter(|_| !self.own)
    }

    /// For objects that are larger by this factor along both axes.
    fn scaled(mut self, factor: f32) -> Self {
        let Sizes {
            diameter,
            smallest,
            middle,
            most,
        } = self.sizes;
        let area = factor * factor;
        self.sizes = Sizes {
            diameter: diameter * factor,
            smallest: smallest * area,
            middle: middle * area,
            most: most * area,
        };
        self.typical = self.typical.scaled(f64::from(area));
        self.smallest_whole = self.smallest_whole.map(|smallest| smallest * area);
        self.large = self.large.map(|large| large * area);
        self
    }

    /// For the size of `found` objects, where these are many and of another one than was learned.
    pub fn for_size_of(self, found: &[f32]) -> Option<Self> {
        let sizes = Sizes::of(found.to_vec()).filter(|_| found.len() >= ENOUGH)?;
        let factor = sizes.diameter / self.sizes.diameter;
        let same = (1.0 / OTHER..OTHER).contains(&factor);
        (!same).then(|| self.scaled(factor))
    }
}

fn large(examples: &[Region]) -> Option<f32> {
    let areas = many_areas(examples.iter())?;
    areas.get(areas.len() * 9 / 10).copied()
}

fn smallest_whole(examples: &[Region]) -> Option<f32> {
    let areas = many_areas(examples.iter().filter(|r| !r.cut))?;
    areas.first().copied()
}

/// The areas in ascending order; nothing where they are few.
fn many_areas<'a>(examples: impl Iterator<Item = &'a Region>) -> Option<Vec<f32>> {
    let mut areas: Vec<f32> = examples.map(|example| example.area).collect();
    areas.sort_by(f32::total_cmp);
    (areas.len() >= MANY).then_some(areas)
}

/// How large objects are, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    pub diameter: f32,
    /// Areas of the smallest one and of the one in the middle.
    smallest: f32,
    middle: f32,
    /// The largest area that is looked for.
    most: f32,
}

impl Sizes {
    /// Of objects of these areas; nothing where there is none.
    pub fn of(mut areas: Vec<f32>) -> Option<Self> {
        areas.sort_by(f32::total_cmp);
        let pairs = areas
            .iter()
            .map(|area| (f64::from(*area), f64::from(*area)));
        let typical = weighted_median(pairs.collect())?;
        let middle = *areas.get(areas.len() / 2)?;
        let (smallest, largest) = (*areas.first()?, *areas.last()?);
        Some(Self {
            diameter: (typical * 4.0 / std::f64::consts::PI).sqrt() as f32,
            smallest,
            middle,
            most: 8.0 * middle + 2.0 * largest,
        })
    }

    /// The least and the largest area in pixels of a view of this scale.
    pub fn areas(&self, scale: f32) -> (usize, usize) {
        let pixel = scale * scale;
        let least = (0.15 * self.smallest * pixel).max(5.0);
        let least = least.min((0.05 * self.middle * pixel).max(12.0));
        (least as usize, (self.most * pixel) as usize)
    }
}

/// Planes of a view.
pub struct Sight {
    /// 0..1.
    pub foreground: Plane,
    /// Nothing before it is asked for.
    pub prior: Prior,
    light: Plane,
    gradient: Plane,
    /// Of objects, in pixels of the view.
    pub diameter: f32,
    /// Pixels of the image in one of the view.
    pixel: f32,
}

impl Sight {
    pub fn new(view: &View, foreground: &Foreground, diameter: f32, scale: f32) -> Self {
        let foreground = foreground.plane(&view.plane, diameter * scale);
        Self::with(view, foreground, diameter, scale)
    }

    /// With the foreground of the view; `diameter` is in pixels of the image.
    pub fn with(view: &View, foreground: Plane, diameter: f32, scale: f32) -> Self {
        let diameter = diameter * scale;
        let sigma = |(share, least): (f32, f32)| (share * diameter).max(least);
        Self {
            foreground,
            prior: Prior::default(),
            light: view.plane.smooth(sigma(LIGHT)),
            gradient: view.plane.gradient(sigma(EDGE)),
            diameter,
            pixel: 1.0 / (scale * scale),
        }
    }

    /// What the ranking looks at of a shape of the view.
    pub fn numbers(&self, shape: &Shape, typical: &Typical) -> [f32; numbers::COUNT] {
        let own = typical.numbers(&self.region(shape));
        let mut all = [0.0; numbers::COUNT];
        let numbers = own.into_iter().chain(self.prior.numbers(shape));
        all.iter_mut().zip(numbers).for_each(|(a, x)| *a = x);
        all
    }

    /// A shape of the view, with its area in pixels of the image.
    pub fn region(&self, shape: &Shape) -> Region {
        let look = Look {
            foreground: &self.foreground,
            image: &self.light,
            gradient: &self.gradient,
            diameter: self.diameter,
        };
        let region = look.region(shape);
        Region {
            area: region.area * self.pixel,
            ..region
        }
    }
}

/// What the labels and thrown-away shapes tell of a view's pixels.
pub fn known(view: &View, labels: &[u32], rejected: &[Shape]) -> Known {
    let seen: Vec<Shape> = rejected
        .iter()
        .filter_map(|shape| view.seen(shape))
        .collect();
    Known {
        inside: labels.iter().map(|id| *id > 0).collect(),
        rejected: plane(&seen, view.plane.size()),
    }
}
