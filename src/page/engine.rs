//! The worker's engine: one device, one model, one image and the prompts on it.

use std::cell::{Cell, RefCell};

use burn::tensor::Device;
use js_sys::{Function, Promise};
use sha2::Digest;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::blob::BlobReader;
use super::json::{self, ImageInfo, JsResult, ModelInfo, to_js};
use super::products;
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::error::{Error, Result};
use crate::everything::Everything;
use crate::image::decode::{self, Page, Picture, Rgb};
use crate::image::display::{Display, Shown};
use crate::image::levels::{self, Levels};
use crate::image::resize::Rows;
use crate::image::{display, encode, mask, resize, sample};
use crate::model::mask_decoder::MaskDecoder;
use crate::model::precision::Precision;
use crate::predictor::{Embedding, Encoding, Predictor, Prompt};
use crate::training::dataset::LabelledImage;
use crate::training::decoder_file::{Base, Info};
use crate::training::trainer::Trainer;
use crate::weights::hex;

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
    /// The model's file, to be read again for its fingerprint and for merging.
    pub(super) model_file: RefCell<Option<Blob>>,
    pub(super) base: RefCell<Option<Base>>,
    pub(super) fine_tuned: RefCell<Option<FineTuned>>,
    pub(super) image: RefCell<Option<Image>>,
    /// The selected mask of the last prediction.
    mask: RefCell<Vec<bool>>,
    /// What is ready to be encoded, and for what.
    encoding: Cell<Option<(Encoding, Purpose)>>,
    /// What was encoded or restored last, and for what.
    encoded: RefCell<Option<(Embedding, Purpose)>>,
    /// Taken out while it works.
    pub(super) everything: Cell<Option<Everything>>,
    pub(super) labelled: RefCell<Vec<LabelledImage>>,
    /// Taken out while it works.
    pub(super) trainer: Cell<Option<Trainer>>,
    cancelled: Cell<bool>,
    fused: bool,
}

pub(super) struct Image {
    pub picture: Picture,
    levels: Levels,
}

impl Image {
    /// What the page wants to see of it.
    pub fn display(&self, wanted: &JsValue) -> JsResult<Display> {
        let display = json::display(wanted)?;
        Ok(Display {
            window: display.window.fixed(&self.levels),
            ..display
        })
    }
}

/// What an image is encoded for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Prompting,
    Training,
}

/// A fine-tuned decoder over the loaded model.
#[derive(Clone)]
pub(super) struct FineTuned {
    pub decoder: MaskDecoder,
    pub info: Info,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device: `auto`, `webgpu` or `cpu`.
    pub async fn create(device: &str) -> JsResult<Engine> {
        let device = device::open(DeviceChoice::parse(device)?).await?;
        Ok(Self {
            device,
            predictor: Cell::new(None),
            model_file: RefCell::default(),
            base: RefCell::default(),
            fine_tuned: RefCell::default(),
            image: RefCell::default(),
            mask: RefCell::default(),
            encoding: Cell::default(),
            encoded: RefCell::default(),
            everything: Cell::default(),
            labelled: RefCell::default(),
            trainer: Cell::default(),
            cancelled: Cell::new(false),
            fused: products::fuse().unwrap_or(false),
        })
    }

