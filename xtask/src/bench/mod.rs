//! `cargo xtask bench`: GraySAM's speed against that of other programs on the same machine.

mod gpu;
mod inference;
mod models;
mod start_up;
mod training;
mod versions;
mod webgpu;

use std::path::Path;
use std::process::Command;
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::comparison::{self, Comparison};
use crate::engine::Types;
use crate::{build, setup, shell};

const TABLE: &str = "docs/benchmarks.md";
const DATA: &str = "docs/benchmarks.json";
const WORK: &str = "target/bench";

/// What is measured, and how often.
#[derive(Args, Debug, PartialEq, Eq)]
pub struct Options {
    /// Runs of each program, up to 100.
    #[arg(long, default_value_t = 5, value_parser = parse_runs)]
    pub runs: usize,
    /// Measure the encoder of SAM ViT-B too, minutes for each run.
    #[arg(long)]
    pub vit_b: bool,
    /// Measure WebGPU in Chromium too, many minutes on a software adapter.
    #[arg(long)]
    pub webgpu: bool,
    /// Measure the GPU alone, natively and in Chromium.
    #[arg(long, conflicts_with_all = ["vit_b", "webgpu"])]
    pub gpu: bool,
}

fn parse_runs(text: &str) -> Result<usize, String> {
    let runs = text.parse().ok().filter(|runs| (1..=100).contains(runs));
    runs.ok_or_else(|| "it must be a number from 1 to 100".to_owned())
}

/// Draws how well the rest of the images in `data` is found with how many labelled objects.
pub fn learning_curve(data: &Path) -> Result<()> {
    build::test_models()?;
    let mut node = Command::new("node");
    node.arg("tests/bench/learning_curve.js").arg(data);
    shell::run(
        node.arg(build::MODEL_F32)
            .env("GRAYSAM_BIN", build::program()?),
    )
}

/// Runs every comparison and writes `docs/benchmarks.md` and `docs/benchmarks.json`, in which rows
/// of other tasks and machines stay.
pub fn bench(options: &Options) -> Result<()> {
    let runs = options.runs;
    let rows = read_rows()?;
    let machine = machine();
    println!("Measuring on {machine}: {runs} runs of each program, in turn.");
    build::dist(Types::Write)?;
    build::test_models()?;
    fs::create_dir_all(WORK).with_context(|| format!("{WORK} cannot be made"))?;
    if options.gpu {
        let rows = keep(rows, &gpu::native(runs, &machine)?)?;
        keep(rows, &webgpu::parts(runs, &machine)?)?;
        println!("The figures are in {TABLE} and {DATA}.");
        return Ok(());
    }
    let rows = keep(rows, &training::step(runs, &machine)?)?;
    let rows = keep(rows, &inference::mobile_sam(runs, &machine)?)?;
    let rows = keep(rows, &inference::click(runs, &machine)?)?;
    let rows = keep(rows, &start_up::visits(runs, &machine)?)?;
    let rows = keep(rows, &gpu::native(runs, &machine)?)?;
    let rows = match options.vit_b {
        true => keep(rows, &inference::vit_b(runs, &machine)?)?,
        false => rows,
    };
    if options.webgpu {
        keep(rows, &webgpu::parts(runs, &machine)?)?;
    }
    println!("The figures are in {TABLE} and {DATA}.");
    Ok(())
}

/// The rows of an earlier run, none where there was none.
fn read_rows() -> Result<Vec<Value>> {
    if !Path::new(DATA).exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(DATA).with_context(|| format!("{DATA} cannot be read"))?;
    let data: Option<Value> = serde_json::from_str(&text).ok();
    let rows = data.and_then(|data| data["comparisons"].as_array().cloned());
    rows.with_context(|| format!("{DATA} holds no comparisons: remove it to measure anew"))
}

