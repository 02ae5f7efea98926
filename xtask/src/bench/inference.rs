//! Image encoder and mask decoder in Chromium on the CPU, against onnxruntime-web.

use std::process::Command;

use anyhow::Result;

use super::{WORK, in_chromium, in_turn, medians, versions};
use crate::comparison::{Comparison, Series};
use crate::{build, python, shell};

const ENGINE: &str = "tests/bench/engine.js";
const REFERENCE: &str = "tests/bench/onnxruntime_web.js";
const VIT_B_ONNX: &str = "tests/fixtures/make_vit_b_onnx.py";

/// A task, and the name of its figure in what the scripts print.
struct Task {
    figure: &'static str,
    name: &'static str,
}

/// MobileSAM's encoder, and a click once the image is encoded.
pub fn mobile_sam(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let tasks = [
        Task {
            figure: "encoder_s",
            name: "image encoder of MobileSAM, 1024×1024, CPU, in Chromium",
        },
        Task {
            figure: "decoder_s",
            name: "mask decoder of MobileSAM, one click, CPU, in Chromium",
        },
    ];
    compare(runs, machine, tasks, &[], &[])
}

/// SAM ViT-B's encoder, with weights of noise, which cost as much.
pub fn vit_b(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let (model, onnx) = (
        &format!("{WORK}/vit_b.safetensors"),
        &format!("{WORK}/vit_b_encoder.onnx"),
    );
    let mut noise = Command::new(build::program()?);
    shell::run(noise.args(["noise", "--config", "vit_b", "--out", model]))?;
    // The exporter warns of what changes with the image's size, which does not change.
    let mut export = Command::new(python::environment()?);
    shell::run(export.args(["-W", "ignore", VIT_B_ONNX, onnx]))?;
    let once = ["--encodings", "1", "--clicks", "0"];
    let tasks = [Task {
        figure: "encoder_s",
        name: "image encoder of SAM ViT-B, 1024×1024, CPU, in Chromium",
    }];
    compare(
        runs,
        machine,
        tasks,
        &[&["--model", model], &once[..]].concat(),
        &[&["--encoder", onnx], &once[..]].concat(),
    )
}

/// A row of each task for onnxruntime-web with one thread, and one for it with two.
fn compare<const M: usize>(
    runs: usize,
    machine: &str,
    tasks: [Task; M],
    engine_options: &[&str],
    reference_options: &[&str],
) -> Result<Vec<Comparison>> {
    let mut engine = in_chromium(ENGINE)?;
    engine.args(engine_options);
    let reference = |threads: &str| -> Result<Command> {
        let mut script = in_chromium(REFERENCE)?;
        script.args(["--threads", threads]).args(reference_options);
        Ok(script)
    };
    let programs = [engine, reference("1")?, reference("2")?];
    let names = tasks.each_ref().map(|task| task.figure);
    let [graysam, one, two] = in_turn(
        runs,
        programs.map(|mut script| move || medians(&mut script, names)),
    )?;

    let (burn, onnxruntime) = (versions::engine()?, versions::onnxruntime_web()?);
    let mut rows = Vec::new();
    for (((task, graysam), one), two) in tasks.iter().zip(graysam).zip(one).zip(two) {
        for (threads, seconds) in [("1 thread", one), ("2 threads", two)] {
            rows.push(Comparison {
                task: task.name.to_owned(),
                machine: machine.to_owned(),
                graysam: Series::new(burn.clone(), graysam.clone()),
                reference: Series::new(format!("{onnxruntime}, {threads}"), seconds),
            });
        }
    }
    Ok(rows)
}
