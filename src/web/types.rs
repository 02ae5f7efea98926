//! What crosses to the page and back as plain values. Types that the rest of the crate has, too,
//! are declared there.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use crate::annotation::{ClassRecord, ObjectRecord};
use crate::automatic_masks::{AutomaticMaskRanges, AutomaticMaskSettings};
use crate::error::{Error, Result};
use crate::image::decode::{Picture, Samples};
use crate::image::display::{self, Colormap, Window};
use crate::image::part::Part;
use crate::image::pixel_size::PixelSize;
use crate::image::planes::{Axes, ChannelChoice};
use crate::image::shapes::Shape;
use crate::image::voi::Voi;
use crate::instances::search::{InstanceRanges, InstanceSettings};
use crate::measure::{Measured, Rates};
use crate::model::kernels::{Kernel, Tiles};
use crate::predictor;
use crate::training::trainer::{Evaluation, Trainer, TrainingRanges, TrainingSettings};

pub type JsResult<T> = std::result::Result<T, JsError>;

/// Reads what the page gives; `what` says what it should be.
pub fn read<T: Tsify + DeserializeOwned>(value: &Ts<T>, what: &str) -> Result<T> {
    T::from_js(value.js_value()).map_err(|error| {
        Error::new(format!(
            "The page gave {what} that cannot be read: {error}."
        ))
    })
}

/// [`read`] of each.
pub fn read_all<T: Tsify + DeserializeOwned>(values: &[Ts<T>], what: &str) -> Result<Vec<T>> {
    values.iter().map(|value| read(value, what)).collect()
}

#[derive(Serialize, Tsify)]
pub struct DeviceInfo {
    /// What to call it, for the user.
    pub device: String,
    /// Why the GPU was not taken, if it was not.
    pub note: Option<String>,
    /// Whether it is a GPU, and no software that stands for one.
    pub gpu: bool,
}

/// What a check of the GPU has found.
#[derive(Serialize, Deserialize, Tsify)]
pub struct DeviceCheck {
    /// Kernels that compute wrongly and are not used.
    pub avoided: Vec<Kernel>,
    /// All else is right, so that the GPU can be used.
    pub usable: bool,
    /// What was wrong and what is done about it, as a sentence, if anything was.
    pub note: Option<String>,
    /// The tiles that linear layers are fastest in.
    pub tiles: Tiles,
}

/// How fast a device is.
#[derive(Serialize, Tsify)]
pub struct DeviceSpeed {
    /// What a check found to be wrong, as a sentence, if anything was.
    pub fault: Option<String>,
    pub kernels: Rates,
    pub tiles: Tiles,
    /// With the loaded model.
    pub model: Measured,
}

#[derive(Serialize, Tsify)]
pub struct ModelInfo {
    pub name: String,
    pub parameters: usize,
    /// It has a decoder of instances.
    pub instances: bool,
}

/// What an image's samples are.
#[derive(Serialize, Tsify)]
pub enum ImageKind {
    #[serde(rename = "8-bit grayscale")]
    Gray8,
    #[serde(rename = "16-bit grayscale")]
    Gray16,
    #[serde(rename = "32-bit float grayscale")]
    GrayFloat,
    #[serde(rename = "colour")]
    Colour,
    /// Colour of more than 8 bits, or several channels: each is shown through the window.
    #[serde(rename = "several channels")]
    Channels,
}

impl From<&Picture> for ImageKind {
    fn from(picture: &Picture) -> Self {
        match picture {
            Picture::Rgb(_) => Self::Colour,
            Picture::Composite(_) => Self::Channels,
            Picture::Gray(gray) => match gray.samples {
                Samples::U8(_) => Self::Gray8,
                Samples::U16(_) => Self::Gray16,
                Samples::F32(_) => Self::GrayFloat,
            },
        }
    }
}

