//! A second look at an image: what its surest suggestions have in common, and the least sure ones not,
//! tells more of those in between than other images do.

use super::choose::{Terms, chosen, score, sureness_logit};
use super::evidence::{COUNT, Rated};
use super::logistic::{Examples, fit};
use super::numbers;
use super::propose::common;
use crate::image::shapes::Shape;

/// Rounds, of each of which the next learns.
const ROUNDS: usize = 3;
/// What an image's own suggestions say against what other images say.
const OWN: f64 = 0.6;
/// By how much suggestions are believed more than they are sure.
const BELIEVED: f64 = 2.5;
/// Scores from which on suggestions are learned from, how many there must be, and what those that the
/// person labelled or threw away weigh against them.
const LEAST: f32 = 0.3;
const FEWEST: usize = 5;
const KNOWN: f64 = 2.0;
const PENALTY: f64 = 15.0;
/// Standardised numbers and logits beyond are cut; deviations have this added.
const MOST: f32 = 4.0;
const SUREST: f64 = 8.0;
const DEVIATION: f32 = 0.05;
/// What is looked at: the ranking's numbers and its score, and what the model said.
const LOOKS: usize = numbers::COUNT + 1 + 4;

/// The rounds at hand.
pub struct SecondLook {
    rated: Vec<Rated>,
    /// Of each shape, a logit, as other images have it.
    before: Vec<f64>,
    round: usize,
}

impl SecondLook {
    pub fn new(rated: Vec<Rated>) -> Self {
        let before = rated.iter().map(|rated| sureness_logit(rated.score));
        Self {
            before: before.collect(),
            rated,
            round: 0,
        }
    }

    /// Does a round on the same terms; false when all are done.
    pub fn go_on(&mut self, terms: Terms) -> bool {
        if self.round >= ROUNDS {
            return false;
        }
        self.round += 1;
        let own: Vec<usize> = chosen(&self.rated, LEAST, terms)
            .into_iter()
            .map(|(place, _)| place)
            .collect();
        if own.len() < FEWEST {
            self.round = ROUNDS;
            return false;
        }
        let known = self.known(terms);
        let logits = self.learned(&own, &known);
        for ((rated, before), own) in self.rated.iter_mut().zip(&self.before).zip(logits) {
            rated.score = score((1.0 - OWN) * before + OWN * own.clamp(-SUREST, SUREST));
        }
        true
    }

    pub fn rated(&self) -> &[Rated] {
        &self.rated
    }

    /// The shapes that are most like labelled ones, and all that are like those thrown away.
    fn known(&self, Terms { taken, refused, .. }: Terms) -> Vec<(usize, bool)> {
        let iou = |shape: &Shape, other: &Shape| {
            let common = common(shape, other);
            common as f32 / (shape.area + other.area - common).max(1) as f32
        };
        let best = |taken: &Shape| {
            let places = self.rated.iter().enumerate();
            let near = places.map(|(i, rated)| (iou(&rated.shape, taken), rated.score, i));
            let like = near.filter(|(iou, ..)| *iou > 0.5);
            let best = like.max_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
            best.map(|(.., place)| (place, true))
        };
        let like = |rated: &Rated| refused.iter().any(|shape| iou(&rated.shape, shape) > 0.5);
        let wrong = self.rated.iter().enumerate();
        let wrong = wrong
            .filter(|(_, rated)| like(rated))
            .map(|(i, _)| (i, false));
        taken.iter().filter_map(best).chain(wrong).collect()
    }

    /// What a logistic regression on the image's own shapes says of all.
    fn learned(&self, own: &[usize], known: &[(usize, bool)]) -> Vec<f64> {
        let all: Vec<[f32; LOOKS]> = self
            .rated
            .iter()
            .map(|rated| look(&rated.numbers))
            .collect();
        let moments: Vec<(f32, f32)> = (0..LOOKS)
            .map(|i| moments(own.iter().map(|&place| all[place][i])))
            .collect();
        let standard = |look: &[f32; LOOKS]| {
            let pairs = look.iter().zip(&moments);
            let row = pairs.map(|(x, (mean, scale))| ((x - mean) / scale).clamp(-MOST, MOST));
            row.chain([1.0]).collect::<Vec<f32>>()
        };
        let (mut rows, mut classes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |place: usize, class: bool, weight: f64| {
            rows.extend(standard(&all[place]));
            classes.push(class);
            weights.push(weight);
        };
        for &place in own {
            let logit = BELIEVED * sureness_logit(self.rated[place].score);
            let share = super::logistic::logistic(logit);
            add(place, true, share);
            add(place, false, 1.0 - share);
        }
        known
            .iter()
            .for_each(|&(place, class)| add(place, class, KNOWN));
        let examples = Examples {
            width: LOOKS + 1,
            rows: &rows,
            classes: &classes,
            weights: &weights,
        };
        let fitted = fit(&examples, PENALTY, vec![0.0; LOOKS + 1]);
        let logit = |look: &[f32; LOOKS]| {
            let row = standard(look);
            row.iter()
                .zip(&fitted)
                .map(|(x, w)| f64::from(*x) * w)
                .sum()
        };
        all.iter().map(logit).collect()
    }
}

/// The numbers without those that tell nothing of the shape itself.
fn look(numbers: &[f32; COUNT]) -> [f32; LOOKS] {
    let own = numbers[..=numbers::COUNT].iter();
    let model = numbers[numbers::COUNT + 4..COUNT - 1].iter();
    let mut look = [0.0; LOOKS];
    look.iter_mut()
        .zip(own.chain(model))
        .for_each(|(a, x)| *a = *x);
    look
}

/// The mean and about the standard deviation.
fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let count = values.clone().count().max(1) as f32;
    let mean = values.clone().sum::<f32>() / count;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f32>() / count;
    (mean, variance.sqrt() + DEVIATION)
}
