//! `cargo xtask test`: all checks in order, up to the first failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{build, fuzz, python, serve, setup, shell};

struct Step {
    group: &'static str,
    name: &'static str,
    run: fn() -> Result<()>,
}

// The crate and this program are checked each in the profile that it is built in, so that
// neither is compiled twice.
const STEPS: [Step; 10] = [
    Step {
        group: "lint",
        name: "format",
        run: format,
    },
    Step {
        group: "lint",
        name: "clippy for xtask",
        run: clippy_xtask,
    },
    Step {
        group: "lint",
        name: "clippy for graysam",
        run: clippy_graysam,
    },
    Step {
        group: "lint",
        name: "JavaScript types",
        run: types,
    },
    Step {
        group: "rust",
        name: "tests of xtask",
        run: xtask_tests,
    },
    Step {
        group: "rust",
        name: "tests of graysam",
        run: graysam_tests,
    },
    Step {
        group: "fuzz",
        name: "fuzzing of what reads files",
        run: fuzz::fuzz,
    },
    Step {
        group: "python",
        name: "files in other tools",
        run: python_tests,
    },
    Step {
        group: "browser",
        name: "build",
        run: build::dist,
    },
    Step {
        group: "browser",
        name: "tests in the browser",
        run: browser_tests,
    },
];

/// Runs the steps of the named groups, or all of them where none is named.
pub fn test(groups: &[&str]) -> Result<()> {
    if let Some(unknown) = groups
        .iter()
        .find(|name| STEPS.iter().all(|s| s.group != **name))
    {
        bail!(
            "`{unknown}` is no group of checks: the groups are lint, rust, fuzz, python and browser."
        );
    }
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| groups.is_empty() || groups.contains(&step.group))
        .collect();
    let start = Instant::now();
    for (index, step) in chosen.iter().enumerate() {
        println!("[{}/{}] {} …", index + 1, chosen.len(), step.name);
        let start = Instant::now();
        let result = (step.run)();
        let seconds = start.elapsed().as_secs_f32();
        result.with_context(|| format!("the step “{}” failed after {seconds:.1} s", step.name))?;
        println!(
            "[{}/{}] {}: passed in {seconds:.1} s",
            index + 1,
            chosen.len(),
            step.name
        );
    }
    let seconds = start.elapsed().as_secs_f32();
    println!("All {} steps passed in {seconds:.1} s.", chosen.len());
    Ok(())
}

fn format() -> Result<()> {
    setup::cargo_command("fmt", "rustfmt")?;
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy_xtask() -> Result<()> {
    clippy(&["--package", "xtask", "--profile", "xtask"])
}

fn clippy_graysam() -> Result<()> {
    clippy(&[
        "--package",
        "graysam",
        "--package",
        "graysam-fuzz",
        "--package",
        "gemm",
        "--release",
    ])
}

fn clippy(selection: &[&str]) -> Result<()> {
    setup::cargo_command("clippy", "clippy")?;
    let mut cargo = shell::cargo();
    cargo.args(["clippy", "--all-targets"]).args(selection);
    shell::run(cargo.args(["--", "-D", "warnings"]))
}

fn types() -> Result<()> {
    setup::node_modules()?;
    let mut npx = shell::node_script("npx");
    shell::run(npx.args(["--no-install", "tsc", "-p", "tsconfig.json", "--noEmit"]))
}

fn xtask_tests() -> Result<()> {
    shell::run(shell::cargo().args(["test", "--package", "xtask", "--profile", "xtask"]))
}

fn graysam_tests() -> Result<()> {
    build::test_models()?;
    setup::vulkan_driver()?;
    let packages = ["--package", "graysam", "--package", "gemm"];
    shell::run(shell::cargo().arg("test").args(packages).arg("--release"))
}

fn python_tests() -> Result<()> {
    build::test_models()?;
    let (program, python) = (build::program()?, python::environment()?);
    let mut tests = Command::new(python);
    tests.args([
        "-m",
        "unittest",
        "discover",
        "--start-directory",
        "tests/python",
    ]);
    shell::run(
        tests
            .env("GRAYSAM_BIN", program)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

fn browser_tests() -> Result<()> {
    let tests = test_files(Path::new("tests/browser"))?;
    let chromium = setup::chromium()?;
    let program = build::program()?;
    let port = serve::listen(Path::new(build::DIST), 0)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=2"]).args(tests);
    shell::run(
        node.env("GRAYSAM_URL", format!("http://127.0.0.1:{port}/"))
            .env("GRAYSAM_CHROMIUM", chromium)
            .env("GRAYSAM_BIN", program),
    )
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("{} cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.to_string_lossy().ends_with(".test.js") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{} holds no *.test.js file.", folder.display());
    }
    files.sort();
    Ok(files)
}
