//! What a fresh machine lacks: each part is looked for and installed only when missing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::mem::replace;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::shell;

pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The component of rustup that is the standard library's source.
const LIBRARY_SOURCE: &str = "rust-src";
const NODE_VERSION: u32 = 20;
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "wasm-ld-19";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-19"];
/// By which Debian's WebKit is driven and shown: programs, the Python that has its bindings, and what they come in.
const WEBKIT_PROGRAMS: [&str; 3] = ["WebKitWebDriver", "Xvfb", "stdbuf"];
const WEBKIT_PYTHON: &str = "/usr/bin/python3";
const WEBKIT_BINDINGS: &str = "import gi; gi.require_version('WebKit2', '4.1')";
const WEBKIT_PACKAGES: [&str; 4] = [
    "webkit2gtk-driver",
    "gir1.2-webkit2-4.1",
    "python3-gi",
    "xvfb",
];

/// A browser that tests need, and where it may be found.
struct Browser {
    name: &'static str,
    /// Of the environment, which names its program.
    variable: &'static str,
    on_path: &'static [&'static str],
    macos: &'static [&'static str],
    windows: &'static [&'static str],
    package: &'static str,
}

const CHROMIUM: Browser = Browser {
    name: "Chromium or Chrome",
    variable: "GRAYSAM_CHROMIUM",
    on_path: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    macos: &[
        "Google Chrome.app/Contents/MacOS/Google Chrome",
        "Chromium.app/Contents/MacOS/Chromium",
        "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ],
    windows: &[
        "Google/Chrome/Application/chrome.exe",
        "Chromium/Application/chrome.exe",
        "Microsoft/Edge/Application/msedge.exe",
    ],
    package: "chromium",
};
const FIREFOX: Browser = Browser {
    name: "Firefox",
    variable: "GRAYSAM_FIREFOX",
    on_path: &["firefox-esr", "firefox"],
    macos: &["Firefox.app/Contents/MacOS/firefox"],
    windows: &["Mozilla Firefox/firefox.exe"],
    package: "firefox-esr",
};

/// Node itself, and the packages of `package-lock.json` in `node_modules/`.
pub fn node_modules() -> Result<()> {
    let version = shell::output(Command::new("node").arg("--version")).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next();
    if !major.is_some_and(|major| major.parse().is_ok_and(|major: u32| major >= NODE_VERSION)) {
        let found = if version.is_empty() { "none" } else { &version };
        bail!("Node {NODE_VERSION} or later is needed, and {found} is on PATH: see nodejs.org.");
    }
    let installed = Path::new("node_modules/.package-lock.json");
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let wanted = modified(Path::new("package-lock.json"))
        .context("package-lock.json cannot be read; it belongs to the repository")?;
    if modified(installed).is_ok_and(|time| time >= wanted) {
        return Ok(());
    }
    println!("Installing the packages of package-lock.json with `npm ci`.");
    shell::run(shell::node_script("npm").args(["ci", "--no-audit", "--no-fund"]))
}

/// Which compiler builds for wasm32, and whose source the standard library is built from.
pub enum WasmToolchain {
    /// The usual toolchain, with its component `rust-src`.
    Rustup,
    /// Debian's compiler and source.
    Debian,
}

impl WasmToolchain {
    /// Sets up `cargo` to build for [`WASM_TARGET`] with this toolchain.
    pub fn configure(&self, cargo: &mut Command) {
        cargo.args(["--target", WASM_TARGET]);
        if let Self::Debian = self {
            cargo
                .env("RUSTC", DEBIAN_RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        }
    }

    pub fn rustc(&self) -> Command {
        match self {
            Self::Rustup => Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
            Self::Debian => Command::new(DEBIAN_RUSTC),
        }
    }
}

/// A toolchain for [`WASM_TARGET`], from rustup or else from Debian.
pub fn wasm_toolchain() -> Result<WasmToolchain> {
    if library_source_of(&mut WasmToolchain::Rustup.rustc()) {
        return Ok(WasmToolchain::Rustup);
    }
    if debian_toolchain_installed() {
        return Ok(WasmToolchain::Debian);
    }
    println!("Installing the Rust component with `rustup component add {LIBRARY_SOURCE}`.");
    let mut rustup = Command::new("rustup");
    let added = shell::run_within(
        RUSTUP_LIMIT,
        rustup.args(["component", "add", LIBRARY_SOURCE]),
    );
    if added.is_ok() && library_source_of(&mut WasmToolchain::Rustup.rustc()) {
        return Ok(WasmToolchain::Rustup);
    }
    if can_apt() {
        apt_install("Debian's Rust, as that did not work", &DEBIAN_PACKAGES)?;
        if debian_toolchain_installed() {
            return Ok(WasmToolchain::Debian);
        }
        bail!(
            "Debian's Rust cannot be used: {DEBIAN_RUSTC} must be {} or later, with its library \
             source and {DEBIAN_LINKER}. `rustup component add {LIBRARY_SOURCE}` is the other way.",
            env!("CARGO_PKG_RUST_VERSION")
        );
    }
    bail!(
        "the source of Rust's standard library is missing: run `rustup component add {LIBRARY_SOURCE}`."
    );
}

/// Whether the standard library's source lies where this compiler's Cargo looks for it.
fn library_source_of(rustc: &mut Command) -> bool {
    shell::output(rustc.args(["--print", "sysroot"])).is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib/src/rust/library/std")
            .is_dir()
    })
}

