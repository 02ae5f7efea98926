//! A small network whose weights come with the program: how likely a shape is an object, learned
//! on other images (`tests/fixtures/finder_prior.py`).

use super::numbers;
use crate::error::{Error, Result};

static SHIPPED: &[u8] = include_bytes!("ranking.bin");

/// Networks of two hidden layers with rectifiers on standardised numbers, which differ by the chance
/// of their learning; their mean counts.
#[derive(Clone)]
pub struct Network {
    inputs: usize,
    /// Of one after another: means, reciprocal deviations, then weights and biases layer by layer.
    values: Vec<f32>,
}

const HIDDEN: [usize; 2] = [24, 12];
/// Standardised numbers beyond are cut.
const MOST: f32 = 5.0;

impl Network {
    /// The one that comes with the program.
    ///
    /// # Errors
    /// When it was built with another than it needs.
    pub fn shipped() -> Result<Self> {
        Self::read(SHIPPED)
    }

    /// Reads little-endian numbers: one that sees a shape's numbers.
    ///
    /// # Errors
    /// When there are too few or too many.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let (values, rest) = bytes.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|x| f32::from_le_bytes(*x)).collect();
        let inputs = numbers::COUNT;
        let whole = values.len().is_multiple_of(Self::size(inputs));
        match rest.is_empty() && whole && !values.is_empty() {
            true => Ok(Self { inputs, values }),
            false => Err(Error::new(
                "The numbers that rank shapes are damaged: install GraySAM anew.",
            )),
        }
    }

    /// How many numbers make one of them.
    fn size(inputs: usize) -> usize {
        let [a, b] = HIDDEN;
        2 * inputs + (inputs + 1) * a + (a + 1) * b + b + 1
    }

    /// What it makes of numbers, of which there are as many as it has inputs: an IoU, about 0..1.
    pub fn of(&self, numbers: &[f32]) -> f32 {
        let members = self.values.chunks_exact(Self::size(self.inputs));
        let count = members.len() as f32;
        let of_one = |values: &[f32]| self.of_one(values, numbers);
        members.map(of_one).sum::<f32>() / count
    }

    fn of_one(&self, values: &[f32], numbers: &[f32]) -> f32 {
        let (means, rest) = values.split_at(self.inputs);
        let (scales, mut rest) = rest.split_at(self.inputs);
        let moments = means.iter().zip(scales);
        let standard = numbers.iter().zip(moments);
        let mut layer: Vec<f32> = standard
            .map(|(x, (mean, scale))| ((x - mean) * scale).clamp(-MOST, MOST))
            .collect();
        for width in HIDDEN {
            layer = linear(&layer, width, &mut rest);
            layer.iter_mut().for_each(|x| *x = x.max(0.0));
        }
        linear(&layer, 1, &mut rest)[0]
    }
}

/// A layer of `width` outputs, whose weights are the next in `values`, row by row with the bias at
/// each row's end.
fn linear(inputs: &[f32], width: usize, values: &mut &[f32]) -> Vec<f32> {
    let (own, rest) = values.split_at(width * (inputs.len() + 1));
    *values = rest;
    let row = |row: &[f32]| {
        let (weights, bias) = row.split_at(inputs.len());
        let products = weights.iter().zip(inputs).map(|(w, x)| w * x);
        products.sum::<f32>() + bias[0]
    };
    own.chunks_exact(inputs.len() + 1).map(row).collect()
}