    /// The device, for the user.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.device.name.clone()
    }

    /// Whether it is a GPU, and no software that stands for one.
    #[wasm_bindgen(getter)]
    pub fn device_is_gpu(&self) -> bool {
        self.device.is_gpu
    }

    /// Why the GPU was not taken, if it was not.
    #[wasm_bindgen(getter)]
    pub fn device_note(&self) -> Option<String> {
        self.device.note.clone()
    }

    /// Whether the CPU device multiplies with relaxed SIMD.
    #[wasm_bindgen(getter)]
    pub fn products_are_fused(&self) -> bool {
        self.fused
    }

    /// Whether the device has failed, after which only a new engine helps.
    #[wasm_bindgen(getter)]
    pub fn device_failed(&self) -> bool {
        device::failed()
    }

    /// Reads a checkpoint piece by piece and puts its model in place of the one before, which
    /// stays if this fails. Prompts are kept for `replay`; the embedding is dropped, and so is
    /// all that was made from the model before: fine-tuned decoder, labelled images, training.
    pub async fn load_model(&self, file: Blob, progress: &Function) -> JsResult<JsValue> {
        let reader = reader(&file)?;
        let mut report = |fraction: f64| {
            // A page that does not listen is no reason to stop.
            let _ = progress.call1(&JsValue::NULL, &fraction.into());
        };
        let (device, precision) = (&self.device.device, Precision::default());
        let mut new = Predictor::open(reader, device, precision, &mut report)?;
        if let Some(mut old) = self.predictor.take() {
            new.adopt_rounds(&mut old);
        }
        let info = ModelInfo {
            name: new.config().name(),
            parameters: new.parameters(),
        };
        self.predictor.set(Some(new));
        self.model_file.replace(Some(file));
        self.base.replace(None);
        self.fine_tuned.replace(None);
        self.clear_labelled();
        to_js(&info)
    }

    /// Opens a page of an image file. The image before it and its prompts stay if this fails.
    pub fn open_image(&self, bytes: Vec<u8>, page: usize) -> JsResult<JsValue> {
        let page = decode::open(&bytes, page)?;
        // Large files leave little room for what follows.
        drop(bytes);
        self.put_image(page)
    }

    /// Opens the bundled sample.
    pub fn open_sample(&self) -> JsResult<JsValue> {
        let (gray, _) = sample::nuclei();
        self.put_image(Page::only(Picture::Gray(gray)))
    }

    /// Makes the displayed image ready for encoding and tells the key under which its embedding
    /// may have been kept.
    pub fn begin_encoding(&self, display: JsValue) -> JsResult<String> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let shown = Shown::new(&image.picture, &image.display(&display)?)?;
        self.begin(&shown, Purpose::Prompting)
    }

    /// Makes an image of the training set ready for encoding as `begin_encoding` does the open
    /// one, which stays: a page of a file's bytes, or the bundled sample where there are none.
    pub fn begin_labelled(
        &self,
        file: Option<Vec<u8>>,
        page: usize,
        display: JsValue,
    ) -> JsResult<String> {
        let picture = open(file, page)?.picture;
        let shown = Shown::new(&picture, &json::display(&display)?)?;
        self.begin(&shown, Purpose::Training)
    }

    /// A small picture of a page of a file, or of the bundled sample, in the display that it is
    /// opened with: a PNG file, `side` pixels on the longer side.
    pub fn thumbnail(&self, file: Option<Vec<u8>>, page: usize, side: usize) -> JsResult<Vec<u8>> {
        let page = open(file, page)?;
        let (width, height) = page.picture.size();
        let (width, height) = resize::longest_side(width, height, side);
        let shown = Shown::new(&page.picture, &Display::of(&page))?;
        let small = resize::bilinear_antialias(&shown, width, height);
        Ok(encode::png_rgb(&small)?)
    }

    /// Encodes what was made ready and lets the event loop run between the steps, so that
    /// `cancel` is heard: `false` if it was. `progress` gets the done and all steps.
    pub async fn encode(&self, progress: &Function) -> JsResult<bool> {
        let (mut encoding, purpose) = self.encoding.take().ok_or_else(not_begun)?;
        let embedding = self
            .with_predictor(async |predictor| {
                let steps = predictor.encoding_steps();
                loop {
                    if let Some(embedding) = predictor.advance(&mut encoding).await? {
                        return Ok(Some(embedding));
                    }
                    let done = encoding.steps_done();
                    let _ = progress.call2(&JsValue::NULL, &done.into(), &steps.into());
                    pause().await;
                    if self.cancelled.get() {
                        return Ok(None);
                    }
                }
            })
            .await?;
        let finished = embedding.is_some();
        if let Some(embedding) = embedding {
            self.place(embedding, purpose).await?;
        }
        Ok(finished)
    }

    /// Runs decoder and image encoder on zeros, because a GPU compiles their programs at the
    /// first use. Only while no image is open; `cancel` is heard between the steps.
    pub async fn warm_up(&self) -> JsResult<()> {
        self.cancelled.set(false);
        let work = async |predictor: &mut Predictor| {
            predictor.warm_up().await?;
            let image = Rgb::black(predictor.config().image_size());
            let mut encoding = predictor.begin_encoding(&image);
            while !self.cancelled.get() {
                if predictor.advance(&mut encoding).await?.is_some() {
                    break;
                }
                pause().await;
            }
            Ok(())
        };
        Ok(self.with_predictor(work).await?)
    }

    /// Takes a kept embedding instead of encoding what was made ready.
    pub async fn restore_embedding(&self, values: Vec<f32>) -> JsResult<()> {
        let (encoding, purpose) = self.encoding.take().ok_or_else(not_begun)?;
        let embedding = self
            .with_predictor(async |predictor| predictor.restored(&encoding, values))
            .await?;
        Ok(self.place(embedding, purpose).await?)
    }

    /// The values of the embedding that came last, to be kept.
    pub async fn embedding(&self) -> JsResult<Vec<f32>> {
        let encoded = self.encoded.borrow().clone();
        let (embedding, _) = encoded.ok_or_else(not_begun)?;
        Ok(embedding.values().await?)
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

    /// Adds a mask prompt with its box `x0, y0, x1, y1` in whole pixels of the image. `runs` are
    /// the lengths of its pixels outside and inside in turn, row by row of the box.
    pub async fn add_mask(&self, corners: &[usize], runs: &[u32]) -> JsResult<JsValue> {
        self.add(json::mask_prompt(corners, runs)?).await
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
        bytes(&self.mask.borrow())
    }

    /// What the model's own decoder makes of the same prompts, as `mask`; `undefined` without
    /// prompts.
    pub async fn untouched_mask(&self) -> JsResult<Option<Vec<u8>>> {
        let mask = self
            .with_predictor(async |predictor| match predictor.rounds() {
                [] => Ok(None),
                _ => predictor.untouched_mask().await.map(Some),
            })
            .await?;
        Ok(mask.as_deref().map(bytes))
    }

    /// The mask for a single point, as `mask`, whatever the prompts are; they stay.
    pub async fn preview(&self, x: f32, y: f32) -> JsResult<Vec<u8>> {
        let mask = self
            .with_predictor(async |predictor| predictor.preview(x, y).await)
            .await?;
        Ok(bytes(&mask))
    }

    /// The selected mask as a PNG file of the image's own size.
    pub fn mask_png(&self) -> JsResult<Vec<u8>> {
        let (width, height) = self.image_size()?;
        Ok(mask::to_png(&self.mask.borrow(), width, height)?)
    }
}

