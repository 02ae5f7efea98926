//! GeoJSON as QuPath writes and imports it: an annotation for each object, in pixels of the image.

use serde_json::{Value, json};

use super::contours::{Polygon, Ring, polygons};
use super::source::ImageSource;
use super::{ClassRecord, ObjectRecord, rgb};
use crate::image::shapes::Shape;

/// An object as a feature; of a stack, in the plane of its page.
pub fn feature(
    source: &ImageSource,
    object: &ObjectRecord,
    classes: &[ClassRecord],
    shape: &Shape,
) -> Value {
    let parts: Vec<Value> = polygons(shape).iter().map(rings).collect();
    let mut geometry = match parts.as_slice() {
        [only] => json!({"type": "Polygon", "coordinates": only}),
        _ => json!({"type": "MultiPolygon", "coordinates": parts}),
    };
    if source.pages > 1 {
        geometry["plane"] = json!({"c": -1, "z": source.page, "t": 0});
    }
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

/// The features of one image as a file's text, which says which image that is.
pub fn collection(source: &ImageSource, features: Vec<Value>) -> String {
    json!({
        "type": "FeatureCollection",
        "features": features,
        "image": {
            "name": source.name,
            "folder": source.folder,
            "page": source.page + 1,
            "pages": source.pages,
            "pixel_size": source.pixel_size.map(|pixel| pixel.size),
            "unit": source.pixel_size.map(|pixel| pixel.unit),
        },
    })
    .to_string()
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