#[derive(Serialize, Tsify)]
pub struct ImageInfo {
    pub width: usize,
    pub height: usize,
    pub kind: ImageKind,
    pub min: f32,
    pub max: f32,
    /// The percentile window.
    pub low: f32,
    pub high: f32,
    /// The window of the full range.
    pub full_min: f32,
    pub full_max: f32,
    /// Pixels in 256 equal bins from `min` to `max`.
    pub histogram: Vec<u32>,
    /// From 0.
    pub page: usize,
    pub pages: usize,
    /// The values that the file would show as black and as white, if it says so.
    pub window: Option<[f32; 2]>,
    /// Whether the file would show large values dark.
    pub invert: bool,
    /// How large a pixel is, if the file says so and can be trusted.
    pub pixel_size: Option<PixelSize>,
    /// Names of the file's channels, of which some may be empty.
    pub channels: Vec<String>,
    /// What the file's pages differ in, if it says so.
    pub axes: Option<Axes>,
    /// The channel, slice and frame of this page on these axes, from 0.
    pub place: Option<[usize; 3]>,
    /// The ways in which the file would have its values shown, the first of them by default; none
    /// where that is but a window.
    pub voi: Vec<FileDisplay>,
}

/// A way in which a file would have its values shown.
#[derive(Serialize, Tsify)]
pub struct FileDisplay {
    pub name: String,
    /// Of the window that is most like it.
    pub black: f32,
    pub white: f32,
}

impl FileDisplay {
    /// Those between which there is something to choose.
    pub fn all(voi: &[Voi]) -> Vec<Self> {
        if let [only] = voi
            && only.is_window()
        {
            return Vec::new();
        }
        let ways = voi.iter().enumerate().map(|(index, way)| {
            let [black, white] = way.curve.window();
            Self {
                name: way.title(index),
                black,
                white,
            }
        });
        ways.collect()
    }
}

#[derive(Serialize, Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum WindowKind {
    Percentile,
    MinMax,
    Full,
    /// From `black` to `white`.
    Range,
}

/// How a grayscale image is shown.
#[derive(Serialize, Deserialize, Tsify)]
pub struct Display {
    pub window: WindowKind,
    pub black: f32,
    pub white: f32,
    /// Exponent of brightness; below 1 brightens.
    pub gamma: f32,
    pub invert: bool,
    pub colormap: Colormap,
    /// Displays of earlier versions have none.
    #[serde(default)]
    pub channels: ChannelChoice,
    /// A way of the file's own that stands for window, black and white; from 0.
    #[serde(default)]
    pub voi: Option<usize>,
    /// How large a pixel is where the person has said so.
    #[serde(default)]
    pub pixel_size: Option<PixelSize>,
}

impl Display {
    /// The display of an image whose file has these ways of its own. One that it does not have leaves
    /// the window, black and white as they are.
    pub fn of_file(self, voi: &[Voi]) -> display::Display {
        let way = self.voi.and_then(|index| voi.get(index));
        let display = display::Display::from(self);
        match way {
            Some(way) => display.through(way),
            None => display,
        }
    }
}

impl Default for Display {
    fn default() -> Self {
        let display::Display {
            gamma,
            invert,
            colormap,
            ..
        } = display::Display::default();
        Self {
            window: WindowKind::Percentile,
            black: 0.0,
            white: 255.0,
            gamma,
            invert,
            colormap,
            channels: ChannelChoice::Own,
            voi: None,
            pixel_size: None,
        }
    }
}

impl From<Display> for display::Display {
    fn from(shown: Display) -> Self {
        Self {
            window: match shown.window {
                WindowKind::Percentile => Window::Percentile,
                WindowKind::MinMax => Window::MinMax,
                WindowKind::Full => Window::Full,
                WindowKind::Range => Window::Range {
                    black: shown.black,
                    white: shown.white,
                },
            },
            voi: None,
            gamma: shown.gamma,
            invert: shown.invert,
            colormap: shown.colormap,
        }
    }
}

/// In pixels of the image, x to the right and y down. The runs of a mask are the lengths of its
/// pixels outside and inside in turn, row by row of its box.
#[derive(Deserialize, Tsify)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Prompt {
    Point {
        x: f32,
        y: f32,
        positive: bool,
    },
    Box {
        x0: f32,
        y0: f32,
        x1: f32,
        y1: f32,
    },
    Mask {
        x0: usize,
        y0: usize,
        x1: usize,
        y1: usize,
        runs: Vec<u32>,
    },
}

