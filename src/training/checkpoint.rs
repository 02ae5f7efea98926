//! A training as a file, to be resumed: safetensors with the decoder under training, the
//! best so far, the optimiser's moments, and the rest of its state in the metadata.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

use burn::module::Module;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::adamw::AdamW;
use super::dataset::LabelledImage;
use super::decoder_file;
use super::evaluator::Evaluator;
use super::trainer::{Best, Evaluation, Progress, Trainer};
use crate::error::{Error, Result};
use crate::image::part::Part;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::parameters::with_parameters;
use crate::model::{Sam, SamConfig};
use crate::predictor::Embedding;
use crate::weights::decoder_info::{BASE_MODEL, BASE_SHA256, Base, Thresholds, check_base};
use crate::weights::{Checkpoint, Dtype, hex, safetensors};

const TRAINING: &str = "training";
/// What the best decoder's names begin with.
const BEST: &str = "best";

#[derive(Serialize, Deserialize)]
struct State {
    progress: Progress,
    /// SHA-256 of the labels.
    labels: String,
    /// Whether the decoder is being evaluated.
    #[serde(alias = "judging")]
    evaluating: bool,
    best: Option<Evaluation>,
    /// Of the best decoder.
    thresholds: Option<Thresholds>,
    optimizer_steps: i32,
    /// Elements of each of the optimiser's moments.
    moments: Vec<usize>,
}

impl Trainer {
    /// Writes all that [`Trainer::resume`] needs.
    pub async fn write_checkpoint(&self, out: impl Write, base: &Base) -> Result<()> {
        let (mut tensors, mut values) = (Vec::new(), Vec::new());
        let mut add = |name: String, shape: Vec<usize>, of_it: Vec<f32>| {
            tensors.push((name, shape, Dtype::F32));
            values.push(of_it);
        };
        for named in decoder_file::parameters(&self.decoder).await? {
            add(named.name, named.shape, named.values);
        }
        if let Some(best) = &self.best {
            for named in decoder_file::parameters(&best.decoder).await? {
                add(format!("{BEST}.{}", named.name), named.shape, named.values);
            }
        }
        let (moments, optimizer_steps) = self.optimizer.state().await?;
        let sizes = moments.iter().map(|[first, _]| first.len()).collect();
        for (i, [first, second]) in moments.into_iter().enumerate() {
            add(moment(1, i), vec![first.len()], first);
            add(moment(2, i), vec![second.len()], second);
        }
        let state = State {
            progress: self.progress.clone(),
            labels: self.labels.clone(),
            evaluating: self.evaluator.is_some(),
            best: self.best.as_ref().map(|best| best.evaluation),
            thresholds: self.best.as_ref().and_then(|best| best.thresholds),
            optimizer_steps,
            moments: sizes,
        };
        let state = serde_json::to_string(&state).map_err(|e| Error::new(e.to_string()))?;
        let metadata = BTreeMap::from([
            (TRAINING.to_owned(), state),
            (BASE_MODEL.to_owned(), base.name.clone()),
            (BASE_SHA256.to_owned(), base.sha256.clone()),
        ]);
        let next = |i: usize| Ok(std::mem::take(&mut values[i]));
        safetensors::write(out, &tensors, &metadata, next)
    }

    /// Resumes the training of a file that [`Trainer::write_checkpoint`] wrote, on the same
    /// labelled images, as if it had never stopped.
    ///
    /// # Errors
    /// When the file holds no training, or the base model or the labels have changed.
    pub fn resume<R: Read + Seek>(
        file: R,
        sam: &Sam,
        config: &SamConfig,
        base: &Base,
        images: Vec<LabelledImage>,
    ) -> Result<Self> {
        let mut file = Checkpoint::open(file)?;
        check_base(file.metadata(), base, "training")?;
        let state = file.metadata().get(TRAINING).map(String::as_str);
        let state: State = serde_json::from_str(state.unwrap_or_default())
            .map_err(|_| Error::new("The file holds no training that can be resumed."))?;
        let labels = digest(&images);
        if state.labels != labels {
            return Err(Error::new(
                "The labels have changed since this training began, or the parts in which they are seen, so it cannot be resumed: start a new one.",
            ));
        }
        let device = sam.mask_decoder.devices().remove(0);
        let decoder = MaskDecoder::open(&mut file, config, &device)?;
        let mut moments = Vec::with_capacity(state.moments.len());
        for (i, &size) in state.moments.iter().enumerate() {
            moments.push([
                file.read(&moment(1, i), &[size])?,
                file.read(&moment(2, i), &[size])?,
            ]);
        }
        let mut best = None;
        if let Some(evaluation) = state.best {
            let decoder = with_parameters(&mut file, &device, |p| {
                MaskDecoder::load(&p.at(BEST).at("mask_decoder"), config)
            })?;
            best = Some(Best {
                evaluation,
                decoder,
                thresholds: state.thresholds,
            });
        }
        Ok(Self {
            encoder: sam.prompt_encoder.clone(),
            images,
            labels,
            evaluator: state.evaluating.then(|| Evaluator::new(decoder.clone())),
            optimizer: AdamW::restored(&decoder, moments, state.optimizer_steps)?,
            progress: state.progress,
            decoder,
            best,
        })
    }
}

fn moment(order: usize, parameter: usize) -> String {
    format!("moment_{order}.{parameter}")
}

/// Numbers that are digested at once.
const BLOCK: usize = 4096;

/// SHA-256, in hexadecimal, of all labels, and of the parts in which they are seen unless that is
/// the whole image.
pub(super) fn digest(images: &[LabelledImage]) -> String {
    let mut digest = Sha256::new();
    for image in images {
        let (width, height) = image.size;
        digest.update(format!("{width}x{height}"));
        for &[length, id] in image.runs.as_chunks::<2>().0 {
            let block = id.to_le_bytes().repeat((length as usize).min(BLOCK));
            for start in (0..length as usize).step_by(BLOCK) {
                let numbers = BLOCK.min(length as usize - start);
                digest.update(&block[..4 * numbers]);
            }
        }
        for run in image.unknown.runs() {
            digest.update(format!("unknown {run:?}"));
        }
        let parts = image.views.iter().map(Embedding::part);
        for part in parts.filter(|part| *part != Part::whole(image.size)) {
            digest.update(format!("{part:?}"));
        }
    }
    hex(&digest.finalize())
}
