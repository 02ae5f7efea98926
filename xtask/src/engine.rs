//! The crate as WebAssembly, with its JavaScript bindings and their types.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::files::{is_fresh, remove_folder};
use crate::standard_library::FEATURES;
use crate::{setup, shell, standard_library};

pub const FOLDER: &str = "target/engine";
/// The engine's types as the page's sources see them, kept in the repository so that these can be
/// checked without the engine.
const TYPES: &str = "www/engine/graysam.d.ts";

// Image decoding and large kernels need more than the linker's 1 MiB of stack.
const STACK_SIZE: &str = "-Clink-arg=-zstack-size=8388608";
// The kernel with relaxed SIMD is put into the table of functions, by each thread into its own.
const GROWABLE_TABLE: &str = "-Clink-arg=--growable-table";
/// Memory that threads share, as large as addresses of 32 bits reach; www/engine/loading.ts has it not shared where there
/// can be no threads. wasm-bindgen makes each thread's own variables of these exports.
const MEMORY: [&str; 7] = [
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
];

/// What happens when the engine's types are no longer those of [`TYPES`].
#[derive(Clone, Copy)]
pub enum Types {
    /// They are written there.
    Write,
    /// It is an error.
    Check,
}

/// Makes the engine in [`FOLDER`].
pub fn build(types: Types) -> Result<()> {
    let toolchain = setup::wasm_toolchain()?;
    let sysroot = standard_library::sysroot(&toolchain)?;
    let mut cargo = shell::cargo();
    cargo.args(["rustc", "--release", "--lib", "--crate-type", "cdylib"]);
    toolchain.configure(&mut cargo);
    // Flags for the native machine, if any, make no sense here. Unlike a sysroot's path in Cargo's variable for the
    // target's flags, one in this variable may hold spaces.
    let flags = format!("--sysroot={}\u{1f}{FEATURES}", sysroot.display());
    cargo
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags);
    let link = [&[STACK_SIZE, GROWABLE_TABLE][..], &MEMORY].concat();
    bind(&shell::built("graysam", &mut cargo, &link)?)?;
    follow(&Path::new(FOLDER).join("graysam.d.ts"), types)
}

fn bind(wasm: &Path) -> Result<()> {
    let engine = Path::new(FOLDER);
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
        .typescript(true)
        .ts_typed_array_buffers(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&part)
        .with_context(|| format!("no bindings could be made for {}", wasm.display()))?;
    remove_folder(engine)?;
    fs::rename(&part, engine).with_context(|| format!("{FOLDER} cannot be written"))
}

/// Compares the `generated` types with those of [`TYPES`].
fn follow(generated: &Path, types: Types) -> Result<()> {
    let text = fs::read_to_string(generated)
        .with_context(|| format!("{} cannot be read", generated.display()))?;
    let text = public(&text);
    // A checkout on Windows may have changed the line ends.
    let kept = fs::read_to_string(TYPES).unwrap_or_default();
    if kept.replace("\r\n", "\n") == text {
        return Ok(());
    }
    match types {
        Types::Write => {
            println!("The engine's types have changed: {TYPES} is written anew.");
            fs::write(TYPES, text).with_context(|| format!("{TYPES} cannot be written"))
        }
        Types::Check => bail!(
            "{TYPES} is out of date: run `cargo xtask build`, make the page follow, and commit it."
        ),
    }
}

/// The types without the raw exports, whose names change with every compiler, in the order of their names, as the
/// generated one is the linker's.
fn public(types: &str) -> String {
    let text = without_raw_exports(types);
    let mut declarations: Vec<&str> = text.split("\n\n").map(str::trim).collect();
    let name = |text: &&str| {
        text.lines()
            .find(|line| line.starts_with("export "))
            .map(str::to_owned)
    };
    declarations.sort_by_cached_key(name);
    declarations.join("\n\n") + "\n"
}

fn without_raw_exports(types: &str) -> String {
    let mut text = String::with_capacity(types.len());
    let mut raw = false;
    for line in types.lines() {
        raw = match line {
            "export interface InitOutput {" => true,
            "}" => false,
            _ => raw,
        };
        let line = line.trim_end();
        // Directives for other tools, which would go with the declaration that happens to come first.
        let is_directive = line.starts_with("/* ");
        let is_raw = raw && line.starts_with("    readonly ") && !line.contains(" memory: ");
        if !is_directive && !is_raw {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_without_raw_exports() {
        let generated = "\
/* tslint:disable */
/**
 * Knows images.
 */
export class Engine {
    readonly name: string;
}

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly engine_new: () => number;
    readonly __wasm_bindgen_func_elem_1234: (a: number) => void;
}


export class Display {
    readonly gamma: number;
}
";
        let wanted = "\
export class Display {
    readonly gamma: number;
}

/**
 * Knows images.
 */
export class Engine {
    readonly name: string;
}

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
}
";
        assert_eq!(public(generated), wanted);
    }
}
