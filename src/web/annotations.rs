//! Objects as the files of other tools, for the page.

use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::image::open;
use super::types::{Display, JsResult, KnownObjects, read, read_all};
use crate::annotation::export::{Export, ExportFormat, File};
use crate::annotation::source::ImageSource;
use crate::annotation::{self, ClassRecord, ObjectRecord};
use crate::error::Result;
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

    /// Adds an image: its name and its folder, which is empty where it is not known, the runs of its
    /// labels, what is known of the objects, the image's file and page, or no file for the
    /// bundled sample, and its display, whose channels are measured and which may say how large a
    /// pixel is.
    #[allow(clippy::too_many_arguments)]
    pub fn add(
        &mut self,
        name: &str,
        folder: &str,
        runs: Vec<u32>,
        width: usize,
        objects: Vec<Ts<ObjectRecord>>,
        file: Option<Blob>,
        page: usize,
        display: Option<Ts<Display>>,
    ) -> JsResult<()> {
        let objects: Vec<ObjectRecord> = read_all(&objects, "objects")?;
        let display: Option<Display> = display
            .map(|given| read(&given, "display settings"))
            .transpose()?;
        let display = display.unwrap_or_default();
        let page = open(file, page, &display.channels)?;
        let source = ImageSource {
            pixel_size: display.pixel_size.or(page.pixel_size),
            ..ImageSource::of(name, folder, &page)
        };
        let labels = Labels::from_runs(&runs, (width, page.picture.size().1))?;
        let added = self.0.add(&source, &labels, &objects, Some(&page.picture));
        Ok(added?)
    }

    pub fn finish(self) -> JsResult<ExportedFile> {
        Ok(ExportedFile(self.0.finish()?))
    }
}

#[wasm_bindgen]
impl ExportedFile {
    /// Of its image or of the project, and what it holds.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.0.name.clone()
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.bytes
    }
}

/// The objects that a label image or a file of annotations has for an image.
#[wasm_bindgen]
pub struct OpenedObjects {
    known: KnownObjects,
    runs: Vec<u32>,
    parts: Option<usize>,
    told: String,
}

#[wasm_bindgen]
impl OpenedObjects {
    /// Reads those of a page, from 0, of the image `name` in `folder`, which has so many `pages`. Where
    /// the file is a mask of several parts, `parted` makes an object of each.
    #[allow(clippy::too_many_arguments)]
    pub fn read(
        file: &[u8],
        name: &str,
        folder: &str,
        page: usize,
        pages: usize,
        width: usize,
        height: usize,
        parted: bool,
    ) -> JsResult<OpenedObjects> {
        let size = (width, height);
        let source = ImageSource {
            folder: folder.to_owned(),
            page,
            pages,
            ..ImageSource::only(name)
        };
        Ok(match annotation::is_annotation(file) {
            true => Self::annotations(annotation::read(file, &source, size)?),
            false => Self::labels(Labels::for_page(file, page, pages)?, size, parted)?,
        })
    }

    pub fn known(&self) -> JsResult<Ts<KnownObjects>> {
        Ok(self.known.into_ts()?)
    }

    /// Of how many separate parts the only object is made, where the file is a mask that may mean
    /// one object or several.
    #[wasm_bindgen(getter)]
    pub fn parts(&self) -> Option<usize> {
        self.parts
    }

    /// What the person should know of the reading; empty: nothing.
    #[wasm_bindgen(getter)]
    pub fn told(&self) -> String {
        self.told.clone()
    }

    /// The runs of the labels, with which this is used up.
    pub fn runs(self) -> Vec<u32> {
        self.runs
    }
}

impl OpenedObjects {
    fn annotations(read: annotation::Read) -> Self {
        Self {
            runs: read.labels.runs(),
            known: KnownObjects {
                objects: read.objects,
                classes: read.classes,
            },
            parts: None,
            told: read.left_out,
        }
    }

    fn labels(labels: Labels, size: (usize, usize), parted: bool) -> Result<Self> {
        labels.check_size(size)?;
        let parts = labels.mask_parts();
        let told = match labels.unknown.count() {
            0 => String::new(),
            1 => "1 pixel is marked as not annotated: it is neither object nor background, and is \
                  never trained on."
                .to_owned(),
            count => format!(
                "{count} pixels are marked as not annotated: they are striped, neither object nor \
                 background, and never trained on."
            ),
        };
        let labels = match parts {
            Some(_) if parted => labels.parted(),
            _ => labels,
        };
        Ok(Self {
            known: KnownObjects {
                objects: Vec::new(),
                classes: Vec::new(),
            },
            runs: labels.runs(),
            parts: parts.filter(|_| !parted),
            told,
        })
    }
}
