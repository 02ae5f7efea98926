//! COCO as tools write it: ids as numbers or texts, what is missing as null, one odd entry among good
//! ones.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::coco::OURS;
use super::left_out::Reason;
use super::matching::{NamedImage, find};
use super::outline::{Outline, Ring};
use super::reading::{Entry, Gathered, colour, json};
use super::rle;
use super::source::ImageSource;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct File {
    info: Option<Value>,
    images: Option<Vec<Value>>,
    categories: Option<Vec<Value>>,
    annotations: Option<Vec<Lenient<Annotation>>>,
}

/// An entry, or what is none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Known(Box<T>),
    #[allow(dead_code)]
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    image_id: Value,
    #[serde(default)]
    category_id: Value,
    /// The category's name, as some tools write it besides.
    #[serde(default)]
    category_name: Value,
    #[serde(default)]
    segmentation: Option<Segmentation>,
    #[serde(default)]
    bbox: Value,
    #[serde(default)]
    score: Value,
    #[serde(default)]
    attributes: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Rings(Vec<Vec<f64>>),
    /// A single polygon that is in no list.
    Flat(Vec<f64>),
    Points(Vec<Ring>),
    Compressed {
        size: [usize; 2],
        counts: String,
    },
    Plain {
        size: [usize; 2],
        counts: Vec<usize>,
    },
    #[allow(dead_code)]
    Other(IgnoredAny),
}

/// An id, which is a number or a text.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => (whole as i64).to_string(),
            _ => number.to_string(),
        }),
        _ => None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reads the annotations of the image; see [`super::read`].
///
/// # Errors
/// When the text is no COCO file, has no such image, or that is of another size.
pub(super) fn read(bytes: &[u8], source: &ImageSource, size: (usize, usize)) -> Result<Gathered> {
    let file: File = json(bytes)?;
    let images = file.images.unwrap_or_default();
    let annotations = file.annotations.unwrap_or_default();
    let own = image_id(&images, source, size)?;
    let known: Vec<String> = images.iter().filter_map(|image| id(&image["id"])).collect();
    let ours = file
        .info
        .is_some_and(|info| text(&info["description"]) == OURS);
    let mut gathered = Gathered::default();
    let categories = file.categories.unwrap_or_default();
    let mut classes = Classes::of(&categories, ours, &mut gathered);
    for annotation in &annotations {
        let Lenient::Known(annotation) = annotation else {
            gathered.add(Err(Reason::Unreadable));
            continue;
        };
        match (id(&annotation.image_id), &own) {
            // Without a list of images all are of the one that is open.
            (_, None) => {}
            (Some(image), Some(own)) if image == *own => {}
            (None, Some(_)) if images.len() == 1 => {}
            (Some(image), _) if known.contains(&image) => continue,
            _ => {
                gathered.add(Err(Reason::NoImage));
                continue;
            }
        }
        let entry = outline(annotation, size).map(|(outline, is_box)| {
            gathered.left_out.boxes += usize::from(is_box);
            Entry {
                name: text(&annotation.attributes["name"]).to_owned(),
                class: classes.of_annotation(annotation, &mut gathered),
                iou: annotation.score.as_f64().map(|score| score as f32),
                number: annotation.attributes["number"]
                    .as_u64()
                    .and_then(|number| u32::try_from(number).ok()),
                outline,
            }
        });
        gathered.add(entry);
    }
    Ok(gathered)
}

/// The id of the image that is open; none where the file lists no image.
fn image_id(
    images: &[Value],
    source: &ImageSource,
    (width, height): (usize, usize),
) -> Result<Option<String>> {
    if images.is_empty() {
        return Ok(None);
    }
    let named = images.iter().map(|image| NamedImage {
        path: text(&image["file_name"]).to_owned(),
        name: image["name"].as_str().map(str::to_owned),
        page: image["page"]
            .as_u64()
            .and_then(|page| usize::try_from(page).ok()),
    });
    let named: Vec<NamedImage> = named.collect();
    let image = &images[find(&named, source)?];
    let side = |name: &str| image[name].as_u64().filter(|side| *side > 0);
    let [their_width, their_height] = [side("width"), side("height")];
    if let (Some(w), Some(h)) = (their_width, their_height)
        && (w, h) != (width as u64, height as u64)
    {
        return Err(Error::new(format!(
            "The file is of an image of {w} × {h} pixels but this one is {width} × {height}: they must be of one size."
        )));
    }
    // An image without an id is that of the annotations without one.
    Ok(Some(id(&image["id"]).unwrap_or_default()))
}