fn debian_toolchain_installed() -> bool {
    let version = shell::output(Command::new(DEBIAN_RUSTC).arg("--version"));
    version.is_some_and(|version| is_recent(&version, env!("CARGO_PKG_RUST_VERSION")))
        && library_source_of(&mut WasmToolchain::Debian.rustc())
        && shell::on_path(DEBIAN_LINKER).is_some()
}

/// Whether `rustc --version` printed at least the version `needed`, such as 1.95.
fn is_recent(printed: &str, needed: &str) -> bool {
    let parse = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let found = printed.strip_prefix("rustc ").and_then(parse);
    found.is_some() && found >= parse(needed)
}

/// A Chromium for the browser tests.
pub fn chromium() -> Result<PathBuf> {
    find_browser(&CHROMIUM)
}

/// A Firefox for the tests in other browsers; where it cannot be had, those in it are left out.
pub fn firefox() -> Option<PathBuf> {
    let left_out =
        |error: &anyhow::Error| println!("The tests in Firefox are left out: {error:#}.");
    find_browser(&FIREFOX).inspect_err(left_out).ok()
}

fn find_browser(browser: &Browser) -> Result<PathBuf> {
    let (name, variable) = (browser.name, browser.variable);
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("{variable} names {}, which is no file.", path.display());
    }
    let find = || {
        let on_path = browser.on_path.iter().find_map(|name| shell::on_path(name));
        let usual = || usual_places(browser, env::consts::OS, |name| env::var_os(name));
        on_path.or_else(|| usual().into_iter().find(|path| path.is_file()))
    };
    if find().is_none() && can_apt() {
        apt_install("a browser for the tests", &[browser.package])?;
    }
    find().with_context(|| {
        format!(
            "the browser tests need {name}: install it, or name its program in the environment \
             variable {variable}"
        )
    })
}

/// Whether there is WebKitGTK with all that drives it; where it cannot be had, the tests in it are left out.
pub fn webkit() -> bool {
    let present = || {
        WEBKIT_PROGRAMS
            .iter()
            .all(|program| shell::on_path(program).is_some())
            && shell::output(Command::new(WEBKIT_PYTHON).args(["-c", WEBKIT_BINDINGS])).is_some()
    };
    if present() {
        return true;
    }
    if can_apt() && apt_install("WebKit for the tests", &WEBKIT_PACKAGES).is_ok() && present() {
        return true;
    }
    println!(
        "The tests in WebKit are left out: they need Debian's {}.",
        WEBKIT_PACKAGES.join(", ")
    );
    false
}

