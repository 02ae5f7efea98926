//! The project's commands: `cargo xtask build | serve | test | bench`.

mod bench;
mod build;
mod comparison;
mod compress;
mod convert;
mod fingerprint;
mod fuzz;
mod http;
mod manifest;
mod python;
mod serve;
mod setup;
mod shell;
mod test;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
Usage: cargo xtask <command>

  build                        make the site in dist/: page, engine and model, and their
                               Brotli forms, which the other commands only keep
  serve [--port 8080]          build, then serve dist/ on http://localhost:8080/
  test [groups]                run every check, or only the named groups:
                                 lint     cargo fmt, cargo clippy, tsc
                                 rust     cargo test
                                 fuzz     short fuzzing of all that reads files
                                 python   the weights that it writes, in PyTorch
                                 browser  build, then the tests in Chromium
  bench [--runs 5] [--vit-b] [--webgpu]
                               measure against PyTorch and onnxruntime-web: docs/benchmarks.md
                               and .json; with --vit-b the encoder of SAM ViT-B too, with
                               --webgpu WebGPU in Chromium
  --help                       print this text

Rust (through rustup) and Node 20 or later must be there. What else is missing is
installed when it is first needed: npm packages, the wasm32-unknown-unknown target
and, as root on Debian, Chromium and a software Vulkan driver. The group python and
bench need Python 3.11 or later and install PyTorch in target/python (6 GB on Linux).

GRAYSAM_CHROMIUM   the browser to test with, where it is not on PATH";

const DEFAULT_PORT: u16 = 8080;
const DEFAULT_RUNS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    enter_workspace()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.iter().any(|a| matches!(*a, "--help" | "-h")) {
        println!("{HELP}");
        return Ok(());
    }
    match arguments.as_slice() {
        ["build"] => build::build(),
        ["serve", options @ ..] => serve::serve(port(options)?),
        ["test", groups @ ..] => test::test(groups),
        ["bench", options @ ..] => bench::bench(&bench_options(options)?),
        [] => bail!("a command is missing.\n\n{HELP}"),
        [other, ..] => bail!("`{}` is no command of xtask.\n\n{HELP}", other),
    }
}

/// All paths in this program are relative to the workspace's root.
fn enter_workspace() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))
}

fn port(options: &[&str]) -> Result<u16> {
    let Some(text) = value("serve", "--port", options)? else {
        return Ok(DEFAULT_PORT);
    };
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => bail!("`{text}` is no port: give a number from 1 to 65535."),
    }
}

fn bench_options(options: &[&str]) -> Result<bench::Options> {
    let is_flag = |option: &&&str| matches!(**option, "--vit-b" | "--webgpu");
    let (flags, rest): (Vec<&str>, Vec<&str>) = options.iter().partition(is_flag);
    let runs = match value("bench", "--runs", &rest)?.map(str::parse) {
        None => DEFAULT_RUNS,
        Some(Ok(runs @ 1..=100)) => runs,
        Some(_) => bail!("`--runs` takes a number from 1 to 100."),
    };
    Ok(bench::Options {
        runs,
        vit_b: flags.contains(&"--vit-b"),
        webgpu: flags.contains(&"--webgpu"),
    })
}

/// The value of the only option with a value that `command` takes, where it is given.
fn value<'a>(command: &str, name: &str, options: &[&'a str]) -> Result<Option<&'a str>> {
    let joined = |option: &'a str| option.strip_prefix(name)?.strip_prefix('=');
    match *options {
        [] => Ok(None),
        [option, text] if option == name => Ok(Some(text)),
        [option] if let Some(text) = joined(option) => Ok(Some(text)),
        _ => {
            bail!("`cargo xtask {command}` takes `{name}` and a number: see `cargo xtask --help`.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_read_from_both_spellings() {
        assert_eq!(port(&[]).unwrap(), 8080);
        assert_eq!(port(&["--port", "9000"]).unwrap(), 9000);
        assert_eq!(port(&["--port=65535"]).unwrap(), 65535);
    }

    #[test]
    fn runs_are_counted_from_one() {
        let runs = |options: &[&str]| bench_options(options).map(|options| options.runs);
        assert_eq!(runs(&[]).unwrap(), 5);
        assert_eq!(runs(&["--runs", "1"]).unwrap(), 1);
        assert_eq!(runs(&["--runs=100"]).unwrap(), 100);
        for options in [&["--runs", "0"][..], &["--runs=101"], &["--port", "3"]] {
            assert!(runs(options).is_err(), "{options:?}");
        }
    }

    #[test]
    fn flags_stand_before_or_after_the_runs() {
        let wanted = |runs, vit_b, webgpu| bench::Options {
            runs,
            vit_b,
            webgpu,
        };
        let read = |options: &[&str]| bench_options(options).unwrap();
        assert_eq!(read(&["--vit-b", "--runs", "2"]), wanted(2, true, false));
        let all = read(&["--runs=2", "--webgpu", "--vit-b"]);
        assert_eq!(all, wanted(2, true, true));
        assert_eq!(read(&["--webgpu"]), wanted(5, false, true));
        assert_eq!(read(&[]), wanted(5, false, false));
        assert!(bench_options(&["--vit-b=2"]).is_err());
    }

    #[test]
    fn port_out_of_range_is_refused() {
        for options in [
            &["--port", "0"][..],
            &["--port=65536"],
            &["--port"],
            &["9000"],
        ] {
            assert!(port(options).is_err(), "{options:?}");
        }
    }
}
