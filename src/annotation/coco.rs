//! COCO instances: the format of `pycocotools`, Label Studio, CVAT and Detectron2.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::contours::{Polygon, Ring, polygons};
use super::export::unique;
use super::source::ImageSource;
use super::{ClassRecord, ObjectRecord, rle};
use crate::image::shapes::Shape;

/// What files of ours say of themselves.
pub(super) const OURS: &str = "Objects of GraySAM";

/// How masks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masks {
    /// Compressed run lengths, which hold every mask exactly.
    Rle,
    /// Polygons along the pixels' edges; run lengths where an object has holes.
    Polygons,
}

/// A file that is being written.
pub struct Document {
    masks: Masks,
    images: Vec<Value>,
    annotations: Vec<Value>,
    names: HashSet<String>,
}

impl Document {
    pub fn new(masks: Masks) -> Self {
        Self {
            masks,
            images: Vec::new(),
            annotations: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Adds an image; the objects that follow are on it.
    ///
    /// Its `file_name` is unlike all others; `name`, `folder` and `page` say what it is of.
    pub fn add_image(&mut self, source: &ImageSource, (width, height): (usize, usize)) {
        let folder = &source.folder;
        let stem = match folder.is_empty() {
            true => source.stem(),
            false => format!("{folder}/{}", source.stem()),
        };
        let path = unique(&mut self.names, stem, source.ending());
        self.images.push(json!({
            "id": self.images.len() + 1,
            "file_name": path,
            "width": width,
            "height": height,
            "name": source.name,
            "folder": folder,
            "page": source.page + 1,
            "pages": source.pages,
            "pixel_size": source.pixel_size.map(|pixel| pixel.size),
            "unit": source.pixel_size.map(|pixel| pixel.unit),
        }));
    }

    /// Adds an object of the last image, in its size. The category 1 is that of objects without
    /// a class.
    pub fn add_object(&mut self, object: &ObjectRecord, shape: &Shape, size: (usize, usize)) {
        let mut annotation = json!({
            "id": self.annotations.len() + 1,
            "image_id": self.images.len(),
            "category_id": object.class.map_or(1, |place| place + 2),
            "bbox": [shape.x, shape.y, shape.width, shape.height],
            "area": shape.area,
            "iscrowd": 0,
            "segmentation": self.segmentation(shape, size),
            "attributes": {"name": object.name, "number": object.id},
        });
        if let Some(iou) = object.iou {
            annotation["score"] = json!(iou);
        }
        self.annotations.push(annotation);
    }

    fn segmentation(&self, shape: &Shape, size: (usize, usize)) -> Value {
        if self.masks == Masks::Polygons {
            let parts = polygons(shape);
            if parts.iter().all(|Polygon { holes, .. }| holes.is_empty()) {
                let flat = |ring: &Ring| -> Vec<usize> {
                    ring.iter().flat_map(|&(x, y)| [x, y]).collect()
                };
                return json!(
                    parts
                        .iter()
                        .map(|part| flat(&part.outer))
                        .collect::<Vec<_>>()
                );
            }
        }
        json!({"size": [size.1, size.0], "counts": rle::compress(&rle::counts(shape, size))})
    }

    /// The file's text.
    pub fn finish(self, classes: &[ClassRecord]) -> String {
        let mut categories = vec![json!({"id": 1, "name": "object", "supercategory": ""})];
        for (place, class) in classes.iter().enumerate() {
            categories.push(json!({
                "id": place + 2,
                "name": class.name,
                "supercategory": "",
                "color": class.colour,
            }));
        }
        json!({
            "info": {"description": OURS},
            "images": self.images,
            "categories": categories,
            "annotations": self.annotations,
        })
        .to_string()
    }
}
