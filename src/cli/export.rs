//! `graysam export`.

use std::path::PathBuf;

use clap::Args;
use graysam::annotation::export::{Export as Exported, ExportFormat};
use graysam::annotation::source::ImageSource;
use graysam::annotation::{ClassRecord, ObjectRecord};
use graysam::{Error, Result};
use serde::Deserialize;

use super::files::{common_folder, file_name, folder_below, in_file, read, write};
use super::options::{LabelledImageOptions, MaskOptions, PageOption, one_of};

const FORMATS: [&str; 8] = [
    "tiff",
    "png",
    "coco",
    "coco-polygons",
    "geojson",
    "imagej",
    "csv",
    "everything",
];

/// Write labelled objects in a format of other tools
#[derive(Args)]
pub struct Export {
    /// File format; geojson is QuPath's, csv holds measurements, everything is a zip of all
    #[arg(long, value_parser = one_of(&FORMATS, ExportFormat::parse))]
    format: ExportFormat,
    #[command(flatten)]
    images: LabelledImageOptions,
    #[command(flatten)]
    page: PageOption,
    #[command(flatten)]
    mask: MaskOptions,
    /// What is known of the objects, as JSON:
    /// {"classes":[{"name":...,"colour":...}],"objects":[{"id":...,"name":...,"class":...,"iou":...}]}
    #[arg(long)]
    objects: Option<PathBuf>,
    /// File to write
    #[arg(long)]
    out: PathBuf,
}

/// What is known of a label image's objects.
#[derive(Default, Deserialize)]
struct Known {
    #[serde(default)]
    classes: Vec<ClassRecord>,
    #[serde(default)]
    objects: Vec<ObjectRecord>,
}

impl Export {
    pub fn run(&self) -> Result<()> {
        let pairs = self.images.pairs()?;
        let known = self.known()?;
        let mut export = Exported::new(self.format, known.classes);
        let pairs: Vec<_> = pairs.collect();
        let common = common_folder(pairs.iter().map(|(image, _)| image.as_path()));
        for (image, labels) in pairs {
            let page = self.page.open(image)?;
            let source = ImageSource::of(&file_name(image), &folder_below(image, &common), &page);
            let objects = self.mask.open_labels(labels, page.page, page.pages)?;
            let added = export.add(&source, &objects, &known.objects, Some(&page.picture));
            added.map_err(in_file(labels))?;
        }
        write(&self.out, &export.finish()?.bytes)
    }

    fn known(&self) -> Result<Known> {
        let Some(path) = &self.objects else {
            return Ok(Known::default());
        };
        serde_json::from_slice(&read(path)?).map_err(|error| {
            Error::new(format!(
                "{}: this is not a list of objects ({error}).",
                path.display()
            ))
        })
    }
}