/// Writes `rows` with what was measured, and gives them all.
fn keep(rows: Vec<Value>, measured: &[Comparison]) -> Result<Vec<Value>> {
    let rows = comparison::merge(rows, measured.iter().map(Comparison::to_json).collect());
    let data = serde_json::to_string_pretty(&json!({ "comparisons": rows }))? + "\n";
    for (path, text) in [(DATA, data), (TABLE, comparison::tables(&rows)?)] {
        fs::write(path, text).with_context(|| format!("{path} cannot be written"))?;
    }
    Ok(rows)
}

/// The figures of programs that run in turn, so that what else the machine does slows all alike:
/// for each program and each of the figures that it gives, those of all runs.
fn in_turn<const N: usize, const M: usize>(
    runs: usize,
    mut programs: [impl FnMut() -> Result<[f64; M]>; N],
) -> Result<[[Vec<f64>; M]; N]> {
    let mut series = [const { [const { Vec::new() }; M] }; N];
    for run in 1..=runs {
        let mut printed = Vec::new();
        for (program, series) in programs.iter_mut().zip(&mut series) {
            let figures = program()?;
            printed.push(figures.map(|figure| format!("{figure:.3}")).join(" "));
            for (series, figure) in series.iter_mut().zip(figures) {
                series.push(figure);
            }
        }
        println!("[{run}/{runs}] {}", printed.join(", "));
    }
    Ok(series)
}

/// Runs a program that prints its figures as a JSON object, and gives those called `names`.
fn medians<const M: usize>(command: &mut Command, names: [&str; M]) -> Result<[f64; M]> {
    let printed = shell::printed(command)?;
    let figures: Value = serde_json::from_str(&printed).unwrap_or_default();
    let mut medians = [0.0; M];
    for (median, name) in medians.iter_mut().zip(names) {
        match figures[name].as_f64() {
            Some(figure) if figure > 0.0 => *median = figure,
            _ => bail!("a program that is measured printed no {name}, but: {printed}"),
        }
    }
    Ok(medians)
}

/// A script that measures in Chromium.
fn in_chromium(script: &str) -> Result<Command> {
    let mut node = Command::new("node");
    node.arg(script).env("GRAYSAM_CHROMIUM", setup::chromium()?);
    Ok(node)
}

/// The processor's name and its number of cores.
fn machine() -> String {
    let linux = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = linux
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name.to_owned())
        .or_else(|| shell::output(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])))
        .or_else(|| env::var("PROCESSOR_IDENTIFIER").ok())
        .unwrap_or_else(|| "unknown processor".into());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!("{processor}, {cores} cores, {}", env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_run_in_turn() {
        let order = std::cell::RefCell::new(Vec::new());
        let run = |name: &'static str, figures: [f64; 2]| {
            order.borrow_mut().push(name);
            Ok(figures)
        };
        let series = in_turn(
            2,
            [("graysam", [1.0, 3.0]), ("reference", [2.0, 4.0])].map(|(name, figures)| {
                let run = &run;
                move || run(name, figures)
            }),
        );
        let twice = |seconds: f64| vec![seconds, seconds];
        let wanted = [[twice(1.0), twice(3.0)], [twice(2.0), twice(4.0)]];
        assert_eq!(series.unwrap(), wanted);
        let wanted = ["graysam", "reference", "graysam", "reference"];
        assert_eq!(*order.borrow(), wanted);
    }

    #[test]
    fn medians_are_read_by_name() {
        let printing = |json: &str| {
            let mut node = Command::new("node");
            node.args(["-e", "console.log(process.argv[1])", json]);
            node
        };
        let mut whole = printing(r#"{"decoder_s": 0.25, "encoder_s": 3}"#);
        let names = ["encoder_s", "decoder_s"];
        assert_eq!(medians(&mut whole, names).unwrap(), [3.0, 0.25]);
        for wrong in [
            r#"{"encoder_s": 3}"#,
            r#"{"encoder_s": 3, "decoder_s": 0}"#,
            "3 s",
        ] {
            assert!(medians(&mut printing(wrong), names).is_err(), "{wrong}");
        }
    }
}
