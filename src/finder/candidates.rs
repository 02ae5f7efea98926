//! Shapes that may be objects: connected pixels above many thresholds of the foreground and of the
//! image itself, whole and divided in several ways. Most are none; the ranking chooses.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::plane::Plane;
use super::watershed::{Regions, components};
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
/// Those of a smoothing: its planes, its thresholds, its levels.
const OF_SMOOTHING: usize = 1 + FOREGROUNDS.len() * DIVISIONS + (LEVELS - 1).div_ceil(TOGETHER);

impl Candidates {
    /// Pieces of work that they are.
    pub const PIECES: usize = SMOOTHINGS.len() * OF_SMOOTHING;

    pub fn new(ground: &Ground) -> Self {
        Self {
            found: Found {
                areas: ground.areas,
                seen: HashSet::new(),
                shapes: Vec::new(),
            },
            smoothed: None,
            divided: None,
            piece: 0,
        }
    }

    /// Does the next piece of work on the same ground; false when all is done.
    pub fn go_on(&mut self, ground: &Ground) -> bool {
        let (smoothing, piece) = (self.piece / OF_SMOOTHING, self.piece % OF_SMOOTHING);
        let Some(&smoothing) = SMOOTHINGS.get(smoothing) else {
            return false;
        };
        self.piece += 1;
        match (piece.checked_sub(1), &self.smoothed) {
            (Some(piece), Some(smoothed)) => {
                let (threshold, way) = (piece / DIVISIONS, piece % DIVISIONS);
                match FOREGROUNDS.get(threshold) {
                    Some(&threshold) if way == 0 => {
                        let divided = Divided::new(&smoothed.foreground, threshold, ground);
                        self.found.add(&divided.whole);
                        self.divided = Some(divided);
                    }
                    Some(_) => {
                        if let Some(divided) = &self.divided {
                            self.found.add(&divided.by(way - 1, smoothed, ground));
                        }
                    }
                    None => {
                        let first = 1 + TOGETHER * (piece - FOREGROUNDS.len() * DIVISIONS);
                        for level in first..(first + TOGETHER).min(LEVELS) {
                            self.found.add(&smoothed.level(level));
                        }
                    }
                }
            }
            _ => {
                self.smoothed = Some(Smoothed::new(smoothing, ground));
                self.divided = None;
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
    fn level(&self, level: usize) -> Regions {
        let (low, high) = self.range;
        let threshold = low + (high - low) * level as f32 / LEVELS as f32;
        above(&self.image, threshold)
    }
}

impl Divided {
    fn new(foreground: &Plane, threshold: f32, ground: &Ground) -> Self {
        let whole = above(foreground, threshold);
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
}

/// The connected pixels above a threshold.
fn above(plane: &Plane, threshold: f32) -> Regions {
    let values = &plane.values;
    components(plane.width, |i| values[i] > threshold, values.len())
}

fn range(values: &[f32]) -> (f32, f32) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    (
        low,
        values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    )
}

struct Found {
    areas: (usize, usize),
    seen: HashSet<u64>,
    shapes: Vec<Shape>,
}

impl Found {
    /// Takes the regions of a possible size, without their holes.
    fn add(&mut self, regions: &Regions) {
        let (least, most) = self.areas;
        for shape in shapes(regions, least, most) {
            let shape = filled(shape);
            let mut hasher = DefaultHasher::new();
            (shape.x, shape.y, shape.width, &shape.bits).hash(&mut hasher);
            if shape.area <= most && self.seen.insert(hasher.finish()) {
                self.shapes.push(shape);
            }
        }
    }
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
