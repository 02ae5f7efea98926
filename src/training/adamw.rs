//! AdamW (Loshchilov and Hutter, 2019) over the mask decoder's parameters. Burn's own lacks two
//! things: clipping by the norm of all gradients together, and records that do not block while a
//! GPU is read, which a browser does not allow.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use crate::device;
use crate::error::{Error, Result};
use crate::model::mask_decoder::MaskDecoder;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
const WEIGHT_DECAY: f64 = 0.01;
/// Largest norm of all gradients together.
const CLIP: f64 = 1.0;

/// Moving means of each parameter's gradient and of its square, flat, in the order in which the
/// decoder's parameters are visited.
#[derive(Default)]
pub struct AdamW {
    moments: Vec<[Tensor<1>; 2]>,
    steps: i32,
}

impl AdamW {
    /// Changes `decoder` along its [`gradients`] at the learning rate `rate`.
    pub fn step(
        &mut self,
        rate: f64,
        decoder: MaskDecoder,
        gradients: Vec<Tensor<1>>,
    ) -> MaskDecoder {
        let gradients = clipped(gradients);
        if self.moments.is_empty() {
            let zeros = |g: &Tensor<1>| [g.zeros_like(), g.zeros_like()];
            self.moments = gradients.iter().map(zeros).collect();
        }
        self.steps += 1;
        let [bias_1, bias_2] = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powi(self.steps));
        let moments = std::mem::take(&mut self.moments);
        let mut changes = Vec::with_capacity(gradients.len());
        for (gradient, [first, second]) in gradients.into_iter().zip(moments) {
            let first = first * BETA_1 + gradient.clone() * (1.0 - BETA_1);
            let second = second * BETA_2 + gradient.square() * (1.0 - BETA_2);
            let spread = second.clone().sqrt() * bias_2.powf(-0.5) + EPSILON;
            changes.push(first.clone() * (rate / bias_1) / spread);
            self.moments.push([first, second]);
        }
        let keep = 1.0 - rate * WEIGHT_DECAY;
        let changes = changes.into_iter();
        decoder.map(&mut Change { keep, changes })
    }

    /// Both moments of every parameter, and how many steps they are the means of.
    pub async fn state(&self) -> Result<(Vec<[Vec<f32>; 2]>, i32)> {
        let mut moments = Vec::with_capacity(self.moments.len());
        for [first, second] in self.moments.clone() {
            moments.push([device::read(first).await?, device::read(second).await?]);
        }
        Ok((moments, self.steps))
    }

    /// The optimiser with a kept [`AdamW::state`] of `decoder`.
    ///
    /// # Errors
    /// When the moments are not of the decoder's parameters.
    pub fn restored(
        decoder: &MaskDecoder,
        moments: Vec<[Vec<f32>; 2]>,
        steps: i32,
    ) -> Result<Self> {
        let mut sizes = Sizes::default();
        decoder.visit(&mut sizes);
        let fits = moments.len() == sizes.0.len()
            && moments
                .iter()
                .zip(&sizes.0)
                .all(|(m, &size)| m.iter().all(|moment| moment.len() == size));
        let untrained = moments.is_empty() && steps == 0;
        if !fits && !untrained {
            return Err(Error::new(
                "The saved training belongs to another model's decoder; start a new one.",
            ));
        }
        let device = decoder.devices().remove(0);
        let tensor = |values: Vec<f32>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), &device)
        };
        Ok(Self {
            moments: moments.into_iter().map(|m| m.map(tensor)).collect(),
            steps,
        })
    }
}

/// Scales the gradients down to a norm of [`CLIP`] where theirs is larger.
fn clipped(gradients: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
    let squares = gradients.iter().map(|g| g.clone().square().sum()).collect();
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    let scale = ((norm + 1e-6).recip() * CLIP).clamp_max(1.0);
    gradients.into_iter().map(|g| g * scale.clone()).collect()
}

/// The gradient of `loss` for each parameter of `decoder`, which is under training, flat and in
/// the order in which they are visited.
pub fn gradients(loss: Tensor<1>, decoder: &MaskDecoder) -> Vec<Tensor<1>> {
    let mut flat = Flat {
        gradients: GradientsParams::from_grads(loss.backward(), decoder),
        found: Vec::new(),
    };
    decoder.visit(&mut flat);
    flat.found
}

struct Flat {
    gradients: GradientsParams,
    found: Vec<Tensor<1>>,
}

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.remove::<D>(param.id);
        let gradient = gradient.unwrap_or_else(|| param.val().inner().zeros_like());
        self.found.push(gradient.flatten(0, D - 1));
    }
}

#[derive(Default)]
struct Sizes(Vec<usize>);

impl ModuleVisitor for Sizes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().shape().num_elements());
    }
}

/// Multiplies each parameter by `keep` and takes its change off.
struct Change {
    keep: f64,
    changes: std::vec::IntoIter<Tensor<1>>,
}

impl ModuleMapper for Change {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(change) = self.changes.next() else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let change = change.reshape(tensor.dims());
        Param::from_mapped_value(id, tensor * self.keep - change, mapper)
    }
}
