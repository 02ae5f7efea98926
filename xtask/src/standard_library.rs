//! The standard library for the engine, with atomic instructions: threads need it, and no toolchain brings it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::files::remove_folder;
use crate::setup::{WASM_TARGET, WasmToolchain};
use crate::shell;

/// Instructions of the engine, its standard library's included.
pub const FEATURES: &str = "-Ctarget-feature=+simd128,+atomics,+bulk-memory";

/// Where the compiler finds it, in the layout of a toolchain.
const SYSROOT: &str = "target/sysroot";
/// An empty crate that makes Cargo build it.
const EMPTY: &str = "target/std";
const EMPTY_NAME: &str = "only_std";
const MANIFEST: &str = r#"[package]
name = "only_std"
edition = "2024"

[lib]
path = "lib.rs"

[profile.release]
opt-level = 3

[workspace]
"#;

/// The folder for rustc's `--sysroot`, built unless it is there for this compiler.
///
/// The crates of the engine are compiled against it rather than with Cargo's `-Zbuild-std`, for which every crate would have
/// to be compiled as if by a nightly compiler: `target_feature = "atomics"` would then be visible to them, and wgpu would
/// take back that its types can be sent, on which Burn relies, and wasm-bindgen would wait for its futures by
/// `Atomics.waitAsync`, which memory that is not shared does not have. Only the engine's own thread has to do with either.
pub fn sysroot(toolchain: &WasmToolchain) -> Result<PathBuf> {
    let sysroot = std::path::absolute(SYSROOT).context("the current folder is gone")?;
    let version =
        shell::output(toolchain.rustc().arg("-vV")).context("rustc does not tell its version")?;
    let key = format!("{version}\n{FEATURES}\n{MANIFEST}");
    let note = sysroot.join("made-by.txt");
    if fs::read_to_string(&note).is_ok_and(|known| known == key) {
        return Ok(sysroot);
    }
    println!("Building Rust's standard library with atomic instructions in {SYSROOT}.");
    let built = build(toolchain)?;
    remove_folder(&sysroot)?;
    let library = sysroot.join("lib/rustlib").join(WASM_TARGET).join("lib");
    copy_libraries(&built, &library)
        .and_then(|()| fs::write(&note, key))
        .with_context(|| format!("{SYSROOT} cannot be written"))?;
    Ok(sysroot)
}

/// Gives the folder of the libraries.
fn build(toolchain: &WasmToolchain) -> Result<PathBuf> {
    let empty = Path::new(EMPTY);
    fs::create_dir_all(empty)
        .and_then(|()| fs::write(empty.join("Cargo.toml"), MANIFEST))
        .and_then(|()| fs::write(empty.join("lib.rs"), ""))
        .with_context(|| format!("{EMPTY} cannot be written"))?;
    let target = empty.join("target");
    // What an earlier compiler left would be copied, too.
    remove_folder(&target)?;
    let mut cargo: Command = shell::cargo();
    cargo
        .args([
            "build",
            "--release",
            "-Zbuild-std=std,panic_abort",
            "--manifest-path",
        ])
        .arg(empty.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    toolchain.configure(&mut cargo);
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FEATURES);
    shell::run(&mut cargo)?;
    Ok(target.join(WASM_TARGET).join("release/deps"))
}

fn copy_libraries(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let is_library = path
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if is_library && !name.to_string_lossy().contains(EMPTY_NAME) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
