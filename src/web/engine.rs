//! The worker's engine: one device, one model, one image and the prompts on it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use burn::tensor::Device;
use js_sys::Function;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::automatic_masks::Search;
use super::blob::BlobReader;
use super::encoding::Labelling;
use super::image::Image;
use super::products;
use super::types::{DeviceInfo, JsResult, ModelInfo, read};
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::error::{Error, Result};
use crate::image::shapes::Shape;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::precision::Precision;
use crate::predictor::{Embedding, Encoding, Predictor};
use crate::training::dataset::LabelledImage;
use crate::training::decoder_file::{Base, DecoderInfo};
use crate::training::trainer::Trainer;

/// Model, image and prompts in a worker. Its calls must not overlap, but for `cancel`.
#[wasm_bindgen]
pub struct Engine {
    device: OpenDevice,
    /// Taken out while an asynchronous call works with it.
    predictor: Cell<Option<Predictor>>,
    /// The model's file, to be read again for its fingerprint and for merging.
    pub(super) model_file: RefCell<Option<Blob>>,
    pub(super) base: RefCell<Option<Base>>,
    pub(super) fine_tuned: RefCell<Option<DecoderState>>,
    pub(super) image: RefCell<Option<Image>>,
    /// The selected mask of the last prediction.
    pub(super) mask: RefCell<Option<Arc<Shape>>>,
    /// What is ready to be encoded, and for what.
    pub(super) encoding: Cell<Option<(Encoding, Purpose)>>,
    /// The encoding that was cancelled last, to be gone on with.
    pub(super) paused: Cell<Option<Encoding>>,
    /// What was encoded or restored last.
    pub(super) encoded: RefCell<Option<Embedding>>,
    /// Taken out while it works.
    pub(super) automatic_masks: Cell<Option<Search>>,
    /// The image that is being added to the training set.
    pub(super) labelling: RefCell<Option<Labelling>>,
    pub(super) labelled: RefCell<Vec<LabelledImage>>,
    /// Taken out while it works.
    pub(super) trainer: Cell<Option<Trainer>>,
    pub(super) cancelled: Cell<bool>,
    fused: bool,
}

/// What an image, or a part of one, is encoded for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Prompting,
    Training,
    /// To be kept, for when the image is opened.
    Later,
}

/// A fine-tuned decoder over the loaded model.
#[derive(Clone)]
pub(super) struct DecoderState {
    pub decoder: MaskDecoder,
    pub info: DecoderInfo,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device.
    pub async fn create(device: Ts<DeviceChoice>) -> JsResult<Engine> {
        let device = device::open(read(&device, "a device")?).await?;
        Ok(Self {
            device,
            predictor: Cell::new(None),
            model_file: RefCell::default(),
            base: RefCell::default(),
            fine_tuned: RefCell::default(),
            image: RefCell::default(),
            mask: RefCell::default(),
            encoding: Cell::default(),
            paused: Cell::default(),
            encoded: RefCell::default(),
            automatic_masks: Cell::default(),
            labelling: RefCell::default(),
            labelled: RefCell::default(),
            trainer: Cell::default(),
            cancelled: Cell::new(false),
            fused: products::fuse().unwrap_or(false),
        })
    }

    pub fn device_info(&self) -> JsResult<Ts<DeviceInfo>> {
        let info = DeviceInfo {
            device: self.device.name.clone(),
            note: self.device.note.clone(),
            gpu: self.device.is_gpu,
        };
        Ok(info.into_ts()?)
    }

    /// Whether the device has failed, after which only a new engine helps.
    #[wasm_bindgen(getter)]
    pub fn device_failed(&self) -> bool {
        device::failed()
    }

    /// Whether the CPU device multiplies with relaxed SIMD.
    #[wasm_bindgen(getter)]
    pub fn products_are_fused(&self) -> bool {
        self.fused
    }

    /// Reads a checkpoint piece by piece and puts its model in place of the one before, which
    /// stays if this fails. All that was made with the model before is dropped: the embedding,
    /// the fine-tuned decoder, labelled images, the training.
    pub async fn load_model(
        &self,
        file: Blob,
        #[wasm_bindgen(unchecked_param_type = "(fraction: number) => void")] progress: &Function,
    ) -> JsResult<Ts<ModelInfo>> {
        let reader = reader(&file)?;
        let mut report = |fraction: f64| {
            // A page that does not listen is no reason to stop.
            let _ = progress.call1(&JsValue::NULL, &fraction.into());
        };
        let (device, precision) = (&self.device.device, Precision::default());
        let predictor = Predictor::open(reader, device, precision, &mut report)?;
        let info = ModelInfo {
            name: predictor.config().name(),
            parameters: predictor.parameters(),
        };
        self.predictor.set(Some(predictor));
        self.model_file.replace(Some(file));
        self.base.replace(None);
        self.fine_tuned.replace(None);
        self.paused.set(None);
        self.clear_labelled();
        Ok(info.into_ts()?)
    }
}

impl Engine {
    pub(super) fn tensor_device(&self) -> &Device {
        &self.device.device
    }

    /// Lends the predictor to `work`, which may wait, and puts it back even if that fails.
    pub(super) async fn with_predictor<T>(
        &self,
        work: impl AsyncFnOnce(&mut Predictor) -> Result<T>,
    ) -> Result<T> {
        let mut predictor = self.predictor.take().ok_or_else(no_model)?;
        let result = work(&mut predictor).await;
        self.predictor.set(Some(predictor));
        result
    }

    /// [`Self::with_predictor`] for work that does not wait.
    pub(super) fn with_predictor_now<T>(
        &self,
        work: impl FnOnce(&mut Predictor) -> T,
    ) -> Result<T> {
        let mut predictor = self.predictor.take().ok_or_else(no_model)?;
        let result = work(&mut predictor);
        self.predictor.set(Some(predictor));
        Ok(result)
    }
}

pub(super) fn reader(file: &Blob) -> Result<BlobReader> {
    BlobReader::new(file.clone())
        .map_err(|_| Error::new("This browser cannot read files in a worker."))
}

pub(super) fn no_model() -> Error {
    Error::new("There is no model yet: wait until one is loaded.")
}
