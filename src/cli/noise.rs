//! `graysam noise`.

use std::path::PathBuf;

use burn::tensor::Device;
use clap::Args;
use graysam::Result;
use graysam::model::{Precision, Sam, SamConfig};
use graysam::weights::source::NoiseSource;
use graysam::weights::{Dtype, noise, safetensors};

use super::files::create;
use super::options::one_of;

const CONFIGS: [&str; 6] = [
    "vit_b",
    "vit_l",
    "vit_h",
    "mobile_sam",
    "two_blocks",
    "tiny",
];

/// Write a checkpoint of noise, for tests and measurements
#[derive(Args)]
pub struct Noise {
    /// Sizes of the model
    #[arg(long, default_value = "vit_b", value_parser = one_of(&CONFIGS, SamConfig::named))]
    config: SamConfig,
    /// safetensors file to write
    #[arg(long)]
    out: PathBuf,
}

impl Noise {
    pub fn run(&self) -> Result<()> {
        let mut source = NoiseSource::default();
        Sam::load(&mut source, &self.config, &Device::flex(), Precision::F32)?;
        let tensors: Vec<_> = source
            .parameters
            .into_iter()
            .map(|(name, shape)| (name, shape, Dtype::F32))
            .collect();
        safetensors::write(create(&self.out)?, &tensors, &Default::default(), |i| {
            Ok(noise::noise(&tensors[i].0, &tensors[i].1))
        })
    }
}
