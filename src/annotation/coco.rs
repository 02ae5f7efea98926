//! COCO instances: the format of `pycocotools`, Label Studio, CVAT and Detectron2.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::contours::{Polygon, Ring, polygons};
use super::{ClassRecord, ObjectRecord, rle};
use crate::error::{Error, Result};
use crate::image::shapes::Shape;

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
}

impl Document {
    pub fn new(masks: Masks) -> Self {
        Self {
            masks,
            images: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// Adds an image; the objects that follow are on it.
    pub fn add_image(&mut self, name: &str, (width, height): (usize, usize)) {
        let id = self.images.len() + 1;
        self.images
            .push(json!({"id": id, "file_name": name, "width": width, "height": height}));
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
            "info": {"description": "Objects of GraySAM"},
            "images": self.images,
            "categories": categories,
            "annotations": self.annotations,
        })
        .to_string()
    }
}

/// What a file says of one image.
#[derive(Debug)]
pub struct Read {
    /// The object numbers of the pixels.
    pub ids: Vec<u32>,
    pub objects: Vec<ObjectRecord>,
    pub classes: Vec<ClassRecord>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    #[serde(default)]
    categories: Vec<Category>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    #[serde(default)]
    file_name: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    color: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    #[serde(default)]
    category_id: i64,
    segmentation: Segmentation,
    #[serde(default)]
    score: Option<f32>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Compressed {
        size: [usize; 2],
        counts: String,
    },
    Plain {
        size: [usize; 2],
        counts: Vec<usize>,
    },
}

/// Reads the objects of the image `name`, of width and height `size`, or those of the file's only
/// image. Where objects overlap, the one that comes first in the file keeps the pixels; polygons
/// cover the pixels whose centres lie inside one of them.
///
/// # Errors
/// When the text is no COCO file, has no image of that name, or that is of another size.
pub fn read(text: &[u8], name: &str, size: (usize, usize)) -> Result<Read> {
    let file: File = serde_json::from_slice(text).map_err(|error| {
        Error::new(format!(
            "This is not a COCO file ({error}); choose one with images, categories and annotations."
        ))
    })?;
    let image = find_image(&file.images, name, size)?;
    let known = |category: &Category| ClassRecord {
        name: category.name.clone(),
        colour: category
            .color
            .clone()
            .filter(|text| is_colour(text))
            .unwrap_or_default(),
    };
    let mut read = Read {
        ids: vec![0; size.0 * size.1],
        objects: Vec::new(),
        classes: file.categories.iter().map(known).collect(),
    };
    let own = file.annotations.iter().filter(|a| a.image_id == image.id);
    for annotation in own {
        let id = read.objects.len() as u32 + 1;
        let mut painted = false;
        paint(&annotation.segmentation, size, |i| {
            if read.ids[i] == 0 {
                read.ids[i] = id;
                painted = true;
            }
        })?;
        if painted {
            let of = |category: &Category| category.id == annotation.category_id;
            let title = annotation.attributes.get("name").and_then(Value::as_str);
            read.objects.push(ObjectRecord {
                id,
                name: title.unwrap_or_default().to_owned(),
                class: file.categories.iter().position(of),
                iou: annotation.score.filter(|score| score.is_finite()),
            });
        }
    }
    if read.objects.is_empty() {
        return Err(Error::new(format!(
            "The file has no object on {name}; choose one with annotations of this image."
        )));
    }
    Ok(read)
}

fn find_image<'a>(images: &'a [Image], name: &str, size: (usize, usize)) -> Result<&'a Image> {
    // Tools write paths or names.
    let file_name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
    let found = match images {
        [only] => Some(only),
        _ => images
            .iter()
            .find(|image| file_name(&image.file_name) == file_name(name)),
    };
    let image = found.ok_or_else(|| {
        Error::new(format!(
            "The file has {} images and none is called {name}; open the image that it is of.",
            images.len()
        ))
    })?;
    let stated = (image.width, image.height);
    if stated != (0, 0) && stated != size {
        return Err(Error::new(format!(
            "The file is of an image of {} × {} pixels but this one is {} × {}: they must be of one size.",
            stated.0, stated.1, size.0, size.1
        )));
    }
    Ok(image)
}

fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|b| b.is_ascii_hexdigit())
}

/// Visits the pixels of a mask.
fn paint(
    segmentation: &Segmentation,
    size: (usize, usize),
    mut each: impl FnMut(usize),
) -> Result<()> {
    let (stated, counts) = match segmentation {
        Segmentation::Polygons(rings) => {
            for ring in rings {
                fill(ring, size, &mut each)?;
            }
            return Ok(());
        }
        Segmentation::Compressed { size, counts } => (size, &rle::decompress(counts)?),
        Segmentation::Plain { size, counts } => (size, counts),
    };
    if *stated != [size.1, size.0] {
        return Err(Error::new(format!(
            "A mask is of {} × {} pixels but the image is {} × {}: they must be of one size.",
            stated[1], stated[0], size.0, size.1
        )));
    }
    rle::visit(counts, size, each)
}

/// Visits the pixels whose centres lie inside of a polygon, given as x, y, x, y, and so on.
fn fill(ring: &[f64], (width, height): (usize, usize), each: &mut impl FnMut(usize)) -> Result<()> {
    if ring.iter().any(|value| !value.is_finite()) {
        return Err(Error::new(
            "A polygon has a corner that is not finite; export the file again.",
        ));
    }
    let corners: Vec<[f64; 2]> = ring.chunks_exact(2).map(|at| [at[0], at[1]]).collect();
    let heights = || corners.iter().map(|corner| corner[1]);
    let top = heights().fold(f64::INFINITY, f64::min).max(0.0) as usize;
    let bottom = heights().fold(0.0, f64::max).ceil().min(height as f64) as usize;
    for y in top..bottom {
        let centre = y as f64 + 0.5;
        let next = corners.iter().cycle().skip(1);
        let mut crossings: Vec<f64> = corners
            .iter()
            .zip(next)
            .filter(|(a, b)| (a[1] <= centre) != (b[1] <= centre))
            .map(|(a, b)| a[0] + (centre - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
            .collect();
        crossings.sort_by(f64::total_cmp);
        let column = |x: f64| (x - 0.5).ceil().clamp(0.0, width as f64) as usize;
        for pair in crossings.chunks_exact(2) {
            (column(pair[0])..column(pair[1])).for_each(|x| each(y * width + x));
        }
    }
    Ok(())
}
