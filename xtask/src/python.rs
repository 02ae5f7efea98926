//! Python with PyTorch, for the tests and the measurements against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow, bail};

use crate::{setup, shell};

const REQUIREMENTS: &str = "tests/python/requirements.txt";
/// Packages without what they ask for: micro-sam would bring napari and Qt.
const ALONE: &str = "tests/python/requirements_alone.txt";
const ENVIRONMENT: &str = "target/python";
/// In the environment: the text of the requirements that are installed there.
const STAMP: &str = "installed-requirements.txt";
/// What the pinned packages need.
const OLDEST: (u32, u32) = (3, 11);
const NAMES: [&str; 5] = [
    "python3",
    "python3.13",
    "python3.12",
    "python3.11",
    "python",
];

/// The interpreter of a virtual environment that holds exactly the packages of
/// `tests/python/requirements.txt` and `requirements_alone.txt`; made at the first call, for which the others wait, and
/// anew when they change.
pub fn environment() -> Result<PathBuf> {
    static MADE: LazyLock<Result<PathBuf>> = LazyLock::new(make);
    MADE.as_ref().cloned().map_err(|error| anyhow!("{error:#}"))
}

fn make() -> Result<PathBuf> {
    if let Some(python) = installed()? {
        return Ok(python);
    }
    let folder = Path::new(ENVIRONMENT);
    let (python, wanted) = (interpreter()?, requirements()?);
    let base = base()?;
    println!("Installing PyTorch and the rest of {REQUIREMENTS} in {ENVIRONMENT}, some 6 GB.");
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{ENVIRONMENT} cannot be removed to be made anew"))?;
    }
    shell::run(Command::new(base).args(["-m", "venv"]).arg(folder))?;
    for file in [
        &["--requirement", REQUIREMENTS][..],
        &["--no-deps", "--requirement", ALONE],
    ] {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-compile"])
            .args(["--disable-pip-version-check", "--only-binary", ":all:"])
            .args(file);
        shell::run(&mut pip)?;
    }
    fs::write(folder.join(STAMP), wanted)
        .with_context(|| format!("{ENVIRONMENT} cannot be written to"))?;
    Ok(python)
}

/// That of `environment`, if it is there and up to date.
pub fn installed() -> Result<Option<PathBuf>> {
    let python = interpreter()?;
    let installed = fs::read_to_string(Path::new(ENVIRONMENT).join(STAMP)).ok();
    let is_current = installed == Some(requirements()?) && version(&python).is_some();
    Ok(is_current.then_some(python))
}

fn interpreter() -> Result<PathBuf> {
    let inside = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    // No link may be followed here: Python finds its environment by the path it is called by.
    Ok(std::path::absolute(Path::new(ENVIRONMENT).join(inside))?)
}

fn requirements() -> Result<String> {
    let read = |file| {
        fs::read_to_string(file)
            .with_context(|| format!("{file} cannot be read; it belongs to the repository"))
    };
    Ok(read(REQUIREMENTS)? + &read(ALONE)?)
}

/// A Python to make the environment with, installed where that can be done.
fn base() -> Result<PathBuf> {
    let found = find();
    if found.is_ok() || !setup::can_apt() {
        return found;
    }
    setup::apt_install("Python", &["python3", "python3-venv"])?;
    find()
}

/// The first Python on PATH that is recent enough and can make virtual environments.
fn find() -> Result<PathBuf> {
    let all = NAMES.iter().filter_map(|name| shell::on_path(name));
    let recent: Vec<PathBuf> = all.filter(|path| version(path) >= Some(OLDEST)).collect();
    if let Some(python) = recent.iter().find(|path| makes_environments(path)) {
        return Ok(python.clone());
    }
    let Some(python) = recent.first() else {
        let (major, minor) = OLDEST;
        bail!("Python {major}.{minor} or later is needed, and none is on PATH: see python.org.");
    };
    bail!(
        "{} lacks the module ensurepip, so it can make no virtual environment: Debian has it in \
         the package python3-venv.",
        python.display()
    );
}

/// Debian keeps `ensurepip` in a package of its own.
fn makes_environments(python: &Path) -> bool {
    shell::output(Command::new(python).args(["-c", "import venv, ensurepip"])).is_some()
}

/// Python's major and minor version, where it runs.
fn version(python: &Path) -> Option<(u32, u32)> {
    parse_version(&shell::output(Command::new(python).arg("--version"))?)
}

fn parse_version(printed: &str) -> Option<(u32, u32)> {
    let mut parts = printed.strip_prefix("Python ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(parse_version("Python 3.11.2") >= Some(OLDEST));
        assert!(parse_version("Python 3.100.0rc1") >= Some(OLDEST));
        assert!(parse_version("Python 3.9.18") < Some(OLDEST));
        assert!(parse_version("Python 2.7.18") < Some(OLDEST));
        assert!(parse_version("no Python") < Some(OLDEST));
    }
}
