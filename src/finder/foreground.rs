//! The foreground of an image, learned from some of its objects. Pixels of these are inside, those
//! in a ring around each mostly outside, and of all others nothing is known: after a first round
//! those count as outside that look so.

use super::features::{COUNT, Features, PIECES};
use super::logistic::{Examples, fit, logistic};
use super::plane::Plane;
use crate::image::distance;
use crate::random::Random;

/// Features beyond so many standard deviations are cut.
const MOST: f32 = 8.0;
/// Pixels of a kind that are kept of an image at most.
const SAMPLES: [usize; KINDS] = [2000, 2000, 2000, 1500, 1000];
/// What all examples weigh together, against the penalty.
const WEIGHT: f64 = 2000.0;
const PENALTY: f64 = 20.0;
const ROUNDS: usize = 3;
/// Distances from an object, as shares of the diameter and at least in pixels: within the first lies
/// its rim, within the second what is around it.
const RIM: (f32, f32) = (0.15, 2.0);
const AROUND: (f32, f32) = (0.75, 4.0);

/// Pixels by what is known of them: inside, at the rim, around, far away, and in what the person
/// said is no such object.
const KINDS: usize = 5;
/// What they weigh in the first round and later.
const FIRST: [f64; KINDS] = [1.0, 0.5, 0.5, 0.0, 0.3];
const LATER: [f64; KINDS] = [1.0, 0.35, 0.35, 0.3, 0.3];
/// Later, those outside count whose foreground is less.
const DOUBTFUL: [f64; KINDS] = [f64::INFINITY, 0.8, 0.5, 0.4, f64::INFINITY];

/// Tells the foreground of images of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreground {
    /// Of each feature over the images that were learned from.
    means: Vec<f32>,
    deviations: Vec<f32>,
    /// Of each feature, and a constant.
    weights: Vec<f64>,
}

/// Pixels that are learned from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pixels {
    /// [`COUNT`] features of each.
    pub features: Vec<f32>,
    /// Of each.
    pub kinds: Vec<u8>,
    /// How many pixels the image has, and each feature's mean and standard deviation over them.
    pub all: f32,
    pub means: Vec<f32>,
    pub deviations: Vec<f32>,
}

/// What is known of an image's pixels.
pub struct Known {
    pub inside: Vec<bool>,
    /// Where the person said that no such object is.
    pub rejected: Vec<bool>,
}

impl Known {
    /// Places in an image by kind, so many that `images` as large give enough of them.
    fn places(&self, width: usize, diameter: f32, images: usize, seed: u64) -> [Vec<usize>; KINDS] {
        let random = &mut Random::new(seed);
        let squares = distance::squared(width, &self.inside);
        let limit = |(share, least): (f32, f32)| (share * diameter).max(least).powi(2);
        let (rim, around) = (limit(RIM), limit(AROUND));
        let mut places: [Vec<usize>; KINDS] = Default::default();
        for (i, square) in squares.into_iter().enumerate() {
            let kind = match square {
                0.0 => 0,
                _ if self.rejected[i] => 4,
                square if square <= rim => 1,
                square if square <= around => 2,
                _ => 3,
            };
            places[kind].push(i);
        }
        for (places, most) in places.iter_mut().zip(SAMPLES) {
            draw(places, most.div_ceil(images.max(1)), random);
        }
        places
    }
}

impl Pixels {
    /// Of `image`, one of so many `images` in which objects of this diameter in pixels are known.
    pub fn of(image: &Plane, diameter: f32, known: &Known, images: usize, seed: u64) -> Self {
        let places = known.places(image.width, diameter, images, seed);
        let kinds = places.iter().zip(0u8..);
        let kinds: Vec<u8> = kinds
            .flat_map(|(places, kind)| places.iter().map(move |_| kind))
            .collect();
        let mut pixels = Self {
            features: vec![0.0; kinds.len() * COUNT],
            kinds,
            all: image.values.len() as f32,
            ..Self::default()
        };
        let mut features = Features::new(diameter);
        while features.advance(image, |feature, plane| {
            let (mean, deviation) = moments(&plane.values);
            pixels.means.push(mean);
            pixels.deviations.push(deviation);
            let rows = pixels.features.chunks_exact_mut(COUNT);
            for (row, &place) in rows.zip(places.iter().flatten()) {
                row[feature] = plane.values[place];
            }
        }) {}
        pixels
    }

    /// Takes those of another part of the image, too.
    pub fn extend(&mut self, other: Self) {
        let (means, deviations) = (0..COUNT).map(|i| pooled(&[self, &other], i)).unzip();
        (self.means, self.deviations) = (means, deviations);
        self.features.extend(other.features);
        self.kinds.extend(other.kinds);
        self.all += other.all;
    }
}

/// Keeps `most` of the items, drawn at random.
fn draw(items: &mut Vec<usize>, most: usize, random: &mut Random) {
    for i in 0..most.min(items.len()) {
        let other = i + random.below(items.len() - i);
        items.swap(i, other);
    }
    items.truncate(most);
}

