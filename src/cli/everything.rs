//! `graysam everything`.

use std::path::{Path, PathBuf};

use clap::Args;
use graysam::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, FoundObject};
use graysam::{Result, device};
use serde::Serialize;

use super::files::{print_json, write};
use super::options::{DisplayOptions, ImageOption, TunedModelOptions, setting_options};

/// Find all objects without a prompt, write them as a label image and print their scores as JSON
///
/// Large images are searched in more detail in tiles, such as --tile 1024.
#[derive(Args)]
pub struct Everything {
    #[command(flatten)]
    model: TunedModelOptions,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    display: DisplayOptions,
    /// 16-bit label image to write: a TIFF if it ends with .tif or .tiff, else a PNG
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    search: SearchOptions,
}

setting_options! {
    struct SearchOptions for AutomaticMaskSettings under "Search" {
        points_per_side: usize, "points-per-side", "N", "Points along each side of a tile's grid";
        iou_threshold: f32, "iou-threshold", "X", "Least IoU that the model predicts for a mask";
        stability_threshold: f32, "stability-threshold", "X", "Least stability of a mask";
        nms_threshold: f32, "nms-threshold", "X", "Largest IoU of the boxes of two masks that are both kept";
        min_area: usize, "min-area", "PIXELS", "Least area of a mask";
        max_share: f32, "max-share", "SHARE", "Largest share of the image that a mask may cover";
        tile: usize, "tile", "PIXELS", "Side of a tile, or 0 for a single one";
        overlap: f32, "overlap", "SHARE", "Share of a tile's side that it has in common with its neighbour";
    }
}

#[derive(Serialize)]
struct Summary {
    objects: Vec<FoundObject>,
}

impl Everything {
    pub fn run(&self) -> Result<()> {
        let image = self.display.open(&self.image.image)?;
        let mut search = AutomaticMasks::new(image, self.search.settings(), None)?;
        let predictor = self.model.open()?;
        let mut told = 0;
        while device::block_on(search.advance(&predictor))? {
            let percent = (100.0 * search.progress()) as u32;
            if percent >= told + 5 {
                told = percent;
                eprintln!("{percent} %, {} masks", search.found());
            }
        }
        let (labels, objects) = search.finish();
        let file = match is_tiff(&self.out) {
            true => labels.to_tiff()?,
            false => labels.to_png()?,
        };
        write(&self.out, &file)?;
        print_json(&Summary { objects })
    }
}

fn is_tiff(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["tif", "tiff"]
        .iter()
        .any(|tiff| extension.eq_ignore_ascii_case(tiff))
}