impl Engine {
    fn begin(&self, image: &impl Rows, purpose: Purpose) -> JsResult<String> {
        self.cancelled.set(false);
        let mut predictor = self.predictor.take().ok_or_else(no_model)?;
        if purpose == Purpose::Prompting {
            predictor.drop_embedding();
        }
        let encoding = predictor.begin_encoding(image);
        self.predictor.set(Some(predictor));
        let key = encoding.key().to_owned();
        self.encoding.set(Some((encoding, purpose)));
        Ok(key)
    }

    async fn place(&self, embedding: Embedding, purpose: Purpose) -> Result<()> {
        self.encoded.replace(Some((embedding.clone(), purpose)));
        if purpose == Purpose::Training {
            return Ok(());
        }
        self.with_predictor(async |predictor| {
            predictor.set_embedding(embedding);
            predictor.prepare()
        })
        .await
    }

    /// The embedding of the image of the training set that was encoded last.
    pub(super) fn take_labelled_embedding(&self) -> Result<Embedding> {
        match self.encoded.take() {
            Some((embedding, Purpose::Training)) => Ok(embedding),
            _ => Err(not_begun()),
        }
    }

    pub(super) fn tensor_device(&self) -> &Device {
        &self.device.device
    }

    /// Width and height of the open image.
    pub(super) fn image_size(&self) -> Result<(usize, usize)> {
        let image = self.image.borrow();
        Ok(image.as_ref().ok_or_else(no_image)?.picture.size())
    }

    /// Lends the predictor to `work`, which may wait, and puts it back whatever comes of it.
    pub(super) async fn with_predictor<T>(
        &self,
        work: impl AsyncFnOnce(&mut Predictor) -> Result<T>,
    ) -> Result<T> {
        let mut predictor = self.predictor.take().ok_or_else(no_model)?;
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
                let prediction = json::prediction(predictor.rounds(), &mask);
                self.mask.replace(mask);
                Ok(prediction)
            })
            .await?;
        match prediction {
            Some(prediction) => to_js(&prediction),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    fn put_image(&self, opened: Page) -> JsResult<JsValue> {
        let Page {
            picture,
            page,
            pages,
            window,
            invert,
        } = opened;
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
            kind: json::kind(picture),
            min: levels.min,
            max: levels.max,
            low: levels.low,
            high: levels.high,
            full_min: levels.full_min,
            full_max: levels.full_max,
            histogram: &levels.histogram,
            page,
            pages,
            window,
            invert,
        })
    }

    pub(super) fn displayed(&self, display: JsValue) -> JsResult<Rgb> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        Ok(display::to_rgb(&image.picture, &image.display(&display)?)?)
    }
}

/// Lets the worker's event loop run once.
async fn pause() {
    let next_task = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    let _ = JsFuture::from(next_task).await;
}

fn bytes(mask: &[bool]) -> Vec<u8> {
    let byte = |inside: &bool| if *inside { 255 } else { 0 };
    mask.iter().map(byte).collect()
}

/// A page of a file, or the bundled sample where there is none.
pub(super) fn open(file: Option<Vec<u8>>, page: usize) -> Result<Page> {
    match file {
        Some(bytes) => decode::open(&bytes, page),
        None => Ok(Page::only(Picture::Gray(sample::nuclei().0))),
    }
}

pub(super) fn reader(file: &Blob) -> Result<BlobReader> {
    BlobReader::new(file.clone())
        .map_err(|_| Error::new("This browser cannot read files in a worker."))
}

fn not_begun() -> Error {
    Error::new("The image is not ready for encoding: begin anew.")
}

fn no_model() -> Error {
    Error::new("There is no model yet: wait until one is loaded.")
}

pub(super) fn no_image() -> Error {
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
