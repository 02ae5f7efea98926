//! Figures of each object: its shape, and the intensities of the file itself, not of its display.

use super::csv;
use super::{ClassRecord, ObjectRecord};
use crate::image::decode::{Gray, Picture, Samples};
use crate::image::shapes::Shape;

/// The columns of [`row`].
pub const HEADER: [&str; 18] = [
    "image",
    "object",
    "name",
    "class",
    "area_px",
    "centroid_x_px",
    "centroid_y_px",
    "left_px",
    "top_px",
    "width_px",
    "height_px",
    "perimeter_px",
    "mean_intensity",
    "integrated_intensity",
    "min_intensity",
    "max_intensity",
    "std_intensity",
    "predicted_iou",
];

/// An object's figures as a row of a table. Centroids count pixels from the centre of the first,
/// which is 0, 0. The intensities of colour images, and of images that are not at hand, are empty.
pub fn row(
    image: &str,
    object: &ObjectRecord,
    classes: &[ClassRecord],
    shape: &Shape,
    picture: Option<&Picture>,
) -> String {
    let (x, y) = centroid(shape);
    let mut cells = vec![
        csv::text(image),
        object.id.to_string(),
        csv::text(&object.title()),
        csv::text(object.class(classes).map_or("", |class| &class.name)),
        shape.area.to_string(),
        x.to_string(),
        y.to_string(),
        shape.x.to_string(),
        shape.y.to_string(),
        shape.width.to_string(),
        shape.height.to_string(),
        perimeter(shape).to_string(),
    ];
    cells.extend(match picture {
        Some(Picture::Gray(gray)) => intensities(shape, gray).map(|value| {
            let text = value.to_string();
            if value.is_finite() {
                text
            } else {
                String::new()
            }
        }),
        _ => [const { String::new() }; 5],
    });
    cells.push(object.iou.map_or(String::new(), |iou| iou.to_string()));
    csv::row(&cells)
}

/// The mean of its pixels' places.
fn centroid(shape: &Shape) -> (f64, f64) {
    let (mut x, mut y) = (0u64, 0u64);
    for i in (0..shape.bits.len()).filter(|&i| shape.bits[i]) {
        x += (shape.x + i % shape.width) as u64;
        y += (shape.y + i / shape.width) as u64;
    }
    let area = shape.area as f64;
    (x as f64 / area, y as f64 / area)
}

/// The length of the line through the centres of the pixels of the border, which have a side to
/// the outside (Benkrid and Crookes 2000, as `skimage.measure.perimeter`).
pub fn perimeter(shape: &Shape) -> f64 {
    let (width, height) = (shape.width as i64, shape.height as i64);
    let inside = |x: i64, y: i64| {
        (0..width).contains(&x) && (0..height).contains(&y) && shape.bits[(y * width + x) as usize]
    };
    let border = |x: i64, y: i64| {
        inside(x, y)
            && !(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1))
    };
    let diagonal = std::f64::consts::SQRT_2;
    let mut length = 0.0;
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        if !border(x, y) {
            continue;
        }
        let sides = [(1, 0), (-1, 0), (0, 1), (0, -1)];
        let corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)];
        let count = |around: [(i64, i64); 4]| {
            around
                .iter()
                .filter(|(dx, dy)| border(x + dx, y + dy))
                .count()
        };
        length += match (count(sides), count(corners)) {
            (2..=3, 0..=2) => 1.0,
            (0, 2) | (1, 3) => diagonal,
            (1, 1..=2) => (1.0 + diagonal) / 2.0,
            _ => 0.0,
        };
    }
    length
}

/// Mean, sum, least, greatest and standard deviation of the samples inside.
fn intensities(shape: &Shape, gray: &Gray) -> [f64; 5] {
    let value = |i: usize| match &gray.samples {
        Samples::U8(v) => f64::from(v[i]),
        Samples::U16(v) => f64::from(v[i]),
        Samples::F32(v) => f64::from(v[i]),
    };
    let places = (0..shape.bits.len()).filter(|&i| shape.bits[i]);
    let place = |i: usize| (shape.y + i / shape.width) * gray.width + shape.x + i % shape.width;
    // Where the image has no value there is none to count.
    let values = places.map(|i| value(place(i)));
    let values = values.filter(|value| value.is_finite());
    let count = values.clone().count() as f64;
    let (mut sum, mut least, mut greatest) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values.clone() {
        sum += value;
        least = value.min(least);
        greatest = value.max(greatest);
    }
    let mean = sum / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    [mean, sum, least, greatest, (squares / count).sqrt()]
}
