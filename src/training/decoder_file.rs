//! The mask decoder as a file: safetensors with `segment_anything`'s `mask_decoder.*` names.

use std::collections::BTreeMap;
use std::io::Write;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::device;
use crate::error::Result;
use crate::model::mask_decoder::MaskDecoder;
use crate::weights::{Dtype, safetensors};

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

/// Writes `named` as float32 safetensors.
pub fn write(
    out: impl Write,
    named: Vec<Named>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let (tensors, mut values): (Vec<_>, Vec<_>) = named
        .into_iter()
        .map(|n| ((n.name, n.shape, Dtype::F32), n.values))
        .unzip();
    safetensors::write(out, &tensors, metadata, |i| std::mem::take(&mut values[i]))
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
