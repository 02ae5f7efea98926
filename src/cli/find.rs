//! `graysam find`.

use std::path::{Path, PathBuf};

use clap::Args;
use graysam::automatic_masks;
use graysam::finder::choose::THRESHOLD;
use graysam::finder::finding::{FinderQuality, Given};
use graysam::finder::{Finder, Finding, Suggestion};
use graysam::image::decode::Rgb;
use graysam::image::labels::Labels;
use graysam::instances::search;
use graysam::predictor::Predictor;
use graysam::weights::digest;
use graysam::{Error, Result, device};
use serde::Serialize;

use super::automatic::SearchOptions;
use super::files::{create, file_error, in_file, open, print_json, write_labels};
use super::instances::{self, InstanceOptions, Method};
use super::options::{DisplayOptions, MaskOptions, TunedModelOptions};

/// Find the objects of images, write them as label images and print how sure they are as JSON
///
/// With examples, the objects that are like the labelled ones, which stay with their numbers. Images
/// without labelled objects are searched with what the others taught.
///
/// Without examples, all that the model takes for an object at a grid of points, or what micro-sam's
/// decoder of instances finds where the model has one (--method). Large images are
/// searched in tiles; objects on their seams come out whole.
#[derive(Args)]
pub struct Find {
    #[command(flatten)]
    model: TunedModelOptions,
    /// Image file; may be repeated
    #[arg(long = "image", value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    display: DisplayOptions,
    /// Label image of a few objects of the --image at the same place; may be repeated, the first
    /// images have them
    #[arg(long)]
    examples: Vec<PathBuf>,
    #[command(flatten)]
    mask: MaskOptions,
    /// What was learned before
    #[arg(long, value_name = "FILE")]
    finder: Option<PathBuf>,
    /// safetensors file to write what was learned to
    #[arg(long, value_name = "FILE")]
    save_finder: Option<PathBuf>,
    /// Least sureness of an object that is like examples, 0 to 1 [default: 0.4]
    #[arg(long, value_name = "X")]
    sureness: Option<f32>,
    /// 16-bit label image to write of one image: a TIFF if it ends with .tif or .tiff, else a PNG
    #[arg(long, required_unless_present = "out_dir", conflicts_with = "out_dir")]
    out: Option<PathBuf>,
    /// Folder to write a label image of each image to, named as the image with .tif
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
    #[command(flatten)]
    instances: InstanceOptions,
    #[command(flatten)]
    search: SearchOptions,
}

/// What automatic masks are of an image.
#[derive(Serialize)]
struct Automatic {
    image: String,
    objects: Vec<automatic_masks::FoundObject>,
}

#[derive(Serialize)]
struct Found {
    image: String,
    /// Of the labelled objects, each found again by what is learned without it.
    quality: Option<FinderQuality>,
    objects: Vec<FoundObject>,
}

#[derive(Serialize)]
struct FoundObject {
    /// Its number in the labels.
    id: u32,
    sureness: f32,
    /// Pixels.
    area: usize,
}

impl Find {
    pub fn run(&self) -> Result<()> {
        let outs = self.outs()?;
        if self.examples.len() > self.images.len() {
            return Err(Error::new(
                "Every --examples needs its --image, in the same order: there are fewer of these.",
            ));
        }
        let automatic = self.examples.is_empty() && self.finder.is_none();
        self.check_options(automatic)?;
        let predictor = self.model.open()?;
        let method = Method::chosen(&self.instances, &predictor, self.search.given())?;
        match automatic {
            true if let Some(method) = method.of_instances() => {
                self.find_instances(&predictor, method, &outs)
            }
            true => self.find_all(&predictor, &outs),
            false => self.find_alike(&predictor, &outs),
        }
    }

    /// Refuses options that would change nothing.
    fn check_options(&self, automatic: bool) -> Result<()> {
        let of_examples = [
            ("--sureness", self.sureness.is_some()),
            ("--save-finder", self.save_finder.is_some()),
        ];
        let of_search = self.search.given().or(self.instances.given());
        let of_examples = of_examples.into_iter().find(|(_, given)| *given);
        match (automatic, of_examples, of_search) {
            (true, Some((option, _)), _) => Err(Error::new(format!(
                "{option} is for a search by examples: give --examples or --finder with it."
            ))),
            (false, _, Some(option)) => Err(Error::new(format!(
                "{option} is for a search without examples. Parts that suit the examples' size are chosen by \
                 themselves, and --sureness says which objects are kept."
            ))),
            _ => Ok(()),
        }
    }

    /// Automatic masks.
    fn find_all(&self, predictor: &Predictor, outs: &[PathBuf]) -> Result<()> {
        let mut all = Vec::new();
        for (path, out) in self.images.iter().zip(outs) {
            let image = self.display.open(path)?;
            eprintln!("{}", path.display());
            let (labels, objects) = self.search.search(predictor, &image)?;
            write_labels(out, &labels, None)?;
            let image = path.display().to_string();
            all.push(Automatic { image, objects });
        }
        print_json(&all)
    }

