//! Shapes that may be objects: connected pixels above many thresholds of the foreground and of the
//! image itself, whole and divided in several ways. Most are none; the ranking chooses.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::plane::Plane;
use super::watershed::{Regions, components};
use crate::device;
use crate::image::distance;
use crate::image::shapes::Shape;

/// Foregrounds, 0..1, above which pixels are connected.
const FOREGROUNDS: [f32; 6] = [0.15, 0.3, 0.5, 0.7, 0.85, 0.95];
/// Smoothings, as shares of the diameter, with the least distance of peaks as such.
const BY_DISTANCE: [(f32, f32); 3] = [(0.05, 0.2), (0.1, 0.3), (0.2, 0.4)];
const BY_HEIGHT: [(f32, f32); 2] = [(0.1, 0.25), (0.2, 0.35)];
/// Levels of the image at which its own connected pixels are taken.
const LEVELS: usize = 24;
/// Standard deviations, as shares of the diameter, by which noise is smoothed away.
const SMOOTHINGS: [f32; 2] = [0.04, 0.12];

/// What shapes are made of; both planes have one size.
pub struct Ground<'a> {
    /// 0..1.
    pub foreground: &'a Plane,
    /// Objects are brighter than what is around them; a negative where they are darker.
    pub image: &'a Plane,
    /// Of objects, in pixels.
    pub diameter: f32,
    /// Least and largest area in pixels.
    pub areas: (usize, usize),
    /// Pixels, if no other shapes are of interest than those that have some of them.
    pub about: Option<&'a [bool]>,
}

/// Planes of one smoothing.
struct Smoothed {
    foreground: Plane,
    image: Plane,
    /// By which regions are divided, with the least distance of peaks in pixels.
    heights: Vec<(Plane, usize)>,
    /// Least and largest value of `image`.
    range: (f32, f32),
}

/// Regions that are being divided.
struct Divided {
    whole: Regions,
    /// How far their pixels are from what is outside.
    depths: Plane,
}

/// The shapes in the making, none twice.
#[derive(Default)]
pub struct Candidates {
    found: Found,
    smoothed: Option<Smoothed>,
    divided: Option<Divided>,
    piece: usize,
}

/// Pieces of work of a threshold: the whole regions and the ways in which they are divided.
const DIVISIONS: usize = 1 + BY_DISTANCE.len() + 2 * BY_HEIGHT.len();
/// Levels of the image that are one piece of work.
const TOGETHER: usize = 4;
const OF_LEVELS: usize = (LEVELS - 1).div_ceil(TOGETHER);
/// Those of a smoothing: its planes, its thresholds, its levels.
const OF_SMOOTHING: usize = 1 + FOREGROUNDS.len() * DIVISIONS + OF_LEVELS;

impl Candidates {
    /// Pieces of work that they are.
    pub const PIECES: usize = SMOOTHINGS.len() * OF_SMOOTHING;

    /// Does the next piece of work on the same ground, or of as many as there are threads; false when
    /// all is done.
    pub fn go_on(&mut self, ground: &Ground) -> bool {
        let (smoothing, piece) = (self.piece / OF_SMOOTHING, self.piece % OF_SMOOTHING);
        let Some(&smoothing) = SMOOTHINGS.get(smoothing) else {
            return false;
        };
        let (Some(piece), Some(smoothed)) = (piece.checked_sub(1), &self.smoothed) else {
            self.smoothed = Some(Smoothed::new(smoothing, ground));
            self.divided = None;
            self.piece += 1;
            return true;
        };
        let threshold = FOREGROUNDS.get(piece / DIVISIONS);
        match (threshold, &self.divided) {
            (Some(&threshold), divided) if piece % DIVISIONS == 0 || divided.is_none() => {
                let divided = Divided::new(&smoothed.foreground, threshold, ground);
                self.found.add(possible(&divided.whole, ground.areas));
                self.divided = Some(divided);
                self.piece += 1;
            }
            (Some(_), Some(divided)) => {
                let by = |way| vec![divided.by(way, smoothed, ground)];
                let ways = piece % DIVISIONS - 1..DIVISIONS - 1;
                self.piece += self.found.add_all(ways, by, ground.areas);
            }
            _ => {
                let first = |group: usize| 1 + TOGETHER * group;
                let levels = |group: usize| {
                    (first(group)..first(group + 1).min(LEVELS))
                        .map(|l| smoothed.level(l, ground))
                        .collect()
                };
                let groups = piece - FOREGROUNDS.len() * DIVISIONS..OF_LEVELS;
                self.piece += self.found.add_all(groups, levels, ground.areas);
            }
        }
        true
    }

    pub fn progress(&self) -> f64 {
        self.piece as f64 / Self::PIECES as f64
    }

    pub fn finish(self) -> Vec<Shape> {
        self.found.shapes
    }
}

impl Smoothed {
    fn new(smoothing: f32, ground: &Ground) -> Self {
        let smooth = |plane: &Plane| plane.smooth((smoothing * ground.diameter).max(0.5));
        let height = |(share, apart): (f32, f32)| {
            let sigma = share * ground.diameter;
            [ground.foreground, ground.image]
                .map(|plane| (plane.smooth(sigma), ground.pixels(apart)))
        };
        let image = smooth(ground.image);
        Self {
            foreground: smooth(ground.foreground),
            range: range(&image.values),
            image,
            heights: BY_HEIGHT.into_iter().flat_map(height).collect(),
        }
    }

