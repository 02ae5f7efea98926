//! The mask decoder as a file: safetensors with `segment_anything`'s `mask_decoder.*` names.

use std::io::{Read, Seek, Write};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::trainer::Trainer;
use crate::device;
use crate::error::{Error, Result};
use crate::model::SamConfig;
use crate::model::mask_decoder::MaskDecoder;
use crate::weights::decoder_info::open_for;
pub use crate::weights::decoder_info::{Base, DecoderInfo};
use crate::weights::instance_names::INSTANCE_DECODER;
use crate::weights::pth_writer::{self, StateDict};
use crate::weights::{Architecture, Checkpoint, Dtype, Naming, safetensors};

/// A parameter under its `segment_anything` name, with its shape, row-major.
pub struct Named {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The parameters of `decoder` with the names, the order of dimensions and the values of a
/// `segment_anything` checkpoint.
pub async fn parameters(decoder: &MaskDecoder) -> Result<Vec<Named>> {
    let mut visitor = Collector::default();
    decoder.visit(&mut visitor);
    let mut named = Vec::new();
    for (path, shape, tensor) in visitor.found {
        let values = device::read(tensor).await?;
        match path.as_str() {
            "output_tokens" => named.extend(split_tokens(shape[1], values)),
            _ => named.push(Named {
                name: format!("mask_decoder.{}", reference_name(&path)),
                shape,
                values,
            }),
        }
    }
    Ok(named)
}

impl DecoderInfo {
    /// Of the best decoder of `trainer`, which has evaluated the untouched one, `base`'s own.
    pub fn of(trainer: &Trainer, base: &Base) -> Self {
        let before = trainer.evaluations().first().map(|first| first.scores);
        let best = trainer.best().map(|best| best.evaluation);
        Self {
            base: base.name.clone(),
            before,
            after: best.map(|best| best.scores).or(before),
            steps: best.map_or(0, |best| best.step),
            thresholds: trainer.best().and_then(|best| best.thresholds),
            settings: serde_json::to_string(trainer.settings()).unwrap_or_default(),
        }
    }
}

/// Writes a decoder as float32 safetensors.
pub fn write(
    out: impl Write,
    decoder: &[Named],
    naming: Naming,
    base: &Base,
    info: &DecoderInfo,
) -> Result<()> {
    let mut tensors = Vec::new();
    for named in decoder {
        let spellings = naming.spell(&named.name).into_iter();
        tensors.extend(spellings.map(|name| (name, named.shape.clone(), Dtype::F32)));
    }
    let next = |i: usize| Ok(decoder[i].values.clone());
    safetensors::write(out, &tensors, &info.metadata(base), next)
}

/// Writes the whole model of `checkpoint` with `decoder` in the place of its own, float32, a tensor at a
/// time: as safetensors, or for micro-sam as the file of its exports. `instances` is a decoder of instances
/// from another file, if it has one, and goes into the latter.
///
/// # Errors
/// When a checkpoint cannot be read, or the encoder has no names in Hugging Face's library.
pub fn write_merged<R: Read + Seek>(
    out: impl Write,
    mut checkpoint: Checkpoint<R>,
    instances: Option<Checkpoint<R>>,
    decoder: &[Named],
    naming: Naming,
    base: &Base,
    info: &DecoderInfo,
) -> Result<()> {
    let architecture = checkpoint.architecture()?;
    if naming == Naming::HuggingFace && matches!(architecture, Architecture::TinyVit5M) {
        return Err(Error::new(format!(
            "Hugging Face's library has no names for {}; use segment_anything's names, or write the decoder alone.",
            base.name
        )));
    }
    if naming == Naming::MicroSam {
        return write_micro_sam(out, checkpoint, instances, decoder).map(|_| ());
    }
    let (mut tensors, mut sources) = (Vec::new(), Vec::new());
    for name in checkpoint
        .names()
        .filter(|name| checkpoint.is_readable(name))
    {
        let shape = checkpoint.shape(name).unwrap_or_default();
        for spelling in naming.spell(name) {
            tensors.push((spelling, shape.to_vec(), Dtype::F32));
            sources.push((name.to_owned(), shape.to_vec()));
        }
    }
    let next = |i: usize| {
        let (name, shape) = &sources[i];
        match decoder.iter().find(|named| named.name == *name) {
            Some(named) => Ok(named.values.clone()),
            None => checkpoint.read(name, shape),
        }
    };
    safetensors::write(out, &tensors, &info.metadata(base), next)
}

/// Writes a file as micro-sam's `export_custom_sam_model` does: `model_state`, and `decoder_state` if there
/// is a decoder of instances. Counts of batches begin anew.
pub fn write_micro_sam<W: Write, R: Read + Seek>(
    out: W,
    mut checkpoint: Checkpoint<R>,
    mut instances: Option<Checkpoint<R>>,
    decoder: &[Named],
) -> Result<W> {
    let model = tensors_of(&checkpoint, |name| !name.starts_with(INSTANCE_DECODER));
    let beside = instances.as_ref().unwrap_or(&checkpoint);
    let of_instances = tensors_of(beside, |name| name.starts_with(INSTANCE_DECODER));
    let bare = |(name, shape): &(String, Vec<usize>)| {
        let name = name.strip_prefix(INSTANCE_DECODER).unwrap_or(name);
        (name.to_owned(), shape.clone())
    };
    let mut dicts = vec![StateDict {
        name: "model_state",
        tensors: model.clone(),
    }];
    if !of_instances.is_empty() {
        dicts.push(StateDict {
            name: "decoder_state",
            tensors: of_instances.iter().map(bare).collect(),
        });
    }
    let next = |i: usize| {
        if let Some((name, shape)) = i.checked_sub(model.len()).map(|i| &of_instances[i]) {
            return instances
                .as_mut()
                .unwrap_or(&mut checkpoint)
                .read(name, shape);
        }
        let (name, shape) = &model[i];
        match decoder.iter().find(|named| named.name == *name) {
            Some(named) => Ok(named.values.clone()),
            None => checkpoint.read(name, shape),
        }
    };
    pth_writer::write(out, &dicts, next)
}

/// Names and shapes of those tensors that are wanted and can be read.
fn tensors_of<R: Read + Seek>(
    checkpoint: &Checkpoint<R>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<(String, Vec<usize>)> {
    let names = checkpoint
        .names()
        .filter(|name| wanted(name) && checkpoint.is_readable(name));
    let named = names.map(|name| {
        let shape = checkpoint.shape(name).unwrap_or_default();
        (name.to_owned(), shape.to_vec())
    });
    named.collect()
}

/// Reads a fine-tuned decoder for the model `base`, of `config`, onto `device`.
///
/// # Errors
/// When the file is no checkpoint, names another base model, or lacks a tensor.
pub fn open<R: Read + Seek>(
    reader: R,
    base: &Base,
    config: &SamConfig,
    device: &Device,
) -> Result<(MaskDecoder, DecoderInfo)> {
    let (mut checkpoint, info) = open_for(reader, base)?;
    let decoder = MaskDecoder::open(&mut checkpoint, config, device)?;
    Ok((decoder, info))
}

#[derive(Default)]
struct Collector {
    path: Vec<String>,
    found: Vec<(String, Vec<usize>, Tensor<1>)>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        // A linear layer keeps its weight transposed.
        let tensor = match D == 2 && path.ends_with(".weight") {
            true => param.val().transpose(),
            false => param.val(),
        };
        let shape = tensor.dims().to_vec();
        let elements = shape.iter().product::<usize>();
        self.found.push((path, shape, tensor.reshape([elements])));
    }
}

/// The IoU token and the mask tokens, which are one parameter here.
fn split_tokens(dim: usize, mut values: Vec<f32>) -> [Named; 2] {
    let mask_tokens = values.split_off(dim);
    [("iou_token", values), ("mask_tokens", mask_tokens)].map(|(name, values)| Named {
        name: format!("mask_decoder.{name}.weight"),
        shape: vec![values.len() / dim, dim],
        values,
    })
}

/// The name in `segment_anything` of the decoder's parameter at `path`.
fn reference_name(path: &str) -> String {
    let mut name = path.to_owned();
    for (ours, theirs) in [
        ("upscaling.conv1.", "output_upscaling.0."),
        ("upscaling.norm.norm.", "output_upscaling.1."),
        ("upscaling.conv2.", "output_upscaling.3."),
        ("hypernetworks.", "output_hypernetworks_mlps."),
    ] {
        if let Some(rest) = name.strip_prefix(ours) {
            name = format!("{theirs}{rest}");
            break;
        }
    }
    if let Some(norm) = name.strip_suffix(".gamma") {
        return format!("{norm}.weight");
    }
    match name.strip_suffix(".beta") {
        Some(norm) => format!("{norm}.bias"),
        None => name,
    }
}
