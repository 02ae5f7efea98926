//! `graysam evaluate`.

use std::path::PathBuf;

use clap::Args;
use graysam::{Result, device, evaluate};

use super::files::{open_labels, print_json};
use super::options::{DisplayOptions, ImageOption, TileOption, TunedModelOptions};

/// Print the mean IoU over the labelled objects, prompted with a point and with a box, as JSON
///
/// A point counts by the mask that the page would show for it. Objects of fewer than 50 pixels are
/// left out. The output is
/// {"objects":N,"point_iou":...,"box_iou":...}.
#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    model: TunedModelOptions,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    display: DisplayOptions,
    #[command(flatten)]
    tile: TileOption,
    /// Label image: 16-bit TIFF or PNG with the object's number in each pixel, 0 in the background
    #[arg(long)]
    labels: PathBuf,
}

impl Evaluate {
    pub fn run(&self) -> Result<()> {
        let labels = open_labels(&self.labels)?;
        let image = self.display.open(&self.image.image)?;
        let mut predictor = self.model.open()?;
        let scores = evaluate::evaluate(&mut predictor, &image, &labels, self.tile.tile);
        print_json(&device::block_on(scores)?)
    }
}
