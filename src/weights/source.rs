//! Checkpoints and noise as sources of a model's parameters.

use std::io::{Read, Seek};

use super::checkpoint::Checkpoint;
use super::noise::noise;
use crate::error::Result;
use crate::model::parameters::ParameterSource;

/// A checkpoint that tells how much of it has been read.
pub struct CheckpointSource<'a, R> {
    checkpoint: Checkpoint<R>,
    read: usize,
    all: usize,
    progress: &'a mut dyn FnMut(f64),
}

impl<'a, R: Read + Seek> CheckpointSource<'a, R> {
    /// Reads from `checkpoint`; `progress` gets the share read so far, 0..1.
    pub fn new(checkpoint: Checkpoint<R>, progress: &'a mut dyn FnMut(f64)) -> Self {
        let shapes = checkpoint.names().filter_map(|name| checkpoint.shape(name));
        let all = shapes.map(|shape| shape.iter().product::<usize>()).sum();
        Self {
            checkpoint,
            read: 0,
            all,
            progress,
        }
    }
}

impl<R: Read + Seek> ParameterSource for CheckpointSource<'_, R> {
    fn has(&self, name: &str) -> bool {
        self.checkpoint.shape(name).is_some()
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.checkpoint.read(name, shape)?;
        self.read += values.len();
        (self.progress)(self.read as f64 / self.all.max(1) as f64);
        Ok(values)
    }
}

/// Parameters by the formula of [`noise`], which notes what was asked for.
#[derive(Default)]
pub struct NoiseSource {
    /// Name and shape of every parameter so far.
    pub parameters: Vec<(String, Vec<usize>)>,
}

impl ParameterSource for NoiseSource {
    fn has(&self, _: &str) -> bool {
        true
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.parameters.push((name.into(), shape.to_vec()));
        Ok(noise(name, shape))
    }
}
