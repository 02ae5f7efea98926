//! Models of noise to measure with, which cost as much as others.

use std::process::Command;

use anyhow::Result;

use super::WORK;
use crate::{build, python, shell};

const SCRIPT: &str = "tests/fixtures/make_vit_b_onnx.py";

/// A checkpoint of the configuration of that name; gives its path.
pub fn noise(config: &str) -> Result<String> {
    let file = format!("{WORK}/{config}.safetensors");
    let mut noise = Command::new(build::program()?);
    shell::run(noise.args(["noise", "--config", config, "--out", &file]))?;
    Ok(file)
}

/// ViT-B's image encoder for onnxruntime-web; gives its path.
pub fn vit_b_onnx() -> Result<String> {
    let file = format!("{WORK}/vit_b_encoder.onnx");
    export(&[&file])?;
    Ok(file)
}

/// Blocks of `two_blocks` and a linear layer for so many rows, for onnxruntime-web.
pub fn parts_onnx(rows: &str) -> Result<()> {
    export(&["parts", WORK, "--rows", rows])
}

fn export(arguments: &[&str]) -> Result<()> {
    // The exporter warns of what changes with the image's size, which does not change.
    let mut export = Command::new(python::environment()?);
    shell::run(export.args(["-W", "ignore", SCRIPT]).args(arguments))
}
