//! `graysam noise`.

use std::path::PathBuf;

use burn::tensor::Device;
use clap::Args;
use graysam::Result;
use graysam::model::instance_decoder::InstanceDecoder;
use graysam::model::{Precision, Sam, SamConfig};
use graysam::weights::source::NoiseSource;
use graysam::weights::{Dtype, noise, safetensors};

use super::files::create;
use super::options::one_of;

/// The decoder of instances, which is of one size.
const INSTANCES: &str = "instance_decoder";

const CONFIGS: [&str; 7] = [
    "vit_b",
    "vit_l",
    "vit_h",
    "mobile_sam",
    "two_blocks",
    "tiny",
    INSTANCES,
];

/// Write a checkpoint of noise, for tests and measurements
#[derive(Args)]
pub struct Noise {
    /// Sizes of the model, or the decoder of instances alone
    #[arg(long, default_value = "vit_b", value_parser = one_of(&CONFIGS, named))]
    config: Config,
    /// safetensors file to write
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone)]
enum Config {
    Model(Box<SamConfig>),
    Instances,
}

fn named(text: &str) -> Result<Config> {
    match text {
        INSTANCES => Ok(Config::Instances),
        _ => Ok(Config::Model(Box::new(SamConfig::named(text)?))),
    }
}

impl Noise {
    pub fn run(&self) -> Result<()> {
        let (mut source, device) = (NoiseSource::default(), Device::flex());
        match &self.config {
            Config::Model(config) => {
                Sam::load(&mut source, config, &device, Precision::F32)?;
            }
            Config::Instances => {
                InstanceDecoder::open(&mut source, &SamConfig::mobile_sam(), &device)?;
            }
        }
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
