//! The worker's engine: one device, one model, one image and the prompts on it.

use std::cell::{Cell, RefCell};

use js_sys::{Function, Promise};
use serde::{Deserialize, Serialize};
use sha2::Digest;
use wasm_bindgen::prelude::*;
use wasm_bindgen::{Clamped, JsError};
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::blob::BlobReader;
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::error::{Error, Result};
use crate::image::decode::{self, Picture, Samples};
use crate::image::display::{self, Colormap, Display, Window};
use crate::image::levels::{self, Levels};
use crate::image::{mask, sample};
use crate::predictor::{Encoding, Predictor, Prompt, Round, hex};

type JsResult<T> = std::result::Result<T, JsError>;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: i32);
}

/// Model, image and prompts in a worker. Its calls must not overlap, but for `cancel`.
#[wasm_bindgen]
pub struct Engine {
    device: OpenDevice,
    /// Taken out while an asynchronous call works with it.
    predictor: Cell<Option<Predictor>>,
    image: RefCell<Option<Image>>,
    /// The selected mask of the last prediction.
    mask: RefCell<Vec<bool>>,
    /// What is ready to be encoded.
    encoding: Cell<Option<Encoding>>,
    cancelled: Cell<bool>,
}

struct Image {
    picture: Picture,
    levels: Levels,
}

#[derive(Serialize)]
struct ModelInfo {
    name: String,
    parameters: usize,
}

#[derive(Serialize)]
struct ImageInfo<'a> {
    width: usize,
    height: usize,
    kind: &'static str,
    min: f32,
    max: f32,
    low: f32,
    high: f32,
    full_min: f32,
    full_max: f32,
    histogram: &'a [u32],
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
enum PromptInfo {
    Point { x: f32, y: f32, positive: bool },
    Box { x0: f32, y0: f32, x1: f32, y1: f32 },
}

#[derive(Serialize)]
struct Prediction {
    prompts: Vec<PromptInfo>,
    ious: Vec<f32>,
    selected: usize,
    area: usize,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device: `auto`, `webgpu` or `cpu`.
    pub async fn create(device: &str) -> JsResult<Engine> {
        let device = device::open(DeviceChoice::parse(device)?).await?;
        Ok(Self {
            device,
            predictor: Cell::new(None),
            image: RefCell::new(None),
            mask: RefCell::default(),
            encoding: Cell::new(None),
            cancelled: Cell::new(false),
        })
    }

