//! Where a model's parameters come from: a checkpoint, or noise.

use std::io::{Read, Seek};

use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::noise::noise;
use crate::error::Result;

/// Gives parameters by their `segment_anything` names.
pub trait ParameterSource {
    /// Whether there is a parameter `name`.
    fn has(&self, name: &str) -> bool;

    /// The shape of the parameter `name`, where it is known.
    fn shape(&self, _name: &str) -> Option<&[usize]> {
        None
    }

    /// The values of the parameter `name`, row-major, which must have `shape`.
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;
}

/// How many values are hashed at a time.
const DIGEST_CHUNK: usize = 1 << 16;

/// A checkpoint that tells how much of it has been read.
pub struct CheckpointSource<'a, R> {
    checkpoint: Checkpoint<R>,
    encoder_digest: Sha256,
    read: usize,
    all: usize,
    progress: &'a mut dyn FnMut(f64),
}

impl<'a, R: Read + Seek> CheckpointSource<'a, R> {
    /// Reads from `checkpoint`; `progress` gets the share read so far, 0..1.
    pub fn new(checkpoint: Checkpoint<R>, progress: &'a mut dyn FnMut(f64)) -> Self {
        let shapes = checkpoint.names().filter_map(|name| checkpoint.shape(name));
        // Of types that are not read, the shapes are not checked and may be anything.
        let size = |shape: &[usize]| {
            shape
                .iter()
                .fold(1, |size: usize, &side| size.saturating_mul(side))
        };
        let all = shapes.map(size).fold(0, usize::saturating_add);
        Self {
            checkpoint,
            encoder_digest: Sha256::new(),
            read: 0,
            all,
            progress,
        }
    }

    /// How many parameters have been read.
    pub fn parameters(&self) -> usize {
        self.read
    }

    /// SHA-256 of the image encoder's parameters that have been read, in their order.
    pub fn encoder_digest(&self) -> Vec<u8> {
        self.encoder_digest.clone().finalize().to_vec()
    }
}

impl<R: Read + Seek> ParameterSource for Checkpoint<R> {
    fn has(&self, name: &str) -> bool {
        Checkpoint::shape(self, name).is_some()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        Checkpoint::shape(self, name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Checkpoint::read(self, name, shape)
    }
}

impl<R: Read + Seek> ParameterSource for CheckpointSource<'_, R> {
    fn has(&self, name: &str) -> bool {
        self.checkpoint.shape(name).is_some()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.checkpoint.shape(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.checkpoint.read(name, shape)?;
        self.read += values.len();
        if name.starts_with("image_encoder.") {
            let mut bytes = vec![0; 4 * DIGEST_CHUNK.min(values.len())];
            for chunk in values.chunks(DIGEST_CHUNK) {
                for (bytes, value) in bytes.chunks_exact_mut(4).zip(chunk) {
                    bytes.copy_from_slice(&value.to_le_bytes());
                }
                self.encoder_digest.update(&bytes[..4 * chunk.len()]);
            }
        }
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
