//! What goes between the engine and the worker as plain values.

use js_sys::JSON;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::annotation::shapes::Shape;
use crate::error::{Error, Result};
use crate::image::decode::{Picture, Samples};
use crate::image::display::{Colormap, Display, Window};
use crate::predictor::{Prompt, Round};

pub type JsResult<T> = std::result::Result<T, JsError>;

#[derive(Serialize)]
pub struct ModelInfo {
    pub name: String,
    pub parameters: usize,
}

#[derive(Serialize)]
pub struct ImageInfo<'a> {
    pub width: usize,
    pub height: usize,
    pub kind: &'static str,
    pub min: f32,
    pub max: f32,
    pub low: f32,
    pub high: f32,
    pub full_min: f32,
    pub full_max: f32,
    pub histogram: &'a [u32],
    pub page: usize,
    pub pages: usize,
    pub window: Option<[f32; 2]>,
    pub invert: bool,
}

#[derive(Deserialize)]
struct DisplayRequest {
    window: String,
    black: f32,
    white: f32,
    gamma: f32,
    invert: bool,
    colormap: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PromptInfo {
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
        runs: Vec<usize>,
    },
}

#[derive(Serialize)]
pub struct Prediction {
    pub prompts: Vec<PromptInfo>,
    pub ious: Vec<f32>,
    pub selected: usize,
    pub area: usize,
}

/// What is told of the last of `rounds`.
pub fn prediction(rounds: &[Round], mask: &[bool]) -> Option<Prediction> {
    let prompt = |round: &Round| match &round.prompt {
        &Prompt::Point { x, y, positive } => PromptInfo::Point { x, y, positive },
        &Prompt::Box { x0, y0, x1, y1 } => PromptInfo::Box { x0, y0, x1, y1 },
        Prompt::Mask(shape) => PromptInfo::Mask {
            x0: shape.x,
            y0: shape.y,
            x1: shape.x + shape.width,
            y1: shape.y + shape.height,
            runs: runs(&shape.bits),
        },
    };
    let last = rounds.last()?;
    Some(Prediction {
        prompts: rounds.iter().map(prompt).collect(),
        ious: last.candidates.iter().map(|c| c.iou).collect(),
        selected: last.selected,
        area: mask.iter().filter(|inside| **inside).count(),
    })
}

/// The mask within `corners` whose pixels outside and inside have the lengths `runs` in turn.
pub fn mask_prompt(corners: &[usize], runs: &[u32]) -> Result<Prompt> {
    let wrong = || Error::new("The mask prompt does not fit its box.");
    let &[x0, y0, x1, y1] = corners else {
        return Err(wrong());
    };
    let width = x1.checked_sub(x0).ok_or_else(wrong)?;
    let height = y1.checked_sub(y0).ok_or_else(wrong)?;
    let length: usize = runs.iter().map(|&run| run as usize).sum();
    if width == 0 || Some(length) != width.checked_mul(height) {
        return Err(wrong());
    }
    let bits = runs.iter().enumerate();
    let bits = bits.flat_map(|(i, &run)| std::iter::repeat_n(i % 2 == 1, run as usize));
    let shape = Shape::trimmed(x0, y0, width, bits.collect());
    let shape = shape.ok_or_else(|| Error::new("The mask prompt has no pixel."))?;
    Ok(Prompt::Mask(shape.into()))
}

/// Lengths of what is outside and inside in turn.
fn runs(bits: &[bool]) -> Vec<usize> {
    let first = bits.first().is_some_and(|inside| *inside).then_some(0);
    let lengths = bits.chunk_by(|a, b| a == b).map(<[bool]>::len);
    first.into_iter().chain(lengths).collect()
}

/// What an image's samples are called.
pub fn kind(picture: &Picture) -> &'static str {
    match picture {
        Picture::Rgb(_) => "colour",
        Picture::Gray(gray) => match gray.samples {
            Samples::U8(_) => "8-bit grayscale",
            Samples::U16(_) => "16-bit grayscale",
            Samples::F32(_) => "32-bit float grayscale",
        },
    }
}

/// The display window that the worker asks for.
pub fn display(value: &JsValue) -> Result<Display> {
    let request: DisplayRequest = from_js(value, "display window")?;
    let window = match request.window.as_str() {
        "full" => Window::Full,
        "minmax" => Window::MinMax,
        "range" => Window::Range {
            black: request.black,
            white: request.white,
        },
        _ => Window::Percentile,
    };
    let colormap = match request.colormap.as_str() {
        "viridis" => Colormap::Viridis,
        "inferno" => Colormap::Inferno,
        _ => Colormap::Gray,
    };
    Ok(Display {
        window,
        gamma: request.gamma,
        invert: request.invert,
        colormap,
    })
}

pub fn to_js(value: &impl Serialize) -> JsResult<JsValue> {
    let text = serde_json::to_string(value).map_err(|error| Error::new(error.to_string()))?;
    JSON::parse(&text).map_err(|_| JsError::new("The engine's answer is no JSON."))
}

/// Reads a plain value of the worker's; `what` says what it should be.
pub fn from_js<T: DeserializeOwned>(value: &JsValue, what: &str) -> Result<T> {
    let unreadable = || Error::new(format!("The settings of the {what} are incomplete."));
    let text = JSON::stringify(value).map_err(|_| unreadable())?;
    serde_json::from_str(&String::from(text)).map_err(|_| unreadable())
}
