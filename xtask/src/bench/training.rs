//! A step of fine-tuning the mask decoder on the CPU, against the same recipe in PyTorch.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{WORK, in_chromium, in_turn, medians, versions};
use crate::comparison::{CPU, Comparison, Series};
use crate::{build, python, shell};

const REFERENCE: &str = "tests/fixtures/finetune_reference.py";
/// Of the page's engine.
const IN_CHROMIUM: &str = "tests/bench/training_step.js";
const THREADS: &str = "2";
const STEPS: &str = "12";

/// Natively and in the page.
pub fn step(runs: usize, machine: &str) -> Result<[Comparison; 2]> {
    let (program, python) = (build::program()?, python::environment()?);
    let sample = sample(&program)?;

    // The fewer objects are held out, the less time goes into evaluation, which is not measured.
    let recipe = ["--steps", STEPS, "--batch", "4", "--rounds", "2"];
    let recipe = [&recipe[..], &["--held-out", "0.1"]].concat();
    let out = format!("{WORK}/decoder.safetensors");
    let mut graysam = Command::new(&program);
    graysam
        .args(["finetune", "--device", "cpu", "--out", &out])
        .args(["--model", build::MODEL_F32])
        .args(&sample)
        .args(&recipe)
        .env("RAYON_NUM_THREADS", THREADS);
    let mut pytorch = Command::new(&python);
    pytorch
        .args([REFERENCE, "--threads", THREADS])
        .args(&sample)
        .args(&recipe);
    let mut page = in_chromium(IN_CHROMIUM)?;
    page.args([STEPS, THREADS]);

    let [[native_s], [page_s], [pytorch_s]] = in_turn(
        runs,
        [graysam, page, pytorch].map(|mut c| move || medians(&mut c, ["seconds_per_step"])),
    )?;
    let (burn, rust) = (versions::burn()?, versions::rust()?);
    let pytorch = format!("{}, {THREADS} threads", versions::torch(&python)?);
    let compared = |place: &str, graysam: String, seconds: Vec<f64>| Comparison {
        section: CPU,
        task: format!("training step of the mask decoder, batch 4, 2 rounds, CPU, {place}"),
        machine: machine.to_owned(),
        unit: "s",
        graysam: Series::new(graysam, seconds),
        reference: Series::new(pytorch.clone(), pytorch_s.clone()),
    };
    let native = format!("Burn {burn}, {rust}, {THREADS} threads");
    Ok([
        compared("native", native, native_s),
        compared(
            "in Chromium",
            versions::engine(&format!("{THREADS} threads"))?,
            page_s,
        ),
    ])
}

/// The bundled sample in files, as options that name them.
pub fn sample(program: &Path) -> Result<[String; 4]> {
    let file = |name: &str| format!("{WORK}/{name}");
    let options = [
        "--image",
        &file("sample.png"),
        "--labels",
        &file("labels.png"),
    ];
    shell::run(Command::new(program).arg("sample").args(options))?;
    Ok(options.map(str::to_owned))
}
