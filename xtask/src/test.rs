//! `cargo xtask test`: all checks in order, up to the first failure.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::engine::Types;
use crate::{build, fuzz, imports, page, python, serve, setup, shell};

/// Checks that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Formatting, types, who imports whom, and clippy.
    Lint,
    /// Unit tests of the page in Node, without the engine.
    Page,
    /// Tests of the crate and of xtask.
    Rust,
    /// Short fuzzing of all that reads files.
    Fuzz,
    /// The files that it writes, in PyTorch and other tools. Needs Python 3.11 or later, and installs PyTorch in
    /// target/python (6 GB on Linux).
    Python,
    /// Build, then the tests in Chromium, which GRAYSAM_CHROMIUM names where it is in no usual place.
    Browser,
    /// Build, then a first visit in Firefox, which GRAYSAM_FIREFOX names where it is in no usual place, and on Debian in
    /// WebKit. What is not there and cannot be installed is left out, which is said.
    OtherBrowsers,
    /// What takes many minutes: ViT-B and float16 on the GPU, or on a software adapter where there is none, and in Chromium
    /// 200 images on end, large images, ViT-B and a training on WebGPU. Only where this group is named.
    Long,
}

struct Step {
    group: Group,
    name: &'static str,
    run: fn() -> Result<()>,
}

const fn step(group: Group, name: &'static str, run: fn() -> Result<()>) -> Step {
    Step { group, name, run }
}

// Quick steps come first. Clippy leaves what the tests of the crate run; the fuzz targets are read where they are compiled.
const STEPS: [Step; 18] = [
    step(Group::Lint, "imports and sizes", imports::check),
    step(Group::Lint, "format", format),
    step(Group::Lint, "TypeScript", page::check),
    step(Group::Lint, "format of TypeScript", prettier),
    step(Group::Page, "unit tests of the page", page_tests),
    step(Group::Lint, "clippy for xtask", clippy_xtask),
    step(Group::Rust, "tests of xtask", xtask_tests),
    step(
        Group::Lint,
        "clippy for graysam and its tests",
        clippy_graysam,
    ),
    step(Group::Rust, "tests of graysam", graysam_tests),
    step(Group::Fuzz, "fuzzing of what reads files", fuzz::fuzz),
    step(Group::Python, "files in other tools", python_tests),
    step(Group::Browser, "build", dist),
    step(Group::Browser, "tests in the browser", browser_tests),
    step(Group::OtherBrowsers, "build", dist),
    step(
        Group::OtherBrowsers,
        "tests in Firefox and WebKit",
        other_browser_tests,
    ),
    step(Group::Long, "long tests of graysam", long_graysam_tests),
    step(Group::Long, "build", dist),
    step(Group::Long, "long tests in the browser", long_browser_tests),
];

const CRATES: [&str; 4] = ["--package", "graysam", "--package", "gemm"];

/// Runs the steps of the named groups, or all but the long ones where none is named.
pub fn test(groups: &[Group]) -> Result<()> {
    let mut chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| match groups {
            [] => step.group != Group::Long,
            _ => groups.contains(&step.group),
        })
        .collect();
    // Several groups need the build.
    let mut names = HashSet::new();
    chosen.retain(|step| names.insert(step.name));
    if chosen.iter().any(|step| step.group == Group::Python) {
        // It is downloaded while the crate is compiled; what fails is told by the step that needs it.
        thread::spawn(python::environment);
    }
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
    setup::cargo_command("clippy", "clippy")?;
    let mut cargo = shell::cargo();
    cargo.args(["clippy", "--all-targets", "--package", "xtask"]);
    shell::run(cargo.args(["--profile", "xtask", "--", "-D", "warnings"]))
}

fn clippy_graysam() -> Result<()> {
    shell::run(
        build::of_tests("build", "release")?
            .args(CRATES)
            .arg("--all-targets"),
    )
}

fn prettier() -> Result<()> {
    setup::node_modules()?;
    let mut npx = shell::node_script("npx");
    npx.args(["--no-install", "prettier", "--check", "--log-level", "warn"]);
    shell::run(npx.args([page::SOURCES, "tests", "xtask"]))
        .context("`npx prettier --write www tests xtask` formats them")
}

fn page_tests() -> Result<()> {
    page::compile()?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=2"]);
    node.args(page::unit_tests()?);
    shell::run(node.args(test_files(Path::new("xtask"))?))
}

fn xtask_tests() -> Result<()> {
    shell::run(shell::cargo().args(["test", "--package", "xtask", "--profile", "xtask"]))
}

fn graysam_tests() -> Result<()> {
    shell::run(cargo_test()?.args(CRATES))
}

fn long_graysam_tests() -> Result<()> {
    let long = ["--package", "graysam", "--test", "model", "--", "--ignored"];
    shell::run(cargo_test()?.args(long))
}

/// `cargo test`, with what the crate's tests need.
fn cargo_test() -> Result<Command> {
    build::test_models()?;
    setup::vulkan_driver()?;
    build::of_tests("test", "release")
}

fn python_tests() -> Result<()> {
    build::test_models()?;
    let (program, python) = (build::program_of_tests()?, python::environment()?);
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
            .env(
                "GRAYSAM_MAPS",
                build::example_of_tests("instances_of_maps")?,
            )
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

fn dist() -> Result<()> {
    build::dist(Types::Check)
}

fn browser_tests() -> Result<()> {
    chromium_tests(Path::new("tests/browser"), 2)
}

fn long_browser_tests() -> Result<()> {
    chromium_tests(Path::new("tests/browser/long"), 1)
}

/// Runs the test files of a folder, so many at a time.
fn chromium_tests(folder: &Path, at_a_time: u32) -> Result<()> {
    let mut node = Command::new("node");
    node.args(["--test", &format!("--test-concurrency={at_a_time}")]);
    in_browser(node.args(test_files(folder)?))
}

fn other_browser_tests() -> Result<()> {
    let (firefox, webkit) = (setup::firefox(), setup::webkit());
    let mut files = test_files(Path::new("tests/other_browsers"))?;
    files.retain(|file| webkit || !file.ends_with("webkit.test.js"));
    files.retain(|file| firefox.is_some() || !file.ends_with("firefox.test.js"));
    if files.is_empty() {
        return Ok(());
    }
    let mut node = Command::new("node");
    // One after the other: each computes with all cores.
    node.args(["--test", "--test-concurrency=1"]).args(files);
    on_site(node.env("GRAYSAM_FIREFOX", firefox.unwrap_or_default()))
}

/// Takes the pictures of the documents anew.
pub fn pictures() -> Result<()> {
    build::dist(Types::Write)?;
    in_browser(Command::new("node").arg("tests/pictures.js"))
}

/// Runs a program of Node that works the page of `dist/` in Chromium.
fn in_browser(node: &mut Command) -> Result<()> {
    on_site(node.env("GRAYSAM_CHROMIUM", setup::chromium()?))
}

/// Runs a program of Node that works the page of `dist/`.
fn on_site(node: &mut Command) -> Result<()> {
    let program = build::program_of_tests()?;
    let server = serve::listen(Path::new(build::DIST), 0)?;
    let url = format!("http://127.0.0.1:{}/", server.port);
    // What needs it is left out where it is not there: it takes long to install.
    if let Some(python) = python::installed()? {
        node.env("GRAYSAM_PYTHON", python);
    }
    shell::run(node.env("GRAYSAM_URL", url).env("GRAYSAM_BIN", program))
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
