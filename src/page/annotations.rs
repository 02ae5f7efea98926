//! Objects as the files of other tools, for the page.

use wasm_bindgen::prelude::*;

use super::engine::open;
use super::json::{JsResult, from_js, to_js};
use crate::annotation::export::{Export, File, Format};
use crate::annotation::{Class, Object, coco};
use crate::image::labels::Labels;

/// An export under way.
#[wasm_bindgen]
pub struct ObjectExport(Export);

/// A file to be saved.
#[wasm_bindgen]
pub struct ExportedFile(File);

#[wasm_bindgen]
impl ObjectExport {
    /// Begins a file of a format, such as `coco`; see `Format`.
    #[wasm_bindgen(constructor)]
    pub fn new(format: &str, classes: JsValue) -> JsResult<ObjectExport> {
        let classes: Vec<Class> = from_js(&classes, "classes")?;
        Ok(Self(Export::new(Format::parse(format)?, classes)))
    }

    /// Adds an image: `width × height` object numbers, what is known of the objects, and the
    /// image's file and page, or no file for the bundled sample.
    pub fn add(
        &mut self,
        name: &str,
        ids: Vec<u32>,
        width: usize,
        objects: JsValue,
        file: Option<Vec<u8>>,
        page: usize,
    ) -> JsResult<()> {
        let height = ids.len() / width.max(1);
        let labels = Labels { width, height, ids };
        let objects: Vec<Object> = from_js(&objects, "objects")?;
        let picture = open(file, page)?.picture;
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
pub struct CocoObjects(coco::Read);

#[wasm_bindgen]
impl CocoObjects {
    pub fn read(file: &[u8], name: &str, width: usize, height: usize) -> JsResult<CocoObjects> {
        Ok(Self(coco::read(file, name, (width, height))?))
    }

    /// `{objects, classes}`
    pub fn known(&self) -> JsResult<JsValue> {
        to_js(&self.0)
    }

    /// The object numbers of the pixels.
    pub fn ids(self) -> Vec<u32> {
        self.0.ids
    }
}