    /// By the decoder of instances.
    fn find_instances(
        &self,
        predictor: &Predictor,
        method: search::Method,
        outs: &[PathBuf],
    ) -> Result<()> {
        let mut all = Vec::new();
        for (path, out) in self.images.iter().zip(outs) {
            let image = self.display.open(path)?;
            eprintln!("{}", path.display());
            let side = self.search.side();
            let labels =
                instances::find(predictor, &image, method, side, self.instances.settings())?;
            write_labels(out, &labels, None)?;
            all.push(instances::Found::of(path, &labels));
        }
        print_json(&all)
    }

    /// What is like the examples.
    fn find_alike(&self, predictor: &Predictor, outs: &[PathBuf]) -> Result<()> {
        let mut finder = match &self.finder {
            Some(path) => {
                let base = self.model.base(predictor)?;
                Finder::read(open(path)?, &base).map_err(in_file(path))?
            }
            None => Finder::default(),
        };
        let mut all = Vec::new();
        // Those with examples teach before the others are searched.
        for (i, (path, out)) in self.images.iter().zip(outs).enumerate() {
            let examples = self.examples.get(i);
            let (found, learned) = self.find(predictor, finder, path, examples, out)?;
            finder = learned;
            all.push(found);
        }
        if let Some(path) = &self.save_finder {
            finder.write(create(path)?, &self.model.base(predictor)?)?;
        }
        print_json(&all)
    }

    fn find(
        &self,
        predictor: &Predictor,
        finder: Finder,
        path: &Path,
        examples: Option<&PathBuf>,
        out: &Path,
    ) -> Result<(Found, Finder)> {
        let (image, page, pages) = self.display.open_page(path)?;
        let labels = match examples {
            Some(examples) => same_size(self.mask.open_labels(examples, page, pages)?, &image)?,
            None => Labels::empty((image.width, image.height)),
        };
        let given = Given {
            labels: labels.clone(),
            rejected: Vec::new(),
            embeddings: Vec::new(),
            instances: None,
        };
        let mut finding = match examples {
            Some(_) => {
                let key = digest(&image.pixels[..]).map_err(|e| file_error("read", path, e))?;
                Finding::learn(finder, key, given)?
            }
            None => Finding::find(finder, given)?,
        };
        while device::block_on(finding.advance(predictor, &image))?.is_some() {}
        let quality = finding.quality();
        let (suggestions, finder) = finding.finish()?;
        let (labels, objects) = painted(labels, &suggestions, self.sureness.unwrap_or(THRESHOLD));
        write_labels(out, &labels, None)?;
        let image = path.display().to_string();
        let found = Found {
            image,
            quality,
            objects,
        };
        Ok((found, finder))
    }

    /// The file to write of each image.
    fn outs(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = &self.out_dir else {
            let out: Vec<PathBuf> = self.out.iter().cloned().collect();
            return match out.len() == self.images.len() {
                true => Ok(out),
                false => Err(Error::new(
                    "--out is for one --image; give --out-dir for several.",
                )),
            };
        };
        std::fs::create_dir_all(folder).map_err(|error| file_error("made", folder, error))?;
        let out = |image: &PathBuf| {
            let stem = image.file_stem().unwrap_or_default();
            folder.join(stem).with_added_extension("tif")
        };
        let outs: Vec<PathBuf> = self.images.iter().map(out).collect();
        let mut sorted = outs.clone();
        sorted.sort();
        sorted.dedup();
        match sorted.len() == outs.len() {
            true => Ok(outs),
            false => Err(Error::new(
                "Two images have the same name, so that one's labels would replace the other's: write them to two folders.",
            )),
        }
    }
}

fn same_size(labels: Labels, image: &Rgb) -> Result<Labels> {
    match (labels.width, labels.height) == (image.width, image.height) {
        true => Ok(labels),
        false => Err(Error::new(format!(
            "The examples are {} × {} pixels but the image is {} × {}: they must be of one size.",
            labels.width, labels.height, image.width, image.height
        ))),
    }
}

/// The labels with the suggestions that are sure enough, numbered on from theirs.
fn painted(
    mut labels: Labels,
    suggestions: &[Suggestion],
    least: f32,
) -> (Labels, Vec<FoundObject>) {
    let mut id = labels.ids.iter().copied().max().unwrap_or(0);
    let mut objects = Vec::new();
    for Suggestion { shape, sureness } in suggestions.iter().filter(|s| s.sureness >= least) {
        id += 1;
        let mut area = 0;
        for (i, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
            let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
            let own = &mut labels.ids[y * labels.width + x];
            if *own == 0 {
                *own = id;
                area += 1;
            }
        }
        let sureness = *sureness;
        objects.push(FoundObject { id, sureness, area });
    }
    (labels, objects)
}
