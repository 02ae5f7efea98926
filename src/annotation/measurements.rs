//! Figures of each object: its shape, and the intensities of the file itself, not of its display.

use super::csv;
use super::source::ImageSource;
use super::{ClassRecord, ObjectRecord};
use crate::image::decode::{Gray, Picture, Samples};
use crate::image::shapes::Shape;

/// The columns up to the lengths.
const HEADER: [&str; 21] = [
    "image",
    "folder",
    "page",
    "pages",
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

/// The columns of lengths, in a unit that their names have.
const LENGTHS: [&str; 8] = [
    "pixel_width",
    "pixel_height",
    "area",
    "centroid_x",
    "centroid_y",
    "width",
    "height",
    "perimeter",
];

/// A table that grows row by row.
#[derive(Default)]
pub struct Table {
    rows: String,
    /// Of all lengths, that of the first image whose pixels have a size: `mm`, or else `µm`.
    unit: Option<&'static str>,
}

impl Table {
    /// Adds an object. Centroids count pixels from the centre of the first, which is 0, 0. The
    /// intensities of colour images, and of images that are not at hand, are empty, and so are lengths
    /// where the size of a pixel is not known.
    pub fn add(
        &mut self,
        source: &ImageSource,
        object: &ObjectRecord,
        classes: &[ClassRecord],
        shape: &Shape,
        picture: Option<&Picture>,
    ) {
        let (x, y) = centroid(shape);
        let length = perimeter(shape);
        let mut cells = vec![
            csv::text(&source.name),
            csv::text(&source.folder),
            (source.page + 1).to_string(),
            source.pages.to_string(),
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
            length.to_string(),
        ];
        cells.extend(match picture {
            Some(Picture::Gray(gray)) => intensities(shape, gray).map(finite),
            _ => [const { String::new() }; 5],
        });
        cells.push(object.iou.map_or(String::new(), |iou| iou.to_string()));
        let lengths = source.pixel_size.map(|pixel| {
            let unit = *self.unit.get_or_insert(match pixel.unit {
                "mm" => "mm",
                _ => "µm",
            });
            lengths(shape, (x, y), length, pixel.sides_in(unit))
        });
        cells.extend(lengths.unwrap_or([const { String::new() }; LENGTHS.len()]));
        self.rows.push_str(&csv::row(&cells));
    }

    /// The table as a file's text.
    pub fn finish(self) -> String {
        // Spreadsheets that take the text for another encoding show a µ as two letters.
        let unit = match self.unit {
            Some("mm") => "mm",
            _ => "um",
        };
        let named = |name: &str| match name {
            "area" => format!("area_{unit}2"),
            _ => format!("{name}_{unit}"),
        };
        let header = HEADER.map(String::from).into_iter();
        let header: Vec<String> = header.chain(LENGTHS.map(named)).collect();
        csv::row(&header) + &self.rows
    }
}

/// The cells of [`LENGTHS`], of pixels with these sides. A perimeter goes in all directions, so that it
/// has a length only where pixels are square.
fn lengths(
    shape: &Shape,
    (x, y): (f64, f64),
    perimeter: f64,
    [width, height]: [f64; 2],
) -> [String; LENGTHS.len()] {
    let square = (width / height - 1.0).abs() < 1e-6;
    [
        width.to_string(),
        height.to_string(),
        (shape.area as f64 * width * height).to_string(),
        (x * width).to_string(),
        (y * height).to_string(),
        (shape.width as f64 * width).to_string(),
        (shape.height as f64 * height).to_string(),
        match square {
            true => (perimeter * width).to_string(),
            false => String::new(),
        },
    ]
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

/// Empty where a pixel has no value.
fn finite(value: f64) -> String {
    match value.is_finite() {
        true => value.to_string(),
        false => String::new(),
    }
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
