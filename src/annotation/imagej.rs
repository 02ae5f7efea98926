//! ImageJ's ROI files (`ij/io/RoiEncoder.java`): a polygon, or a composite where an object has
//! holes or several parts.

use super::contours::{Ring, polygons};
use super::source::ImageSource;
use super::{ClassRecord, ObjectRecord, rgb};
use crate::error::{Error, Result};
use crate::image::shapes::Shape;

const VERSION: i16 = 228;
const POLYGON: u8 = 0;
/// The type under which a composite is kept.
const RECTANGLE: u8 = 1;
const HEADER: usize = 64;
const HEADER2: usize = 64;
/// Where the second header has the place and the length of a text.
pub(super) const NAME: usize = 16;
pub(super) const PROPERTIES: usize = 40;
/// Properties.
pub(super) const NUMBER: &str = "Number";
pub(super) const CLASS: &str = "Class";
pub(super) const IOU: &str = "IoU";
const MOVE: f32 = 0.0;
const LINE: f32 = 1.0;
const CLOSE: f32 = 4.0;

/// An object as a `.roi` file; of a stack, on the slice of its page. Its properties, which ImageJ keeps,
/// tell what else is known of it.
///
/// # Errors
/// When it lies beyond the 32767 pixels that the format counts.
pub fn roi(
    source: &ImageSource,
    object: &ObjectRecord,
    classes: &[ClassRecord],
    shape: &Shape,
) -> Result<Vec<u8>> {
    let sides = [
        shape.y,
        shape.x,
        shape.y + shape.height,
        shape.x + shape.width,
    ];
    if sides.iter().any(|side| *side > i16::MAX as usize) {
        return Err(Error::new(
            "ImageJ's ROI files count pixels up to 32767 only; export this image in another format.",
        ));
    }
    let parts = polygons(shape);
    let rings: Vec<&Ring> = parts
        .iter()
        .flat_map(|part| std::iter::once(&part.outer).chain(&part.holes))
        .collect();
    let polygon = match rings.as_slice() {
        [ring] if ring.len() <= usize::from(u16::MAX) => Some(*ring),
        _ => None,
    };
    let mut file = b"Iout".to_vec();
    file.extend(VERSION.to_be_bytes());
    file.extend([
        if polygon.is_some() {
            POLYGON
        } else {
            RECTANGLE
        },
        0,
    ]);
    for side in sides {
        file.extend((side as i16).to_be_bytes());
    }
    file.extend((polygon.map_or(0, Vec::len) as u16).to_be_bytes());
    file.resize(HEADER, 0);
    match polygon {
        Some(ring) => corners(&mut file, ring, shape),
        None => path(&mut file, &rings),
    }
    let colour = object.class(classes).map(|class| rgb(&class.colour));
    let stroke = colour.map_or([0; 4], |[red, green, blue]| [255, red, green, blue]);
    file[40..44].copy_from_slice(&stroke);
    if source.pages > 1 {
        file[56..60].copy_from_slice(&(source.page as u32 + 1).to_be_bytes());
    }
    let at = file.len() as u32;
    file[60..64].copy_from_slice(&at.to_be_bytes());
    second_header(&mut file, &object.title(), &properties(object, classes));
    Ok(file)
}

/// Columns and then rows, counted from the box's corner.
fn corners(file: &mut Vec<u8>, ring: &Ring, shape: &Shape) {
    for &(x, _) in ring {
        file.extend(((x - shape.x) as i16).to_be_bytes());
    }
    for &(_, y) in ring {
        file.extend(((y - shape.y) as i16).to_be_bytes());
    }
}

/// The segments of a composite's path.
fn path(file: &mut Vec<u8>, rings: &[&Ring]) {
    let mut segments = Vec::new();
    for ring in rings {
        for (i, &(x, y)) in ring.iter().enumerate() {
            segments.extend([if i == 0 { MOVE } else { LINE }, x as f32, y as f32]);
        }
        segments.push(CLOSE);
    }
    file[36..40].copy_from_slice(&(segments.len() as u32).to_be_bytes());
    file.extend(segments.iter().flat_map(|value| value.to_be_bytes()));
}

/// The second header, with texts behind it.
fn second_header(file: &mut Vec<u8>, title: &str, properties: &str) {
    let header = file.len();
    file.resize(header + HEADER2, 0);
    for (field, text) in [(NAME, title), (PROPERTIES, properties)] {
        let units: Vec<u16> = text.encode_utf16().collect();
        let place = [file.len() as u32, units.len() as u32].map(u32::to_be_bytes);
        file[header + field..][..8].copy_from_slice(place.as_flattened());
        file.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
    }
}

/// As `java.util.Properties` reads them.
fn properties(object: &ObjectRecord, classes: &[ClassRecord]) -> String {
    let mut text = format!("{NUMBER}: {}\n", object.id);
    if let Some(class) = object.class(classes) {
        text += &format!("{CLASS}: {}\n", escaped(&class.name));
    }
    if let Some(iou) = object.iou {
        text += &format!("{IOU}: {iou}\n");
    }
    text
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        match c {
            '\n' => text += "\\n",
            '\r' => text += "\\r",
            '\t' => text += "\\t",
            '\\' => text += "\\\\",
            ' ' if text.is_empty() => text += "\\ ",
            c => text.push(c),
        }
    }
    text
}
