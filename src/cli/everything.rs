//! `graysam everything`.

use std::path::{Path, PathBuf};

use clap::Args;
use graysam::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, Found, FoundObject};
use graysam::image::labels::Labels;
use graysam::tile_choice::{SIDES, TileChoice};
use graysam::{Result, device};
use serde::Serialize;

use super::files::{print_json, write};
use super::options::{DisplayOptions, ImageOption, TileOption, TunedModelOptions, setting_options};

/// Find all objects without a prompt, write them as a label image and print their scores as JSON
///
/// Large images are searched in tiles; objects on their seams come out whole.
#[derive(Args)]
pub struct Everything {
    #[command(flatten)]
    model: TunedModelOptions,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    display: DisplayOptions,
    #[command(flatten)]
    tile: TileOption,
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
        max_share: f32, "max-share", "SHARE", "Largest share of the image, and of its tile, that a mask may cover";
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
        let size = (image.width, image.height);
        let mut search = AutomaticMasks::new(size, self.settings(), None, None)?;
        let predictor = self.model.open()?;
        let mut told = 0;
        while device::block_on(search.advance(&predictor, &image))? {
            let percent = (100.0 * search.progress()) as u32;
            if percent >= told + 5 {
                told = percent;
                eprintln!("{percent} %, {} masks", search.found());
            }
        }
        let Found { runs, objects } = search.finish()?;
        let labels = Labels::from_runs(&runs, size)?;
        let file = match is_tiff(&self.out) {
            true => labels.to_tiff(None)?,
            false => labels.to_png()?,
        };
        write(&self.out, &file)?;
        print_json(&Summary { objects })
    }

    fn settings(&self) -> AutomaticMaskSettings {
        AutomaticMaskSettings {
            tile: match self.tile.tile {
                TileChoice::Auto => 0,
                // No image is longer.
                TileChoice::Whole => *SIDES.end(),
                TileChoice::Pixels(side) => side,
            },
            ..self.search.settings()
        }
    }
}

fn is_tiff(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["tif", "tiff"]
        .iter()
        .any(|tiff| extension.eq_ignore_ascii_case(tiff))
}