impl TryFrom<Prompt> for predictor::Prompt {
    type Error = Error;

    fn try_from(prompt: Prompt) -> Result<Self> {
        Ok(match prompt {
            Prompt::Point { x, y, positive } => Self::Point { x, y, positive },
            Prompt::Box { x0, y0, x1, y1 } => Self::Box { x0, y0, x1, y1 },
            Prompt::Mask {
                x0,
                y0,
                x1,
                y1,
                runs,
            } => Self::Mask(mask_shape([x0, y0, x1, y1], &runs)?.into()),
        })
    }
}

/// The mask within a box whose pixels outside and inside have the lengths `runs` in turn.
fn mask_shape([x0, y0, x1, y1]: [usize; 4], runs: &[u32]) -> Result<Shape> {
    let wrong = || Error::new("The mask prompt does not fit its box.");
    let width = x1.checked_sub(x0).ok_or_else(wrong)?;
    let height = y1.checked_sub(y0).ok_or_else(wrong)?;
    let length: u64 = runs.iter().map(|&run| u64::from(run)).sum();
    if width == 0 || Some(length) != (width as u64).checked_mul(height as u64) {
        return Err(wrong());
    }
    let bits = runs.iter().enumerate();
    let bits = bits.flat_map(|(i, &run)| std::iter::repeat_n(i % 2 == 1, run as usize));
    let shape = Shape::trimmed(x0, y0, width, bits.collect());
    shape.ok_or_else(|| Error::new("The mask prompt has no pixel."))
}

/// A prompt and the candidate that the person chose of its answer; null: the one of the highest
/// predicted IoU.
#[derive(Deserialize, Tsify)]
pub struct PromptRound {
    pub prompt: Prompt,
    pub candidate: Option<usize>,
    /// Side, in pixels of the image, of the parts in which the person looked at it; 0: the whole
    /// image.
    pub side: usize,
}

impl TryFrom<PromptRound> for predictor::PromptRound {
    type Error = Error;

    fn try_from(round: PromptRound) -> Result<Self> {
        Ok(Self {
            prompt: round.prompt.try_into()?,
            candidate: round.candidate,
            side: round.side,
        })
    }
}

#[derive(Serialize, Tsify)]
pub struct Prediction {
    /// Predicted IoU of each candidate: three after a single point, else one.
    pub ious: Vec<f32>,
    pub selected: usize,
    /// Pixels of the selected mask.
    pub area: usize,
    /// What of the image the model saw.
    pub part: Part,
}

/// What is known of an image's objects besides their pixels.
#[derive(Serialize, Tsify)]
pub struct KnownObjects {
    pub objects: Vec<ObjectRecord>,
    pub classes: Vec<ClassRecord>,
}

#[derive(Serialize, Tsify)]
pub struct AutomaticMaskProgress {
    /// 0..1
    pub fraction: f64,
    /// Masks that were kept so far.
    pub found: usize,
    pub finished: bool,
}

/// How a training stands.
#[derive(Serialize, Tsify)]
pub struct TrainingInfo {
    pub step: usize,
    pub settings: TrainingSettings,
    pub training_objects: usize,
    pub held_out_objects: usize,
    /// Of each step; null where it was not finite.
    pub losses: Vec<Option<f32>>,
    pub evaluations: Vec<Evaluation>,
}

impl From<&Trainer> for TrainingInfo {
    fn from(trainer: &Trainer) -> Self {
        Self {
            step: trainer.step(),
            settings: *trainer.settings(),
            training_objects: trainer.split().training.len(),
            held_out_objects: trainer.split().held_out.len(),
            losses: trainer.losses().to_vec(),
            evaluations: trainer.evaluations().to_vec(),
        }
    }
}

