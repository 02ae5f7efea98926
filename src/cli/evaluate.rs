//! `graysam evaluate`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command, FromArgMatches};
use graysam::agreement::agreement;
use graysam::image::labels::Labels;
use graysam::{Result, device, evaluate};

use super::files::{in_file, print_json, read};
use super::options::{DisplayOptions, ImageOption, MaskOptions, TileOption, TunedModelOptions};

/// Score a model on the labelled objects of an image, or objects that were found, as JSON
///
/// A model is prompted for each object with a point and with a box. A point counts by the mask that
/// the page would show for it. Objects of fewer than 50 pixels are left out. The output is
/// {"objects":N,"point_iou":...,"box_iou":...}.
///
/// Objects of a label image that is given with --found need no model. The output is
/// {"objects":N,"ap50":...,"msa":...,"found":N,"missed":N,"false":N}.
#[derive(Args)]
pub struct Evaluate {
    /// Label image: TIFF or PNG with the object's number in each pixel, 0 in the background; a page for
    /// each of the image's, or one
    #[arg(long)]
    labels: PathBuf,
    #[command(flatten)]
    mask: MaskOptions,
    #[command(flatten)]
    what: What,
}

/// What is scored.
enum What {
    Model(Box<ModelOnImage>),
    Found(Found),
}

#[derive(Args)]
struct ModelOnImage {
    #[command(flatten)]
    model: TunedModelOptions,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    display: DisplayOptions,
    #[command(flatten)]
    tile: TileOption,
}

#[derive(Args)]
struct Found {
    /// Label image of the objects that were found, which are compared with the labelled ones
    #[arg(long, conflicts_with_all = ["model", "decoder", "image", "window"])]
    found: PathBuf,
    /// Label image of the objects that were handed over as examples, which do not count
    #[arg(long, requires = "found")]
    examples: Option<PathBuf>,
}

impl Evaluate {
    pub fn run(&self) -> Result<()> {
        match &self.what {
            What::Model(on) => on.run(&self.labels, &self.mask),
            What::Found(found) => found.run(&self.labels, &self.mask),
        }
    }
}

impl ModelOnImage {
    fn run(&self, labels: &Path, mask: &MaskOptions) -> Result<()> {
        let (image, page, pages) = self.display.open_page(&self.image.image)?;
        let labels = mask.open_labels(labels, page, pages)?;
        let mut predictor = self.model.open()?;
        let scores = evaluate::evaluate(&mut predictor, &image, &labels, self.tile.tile);
        print_json(&device::block_on(scores)?)
    }
}

impl Found {
    fn run(&self, labels: &Path, mask: &MaskOptions) -> Result<()> {
        let labels = mask.open_labels(labels, 0, 1)?;
        let found = Labels::open_or_empty(&read(&self.found)?, 0);
        let (found, _) = found.map_err(in_file(&self.found))?;
        let examples = self.examples.as_deref();
        let examples = examples
            .map(|path| mask.open_labels(path, 0, 1))
            .transpose()?;
        print_json(&agreement(&labels, &found, examples.as_ref())?)
    }
}

// Derived, both would be required.
impl Args for What {
    fn augment_args(command: Command) -> Command {
        let command = Found::augment_args(ModelOnImage::augment_args(command));
        command.mut_arg("found", |found| found.required(false))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for What {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(match matches.contains_id("found") {
            true => Self::Found(Found::from_arg_matches(matches)?),
            false => Self::Model(Box::new(ModelOnImage::from_arg_matches(matches)?)),
        })
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
