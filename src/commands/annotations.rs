//! `graysam export` and `graysam import`.

use graysam::annotation::export::{Export, Format};
use graysam::annotation::{Class, Object, coco};
use graysam::image::labels::Labels;
use graysam::{Error, Result};
use serde::Deserialize;

use super::{in_file, needed, open_labels, open_page, read, single, write};
use crate::Options;

/// What is known of a label image's objects.
#[derive(Default, Deserialize)]
struct Known {
    #[serde(default)]
    classes: Vec<Class>,
    #[serde(default)]
    objects: Vec<Object>,
}

/// `graysam export`.
pub fn export(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    let Some(format) = options.format.as_deref() else {
        return Err(Error::new("Say what to write with --format, such as coco."));
    };
    if options.images.is_empty() || options.images.len() != options.labels.len() {
        return Err(Error::new(
            "Every --image needs its --labels, in the same order, and at least one of each.",
        ));
    }
    let known = match &options.objects {
        Some(path) => serde_json::from_slice(&read(path)?).map_err(|error| {
            Error::new(format!(
                "{}: this is no list of objects ({error}).",
                path.display()
            ))
        })?,
        None => Known::default(),
    };
    let mut export = Export::new(Format::parse(format)?, known.classes);
    for (image, labels) in options.images.iter().zip(&options.labels) {
        let picture = open_page(image, options)?.picture;
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        let added = export.add(&name, &open_labels(labels)?, &known.objects, Some(&picture));
        added.map_err(in_file(labels))?;
    }
    write(out, &export.finish()?.bytes)
}

/// `graysam import`.
pub fn import(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    let path = needed(&options.coco, "coco")?;
    let image = single(&options.images, "image")?;
    let (width, height) = open_page(image, options)?.picture.size();
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let found = coco::read(&read(path)?, &name, (width, height)).map_err(in_file(path))?;
    let ids = found.ids;
    write(out, &Labels { width, height, ids }.to_png()?)
}