/// The places of classes by the ids of categories.
struct Classes {
    /// Nothing for the category of objects without a class.
    places: HashMap<String, Option<usize>>,
}

impl Classes {
    fn of(categories: &[Value], ours: bool, gathered: &mut Gathered) -> Self {
        let mut places = HashMap::new();
        for category in categories {
            // Some tools list the names alone.
            let name = category.as_str().or_else(|| category["name"].as_str());
            let id = id(&category["id"]).or_else(|| name.map(str::to_owned));
            let (Some(id), Some(name)) = (id, name) else {
                continue;
            };
            let place = match ours && id == "1" {
                true => None,
                false => Some(gathered.class_named(name, &colour(&category["color"]))),
            };
            places.entry(id).or_insert(place);
        }
        Self { places }
    }

    fn of_annotation(&mut self, annotation: &Annotation, gathered: &mut Gathered) -> Option<usize> {
        let id = id(&annotation.category_id);
        let id = id.or_else(|| annotation.category_name.as_str().map(str::to_owned))?;
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        // A category that is not listed has a name, or is called by its number.
        let name = match (annotation.category_name.as_str(), &annotation.category_id) {
            (Some(name), _) => name.to_owned(),
            (None, Value::String(name)) => name.clone(),
            _ => format!("category {id}"),
        };
        let place = Some(gathered.class_named(&name, ""));
        self.places.insert(id, place);
        place
    }
}

/// What it covers, and whether that is but its box.
fn outline(
    annotation: &Annotation,
    (width, height): (usize, usize),
) -> std::result::Result<(Outline, bool), Reason> {
    let pairs = |flat: &Vec<f64>| -> Option<Vec<Ring>> {
        let ring: Ring = flat.as_chunks::<2>().0.to_vec();
        (ring.len() > 2).then(|| vec![ring])
    };
    let sized = |stated: &[usize; 2], counts: Vec<usize>| match *stated == [height, width] {
        true => Ok((Outline::Columns(counts), false)),
        false => Err(Reason::OtherSize),
    };
    let polygons: Vec<Vec<Ring>> = match &annotation.segmentation {
        // Corners one by one, of a polygon that is in no list.
        Some(Segmentation::Rings(corners)) if corners.iter().all(|corner| corner.len() == 2) => {
            pairs(&corners.concat()).into_iter().collect()
        }
        Some(Segmentation::Rings(rings)) => rings.iter().filter_map(pairs).collect(),
        Some(Segmentation::Flat(ring)) => pairs(ring).into_iter().collect(),
        Some(Segmentation::Points(rings)) => {
            let whole = rings.iter().filter(|ring| ring.len() > 2);
            whole.map(|ring| vec![ring.clone()]).collect()
        }
        Some(Segmentation::Compressed { size, counts }) => {
            let counts = rle::decompress(counts).map_err(|_| Reason::Unreadable)?;
            return sized(size, counts);
        }
        Some(Segmentation::Plain { size, counts }) => return sized(size, counts.clone()),
        Some(Segmentation::Other(_)) => return Err(Reason::Unreadable),
        None => Vec::new(),
    };
    if !polygons.is_empty() {
        return Ok((Outline::Polygons(polygons), false));
    }
    let sides = annotation
        .bbox
        .as_array()
        .and_then(|sides| sides.iter().map(Value::as_f64).collect());
    let sides: Option<Vec<f64>> = sides;
    match sides.as_deref() {
        Some(&[x, y, w, h]) if w > 0.0 && h > 0.0 => {
            Ok((Outline::rectangle([x, y], [w, h], 0.0), true))
        }
        _ => Err(Reason::NoShape),
    }
}
