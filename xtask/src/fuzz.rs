//! A short fuzzing of all that reads files, on the usual toolchain. `cargo fuzz` does the same for longer
//! where it and a nightly toolchain are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::shell::{self, in_threads};

const TARGETS: &str = "fuzz/fuzz_targets";
/// A folder for each target, with what once failed.
const CORPUS: &str = "fuzz/corpus";
/// Files that are seeds besides the corpus.
const SEEDS: &str = "tests/fixtures/files";
const BUILD: &str = "target/fuzz";
/// Inputs for each target, the seeds among them.
const RUNS: u32 = 20_000;
/// Targets at a time, at most: each may take 2 GB.
const THREADS: usize = 4;

/// What libFuzzer needs to see which inputs reach new code.
const COVERAGE: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // With which the decoders do without checksums.
    "--cfg",
    "fuzzing",
];

/// Runs every target on its seeds and on what comes of them, always the same.
pub fn fuzz() -> Result<()> {
    let host = host()?;
    compile(&host)?;
    let programs = Path::new(BUILD).join(&host).join("fuzz");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    in_threads(targets()?, cores.min(THREADS), |target| {
        println!("Fuzzing: {target}");
        run(&programs, &target).with_context(|| {
            format!("the fuzz target “{target}” failed; its input is the newest file in {BUILD}")
        })
    })
}

fn compile(host: &str) -> Result<()> {
    let mut cargo = build::of_tests("build", "fuzz")?;
    cargo.args(["--package", "graysam-fuzz"]);
    // With a target, build scripts and macros are built without the flags.
    cargo.args(["--target-dir", BUILD, "--target", host]);
    shell::run(cargo.env("RUSTFLAGS", COVERAGE.join(" ")))
}

fn run(programs: &Path, target: &str) -> Result<()> {
    let found = Path::new(BUILD).join("found").join(target);
    // What an earlier run found would make this one another.
    if found.exists() {
        fs::remove_dir_all(&found)?;
    }
    fs::create_dir_all(&found)?;
    let mut program = Command::new(programs.join(target));
    program.arg(&found).arg(SEEDS);
    let corpus = Path::new(CORPUS).join(target);
    if corpus.is_dir() {
        program.arg(corpus);
    }
    program.args([
        "-seed=1",
        "-max_len=4096",
        "-rss_limit_mb=2048",
        "-timeout=60",
        "-verbosity=0",
    ]);
    program.arg(format!("-runs={RUNS}"));
    program.arg(format!("-artifact_prefix={BUILD}/{target}-"));
    // Of a success there is too much to read.
    let output = program.output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let cannot = || format!("{TARGETS} cannot be read");
    let mut names = Vec::new();
    for entry in fs::read_dir(TARGETS).with_context(cannot)? {
        let path: PathBuf = entry.with_context(cannot)?.path();
        let name = path.file_stem().unwrap_or_default();
        names.push(name.to_string_lossy().into_owned());
    }
    if names.is_empty() {
        bail!("{TARGETS} holds no fuzz target.");
    }
    names.sort();
    Ok(names)
}

/// The machine's own target, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = shell::printed(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .context("`rustc -vV` does not tell the host")?
        .to_owned())
}