/// The defaults and ranges of all settings.
#[derive(Serialize, Tsify)]
pub struct SettingRanges {
    /// The default.
    pub display: Display,
    #[tsify(type = "Record<keyof AutomaticMaskSettings, SettingRange>")]
    pub automatic_masks: AutomaticMaskRanges,
    #[tsify(type = "Record<keyof InstanceSettings, SettingRange>")]
    pub instances: InstanceRanges,
    #[tsify(type = "Record<keyof TrainingSettings, SettingRange>")]
    pub training: TrainingRanges,
}

/// The defaults and ranges of all settings.
#[wasm_bindgen]
pub fn setting_ranges() -> JsResult<Ts<SettingRanges>> {
    let ranges = SettingRanges {
        display: Display::default(),
        automatic_masks: AutomaticMaskSettings::RANGES,
        instances: InstanceSettings::RANGES,
        training: TrainingSettings::RANGES,
    };
    Ok(ranges.into_ts()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::voi::Curve;

    #[test]
    fn what_is_unknown_is_an_error() {
        let display = |window: &str, colormap: &str| {
            let text = format!(
                r#"{{"window":"{window}","black":1,"white":2,"gamma":1,"invert":false,"colormap":"{colormap}"}}"#
            );
            serde_json::from_str::<Display>(&text).map(display::Display::from)
        };
        let shown = display("range", "viridis").unwrap();
        let (black, white) = (1.0, 2.0);
        assert_eq!(shown.window, Window::Range { black, white });
        assert_eq!(shown.colormap, Colormap::Viridis);
        assert!(display("quantile", "gray").is_err());
        assert!(display("full", "jet").is_err());
        assert!(serde_json::from_str::<Prompt>(r#"{"kind":"lasso"}"#).is_err());
    }

    #[test]
    fn displays_choose_channels_and_those_without_a_choice_show_the_own() {
        let chosen = |channels: &str| {
            let text = format!(
                r#"{{"window":"full","black":1,"white":2,"gamma":1,"invert":false,"colormap":"gray"{channels}}}"#
            );
            serde_json::from_str::<Display>(&text).map(|display| display.channels)
        };
        assert_eq!(chosen("").unwrap(), ChannelChoice::Own);
        assert_eq!(chosen(r#","channels":"own""#).unwrap(), ChannelChoice::Own);
        let one = chosen(r#","channels":{"one":2}"#).unwrap();
        assert_eq!(one, ChannelChoice::One(2));
        let three = chosen(r#","channels":{"composite":[1,null,0]}"#).unwrap();
        assert_eq!(three, ChannelChoice::Composite([Some(1), None, Some(0)]));
        assert!(chosen(r#","channels":{"one":-1}"#).is_err());
    }

    #[test]
    fn a_way_of_the_files_own_stands_for_the_window() {
        let way = |curve| Voi {
            name: String::new(),
            curve,
        };
        let (black, white) = (10.0, 50.0);
        let (centre, width) = (120.0, 60.0);
        let linear = way(Curve::Linear { black, white });
        let ways = [linear.clone(), way(Curve::Sigmoid { centre, width })];
        let shown = |voi| {
            let display = Display {
                voi,
                ..Display::default()
            };
            display.of_file(&ways)
        };
        let first = shown(Some(0));
        assert_eq!(first.window, Window::Range { black, white });
        assert!(first.voi.is_none());
        assert_eq!(shown(Some(1)).voi.as_deref(), Some(&ways[1]));
        assert_eq!(shown(Some(2)), display::Display::default());
        assert_eq!(FileDisplay::all(&ways).len(), 2);
        assert!(FileDisplay::all(&[linear]).is_empty());
    }

    #[test]
    fn mask_prompts_fit_their_box() {
        let shape = mask_shape([4, 2, 9, 4], &[1, 9]).unwrap();
        assert_eq!((shape.x, shape.y, shape.width, shape.area), (4, 2, 5, 9));
        let told = |corners, runs: &[u32]| mask_shape(corners, runs).unwrap_err().to_string();
        assert!(told([4, 2, 9, 4], &[1, 8]).contains("does not fit"));
        assert!(told([9, 2, 4, 4], &[1, 9]).contains("does not fit"));
        assert!(told([4, 2, 9, 4], &[10]).contains("no pixel"));
    }
}
