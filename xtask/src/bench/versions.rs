//! The versions of what is measured.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// What the page's engine computes with.
pub fn engine(threads: &str) -> Result<String> {
    Ok(format!("Burn {}, WebAssembly, {threads}", burn()?))
}

pub fn burn() -> Result<String> {
    let lock = fs::read_to_string("Cargo.lock").context("Cargo.lock cannot be read")?;
    let version = locked(&lock, "burn").context("Cargo.lock has no version of burn")?;
    Ok(version.to_owned())
}

/// The version of the package `name` in the text of `Cargo.lock`.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let name = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = ")?;
    Some(version.trim_matches('"'))
}

/// Such as `onnxruntime-web 1.30.0`.
pub fn onnxruntime_web() -> Result<String> {
    let file = "node_modules/onnxruntime-web/package.json";
    let text = fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    let version = package["version"].as_str();
    let version = version.with_context(|| format!("{file} tells no version"))?;
    Ok(format!("onnxruntime-web {version}"))
}

/// Such as `rustc 1.95.0`.
pub fn rust() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = shell::printed(Command::new(rustc).arg("--version"))?;
    Ok(printed.split(" (").next().unwrap_or(&printed).to_owned())
}

/// Such as `PyTorch 2.9.0, Python 3.11.7`.
pub fn torch(python: &Path) -> Result<String> {
    let script = "import platform, torch; \
                  print(f'PyTorch {torch.__version__}, Python {platform.python_version()}')";
    shell::printed(Command::new(python).args(["-c", script]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock() {
        let lock = "[[package]]\nname = \"burn-core\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"burn\"\nversion = \"0.22.1\"\nsource = \"…\"\n";
        assert_eq!(locked(lock, "burn"), Some("0.22.1"));
        assert_eq!(locked(lock, "tch"), None);
    }
}
