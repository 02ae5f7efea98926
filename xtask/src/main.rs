//! The project's commands: `cargo xtask build | serve | test | bench | learning-curve | pictures`.

mod bench;
mod build;
mod comparison;
mod compress;
mod convert;
mod engine;
mod files;
mod fingerprint;
mod fuzz;
mod imports;
mod manifest;
mod page;
mod python;
mod serve;
mod setup;
mod shell;
mod standard_library;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The project's commands.
///
/// Rust (through rustup) and Node 20 or later must be there. What else is missing is installed when it is first
/// needed, and named before: npm packages, the Rust target for WebAssembly and, as root on Debian, browsers and a
/// software Vulkan driver.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make the site in dist/: page, engine and model, and their Brotli forms.
    ///
    /// The other commands make the site too, but keep only those Brotli forms that still fit.
    Build,
    /// Make the site, then serve it on this machine alone.
    Serve {
        /// The port on 127.0.0.1.
        #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Run every check, or only those of the named groups, up to the first that fails.
    Test {
        /// Groups of checks, which run in the order in which they stand here.
        groups: Vec<test::Group>,
    },
    /// Measure against PyTorch and onnxruntime-web: docs/benchmarks.md and .json.
    ///
    /// Needs Python 3.11 or later, and installs PyTorch in target/python (6 GB on Linux).
    Bench(bench::Options),
    /// Draw docs/pictures/learning_curve.svg: how well the rest is found with how many labelled objects.
    ///
    /// Prints the numbers as the table that stands in docs/guide.md.
    LearningCurve {
        /// Folder of images NAME.png, each with the numbers of its objects in NAME_labels.png.
        #[arg(long, value_parser = whole_path)]
        data: PathBuf,
    },
    /// Take the pictures of README and manual anew, in docs/pictures/.
    Pictures,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Task) -> Result<()> {
    enter_workspace()?;
    match command {
        Task::Build => build::build(),
        Task::Serve { port } => serve::serve(port),
        Task::Test { groups } => test::test(&groups),
        Task::Bench(options) => bench::bench(&options),
        Task::LearningCurve { data } => bench::learning_curve(&data),
        Task::Pictures => test::pictures(),
    }
}

/// A path that holds from any folder.
fn whole_path(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

/// All paths in this program are relative to the workspace's root.
fn enter_workspace() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn read(arguments: &str) -> Result<Task, ErrorKind> {
        let arguments = format!("xtask {arguments}");
        Arguments::try_parse_from(arguments.split_whitespace())
            .map(|arguments| arguments.command)
            .map_err(|error| error.kind())
    }

    #[test]
    fn commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn port_is_read_and_checked() {
        for (arguments, wanted) in [
            ("serve", 8080),
            ("serve --port 9000", 9000),
            ("serve --port=65535", 65535),
        ] {
            assert!(matches!(read(arguments), Ok(Task::Serve { port }) if port == wanted));
        }
        for arguments in ["--port 0", "--port=65536", "--port", "9000", "--runs 3"] {
            assert!(read(&format!("serve {arguments}")).is_err(), "{arguments}");
        }
    }

    #[test]
    fn options_of_bench_stand_in_any_order() {
        let options = |arguments: &str| match read(&format!("bench {arguments}")) {
            Ok(Task::Bench(options)) => Some(options),
            _ => None,
        };
        let wanted = |runs, vit_b, webgpu| {
            Some(bench::Options {
                runs,
                vit_b,
                webgpu,
                gpu: false,
            })
        };
        assert_eq!(options(""), wanted(5, false, false));
        assert_eq!(options("--vit-b --runs 2"), wanted(2, true, false));
        assert_eq!(
            options("--runs=100 --webgpu --vit-b"),
            wanted(100, true, true)
        );
        let gpu = options("--gpu").expect("it is read");
        assert!(gpu.gpu && !gpu.webgpu);
        for arguments in [
            "--runs 0",
            "--runs=101",
            "--port 3",
            "--vit-b=2",
            "--gpu --vit-b",
        ] {
            assert_eq!(options(arguments), None, "{arguments}");
        }
    }

    #[test]
    fn groups_are_read_by_name() {
        let Ok(Task::Test { groups }) = read("test page lint") else {
            panic!("the groups are known");
        };
        assert_eq!(groups, [test::Group::Page, test::Group::Lint]);
        assert_eq!(read("test tests").err(), Some(ErrorKind::InvalidValue));
        assert_eq!(read("test --help").err(), Some(ErrorKind::DisplayHelp));
    }
}
