//! The page's TypeScript: checked, emitted file for file to `target/page/` for tests, and bundled for the site.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::files::list;
use crate::{setup, shell};

pub const SOURCES: &str = "www";
/// What `tsc` writes: `www/` and `tests/page/`.
const EMITTED: &str = "target/page";
/// What each realm of the page begins with. Its modules become one file of the site: with one for each module, a visit takes
/// a second longer.
const ENTRIES: [&str; 3] = ["main.js", "engine/worker.js", "engine/pool_worker.js"];
/// Made from them.
const BUNDLED: &str = "target/bundle";
const SERVICE_WORKER: &str = "www/offline/service_worker.js";
/// Fetched when a zip file is opened or written.
const LATER: &str = "www/vendor/zip.js";
/// Modules of npm packages that the page imports, each under the name by which it does.
const VENDORED: [(&str, &str); 2] = [
    (
        "node_modules/@preact/signals-core/dist/signals-core.mjs",
        "www/vendor/signals-core.js",
    ),
    (
        "node_modules/@zip.js/zip.js/index-native.min.js",
        "www/vendor/zip.js",
    ),
];
/// The page and its unit tests; the service worker, which sees other globals; the other tests, which import what
/// the first two emitted.
const PROJECTS: [&str; 2] = ["tsconfig.json", "www/offline/tsconfig.json"];
const TESTS_PROJECT: &str = "tests/tsconfig.json";

/// Checks the page's sources and emits them, with the packages that they import.
pub fn compile() -> Result<()> {
    setup::node_modules()?;
    for project in PROJECTS {
        tsc(project)?;
    }
    for (module, name) in VENDORED {
        let copy = Path::new(EMITTED).join(name);
        fs::create_dir_all(copy.parent().unwrap_or(Path::new(EMITTED)))
            .and_then(|()| fs::copy(module, &copy))
            .with_context(|| format!("{module} cannot be copied to {}", copy.display()))?;
    }
    Ok(())
}

/// Checks all TypeScript, the tests' too.
pub fn check() -> Result<()> {
    compile()?;
    tsc(TESTS_PROJECT)
}

/// Puts the modules that belong to each entry into one file.
pub fn bundle() -> Result<()> {
    let emitted = Path::new(EMITTED).join(SOURCES);
    let mut esbuild = shell::node_script("npx");
    esbuild.args(["--no-install", "esbuild", "--log-level=warning"]);
    esbuild.args(ENTRIES.map(|entry| emitted.join(entry)));
    esbuild.arg(format!("--outbase={}", emitted.display()));
    esbuild.arg(format!("--outdir={BUNDLED}"));
    // The engine's own module stays beside its code.
    esbuild.args(["--bundle", "--format=esm", "--target=es2023"]);
    shell::run(esbuild.arg("--external:./graysam.js"))
}

fn tsc(project: &str) -> Result<()> {
    shell::run(shell::node_script("npx").args(["--no-install", "tsc", "-p", project]))
}

/// Adds the page to `site`, which maps paths in the site to their sources: scripts as bundled, and the rest as it is.
pub fn add(site: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let mut sources = BTreeMap::new();
    list(Path::new(SOURCES), Path::new(SOURCES), &mut sources)?;
    // Sources are in the bundles, and projects are for the compiler.
    let is_for_site = |name: &Path| {
        name.extension().is_none_or(|extension| extension != "ts")
            && !name.ends_with("tsconfig.json")
    };
    site.extend(sources.into_iter().filter(|(name, _)| is_for_site(name)));
    for entry in ENTRIES {
        let name = Path::new(SOURCES).join(entry);
        site.insert(name, Path::new(BUNDLED).join(entry));
    }
    site.insert(LATER.into(), Path::new(EMITTED).join(LATER));
    // A service worker has no say above its own folder.
    let worker = Path::new(EMITTED).join(SERVICE_WORKER);
    site.insert("service_worker.js".into(), worker);
    Ok(())
}

/// The unit tests that need no browser, as emitted.
pub fn unit_tests() -> Result<Vec<PathBuf>> {
    let mut sources = BTreeMap::new();
    list(
        Path::new("tests/page"),
        Path::new("tests/page"),
        &mut sources,
    )?;
    let tests: Vec<PathBuf> = sources
        .into_keys()
        .filter(|name| name.to_string_lossy().ends_with(".test.ts"))
        .map(|name| Path::new(EMITTED).join(name.with_extension("js")))
        .collect();
    if tests.is_empty() {
        bail!("tests/page holds no *.test.ts file.");
    }
    Ok(tests)
}

pub fn is_declaration(name: &Path) -> bool {
    name.to_string_lossy().ends_with(".d.ts")
}