    /// The regions above a level of the image.
    fn level(&self, level: usize, ground: &Ground) -> Regions {
        let (low, high) = self.range;
        let threshold = low + (high - low) * level as f32 / LEVELS as f32;
        ground.above(&self.image, threshold)
    }
}

impl Divided {
    fn new(foreground: &Plane, threshold: f32, ground: &Ground) -> Self {
        let whole = ground.above(foreground, threshold);
        let outside: Vec<bool> = whole.labels.iter().map(|label| *label == 0).collect();
        let squares = distance::squared(whole.width, &outside);
        let far = ground.diameter * ground.diameter;
        let depths = squares.into_iter().map(|square| square.min(far).sqrt());
        Self {
            depths: Plane::new(foreground.size(), depths.collect()),
            whole,
        }
    }

    /// The regions, divided in one of the ways.
    fn by(&self, way: usize, smoothed: &Smoothed, ground: &Ground) -> Regions {
        if let Some((share, apart)) = BY_DISTANCE.get(way) {
            let heights = self.depths.smooth((share * ground.diameter).max(0.5));
            return self.whole.divided(&heights, ground.pixels(*apart));
        }
        match smoothed.heights.get(way - BY_DISTANCE.len()) {
            Some((heights, apart)) => self.whole.divided(heights, *apart),
            None => self.whole.clone(),
        }
    }
}

impl Ground<'_> {
    fn pixels(&self, share: f32) -> usize {
        (share * self.diameter).round().max(1.0) as usize
    }

    /// The connected pixels above a threshold.
    fn above(&self, plane: &Plane, threshold: f32) -> Regions {
        let values = &plane.values;
        let mut regions = components(plane.width, |i| values[i] > threshold, values.len());
        if let Some(about) = self.about {
            regions.only(about);
        }
        regions
    }
}

fn range(values: &[f32]) -> (f32, f32) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    (
        low,
        values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    )
}

#[derive(Default)]
struct Found {
    seen: HashSet<u64>,
    shapes: Vec<Shape>,
}

impl Found {
    fn add(&mut self, shapes: Vec<Shape>) {
        for shape in shapes {
            let mut hasher = DefaultHasher::new();
            (shape.x, shape.y, shape.width, &shape.bits).hash(&mut hasher);
            if self.seen.insert(hasher.finish()) {
                self.shapes.push(shape);
            }
        }
    }

    /// Takes what `regions` makes of the first of the `pieces`, of as many as there are threads: how many these are.
    fn add_all(
        &mut self,
        pieces: Range<usize>,
        regions: impl Fn(usize) -> Vec<Regions> + Sync,
        areas: (usize, usize),
    ) -> usize {
        let pieces = pieces.start..pieces.end.min(pieces.start + device::pool_size());
        let count = pieces.len();
        let shapes = pieces.into_par_iter().map(|piece| {
            let regions = regions(piece);
            regions
                .iter()
                .flat_map(|regions| possible(regions, areas))
                .collect()
        });
        let shapes: Vec<Vec<Shape>> = shapes.collect();
        shapes.into_iter().for_each(|shapes| self.add(shapes));
        count
    }
}

/// The regions of a possible area, without their holes.
fn possible(regions: &Regions, (least, most): (usize, usize)) -> Vec<Shape> {
    let filled = shapes(regions, least, most).into_iter().map(filled);
    filled.filter(|shape| shape.area <= most).collect()
}

/// The regions of `least` to `most` pixels.
pub fn shapes(regions: &Regions, least: usize, most: usize) -> Vec<Shape> {
    const NONE: [usize; 4] = [usize::MAX, usize::MAX, 0, 0];
    let mut boxes = vec![(0, NONE); regions.count + 1];
    for (y, row) in regions.labels.chunks_exact(regions.width).enumerate() {
        for (x, &label) in row.iter().enumerate() {
            let (area, [left, top, right, bottom]) = &mut boxes[label as usize];
            *area += 1;
            (*left, *right) = ((*left).min(x), (*right).max(x + 1));
            (*top, *bottom) = ((*top).min(y), (*bottom).max(y + 1));
        }
    }
    let possible = boxes.into_iter().enumerate().skip(1);
    let possible = possible.filter(|(_, (area, _))| (least..=most).contains(area));
    let shape = |(label, (area, [left, top, right, bottom])): (usize, (usize, [usize; 4]))| {
        let row = |y: usize| &regions.labels[y * regions.width..][left..right];
        let inside = |other: &u32| *other == label as u32;
        Shape {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
            bits: (top..bottom).flat_map(row).map(inside).collect(),
            area,
        }
    };
    possible.map(shape).collect()
}

/// A shape with its holes.
fn filled(mut shape: Shape) -> Shape {
    let Shape { width, height, .. } = shape;
    let outside = components(width, |i| !shape.bits[i], shape.bits.len());
    let mut open = vec![false; outside.count + 1];
    for (i, &label) in outside.labels.iter().enumerate() {
        let (x, y) = (i % width, i / width);
        if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
            open[label as usize] = true;
        }
    }
    for (bit, &label) in shape.bits.iter_mut().zip(&outside.labels) {
        *bit |= label > 0 && !open[label as usize];
    }
    shape.area = shape.bits.iter().filter(|bit| **bit).count();
    shape
}
