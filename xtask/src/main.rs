//! The project's commands: `cargo xtask build | serve | test`.

mod build;
mod convert;
mod http;
mod serve;
mod setup;
mod shell;
mod test;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
Usage: cargo xtask <command>

  build                        make the site in dist/: page, engine and model
  serve [--port 8080]          build, then serve dist/ on http://localhost:8080/
  test [rust | lint | browser] run every check, or only the named groups:
                                 lint     cargo fmt, cargo clippy, tsc
                                 rust     cargo test
                                 browser  build, then the tests in Chromium
  --help                       print this text

Rust (through rustup) and Node 20 or later must be there. What else is missing is
installed when it is first needed: npm packages, the wasm32-unknown-unknown target
and, as root on Debian, Chromium and a software Vulkan driver.

GRAYSAM_CHROMIUM   the browser to test with, where it is not on PATH";

const DEFAULT_PORT: u16 = 8080;

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
        ["build"] => build::dist(),
        ["serve", options @ ..] => serve::serve(port(options)?),
        ["test", groups @ ..] => test::test(groups),
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
    let text = match options {
        [] => return Ok(DEFAULT_PORT),
        ["--port", text] => text,
        [option] if option.starts_with("--port=") => &option["--port=".len()..],
        _ => bail!("`cargo xtask serve` takes only `--port` and a number."),
    };
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => bail!("`{text}` is no port: give a number from 1 to 65535."),
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
