//! Objects as the files of other tools, for the page.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::image::open;
use super::types::{JsResult, KnownObjects, read, read_all};
use crate::annotation::export::{Export, ExportFormat, File};
use crate::annotation::{ClassRecord, ObjectRecord, coco};
use crate::image::labels::Labels;

/// An export under way.
#[wasm_bindgen]
pub struct ObjectExport(Export);

/// A file to be saved.
#[wasm_bindgen]
pub struct ExportedFile(File);

#[wasm_bindgen]
impl ObjectExport {
    /// Begins a file of a format.
    #[wasm_bindgen(constructor)]
    pub fn new(format: Ts<ExportFormat>, classes: Vec<Ts<ClassRecord>>) -> JsResult<ObjectExport> {
        let classes = read_all(&classes, "classes")?;
        Ok(Self(Export::new(read(&format, "a format")?, classes)))
    }

    /// Adds an image: the runs of its labels, what is known of the objects, and the image's file
    /// and page, or no file for the bundled sample.
    pub fn add(
        &mut self,
        name: &str,
        runs: Vec<u32>,
        width: usize,
        objects: Vec<Ts<ObjectRecord>>,
        file: Option<Blob>,
        page: usize,
    ) -> JsResult<()> {
        let objects: Vec<ObjectRecord> = read_all(&objects, "objects")?;
        let picture = open(file, page)?.picture;
        let labels = Labels::from_runs(&runs, (width, picture.size().1))?;
        Ok(self.0.add(name, &labels, &objects, Some(&picture))?)
    }

    pub fn finish(self) -> JsResult<ExportedFile> {
        Ok(ExportedFile(self.0.finish()?))
    }
}

#[wasm_bindgen]
impl ExportedFile {
    /// What follows the image's or the project's name.
    #[wasm_bindgen(getter)]
    pub fn suffix(&self) -> String {
        self.0.suffix.to_owned()
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.bytes
    }
}

/// The objects that a COCO file has for an image.
#[wasm_bindgen]
pub struct CocoObjects {
    known: KnownObjects,
    runs: Vec<u32>,
}

#[wasm_bindgen]
impl CocoObjects {
    /// Reads those of the image `name`, or of the file's only image.
    pub fn read(file: &[u8], name: &str, width: usize, height: usize) -> JsResult<CocoObjects> {
        let coco::Read {
            ids,
            objects,
            classes,
        } = coco::read(file, name, (width, height))?;
        Ok(Self {
            known: KnownObjects { objects, classes },
            runs: Labels { width, height, ids }.runs(),
        })
    }

    pub fn known(&self) -> JsResult<Ts<KnownObjects>> {
        Ok(self.known.into_ts()?)
    }

    /// The runs of the labels, with which this is used up.
    pub fn runs(self) -> Vec<u32> {
        self.runs
    }
}
