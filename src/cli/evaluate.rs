//! `graysam evaluate`.

use std::path::PathBuf;

use clap::Args;
use graysam::{Result, device, evaluate};

use super::files::print_json;
use super::options::{DisplayOptions, ImageOption, MaskOptions, TileOption, TunedModelOptions};

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
    /// Label image: TIFF or PNG with the object's number in each pixel, 0 in the background; a page for
    /// each of the image's, or one
    #[arg(long)]
    labels: PathBuf,
    #[command(flatten)]
    mask: MaskOptions,
}

impl Evaluate {
    pub fn run(&self) -> Result<()> {
        let (image, page, pages) = self.display.open_page(&self.image.image)?;
        let labels = self.mask.open_labels(&self.labels, page, pages)?;
        let mut predictor = self.model.open()?;
        let scores = evaluate::evaluate(&mut predictor, &image, &labels, self.tile.tile);
        print_json(&device::block_on(scores)?)
    }
}
