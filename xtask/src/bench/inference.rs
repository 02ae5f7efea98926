//! Image encoder and mask decoder in Chromium on the CPU, against onnxruntime-web.

use std::process::Command;

use anyhow::Result;

use super::{in_chromium, in_turn, medians, models, versions};
use crate::build;
use crate::comparison::{CPU, Comparison, Series};

const ENGINE: &str = "tests/bench/engine.js";
const REFERENCE: &str = "tests/bench/onnxruntime_web.js";
/// The whole page.
const CLICK: &str = "tests/bench/click.js";

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
    compare(runs, machine, tasks, || in_chromium(ENGINE), &[])
}

/// A click in the page until its mask is painted.
pub fn click(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let tasks = [Task {
        figure: "decoder_s",
        name: "click to painted mask, MobileSAM, in the page on the CPU",
    }];
    let program = build::program()?;
    let page = || {
        let mut page = in_chromium(CLICK)?;
        page.env("GRAYSAM_BIN", &program);
        Ok(page)
    };
    compare(runs, machine, tasks, page, &["--encodings", "0"])
}

/// SAM ViT-B's encoder, with weights of noise, which cost as much.
pub fn vit_b(runs: usize, machine: &str) -> Result<Vec<Comparison>> {
    let (model, onnx) = (&models::noise("vit_b")?, &models::vit_b_onnx()?);
    let once = ["--encodings", "1", "--clicks", "0"];
    let tasks = [Task {
        figure: "encoder_s",
        name: "image encoder of SAM ViT-B, 1024×1024, CPU, in Chromium",
    }];
    let engine = || {
        let mut engine = in_chromium(ENGINE)?;
        engine.args(["--model", model]).args(once);
        Ok(engine)
    };
    let reference = [&["--encoder", onnx], &once[..]].concat();
    compare(runs, machine, tasks, engine, &reference)
}

/// A row of each task for one thread each, and one for two.
fn compare<const M: usize>(
    runs: usize,
    machine: &str,
    tasks: [Task; M],
    graysam: impl Fn() -> Result<Command>,
    reference_options: &[&str],
) -> Result<Vec<Comparison>> {
    let graysam = |threads: &str| -> Result<Command> {
        let mut script = graysam()?;
        script.args(["--threads", threads]);
        Ok(script)
    };
    let reference = |threads: &str| -> Result<Command> {
        let mut script = in_chromium(REFERENCE)?;
        script.args(["--threads", threads]).args(reference_options);
        Ok(script)
    };
    let programs = [
        graysam("1")?,
        reference("1")?,
        graysam("2")?,
        reference("2")?,
    ];
    let names = tasks.each_ref().map(|task| task.figure);
    let [ours_1, theirs_1, ours_2, theirs_2] = in_turn(
        runs,
        programs.map(|mut script| move || medians(&mut script, names)),
    )?;

    let onnxruntime = versions::onnxruntime_web()?;
    let one = ours_1.into_iter().zip(theirs_1);
    let two = ours_2.into_iter().zip(theirs_2);
    let mut rows = Vec::new();
    for (task, (one, two)) in tasks.iter().zip(one.zip(two)) {
        for (threads, (ours, theirs)) in [("1 thread", one), ("2 threads", two)] {
            rows.push(Comparison {
                section: CPU,
                task: task.name.to_owned(),
                machine: machine.to_owned(),
                unit: "s",
                graysam: Series::new(versions::engine(threads)?, ours),
                reference: Series::new(format!("{onnxruntime}, {threads}"), theirs),
            });
        }
    }
    Ok(rows)
}
