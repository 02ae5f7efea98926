//! `graysam sample`.

use std::path::PathBuf;

use clap::Args;
use graysam::Result;
use graysam::image::sample::{self, Scene};

use super::files::write;
use super::options::one_of;

/// Write a bundled sample and its labels as 16-bit PNG files
#[derive(Args)]
pub struct Sample {
    /// What it shows
    #[arg(long, default_value = "nuclei", value_parser = one_of(&["nuclei", "vesicles"], Scene::parse))]
    scene: Scene,
    /// Show it again and again, in a square of so many PIXELS a side, as a large frame; only the
    /// first copy is labelled
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    mosaic: Option<u32>,
    /// PNG file to write the image to
    #[arg(long)]
    image: PathBuf,
    /// PNG file to write the labels to
    #[arg(long)]
    labels: PathBuf,
}

impl Sample {
    pub fn run(&self) -> Result<()> {
        let (image, labels) = sample::files_of(self.scene, self.mosaic.map(|side| side as usize))?;
        write(&self.image, &image)?;
        write(&self.labels, &labels)
    }
}
