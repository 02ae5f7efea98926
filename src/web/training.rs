//! Fine-tuning for the page: the training set, the training a piece at a time, and decoders as
//! files.

use std::io;

use js_sys::{Function, Uint8Array};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::blob::BlobReader;
use super::engine::{DecoderState, Engine, no_model, reader, unreadable_model};
use super::pool;
use super::types::{JsResult, TrainingInfo, read};
use crate::error::{Error, Result};
use crate::predictor::Predictor;
use crate::training::bioimage_io::{self, TestTensors};
use crate::training::dataset::HeldOut;
use crate::training::decoder_file::{self, Base, DecoderInfo};
use crate::training::trainer::{Trainer, TrainingReport, TrainingSettings};
use crate::weights::{Checkpoint, Naming, digest};

#[wasm_bindgen]
impl Engine {
    /// SHA-256 of the loaded model's file, which is read whole at the first call.
    pub async fn base_sha256(&self) -> JsResult<String> {
        Ok(self.base().await?.sha256)
    }

    /// Empties the training set and drops the training.
    pub fn clear_labelled(&self) {
        self.labelling.take();
        self.labelled.borrow_mut().clear();
        self.trainer.set(None);
    }

    /// Begins a training of the untouched decoder on the training set. `held_out` are the
    /// places of the images to evaluate on; where there are none, a part of the objects is held out.
    pub async fn start_training(
        &self,
        settings: Ts<TrainingSettings>,
        held_out: Vec<usize>,
    ) -> JsResult<Ts<TrainingInfo>> {
        let settings = read(&settings, "settings of the training")?;
        let held_out = match held_out.is_empty() {
            true => HeldOut::Part,
            false => HeldOut::Images(held_out),
        };
        let images = self.labelled.take();
        let trainer = self
            .with_predictor(async |predictor| {
                Trainer::new(predictor.model(), images, &held_out, settings)
            })
            .await?;
        self.put_trainer(trainer)
    }

    /// Resumes a training from its checkpoint, on the same training set.
    pub async fn resume_training(&self, checkpoint: Blob) -> JsResult<Ts<TrainingInfo>> {
        let base = self.base().await?;
        let images = self.labelled.take();
        let file = reader(&checkpoint)?;
        let trainer = self
            .with_predictor(async |predictor| {
                let (sam, config) = (predictor.model(), predictor.config());
                Trainer::resume(file, sam, config, &base, images)
            })
            .await?;
        self.put_trainer(trainer)
    }

    /// Does the training's next piece of work. With a pool beside, only calls that have to do with the
    /// training must wait for it.
    pub async fn train(&self) -> JsResult<Ts<TrainingReport>> {
        let mut trainer = self.trainer.take().ok_or_else(no_training)?;
        let work = async move {
            let report = trainer.advance().await;
            (trainer, report)
        };
        let (trainer, report) = pool::beside(work).await;
        self.trainer.set(Some(trainer));
        Ok(report?.into_ts()?)
    }

    /// Puts the best decoder so far in the place of the model's own; `undefined`, and nothing
    /// changes, where the untouched one is still the best.
    pub async fn adopt_best(&self) -> JsResult<Option<Ts<DecoderInfo>>> {
        let base = self.base().await?;
        let trainer = self.trainer.take().ok_or_else(no_training)?;
        let fine_tuned = trainer.best().map(|best| DecoderState {
            decoder: best.decoder.clone(),
            info: DecoderInfo::of(&trainer, &base),
        });
        self.trainer.set(Some(trainer));
        match fine_tuned {
            Some(fine_tuned) => Ok(Some(self.adopt(fine_tuned).await?)),
            None => Ok(None),
        }
    }

    /// All that `resume_training` needs.
    pub async fn checkpoint(&self) -> JsResult<Vec<u8>> {
        let base = self.base().await?;
        let trainer = self.trainer.take().ok_or_else(no_training)?;
        let mut file = Vec::new();
        let written = trainer.write_checkpoint(&mut file, &base).await;
        self.trainer.set(Some(trainer));
        written?;
        Ok(file)
    }

    /// Opens a fine-tuned decoder's file over the loaded model and uses it.
    pub async fn open_decoder(&self, file: Blob) -> JsResult<Ts<DecoderInfo>> {
        let base = self.base().await?;
        let file = reader(&file)?;
        let (decoder, info) = self
            .with_predictor(async |predictor| {
                decoder_file::open(file, &base, predictor.config(), predictor.device())
            })
            .await?;
        self.adopt(DecoderState { decoder, info }).await
    }

    /// What the fine-tuned decoder is known by; `undefined` where there is none.
    pub fn decoder_info(&self) -> JsResult<Option<Ts<DecoderInfo>>> {
        match &*self.fine_tuned.borrow() {
            Some(fine_tuned) => Ok(Some(fine_tuned.info.into_ts()?)),
            None => Ok(None),
        }
    }

