//! What a project file has for other tools: label images and a COCO file. The images' own files
//! are not needed for them.

use tsify::Ts;
use wasm_bindgen::prelude::*;

use super::types::{JsResult, read_all};
use crate::annotation::export::{Export, ExportFormat};
use crate::annotation::source::ImageSource;
use crate::annotation::{ClassRecord, ObjectRecord};
use crate::error::Error;
use crate::image::labels::Labels;

/// The label files of a project, image by image.
#[wasm_bindgen]
pub struct ProjectLabels(Export);

#[wasm_bindgen]
impl ProjectLabels {
    #[wasm_bindgen(constructor)]
    pub fn new(classes: Vec<Ts<ClassRecord>>) -> JsResult<ProjectLabels> {
        let classes = read_all(&classes, "classes")?;
        Ok(Self(Export::new(ExportFormat::Coco, classes)))
    }

    /// Adds an image to the COCO file: what that calls it, the runs of its labels, and what is
    /// known of the objects. Returns its label image as a TIFF file, or nothing where that cannot
    /// hold the objects' numbers.
    pub fn add(
        &mut self,
        name: &str,
        runs: Vec<u32>,
        width: usize,
        height: usize,
        objects: Vec<Ts<ObjectRecord>>,
    ) -> JsResult<Option<Vec<u8>>> {
        let objects: Vec<ObjectRecord> = read_all(&objects, "objects")?;
        let labels = Labels::from_runs(&runs, (width, height))?;
        self.0
            .add(&ImageSource::only(name), &labels, &objects, None)?;
        Ok(labels.to_tiff(None).ok())
    }

    /// The COCO file.
    pub fn finish(self) -> JsResult<Vec<u8>> {
        Ok(self.0.finish()?.bytes)
    }

    /// The runs of a label image of this size.
    pub fn read(file: &[u8], width: usize, height: usize) -> JsResult<Vec<u32>> {
        let labels = Labels::decode(file)?;
        if (labels.width, labels.height) != (width, height) {
            return Err(Error::new(format!(
                "It is {} × {} pixels but its image is {width} × {height}.",
                labels.width, labels.height
            ))
            .into());
        }
        Ok(labels.runs())
    }
}
