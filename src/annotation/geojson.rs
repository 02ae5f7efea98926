//! GeoJSON as QuPath writes and imports it: an annotation for each object, in pixels of the image.

use serde_json::{Value, json};

use super::contours::{Polygon, Ring, polygons};
use super::{ClassRecord, ObjectRecord, rgb};
use crate::image::shapes::Shape;

/// An object as a feature.
pub fn feature(object: &ObjectRecord, classes: &[ClassRecord], shape: &Shape) -> Value {
    let parts: Vec<Value> = polygons(shape).iter().map(rings).collect();
    let geometry = match parts.as_slice() {
        [only] => json!({"type": "Polygon", "coordinates": only}),
        _ => json!({"type": "MultiPolygon", "coordinates": parts}),
    };
    let mut properties = json!({
        "objectType": "annotation",
        "name": object.title(),
        "measurements": {"Number": object.id},
    });
    if let Some(class) = object.class(classes) {
        properties["classification"] = json!({"name": class.name, "color": rgb(&class.colour)});
    }
    if let Some(iou) = object.iou {
        properties["measurements"]["Predicted IoU"] = json!(iou);
    }
    json!({"type": "Feature", "geometry": geometry, "properties": properties})
}

/// The features of one image as a file's text.
pub fn collection(features: Vec<Value>) -> String {
    json!({"type": "FeatureCollection", "features": features}).to_string()
}

/// The outer ring and the holes, each closed. The image's y goes down, so what turns clockwise on
/// the screen turns counter-clockwise as GeoJSON counts.
fn rings(polygon: &Polygon) -> Value {
    let closed = |ring: &Ring| -> Vec<[usize; 2]> {
        ring.iter()
            .chain(ring.first())
            .map(|&(x, y)| [x, y])
            .collect()
    };
    let all = std::iter::once(&polygon.outer).chain(&polygon.holes);
    json!(all.map(closed).collect::<Vec<_>>())
}
