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
use super::finding::{FindingTask, Seen};
use super::image::Image;
use super::products;
use super::types::{DeviceCheck, DeviceInfo, DeviceSpeed, JsResult, ModelInfo, read};
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::error::{Error, Result};
use crate::finder::Finder;
use crate::gpu_check;
use crate::image::shapes::Shape;
use crate::measure;
use crate::model::kernels;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::precision::Precision;
use crate::predictor::{Embedding, Encoding, Predictor};
use crate::training::dataset::LabelledImage;
use crate::training::decoder_file::{Base, DecoderInfo};
use crate::training::trainer::Trainer;
use crate::weights::Checkpoint;

/// Model, image and prompts in a worker. Its calls must not overlap, but for `cancel`.
#[wasm_bindgen]
pub struct Engine {
    device: OpenDevice,
    /// Taken out while an asynchronous call works with it.
    predictor: Cell<Option<Predictor>>,
    /// The model's file, to be read again for its fingerprint and for merging.
    pub(super) model_file: RefCell<Option<Blob>>,
    /// The file of a decoder of instances that was opened beside the model, for merging.
    pub(super) instances_file: RefCell<Option<Blob>>,
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
    /// Taken out while it works.
    pub(super) finding: Cell<Option<FindingTask>>,
    /// Of the image that was searched last.
    pub(super) seen: RefCell<Option<Seen>>,
    /// What was learned of labelled objects.
    pub(super) finder: RefCell<Finder>,
    /// The image that is being added to the training set.
    pub(super) labelling: RefCell<Option<Labelling>>,
    pub(super) labelled: RefCell<Vec<LabelledImage>>,
    /// Taken out while it works.
    pub(super) trainer: Cell<Option<Trainer>>,
    pub(super) cancelled: Cell<bool>,
    fused: bool,
}

