//! `graysam inspect`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use graysam::Result;
use graysam::image::decode::{Composite, Gray, Picture, Samples};
use graysam::image::labels::Labels;
use graysam::image::planes::Axes;
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
    invert: bool,
    /// Width and height in `unit`.
    pixel_size: Option<[f64; 2]>,
    unit: Option<&'static str>,
    /// Names of the channels, of which some may be empty.
    channels: Vec<String>,
    /// What the pages differ in.
    axes: Option<Axes>,
    /// Pixels without a value; neither least, largest nor mean counts them.
    absent: usize,
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
    Channels([f32; 3]),
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
        let (kind, figures, first) = match &page.picture {
            Picture::Gray(gray) => match &gray.samples {
                Samples::U8(v) => ("8-bit grayscale", figures(v), numbers(&v[..row])),
                Samples::U16(v) => ("16-bit grayscale", figures(v), numbers(&v[..row])),
                Samples::F32(v) => ("32-bit float grayscale", figures(v), numbers(&v[..row])),
            },
            Picture::Rgb(rgb) => {
                let pixels = rgb.pixels.as_chunks().0;
                ("colour", figures(&rgb.pixels), numbers(&pixels[..row]))
            }
            Picture::Composite(composite) => {
                let values: Vec<f32> = composite.planes().flat_map(floats).collect();
                (
                    "several channels",
                    figures(&values),
                    first_of(composite, row),
                )
            }
        };
        let Figures {
            least,
            largest,
            mean,
            absent,
        } = figures;
        Ok(ImageReport {
            width,
            height,
            pages: page.pages,
            page: page.page + 1,
            kind,
            min: least,
            max: largest,
            mean,
            window: page.window,
            voi: page.voi.iter().map(Way::from).collect(),
            invert: page.invert,
            pixel_size: page.pixel_size.map(|pixel| pixel.size),
            unit: page.pixel_size.map(|pixel| pixel.unit),
            channels: page.channels,
            axes: page.axes,
            absent,
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

fn floats(gray: &Gray) -> Vec<f32> {
    match &gray.samples {
        Samples::U8(v) => v.iter().map(|v| f32::from(*v)).collect(),
        Samples::U16(v) => v.iter().map(|v| f32::from(*v)).collect(),
        Samples::F32(v) => v.clone(),
    }
}

/// 0 where no channel is shown.
fn first_of(composite: &Composite, row: usize) -> Vec<Number> {
    let channels = composite.channels.each_ref();
    let channels = channels.map(|gray| gray.as_ref().map(floats).unwrap_or_default());
    let value = |values: &Vec<f32>, x| values.get(x).copied().unwrap_or(0.0);
    let pixel = |x| Number::Channels(channels.each_ref().map(|values| value(values, x)));
    (0..row).map(pixel).collect()
}

/// Of those values that are numbers; 0 if none is.
struct Figures {
    least: Number,
    largest: Number,
    mean: f64,
    /// How many values are no numbers.
    absent: usize,
}

fn figures<T: Copy + Default + PartialOrd + Into<f64> + Into<Number>>(values: &[T]) -> Figures {
    let (mut ends, mut sum, mut count) = (None, 0.0, 0);
    for &value in values
        .iter()
        .filter(|value| Into::<f64>::into(**value).is_finite())
    {
        let (least, largest) = ends.unwrap_or((value, value));
        ends = Some((
            if value < least { value } else { least },
            if value > largest { value } else { largest },
        ));
        sum += Into::<f64>::into(value);
        count += 1;
    }
    let (least, largest) = ends.unwrap_or_default();
    Figures {
        least: least.into(),
        largest: largest.into(),
        mean: sum / f64::from(count).max(1.0),
        absent: values.len() - count as usize,
    }
}
