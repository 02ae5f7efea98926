//! `graysam everything`.

use graysam::Result;
use graysam::device;
use graysam::everything::{Everything, Found};
use serde::Serialize;

use super::{needed, open_image, open_predictor, print_json, single, write};
use crate::Options;

#[derive(Serialize)]
struct Summary {
    objects: Vec<Found>,
}

/// Writes all objects of an image as a label image and prints what they are.
pub fn everything(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    let image = open_image(single(&options.images, "image")?, options)?;
    let mut everything = Everything::new(image, options.everything, None)?;
    let predictor = open_predictor(options)?;
    let mut told = 0;
    while device::block_on(everything.advance(&predictor))? {
        let percent = (100.0 * everything.progress()) as u32;
        if percent >= told + 5 {
            told = percent;
            eprintln!("{percent} %, {} masks", everything.found());
        }
    }
    let (labels, objects) = everything.finish();
    let tiff = [".tif", ".tiff"].iter().any(|ending| {
        let name = out.to_string_lossy().to_lowercase();
        name.ends_with(ending)
    });
    write(
        out,
        &if tiff {
            labels.to_tiff()?
        } else {
            labels.to_png()?
        },
    )?;
    print_json(&Summary { objects })
}