/// Where installers put browsers, which are on PATH on Linux only. `variable` gives those of the environment.
fn usual_places(
    browser: &Browser,
    os: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<PathBuf> {
    let below = |folder: Option<OsString>, path: &str| Some(Path::new(&folder?).join(path));
    let (folders, programs) = match os {
        "macos" => {
            let home = below(variable("HOME"), "Applications").map(OsString::from);
            (vec![Some("/Applications".into()), home], browser.macos)
        }
        "windows" => {
            let variables = ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"];
            (variables.map(variable).into(), browser.windows)
        }
        _ => return Vec::new(),
    };
    let in_folder = |program: &&str| {
        folders
            .iter()
            .filter_map(move |f| below(f.clone(), program))
            .collect::<Vec<_>>()
    };
    programs.iter().flat_map(in_folder).collect()
}

/// A Vulkan driver for the native WebGPU tests; without one they report that they did not run.
pub fn vulkan_driver() -> Result<()> {
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    let installed = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .any(|folder| fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()));
    if !cfg!(target_os = "linux") || named || installed {
        return Ok(());
    }
    if can_apt() {
        let packages = ["mesa-vulkan-drivers", "libvulkan1"];
        return apt_install("a software Vulkan driver for the WebGPU tests", &packages);
    }
    println!("No Vulkan driver is installed; the native WebGPU tests need one (Mesa has one).");
    Ok(())
}

/// The rustup component that brings `cargo <command>`, for `fmt` and `clippy`.
pub fn cargo_command(command: &str, component: &str) -> Result<()> {
    let present = || shell::output(shell::cargo().args([command, "--version"])).is_some();
    if present() {
        return Ok(());
    }
    println!("Installing the Rust component with `rustup component add {component}`.");
    let mut rustup = Command::new("rustup");
    let added = shell::run_within(RUSTUP_LIMIT, rustup.args(["component", "add", component]));
    if added.is_err() || !present() {
        bail!("`cargo {command}` is missing: run `rustup component add {component}`.");
    }
    Ok(())
}

/// Whether packages can be installed with apt-get: on Debian and its kin, as root.
pub fn can_apt() -> bool {
    shell::on_path("apt-get").is_some()
        && shell::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// Installs packages with apt-get, where [`can_apt`], and says so before.
pub fn apt_install(what: &str, packages: &[&str]) -> Result<()> {
    static UPDATED: Mutex<bool> = Mutex::new(false);
    // One at a time, as apt-get refuses a second.
    let mut updated = UPDATED.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "Installing {what}, as root, with `apt-get install {}`.",
        packages.join(" ")
    );
    // An old list may still do, so a failed update is left for the installation to judge.
    if !replace(&mut *updated, true)
        && let Err(error) = shell::run(Command::new("apt-get").args(["update", "-qq"]))
    {
        println!("{error:#}");
    }
    shell::run(
        Command::new("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chrome_is_looked_for_where_installers_put_it() {
        let variable = |name: &str| {
            let value = match name {
                "HOME" => "/Users/me",
                "ProgramFiles" => "C:/Program Files",
                "LOCALAPPDATA" => "C:/Users/me/AppData/Local",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        for (os, wanted) in [
            (
                "macos",
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            ),
            (
                "macos",
                "/Users/me/Applications/Chromium.app/Contents/MacOS/Chromium",
            ),
            (
                "windows",
                "C:/Program Files/Google/Chrome/Application/chrome.exe",
            ),
            (
                "windows",
                "C:/Users/me/AppData/Local/Google/Chrome/Application/chrome.exe",
            ),
        ] {
            let found = usual_places(&CHROMIUM, os, variable);
            assert!(found.contains(&PathBuf::from(wanted)), "{found:?}");
        }
        assert!(usual_places(&CHROMIUM, "linux", variable).is_empty());
    }

    #[test]
    fn compiler_versions_are_compared_by_number() {
        assert!(is_recent("rustc 1.96.0 (ac68faa20 2026-05-25)", "1.95"));
        assert!(is_recent("rustc 1.100.0", "1.95"));
        assert!(is_recent("rustc 2.0.0", "1.95"));
        assert!(!is_recent("rustc 1.63.0 (4b91a6ea7 2022-08-08)", "1.95"));
        assert!(!is_recent("no rustc", "1.95"));
    }
}
