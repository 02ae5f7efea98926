//! The command line on a GPU, against PyTorch on the same GPU.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{in_turn, medians, models, training, versions};
use crate::comparison::{Comparison, GPU, Series};
use crate::{build, python, shell};

const REFERENCE: &str = "tests/bench/pytorch.py";
const PRECISIONS: [&str; 3] = ["float32", "tf32", "float16"];

/// The name of a GPU, or why there is none.
type Found = std::result::Result<String, String>;

/// What both programs print, its task and its unit.
const FIGURES: [(&str, &str, &str); 6] = [
    ("encoder_s", "image encoder of SAM ViT-B, 1024×1024", "s"),
    ("decoder_s", "mask decoder, one click", "s"),
    (
        "training_step_s",
        "training step of the mask decoder, batch 4, 2 rounds",
        "s",
    ),
    ("matmul_tflops", "linear layer, 4096×768×3072", "TFLOP/s"),
    (
        "encoder_share",
        "rate of ViT-B's encoder, of the linear layer's",
        "%",
    ),
    ("memory_mb", "memory of the device", "MB"),
];

/// Rows for each precision of the reference; none where there is no real GPU for both.
pub fn native(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let (program, python) = (build::program()?, python::environment()?);
    let gpu = match common_gpu(&program, &python)? {
        Ok(name) => name,
        Err(reason) => {
            println!("The native comparison on a GPU is skipped: {reason}.");
            return Ok(Vec::new());
        }
    };
    let model = models::noise("vit_b")?;
    let sample = training::sample(&program)?;
    let mut graysam = Command::new(&program);
    graysam.args(["measure", "--device", "gpu", "--model", &model]);
    let [exact, tf32, half] = PRECISIONS.map(|precision| {
        let mut script = Command::new(&python);
        script.arg(REFERENCE).args(&sample);
        script.args(["--precision", precision]);
        script
    });
    let names = FIGURES.map(|(name, ..)| name);
    let [graysam, references @ ..] = in_turn(
        runs,
        [graysam, exact, tf32, half].map(|mut c| move || medians(&mut c, names)),
    )?;

    let burn = format!("Burn {}, {}", versions::burn()?, versions::rust()?);
    let torch = versions::torch(&python)?;
    let mut rows = Vec::new();
    for (precision, reference) in PRECISIONS.iter().zip(references) {
        for (((_, task, unit), graysam), reference) in FIGURES.iter().zip(&graysam).zip(reference) {
            rows.push(Comparison {
                section: GPU,
                task: format!("{task}, GPU, native"),
                machine: format!("{machine}, {gpu}"),
                unit,
                graysam: Series::new(&*burn, graysam.clone()),
                reference: Series::new(format!("{torch}, {precision}"), reference),
            });
        }
    }
    Ok(rows)
}

/// The GPU that both programs take.
fn common_gpu(program: &Path, python: &Path) -> Result<Found> {
    let mut measure = Command::new(program);
    measure.args(["measure", "--device", "auto", "--runs", "1"]);
    let printed = shell::printed(measure.args(["--model", &models::noise("tiny")?]))?;
    let value: Value = serde_json::from_str(&printed).unwrap_or_default();
    let taken = value["device"].as_str();
    let taken = taken.with_context(|| format!("graysam measure told no device: {printed}"))?;
    if taken == "CPU" {
        return Ok(Err(
            "Vulkan has none here but, at most, a software one".into()
        ));
    }
    let script = "import torch; \
                  print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')";
    let name = shell::printed(Command::new(python).args(["-c", script]))?;
    Ok(same_gpu(taken, &name))
}

/// GraySAM's name of its device holds the GPU's.
fn same_gpu(graysam: &str, pytorch: &str) -> Found {
    match pytorch {
        "" => Err(format!("PyTorch finds none here, GraySAM {graysam}")),
        _ if graysam.contains(pytorch) => Ok(pytorch.to_owned()),
        _ => Err(format!("GraySAM takes {graysam}, but PyTorch {pytorch}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_must_take_the_same_gpu() {
        let graysam = "WebGPU (NVIDIA H100 80GB HBM3)";
        let found = same_gpu(graysam, "NVIDIA H100 80GB HBM3");
        assert_eq!(found.unwrap(), "NVIDIA H100 80GB HBM3");
        assert!(same_gpu(graysam, "").unwrap_err().contains("finds none"));
        let other = same_gpu("WebGPU (Intel UHD)", "NVIDIA H100 80GB HBM3");
        assert!(other.unwrap_err().contains("but PyTorch"));
    }
}