    /// The device, for the user.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.device.name.clone()
    }

    /// Why the GPU was not taken, if it was not.
    #[wasm_bindgen(getter)]
    pub fn device_note(&self) -> Option<String> {
        self.device.note.clone()
    }

    /// Reads a checkpoint piece by piece and puts its model in place of the one before, which
    /// stays if this fails. Prompts are kept for `replay`; the embedding is dropped.
    pub async fn load_model(&self, file: Blob, progress: &Function) -> JsResult<JsValue> {
        let reader = BlobReader::new(file)
            .map_err(|_| Error::new("This browser cannot read files in a worker."))?;
        let mut report = |fraction: f64| {
            // A page that does not listen is no reason to stop.
            let _ = progress.call1(&JsValue::NULL, &fraction.into());
        };
        let mut new = Predictor::open(reader, &self.device.device, &mut report)?;
        if let Some(mut old) = self.predictor.take() {
            new.adopt_rounds(&mut old);
        }
        let info = ModelInfo {
            name: new.config().name(),
            parameters: new.parameters(),
        };
        self.predictor.set(Some(new));
        to_js(&info)
    }

    /// Opens an image file. The image before it and its prompts stay if this fails.
    pub fn open_image(&self, bytes: &[u8]) -> JsResult<JsValue> {
        self.put_image(decode::decode(bytes)?)
    }

    /// Opens the bundled sample.
    pub fn open_sample(&self) -> JsResult<JsValue> {
        let (gray, _) = sample::nuclei();
        self.put_image(Picture::Gray(gray))
    }

    /// What the encoder gets, as RGBA of the image's own size.
    pub fn render(&self, display: JsValue) -> JsResult<Clamped<Vec<u8>>> {
        let rgb = self.displayed(display)?;
        let opaque = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], 255];
        Ok(Clamped(
            rgb.pixels.chunks_exact(3).flat_map(opaque).collect(),
        ))
    }

    /// Makes the displayed image ready for encoding and tells the key under which its embedding
    /// may have been kept.
    pub async fn begin_encoding(&self, display: JsValue) -> JsResult<String> {
        self.cancelled.set(false);
        let rgb = self.displayed(display)?;
        let encoding = self
            .with_predictor(async |predictor| {
                predictor.drop_embedding();
                Ok(predictor.begin_encoding(&rgb))
            })
            .await?;
        let key = encoding.key().to_owned();
        self.encoding.set(Some(encoding));
        Ok(key)
    }

    /// Encodes what `begin_encoding` made ready and lets the event loop run between the steps,
    /// so that `cancel` is heard: `false` if it was. `progress` gets the done and all steps.
    pub async fn encode(&self, progress: &Function) -> JsResult<bool> {
        let mut encoding = self.encoding.take().ok_or_else(not_begun)?;
        let finished = self
            .with_predictor(async |predictor| {
                let steps = predictor.encoding_steps();
                while let Some(done) = predictor.advance(&mut encoding).await? {
                    let _ = progress.call2(&JsValue::NULL, &done.into(), &steps.into());
                    pause().await;
                    if self.cancelled.get() {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await?;
        Ok(finished)
    }

    /// Takes a kept embedding instead of encoding what `begin_encoding` made ready.
    pub async fn restore_embedding(&self, values: Vec<f32>) -> JsResult<()> {
        let encoding = self.encoding.take().ok_or_else(not_begun)?;
        self.with_predictor(async |predictor| predictor.restore_embedding(&encoding, values))
            .await?;
        Ok(())
    }

    /// The embedding's values, to be kept.
    pub async fn embedding(&self) -> JsResult<Vec<f32>> {
        Ok(self
            .with_predictor(async |predictor| predictor.embedding_values().await)
            .await?)
    }

    /// Stops an encoding after the step it is at.
    pub fn cancel(&self) {
        self.cancelled.set(true);
    }

    /// Adds a point prompt, in pixels of the image.
    pub async fn add_point(&self, x: f32, y: f32, positive: bool) -> JsResult<JsValue> {
        self.add(Prompt::Point { x, y, positive }).await
    }

    /// Adds a box prompt, in pixels of the image.
    pub async fn add_box(&self, x0: f32, y0: f32, x1: f32, y1: f32) -> JsResult<JsValue> {
        self.add(Prompt::Box { x0, y0, x1, y1 }).await
    }

    /// Takes the last prompt back; `undefined` when none is left.
    pub async fn undo(&self) -> JsResult<JsValue> {
        self.answer(async |predictor| {
            predictor.undo();
            Ok(())
        })
        .await
    }

    /// Takes all prompts back.
    pub fn clear(&self) {
        if let Some(mut predictor) = self.predictor.take() {
            predictor.clear();
            self.predictor.set(Some(predictor));
        }
    }

    /// All prompts again, on the present embedding; `undefined` when there are none.
    pub async fn replay(&self) -> JsResult<JsValue> {
        self.answer(async |predictor| predictor.replay().await.map(drop))
            .await
    }

    /// Chooses which candidate is shown and refined further.
    pub async fn select(&self, candidate: usize) -> JsResult<JsValue> {
        self.answer(async |predictor| predictor.select(candidate).map(drop))
            .await
    }

    /// The selected mask: 255 inside and 0 outside, of the image's own size.
    pub fn mask(&self) -> Vec<u8> {
        let byte = |inside: &bool| if *inside { 255 } else { 0 };
        self.mask.borrow().iter().map(byte).collect()
    }

    /// The selected mask as a PNG file of the image's own size.
    pub fn mask_png(&self) -> JsResult<Vec<u8>> {
        let image = self.image.borrow();
        let (width, height) = image.as_ref().ok_or_else(no_image)?.picture.size();
        Ok(mask::to_png(&self.mask.borrow(), width, height)?)
    }
}

impl Engine {
    /// Lends the predictor to `work`, which may wait, and puts it back whatever comes of it.
    async fn with_predictor<T>(
        &self,
        work: impl AsyncFnOnce(&mut Predictor) -> Result<T>,
    ) -> Result<T> {
        let mut predictor = self
            .predictor
            .take()
            .ok_or_else(|| Error::new("There is no model yet: wait until one is loaded."))?;
        let result = work(&mut predictor).await;
        self.predictor.set(Some(predictor));
        result
    }

    async fn add(&self, prompt: Prompt) -> JsResult<JsValue> {
        self.answer(async |predictor| predictor.add(prompt).await.map(drop))
            .await
    }

    /// Changes the prompts, and keeps the mask and tells the rest of what the last of them gives.
    async fn answer(
        &self,
        change: impl AsyncFnOnce(&mut Predictor) -> Result<()>,
    ) -> JsResult<JsValue> {
        let prediction = self
            .with_predictor(async |predictor| {
                change(predictor).await?;
                if predictor.rounds().is_empty() {
                    return Ok(None);
                }
                let mask = predictor.mask()?;
                let prediction = prediction(predictor.rounds(), &mask);
                self.mask.replace(mask);
                Ok(prediction)
            })
            .await?;
        match prediction {
            Some(prediction) => to_js(&prediction),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    fn put_image(&self, picture: Picture) -> JsResult<JsValue> {
        let levels = match &picture {
            Picture::Gray(gray) => levels::levels(gray),
            Picture::Rgb(rgb) => levels::levels_rgb(rgb),
        };
        if let Some(mut predictor) = self.predictor.take() {
            predictor.clear();
            predictor.drop_embedding();
            self.predictor.set(Some(predictor));
        }
        let mut image = self.image.borrow_mut();
        let Image { picture, levels } = image.insert(Image { picture, levels });
        let (width, height) = picture.size();
        to_js(&ImageInfo {
            width,
            height,
            kind: kind(picture),
            min: levels.min,
            max: levels.max,
            low: levels.low,
            high: levels.high,
            full_min: levels.full_min,
            full_max: levels.full_max,
            histogram: &levels.histogram,
        })
    }

    fn displayed(&self, display: JsValue) -> JsResult<decode::Rgb> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        Ok(display::to_rgb(&image.picture, &parse_display(display)?)?)
    }
}

fn prediction(rounds: &[Round], mask: &[bool]) -> Option<Prediction> {
    let prompt = |round: &Round| match round.prompt {
        Prompt::Point { x, y, positive } => PromptInfo::Point { x, y, positive },
        Prompt::Box { x0, y0, x1, y1 } => PromptInfo::Box { x0, y0, x1, y1 },
    };
    let last = rounds.last()?;
    Some(Prediction {
        prompts: rounds.iter().map(prompt).collect(),
        ious: last.candidates.iter().map(|c| c.iou).collect(),
        selected: last.selected,
        area: mask.iter().filter(|inside| **inside).count(),
    })
}

fn kind(picture: &Picture) -> &'static str {
    match picture {
        Picture::Rgb(_) => "colour",
        Picture::Gray(gray) => match gray.samples {
            Samples::U8(_) => "8-bit grayscale",
            Samples::U16(_) => "16-bit grayscale",
            Samples::F32(_) => "32-bit float grayscale",
        },
    }
}

fn parse_display(display: JsValue) -> Result<Display> {
    let unreadable = |_| Error::new("The display window's settings are incomplete.");
    let text = js_sys::JSON::stringify(&display).map_err(unreadable)?;
    let request: DisplayRequest = serde_json::from_str(&String::from(text))
        .map_err(|_| Error::new("The display window's settings are incomplete."))?;
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

fn to_js(value: &impl Serialize) -> JsResult<JsValue> {
    let text = serde_json::to_string(value).map_err(|error| Error::new(error.to_string()))?;
    js_sys::JSON::parse(&text).map_err(|_| JsError::new("The engine's answer is no JSON."))
}

/// Lets the worker's event loop run once.
async fn pause() {
    let next_task = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    let _ = JsFuture::from(next_task).await;
}

fn not_begun() -> Error {
    Error::new("The image is not ready for encoding: begin anew.")
}

fn no_image() -> Error {
    Error::new("There is no image yet: open one first.")
}

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
#[wasm_bindgen]
#[derive(Default)]
pub struct Sha256(sha2::Sha256);

#[wasm_bindgen]
impl Sha256 {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far, 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}
