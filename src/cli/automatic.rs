//! What `graysam find` does without examples: automatic masks.

use clap::Args;
use graysam::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, Found, FoundObject};
use graysam::image::decode::Rgb;
use graysam::image::labels::Labels;
use graysam::predictor::Predictor;
use graysam::tile_choice::{SIDES, TileChoice};
use graysam::{Result, device};

use super::options::{TILE_HELP, ranged, setting};

/// Declares options for fields of the settings, which keep their defaults where nothing is given:
/// `field: type, "option", "VALUE", "help";`.
macro_rules! search_options {
    ($($field:ident: $type:ty, $option:literal, $value:literal, $help:literal;)+) => {
        #[derive(Args)]
        #[command(next_help_heading = "Search without examples")]
        pub struct SearchOptions {
            /// What the model sees at a time
            #[arg(long, value_name = "auto|whole|PIXELS", help = TILE_HELP, value_parser = TileChoice::parse)]
            tile: Option<TileChoice>,
            /// Ask at all points of the grid, also where they promise no other mask
            #[arg(long)]
            all_points: bool,
            $(#[arg(
                long = $option,
                value_name = $value,
                allow_negative_numbers = true,
                help = usual(ranged($help, AutomaticMaskSettings::RANGES.$field), AutomaticMaskSettings::RANGES.$field.default),
                value_parser = setting::<$type>($option, AutomaticMaskSettings::RANGES.$field),
            )]
            $field: Option<$type>,)+
        }

        impl SearchOptions {
            /// The first option that was given, with its dashes.
            pub fn given(&self) -> Option<&'static str> {
                let mut given = self.tile.map(|_| "--tile");
                given = given.or(self.all_points.then_some("--all-points"));
                $(given = given.or(self.$field.map(|_| concat!("--", $option)));)+
                given
            }

            fn settings(&self) -> AutomaticMaskSettings {
                let usual = AutomaticMaskSettings::default();
                AutomaticMaskSettings {
                    tile: match self.tile.unwrap_or_default() {
                        TileChoice::Auto => 0,
                        // No image is longer.
                        TileChoice::Whole => *SIDES.end(),
                        TileChoice::Pixels(side) => side,
                    },
                    $($field: self.$field.unwrap_or(usual.$field),)+
                    all_points: usize::from(self.all_points),
                    ..usual
                }
            }
        }
    };
}

search_options! {
    points_per_side: usize, "points-per-side", "N", "Points along each side of a tile's grid";
    iou_threshold: f32, "iou-threshold", "X", "Least IoU that the model predicts for a mask";
    stability_threshold: f32, "stability-threshold", "X", "Least stability of a mask";
    nms_threshold: f32, "nms-threshold", "X", "Largest IoU of the boxes of two masks that are both kept";
    min_area: usize, "min-area", "PIXELS", "Least area of a mask";
    max_share: f32, "max-share", "SHARE", "Largest share of the image, and of its tile, that a mask may cover";
    overlap: f32, "overlap", "SHARE", "Share of a tile's side that it has in common with its neighbour";
}

fn usual(help: String, value: f64) -> String {
    format!("{help} [default: {value}]")
}

impl SearchOptions {
    /// The side of the parts that the model sees, if it was given.
    pub fn side(&self) -> Option<usize> {
        match self.tile.unwrap_or_default() {
            TileChoice::Auto => None,
            TileChoice::Whole => Some(*SIDES.end()),
            TileChoice::Pixels(side) => Some(side),
        }
    }

    /// Finds all objects of `image`: their labels and scores.
    pub fn search(&self, predictor: &Predictor, image: &Rgb) -> Result<(Labels, Vec<FoundObject>)> {
        let size = (image.width, image.height);
        let mut search = AutomaticMasks::new(size, self.settings(), None, None)?;
        let mut told = 0;
        while device::block_on(search.advance(predictor, image))? {
            let percent = (100.0 * search.progress()) as u32;
            if percent >= told + 5 {
                told = percent;
                eprintln!("{percent} %, {} masks", search.found());
            }
        }
        let Found { runs, objects } = search.finish()?;
        Ok((Labels::from_runs(&runs, size)?, objects))
    }
}