    /// Chooses whether the fine-tuned decoder or the model's own answers.
    pub async fn use_fine_tuned(&self, on: bool) -> JsResult<()> {
        let (decoder, thresholds) = match on {
            true => {
                let DecoderState { decoder, info } = self.fine_tuned()?;
                (Some(decoder), info.thresholds)
            }
            false => (None, None),
        };
        self.with_predictor(async |predictor| {
            predictor.set_fine_tuned(decoder);
            predictor.set_thresholds(thresholds);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// The fine-tuned decoder as safetensors.
    pub async fn decoder_file(&self, names: Ts<Naming>) -> JsResult<Vec<u8>> {
        let naming = read(&names, "names")?;
        if naming == Naming::MicroSam {
            return Err(Error::new(
                "micro-sam opens whole models only: choose \u{201c}Whole model with it\u{201d}.",
            )
            .into());
        }
        let (base, DecoderState { decoder, info }) = (self.base().await?, self.fine_tuned()?);
        let named = decoder_file::parameters(&decoder).await?;
        let mut file = Vec::new();
        decoder_file::write(&mut file, &named, naming, &base, &info)?;
        Ok(file)
    }

    /// The whole model with the fine-tuned decoder, handed to `sink` piece by piece: safetensors, or a
    /// PyTorch file for micro-sam.
    pub async fn merged_file(
        &self,
        names: Ts<Naming>,
        #[wasm_bindgen(unchecked_param_type = "(piece: Uint8Array<ArrayBuffer>) => void")]
        sink: &Function,
    ) -> JsResult<()> {
        let naming = read(&names, "names")?;
        let (base, DecoderState { decoder, info }) = (self.base().await?, self.fine_tuned()?);
        let named = decoder_file::parameters(&decoder).await?;
        let (model, instances) = self.checkpoints()?;
        let out = io::BufWriter::with_capacity(PIECE, Sink(sink));
        decoder_file::write_merged(out, model, instances, &named, naming, &base, &info)?;
        Ok(())
    }

    /// A BioImage.IO package of the whole model with the fine-tuned decoder, handed to `sink` piece by
    /// piece. The bundled sample is encoded for it.
    pub async fn package(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(piece: Uint8Array<ArrayBuffer>) => void")]
        sink: &Function,
    ) -> JsResult<()> {
        let DecoderState { decoder, info } = self.fine_tuned()?;
        let named = decoder_file::parameters(&decoder).await?;
        let tests = async |predictor: &mut Predictor| TestTensors::of(predictor, &decoder).await;
        let tests = self.with_predictor(tests).await?;
        let (model, instances) = self.checkpoints()?;
        let out = io::BufWriter::with_capacity(PIECE, Sink(sink));
        bioimage_io::write(out, model, instances, &named, &info, &tests)?;
        Ok(())
    }
}

impl Engine {
    /// What the loaded model is known by.
    pub(super) async fn base(&self) -> Result<Base> {
        if let Some(base) = &*self.base.borrow() {
            return Ok(base.clone());
        }
        let sha256 = digest(reader(&self.model_file()?)?).map_err(unreadable_model)?;
        let name = self
            .with_predictor(async |predictor| Ok(predictor.config().name()))
            .await?;
        let base = Base { name, sha256 };
        self.base.replace(Some(base.clone()));
        Ok(base)
    }

    /// The model's file, and that of a decoder of instances beside it.
    fn checkpoints(&self) -> Result<(Checkpoint<BlobReader>, Option<Checkpoint<BlobReader>>)> {
        let opened = |file: &Blob| Checkpoint::open(reader(file)?);
        let instances = self.instances_file.borrow();
        let instances = instances.as_ref().map(opened).transpose()?;
        Ok((opened(&self.model_file()?)?, instances))
    }

    fn model_file(&self) -> Result<Blob> {
        let file = self.model_file.borrow().clone();
        file.ok_or_else(no_model)
    }

    fn fine_tuned(&self) -> Result<DecoderState> {
        let fine_tuned = self.fine_tuned.borrow().clone();
        fine_tuned.ok_or_else(|| {
            Error::new("There is no fine-tuned decoder yet: train one, or open its file.")
        })
    }

    async fn adopt(&self, fine_tuned: DecoderState) -> JsResult<Ts<DecoderInfo>> {
        let info = fine_tuned.info.into_ts()?;
        self.fine_tuned.replace(Some(fine_tuned));
        self.use_fine_tuned(true).await?;
        Ok(info)
    }

    fn put_trainer(&self, trainer: Trainer) -> JsResult<Ts<TrainingInfo>> {
        let info = TrainingInfo::from(&trainer);
        self.trainer.set(Some(trainer));
        Ok(info.into_ts()?)
    }
}

/// Bytes handed to the worker at once.
const PIECE: usize = 1 << 20;

/// Hands what is written to a function of the worker's.
struct Sink<'a>(&'a Function);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Uint8Array::from(bytes);
        match self.0.call1(&JsValue::NULL, &piece) {
            Ok(_) => Ok(bytes.len()),
            Err(_) => Err(io::Error::other("the browser took no more")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn no_training() -> Error {
    Error::new("No training is running: start one.")
}