impl Foreground {
    pub fn learn(lessons: &[&Pixels]) -> Self {
        let (means, deviations) = (0..COUNT).map(|i| pooled(lessons, i)).unzip();
        let width = COUNT + 1;
        let mut learned = Self {
            means,
            deviations,
            weights: vec![0.0; width],
        };
        let rows: Vec<f32> = lessons
            .iter()
            .flat_map(|pixels| pixels.features.chunks_exact(COUNT))
            .flat_map(|row| learned.standardised(row).chain([1.0]))
            .collect();
        let kinds = lessons.iter().flat_map(|pixels| &pixels.kinds);
        let kinds: Vec<usize> = kinds
            .map(|kind| usize::from(*kind).min(KINDS - 1))
            .collect();
        for round in 0..ROUNDS {
            learned.weights = learned.round(&rows, &kinds, round == 0);
        }
        learned
    }

    fn standardised(&self, row: &[f32]) -> impl Iterator<Item = f32> {
        let moments = self.means.iter().zip(&self.deviations);
        row.iter()
            .zip(moments)
            .map(|(x, (mean, deviation))| standard(*x, *mean, *deviation))
    }

    fn round(&self, rows: &[f32], kinds: &[usize], first: bool) -> Vec<f64> {
        let width = COUNT + 1;
        let counts = |(row, &kind): (&[f32], &usize)| match first {
            true => FIRST[kind] > 0.0,
            false => self.of(row) < DOUBTFUL[kind],
        };
        let kept: Vec<bool> = rows.chunks_exact(width).zip(kinds).map(counts).collect();
        let mut numbers = [0usize; KINDS];
        let pairs = || kinds.iter().zip(&kept).filter(|(_, kept)| **kept);
        pairs().for_each(|(&kind, _)| numbers[kind] += 1);
        let shares = if first { FIRST } else { LATER };
        let weight = |kind: usize| WEIGHT * shares[kind] / numbers[kind].max(1) as f64;
        let rows = rows.chunks_exact(width).zip(&kept);
        let rows: Vec<f32> = rows
            .filter(|(_, kept)| **kept)
            .flat_map(|(row, _)| row)
            .copied()
            .collect();
        let examples = Examples {
            width,
            rows: &rows,
            classes: &pairs().map(|(kind, _)| *kind == 0).collect::<Vec<_>>(),
            weights: &pairs().map(|(kind, _)| weight(*kind)).collect::<Vec<_>>(),
        };
        fit(&examples, PENALTY, self.weights.clone())
    }

    /// Of standardised features and a 1.
    fn of(&self, row: &[f32]) -> f64 {
        let pairs = row.iter().zip(&self.weights);
        logistic(pairs.map(|(x, w)| f64::from(*x) * w).sum())
    }

    /// Begins with the foreground of all pixels of an image.
    pub fn begin(&self, image: &Plane, diameter: f32) -> Painting {
        let constant = self.weights.last().copied().unwrap_or(0.0) as f32;
        Painting {
            sums: vec![constant; image.values.len()],
            features: Features::new(diameter),
        }
    }

    /// Goes on with that of the same image; false when all is done.
    pub fn go_on(&self, painting: &mut Painting, image: &Plane) -> bool {
        let Painting { sums, features } = painting;
        features.advance(image, |feature, plane| {
            let (mean, deviation) = (self.means[feature], self.deviations[feature]);
            let weight = self.weights[feature] as f32;
            let pairs = sums.iter_mut().zip(&plane.values);
            pairs.for_each(|(sum, x)| *sum += weight * standard(*x, mean, deviation));
        })
    }

    /// Of all pixels of an image, 0..1.
    pub fn plane(&self, image: &Plane, diameter: f32) -> Plane {
        let mut painting = self.begin(image, diameter);
        while self.go_on(&mut painting, image) {}
        painting.finish(image.size())
    }
}

/// The foreground of an image in the making.
pub struct Painting {
    /// Of weighted features.
    sums: Vec<f32>,
    features: Features,
}

impl Painting {
    /// Pieces of work that it is.
    pub const PIECES: usize = PIECES;

    /// What came out, 0..1, of an image of this size.
    pub fn finish(self, size: (usize, usize)) -> Plane {
        let logits = Plane::new(size, self.sums);
        logits.map(|z| 1.0 / (1.0 + (-z).exp()))
    }
}

fn standard(x: f32, mean: f32, deviation: f32) -> f32 {
    ((x - mean) / deviation).clamp(-MOST, MOST)
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> (f32, f32) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let square = |x: &f32| (f64::from(*x) - mean).powi(2);
    let variance = values.iter().map(square).sum::<f64>() / n;
    (mean as f32, (variance.sqrt() as f32).max(1e-6))
}

/// Mean and standard deviation of a feature over all images.
fn pooled(lessons: &[&Pixels], feature: usize) -> (f32, f32) {
    let (mut all, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for pixels in lessons {
        let of = |moments: &[f32]| f64::from(moments.get(feature).copied().unwrap_or(0.0));
        let (n, mean) = (f64::from(pixels.all), of(&pixels.means));
        all += n;
        sum += n * mean;
        squares += n * (mean * mean + of(&pixels.deviations).powi(2));
    }
    let mean = sum / all.max(1.0);
    let variance = (squares / all.max(1.0) - mean * mean).max(0.0);
    (mean as f32, (variance.sqrt() as f32).max(1e-6))
}
