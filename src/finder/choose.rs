//! Of shapes that overlap the likeliest stays.

use super::evidence::Rated;
use super::propose::{common, overlap};
use crate::image::shapes::Shape;

/// A shape keeps at least so much of itself.
const LEFT: f64 = 0.5;
/// By how much a shape exceeds nearly all examples to be looked at for parts, two or more of which stand for it.
const LARGER: f32 = 1.25;
/// By how much less a part's score is at most.
const NEARLY: f32 = 0.1;
/// The share of the shape's area that a part has at most, and that of its own that lies in the shape.
const PART: f64 = 0.75;
const INSIDE: f64 = 0.8;
/// The share of the shape that all parts cover.
const COVERED: f64 = 0.7;
/// The predicted IoU below which a shape is not suggested at all.
const LEAST: f32 = 0.2;
/// The sureness: logistic in the score, as fits best whether suggestions reach an IoU of 0.5 in images
/// of families that the ranking was not learned from.
const MIDDLE: f32 = 0.6;
const SLOPE: f32 = 14.0;

/// The sureness from which on suggestions are best shown: one more is worth it while it is likelier
/// than AP / (1 + AP) to be right.
pub const THRESHOLD: f32 = 0.4;

/// A mask that may be an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// In pixels of the image; no pixel belongs to another one's or to a labelled object.
    pub shape: Shape,
    /// How likely it is an object with the right outline, 0..1.
    pub sureness: f32,
}

/// What suggestions have to respect.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Labelled objects.
    pub taken: &'a [Shape],
    /// What the person threw away.
    pub refused: &'a [Shape],
    /// Pixels from which on a shape is large, if that is known.
    pub large: Option<f32>,
}

/// The sureness of a score.
pub fn sureness(score: f32) -> f32 {
    1.0 / (1.0 + (-SLOPE * (score - MIDDLE)).exp())
}

/// The logit of the sureness of a score, and the score that has it.
pub fn sureness_logit(score: f32) -> f64 {
    f64::from(SLOPE * (score - MIDDLE))
}

pub fn score(logit: f64) -> f32 {
    MIDDLE + logit as f32 / SLOPE
}

/// Suggestions, surest first: of `rated` those that overlap no surer one and no labelled object too much,
/// without the pixels that they share with these.
pub fn choose(rated: &[Rated], terms: Terms) -> Vec<Suggestion> {
    let suggestion = |(place, shape): (usize, Shape)| Suggestion {
        shape,
        sureness: sureness(rated[place].score),
    };
    let chosen = chosen(rated, LEAST, terms);
    chosen.into_iter().map(suggestion).collect()
}

/// The places of those with at least this score that are chosen, surest first, with what is left of
/// their shapes.
pub fn chosen(rated: &[Rated], least: f32, terms: Terms) -> Vec<(usize, Shape)> {
    let mut places: Vec<usize> = (0..rated.len()).collect();
    places.retain(|&place| rated[place].score >= least);
    places.sort_by(|&a, &b| rated[b].score.total_cmp(&rated[a].score));
    let mut chosen: Vec<(usize, Shape)> = Vec::new();
    for &place in &places {
        let shape = &rated[place].shape;
        let again = |other: &Shape| {
            let common = common(shape, other);
            2 * common > shape.area + other.area - common
        };
        if terms.refused.iter().any(again) {
            continue;
        }
        let others = terms
            .taken
            .iter()
            .chain(chosen.iter().map(|(_, shape)| shape));
        let shared: Vec<&Shape> = others.filter(|other| common(shape, other) > 0).collect();
        if shared.iter().any(|other| overlap(shape, other)) {
            continue;
        }
        let is_large = |large: f32| shape.area as f32 >= LARGER * large;
        let all = places.iter().map(|&place| &rated[place]);
        if terms.large.is_some_and(is_large) && is_several(&rated[place], all) {
            continue;
        }
        let rest = without(shape, &shared);
        if let Some(rest) = rest.filter(|rest| rest.area as f64 >= LEFT * shape.area as f64) {
            chosen.push((place, rest));
        }
    }
    chosen
}

/// Whether a shape consists of two or more others that are nearly as likely; `all` are likeliest first.
fn is_several<'a>(whole: &Rated, all: impl Iterator<Item = &'a Rated>) -> bool {
    let mut parts: Vec<&Shape> = Vec::new();
    let mut covered = 0;
    for Rated { shape, .. } in all.take_while(|other| other.score >= whole.score - NEARLY) {
        let inside = common(&whole.shape, shape);
        let is_part = shape.area as f64 <= PART * whole.shape.area as f64
            && inside as f64 >= INSIDE * shape.area as f64;
        if is_part && !parts.iter().any(|part| overlap(shape, part)) {
            parts.push(shape);
            covered += inside;
        }
    }
    parts.len() > 1 && covered as f64 >= COVERED * whole.shape.area as f64
}

/// A shape without the pixels of others.
fn without(shape: &Shape, others: &[&Shape]) -> Option<Shape> {
    let bits = (0..shape.bits.len()).map(|i| {
        let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
        shape.bits[i] && !others.iter().any(|other| other.contains(x, y))
    });
    Shape::trimmed(shape.x, shape.y, shape.width, bits.collect())
}
