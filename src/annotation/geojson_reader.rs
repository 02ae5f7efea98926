//! GeoJSON as QuPath exports it, and as GraySAM does.

use serde::Deserialize;
use serde_json::Value;

use super::left_out::Reason;
use super::matching::{NamedImage, check_page};
use super::outline::{Outline, Ring};
use super::reading::{Entry, Gathered, colour, given_name, json};
use super::source::ImageSource;
use crate::error::Result;

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    List(Vec<Value>),
    Collection {
        features: Vec<Value>,
        #[serde(default)]
        image: Value,
    },
    Feature(Value),
}

/// Reads the features; of several planes those of the image's page.
///
/// # Errors
/// When the text is no JSON, or is of another page of the same file.
pub(super) fn read(text: &[u8], source: &ImageSource) -> Result<Gathered> {
    let (features, image) = match json(text)? {
        File::List(features) => (features, Value::Null),
        File::Collection { features, image } => (features, image),
        File::Feature(feature) => (vec![feature], Value::Null),
    };
    let named = NamedImage {
        path: image["name"].as_str().unwrap_or_default().to_owned(),
        page: image["page"]
            .as_u64()
            .and_then(|page| usize::try_from(page).ok()),
        name: None,
    };
    check_page(&named, source)?;
    let plane = |feature: &Value| -> Option<u64> {
        let plane = &feature["geometry"]["plane"];
        let place = |name: &str| plane[name].as_u64().unwrap_or(0);
        plane.is_object().then(|| place("z").max(place("t")))
    };
    let several = source.pages > 1 && features.iter().any(|one| plane(one).is_some());
    let mut gathered = Gathered::default();
    for feature in &features {
        if several && plane(feature).is_some_and(|plane| plane != source.page as u64) {
            continue;
        }
        let entry =
            outline(&feature["geometry"]).map(|outline| entry(outline, feature, &mut gathered));
        gathered.add(entry);
    }
    Ok(gathered)
}

fn entry(outline: Outline, feature: &Value, gathered: &mut Gathered) -> Entry {
    let properties = &feature["properties"];
    let number = measured(properties, "Number");
    let number = number.filter(|number| number.fract() == 0.0 && *number >= 0.0);
    let number = number.map(|number| number as u32);
    let name = properties["name"].as_str().unwrap_or_default();
    let class = &properties["classification"];
    let class_name = class_name(class);
    Entry {
        name: given_name(name, number),
        class: class_name.map(|name| gathered.class_named(&name, &class_colour(class))),
        iou: measured(properties, "Predicted IoU").map(|iou| iou as f32),
        number,
        outline,
    }
}

/// Of a derived class QuPath writes the names from the general to the special one.
fn class_name(class: &Value) -> Option<String> {
    let names = class["names"].as_array();
    let names = names.map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let name = class.as_str().or_else(|| class["name"].as_str());
    let name = name.map_or_else(|| names.unwrap_or_default().join(": "), str::to_owned);
    (!name.is_empty()).then_some(name)
}

/// A measurement, of which older files have a list.
fn measured(properties: &Value, name: &str) -> Option<f64> {
    let all = &properties["measurements"];
    let listed = all
        .as_array()
        .and_then(|all| all.iter().find(|one| one["name"] == name));
    listed.map_or(&all[name], |one| &one["value"]).as_f64()
}

/// As `[r, g, b]`, or in older files as one number.
fn class_colour(class: &Value) -> String {
    match class["colorRGB"].as_i64() {
        Some(packed) => format!("#{:06x}", packed & 0xff_ffff),
        None => colour(&class["color"]),
    }
}

fn outline(geometry: &Value) -> std::result::Result<Outline, Reason> {
    let mut polygons = Vec::new();
    gather(geometry, &mut polygons, 4)?;
    match polygons.is_empty() {
        true => Err(Reason::NoShape),
        false => Ok(Outline::Polygons(polygons)),
    }
}

/// Adds the polygons of a geometry; collections may lie so deep in each other.
fn gather(
    geometry: &Value,
    polygons: &mut Vec<Vec<Ring>>,
    depth: usize,
) -> std::result::Result<(), Reason> {
    let unreadable = || Reason::Unreadable;
    let all = geometry["coordinates"].as_array();
    match geometry["type"].as_str() {
        Some("Polygon") => {
            let polygon = all.and_then(|all| polygon(all));
            polygons.push(polygon.ok_or_else(unreadable)?);
        }
        Some("MultiPolygon") => {
            for part in all.ok_or_else(unreadable)? {
                let polygon = part.as_array().and_then(|part| polygon(part));
                polygons.push(polygon.ok_or_else(unreadable)?);
            }
        }
        Some("GeometryCollection") if depth > 0 => {
            for part in geometry["geometries"].as_array().ok_or_else(unreadable)? {
                gather(part, polygons, depth - 1)?;
            }
        }
        Some("Point" | "MultiPoint" | "LineString" | "MultiLineString") => {
            return Err(Reason::NoArea);
        }
        Some(_) => return Err(Reason::Unreadable),
        None => {}
    }
    Ok(())
}

fn polygon(rings: &[Value]) -> Option<Vec<Ring>> {
    let corner = |value: &Value| Some([value.get(0)?.as_f64()?, value.get(1)?.as_f64()?]);
    let ring = |value: &Value| value.as_array()?.iter().map(corner).collect();
    rings.iter().map(ring).collect()
}
