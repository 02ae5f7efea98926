//! WebGPU in Chromium, against onnxruntime-web on the same adapter.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{in_chromium, models, versions};
use crate::comparison::{Comparison, Series, WEBGPU};
use crate::shell;

const SCRIPT: &str = "tests/bench/webgpu.js";
/// More would take too long on a software adapter.
const SOFTWARE_RUNS: usize = 2;

/// A figure's name in what the script prints, and its task.
type Task = (&'static str, &'static str);

const CLICK: Task = ("click", "mask decoder of MobileSAM, one click");
const ON_SOFTWARE: [Task; 4] = [
    ("windowed", "windowed block of ViT-B's widths, 32×32 tokens"),
    ("global", "global block of ViT-B's widths, 32×32 tokens"),
    ("product", "linear layer, 1024×768×3072"),
    CLICK,
];
const ON_HARDWARE: [Task; 4] = [
    ("mobile_sam", "image encoder of MobileSAM, 1024×1024"),
    ("vit_b", "image encoder of SAM ViT-B, 1024×1024"),
    ("product", "linear layer, 4096×768×3072"),
    CLICK,
];

/// What Chromium calls its adapter.
struct Adapter {
    name: String,
    software: bool,
}

/// Whole encoders on a real GPU, parts of them on a software adapter, nothing without one.
pub fn parts(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let printed = shell::printed(in_chromium(SCRIPT)?.arg("--adapter"))?;
    let Some(adapter) = adapter(&printed) else {
        println!("WebGPU was not measured, as Chromium has no adapter for it here.");
        return Ok(Vec::new());
    };
    let (tasks, rows, runs) = match adapter.software {
        true => (ON_SOFTWARE, "1024", runs.min(SOFTWARE_RUNS)),
        false => (ON_HARDWARE, "4096", runs),
    };
    if adapter.software {
        println!(
            "{} computes on the CPU: WebGPU takes minutes.",
            adapter.name
        );
        models::noise("two_blocks")?;
    } else {
        models::noise("vit_b")?;
        models::vit_b_onnx()?;
    }
    models::parts_onnx(rows)?;
    let mut script = in_chromium(SCRIPT)?;
    script.args(["--rounds", &runs.to_string(), "--rows", rows]);
    script.args(["--figures", &tasks.map(|(figure, _)| figure).join(",")]);
    compare(&mut script, tasks, &format!("{machine}, {}", adapter.name))
}

fn compare(script: &mut Command, tasks: [Task; 4], machine: &str) -> Result<Vec<Comparison>> {
    let printed = shell::printed(script)?;
    let (burn, onnxruntime) = (versions::burn()?, versions::onnxruntime_web()?);
    let row = |(figure, name): Task| {
        Ok(Comparison {
            section: WEBGPU,
            task: format!("{name}, WebGPU, in Chromium"),
            machine: machine.to_owned(),
            unit: "s",
            graysam: Series::new(format!("Burn {burn}"), series(&printed, figure, "graysam")?),
            reference: Series::new(&*onnxruntime, series(&printed, figure, "reference")?),
        })
    };
    tasks.into_iter().map(row).collect()
}

/// Reads `{"name": …, "software": …}`; nothing of `null`.
fn adapter(printed: &str) -> Option<Adapter> {
    let value: Value = serde_json::from_str(printed).ok()?;
    Some(Adapter {
        name: value["name"].as_str()?.to_owned(),
        software: value["software"].as_bool()?,
    })
}

/// Reads the seconds of every run of one program at one figure.
fn series(printed: &str, figure: &str, program: &str) -> Result<Vec<f64>> {
    let value: Value = serde_json::from_str(printed).unwrap_or_default();
    let seconds = value[figure][program].as_array();
    let seconds: Option<Vec<f64>> = seconds.and_then(|s| s.iter().map(Value::as_f64).collect());
    seconds
        .filter(|seconds| !seconds.is_empty())
        .with_context(|| format!("{SCRIPT} printed no {figure} of {program}, but: {printed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_read() {
        let found = adapter(r#"{"name": "google swiftshader", "software": true}"#).unwrap();
        assert_eq!(found.name, "google swiftshader");
        assert!(found.software);
        assert!(adapter("null").is_none() && adapter("").is_none());
    }

    #[test]
    fn series_are_read_whole() {
        let printed = r#"{"click": {"graysam": [1.5, 2], "reference": []}}"#;
        assert_eq!(series(printed, "click", "graysam").unwrap(), [1.5, 2.0]);
        assert!(series(printed, "click", "reference").is_err());
        assert!(series(printed, "product", "graysam").is_err());
        assert!(series("", "click", "graysam").is_err());
    }
}
