//! `graysam inspect`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use graysam::Result;
use graysam::image::decode::{Picture, Samples};
use graysam::image::labels::Labels;
use graysam::image::voi::{Curve, Voi};
use serde::Serialize;

use super::files::{in_file, print_json, read};
use super::options::PageOption;

/// How many values of the first row are shown.
const FIRST: usize = 8;
/// How many object numbers are shown.
const IDS: usize = 20;

/// Print what is read of an image or of a label image, as JSON
///
/// Values are the file's own, after the rescaling that it asks for. The window, the values that stand
/// for no measurement, and the size of a pixel with its unit, are null where the file does not tell them.
#[derive(Args)]
pub struct Inspect {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    page: PageOption,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct File {
    /// Image file
    #[arg(long)]
    image: Option<PathBuf>,
    /// Label image: the object's number in each pixel, 0 in the background
    #[arg(long)]
    labels: Option<PathBuf>,
}

#[derive(Serialize)]
struct ImageReport {
    width: usize,
    height: usize,
    pages: usize,
    /// From 1.
    page: usize,
    kind: &'static str,
    min: Number,
    max: Number,
    mean: f64,
    /// Black and white, as the file asks for.
    window: Option<[f32; 2]>,
    /// All ways in which the file would have its values shown, the first by default.
    voi: Vec<Way>,
    /// The values, first and last, of pixels for which nothing was measured.
    absent: Option<[f32; 2]>,
    invert: bool,
    /// Width and height in `unit`.
    pixel_size: Option<[f64; 2]>,
    unit: Option<&'static str>,
    /// Of the first row; of a colour image arrays of red, green and blue.
    first: Vec<Number>,
}

/// A way in which the file would have its values shown.
#[derive(Serialize)]
struct Way {
    name: String,
    function: &'static str,
    /// Black and white, or those of the window that is most like it.
    window: [f32; 2],
}

/// A value as the file holds it, or a pixel's red, green and blue.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Integer(u16),
    Float(f32),
    Colour([u8; 3]),
}

#[derive(Serialize)]
struct LabelReport {
    width: usize,
    height: usize,
    pages: usize,
    objects: usize,
    /// Of how many separate parts a mask is made that may be one object or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<usize>,
    /// Pixels that are not annotated, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<usize>,
    /// The first, ascending.
    ids: Vec<u32>,
    max_id: u32,
}

impl Inspect {
    pub fn run(&self) -> Result<()> {
        match (&self.file.image, &self.file.labels) {
            (Some(path), _) => print_json(&self.image(path)?),
            (_, Some(path)) => print_json(&self.labels(path)?),
            (None, None) => Ok(()),
        }
    }

    fn image(&self, path: &Path) -> Result<ImageReport> {
        let page = self.page.open(path)?;
        let (width, height) = page.picture.size();
        let row = width.min(FIRST);
        let (kind, (min, max, mean), first) = match &page.picture {
            Picture::Gray(gray) => match &gray.samples {
                Samples::U8(v) => ("8-bit grayscale", figures(v), numbers(&v[..row])),
                Samples::U16(v) => ("16-bit grayscale", figures(v), numbers(&v[..row])),
                Samples::F32(v) => ("32-bit float grayscale", figures(v), numbers(&v[..row])),
            },
            Picture::Rgb(rgb) => {
                let pixels = rgb.pixels.as_chunks().0;
                ("colour", figures(&rgb.pixels), numbers(&pixels[..row]))
            }
        };
        Ok(ImageReport {
            width,
            height,
            pages: page.pages,
            page: page.page + 1,
            kind,
            min,
            max,
            mean,
            window: page.window,
            voi: page.voi.iter().map(Way::from).collect(),
            absent: page.absent,
            invert: page.invert,
            pixel_size: page.pixel_size.map(|pixel| pixel.size),
            unit: page.pixel_size.map(|pixel| pixel.unit),
            first,
        })
    }

    fn labels(&self, path: &Path) -> Result<LabelReport> {
        let opened = Labels::open(&read(path)?, self.page.index());
        let (labels, pages) = opened.map_err(in_file(path))?;
        let ids: BTreeSet<u32> = labels.ids.iter().copied().filter(|id| *id > 0).collect();
        Ok(LabelReport {
            width: labels.width,
            height: labels.height,
            pages,
            objects: ids.len(),
            parts: labels.mask_parts(),
            unknown: Some(labels.unknown.count()).filter(|count| *count > 0),
            max_id: ids.last().copied().unwrap_or(0),
            ids: ids.into_iter().take(IDS).collect(),
        })
    }
}

impl From<&Voi> for Way {
    fn from(voi: &Voi) -> Self {
        Self {
            name: voi.name.clone(),
            function: match voi.curve {
                Curve::Linear { .. } => "linear",
                Curve::Sigmoid { .. } => "sigmoid",
                Curve::Lut { .. } => "table",
            },
            window: voi.curve.window(),
        }
    }
}

impl From<u8> for Number {
    fn from(value: u8) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u16> for Number {
    fn from(value: u16) -> Self {
        Self::Integer(value)
    }
}

impl From<f32> for Number {
    fn from(value: f32) -> Self {
        Self::Float(value)
    }
}

impl From<[u8; 3]> for Number {
    fn from(pixel: [u8; 3]) -> Self {
        Self::Colour(pixel)
    }
}

fn numbers<T: Copy + Into<Number>>(values: &[T]) -> Vec<Number> {
    values.iter().map(|&value| value.into()).collect()
}

/// The least and the largest of the values, of which there are some, and their mean.
fn figures<T: Copy + PartialOrd + Into<f64> + Into<Number>>(values: &[T]) -> (Number, Number, f64) {
    let (mut least, mut largest, mut sum) = (values[0], values[0], 0.0);
    for &value in values {
        least = if value < least { value } else { least };
        largest = if value > largest { value } else { largest };
        sum += Into::<f64>::into(value);
    }
    (least.into(), largest.into(), sum / values.len() as f64)
}