/// Runs of each that a GPU is measured by.
const RUNS: usize = 3;

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
            instances_file: RefCell::default(),
            base: RefCell::default(),
            fine_tuned: RefCell::default(),
            image: RefCell::default(),
            mask: RefCell::default(),
            encoding: Cell::default(),
            paused: Cell::default(),
            encoded: RefCell::default(),
            automatic_masks: Cell::default(),
            finding: Cell::default(),
            seen: RefCell::default(),
            finder: RefCell::default(),
            labelling: RefCell::default(),
            labelled: RefCell::default(),
            trainer: Cell::default(),
            cancelled: Cell::new(false),
            fused: products::fuse_products(),
        })
    }

    pub fn device_info(&self) -> JsResult<Ts<DeviceInfo>> {
        let device = match device::pool_size() {
            1 if self.device.is_cpu() => format!("{}, 1 thread", self.device.name),
            n if self.device.is_cpu() => format!("{}, {n} threads", self.device.name),
            _ => self.device.name.clone(),
        };
        let info = DeviceInfo {
            device,
            note: self.device.note.clone(),
            gpu: self.device.is_gpu,
        };
        Ok(info.into_ts()?)
    }

    /// Has the GPU compute what the CPU computes as well. What is wrong is not used from then on; before a model is loaded.
    /// On one that is no software the tiles of linear layers are chosen first, if `chooses_tiles`.
    pub async fn check_device(&self, chooses_tiles: bool) -> JsResult<Ts<DeviceCheck>> {
        if self.device.is_gpu && chooses_tiles {
            kernels::use_tiles(measure::fastest_tiles(&self.device.device).await?);
        }
        let faults = gpu_check::check(&self.device.device).await?;
        let check = DeviceCheck {
            avoided: gpu_check::faulty(&faults),
            usable: faults.iter().all(|fault| fault.kernel.is_some()),
            note: gpu_check::sentence(&faults),
            tiles: kernels::tiles(),
        };
        kernels::avoid(&check.avoided);
        Ok(check.into_ts()?)
    }

    /// Does without what an earlier check of the same GPU has found wrong.
    pub fn take_check(&self, known: Ts<DeviceCheck>) -> JsResult<()> {
        let known: DeviceCheck = read(&known, "a check of the device")?;
        kernels::avoid(&known.avoided);
        kernels::use_tiles(known.tiles);
        Ok(())
    }

    /// Checks the device again and measures it, with the loaded model and the sample image; what is open stays as it is,
    /// and what the check finds is only told.
    pub async fn measure_device(&self) -> JsResult<Ts<DeviceSpeed>> {
        let mut predictor = self.with_predictor_now(|predictor| predictor.another())?;
        // Software takes minutes for one.
        let runs = if self.device.is_gpu { RUNS } else { 1 };
        let model = measure::measured(&self.device, &mut predictor, runs).await?;
        let tiles = kernels::tiles();
        let faults = gpu_check::check(&self.device.device).await?;
        let fault = match kernels::tiles() == tiles {
            true => gpu_check::sentence(&faults),
            false => Some(gpu_check::wrong_tiles(tiles)),
        };
        let speed = DeviceSpeed {
            fault,
            kernels: measure::rates(&self.device.device).await?,
            tiles: kernels::tiles(),
            model,
        };
        Ok(speed.into_ts()?)
    }

    /// What the GPU has done after which only a new engine helps, as part of a sentence.
    #[wasm_bindgen(getter)]
    pub fn device_fault(&self) -> Option<String> {
        device::fault().map(Into::into)
    }

    #[wasm_bindgen(getter)]
    pub fn computes_on_cpu(&self) -> bool {
        self.device.is_cpu()
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
        let reader = checkpoint_reader(&file)?;
        let mut report = |fraction: f64| {
            // A page that does not listen is no reason to stop.
            let _ = progress.call1(&JsValue::NULL, &fraction.into());
        };
        let (device, precision) = (&self.device.device, Precision::default());
        let predictor = Predictor::open(reader, device, precision, &mut report)?;
        let info = model_info(&predictor);
        self.predictor.set(Some(predictor));
        self.model_file.replace(Some(file));
        self.instances_file.replace(None);
        self.base.replace(None);
        self.fine_tuned.replace(None);
        self.paused.set(None);
        self.finding.set(None);
        self.seen.take();
        self.finder.take();
        self.clear_labelled();
        Ok(info.into_ts()?)
    }

    /// Opens a decoder of instances beside the loaded model, which goes with it.
    pub async fn open_instance_decoder(&self, file: Blob) -> JsResult<Ts<ModelInfo>> {
        let source = checkpoint_reader(&file)?;
        let info = self.with_predictor_now(|predictor| {
            predictor.open_instances(source)?;
            Ok::<_, Error>(model_info(predictor))
        })??;
        self.instances_file.replace(Some(file));
        self.seen.take();
        Ok(info.into_ts()?)
    }
}

/// The number of the wait for the GPU that is under way; `undefined`: there is none.
#[wasm_bindgen]
pub fn gpu_wait() -> Option<u32> {
    device::wait()
}

/// Whether a file holds a decoder of instances without its model.
#[wasm_bindgen]
pub fn is_instance_decoder(file: Blob) -> JsResult<bool> {
    Ok(Checkpoint::open(reader(&file)?)?.is_instance_decoder())
}

fn model_info(predictor: &Predictor) -> ModelInfo {
    ModelInfo {
        name: predictor.config().name(),
        parameters: predictor.parameters(),
        instances: predictor.instances().is_some(),
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

fn checkpoint_reader(file: &Blob) -> Result<BlobReader> {
    reader(file)?.at_once().map_err(unreadable_model)
}

pub(super) fn unreadable_model(error: std::io::Error) -> Error {
    Error::new(format!("The model's file cannot be read ({error})."))
}

pub(super) fn no_model() -> Error {
    Error::new("There is no model yet: wait until one is loaded.")
}
