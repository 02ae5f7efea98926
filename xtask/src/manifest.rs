//! `site_files.js`: what the service worker keeps of a version of the site.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fingerprint;

const NAME: &str = "site_files.js";
const FOLDER: &str = "target/site";

/// Adds the manifest of `site`, which maps paths in the site to their sources.
pub fn add_manifest(site: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let manifest = Path::new(FOLDER).join(NAME);
    let text = text(site)?;
    // So that it stays as it is in the site, too.
    if fs::read_to_string(&manifest).is_ok_and(|known| known == text) {
        site.insert(NAME.into(), manifest);
        return Ok(());
    }
    fs::create_dir_all(FOLDER)
        .and_then(|()| fs::write(&manifest, text))
        .with_context(|| format!("{} cannot be written", manifest.display()))?;
    site.insert(NAME.into(), manifest);
    Ok(())
}

/// Each file's integrity metadata by its path, and the page itself under its folder's, as a
/// script that classic service workers of all browsers can import.
fn text(site: &BTreeMap<PathBuf, PathBuf>) -> Result<String> {
    let mut files = BTreeMap::new();
    for (name, source) in site {
        let name = name.to_string_lossy().replace('\\', "/");
        let name = if name == "index.html" { "" } else { &name };
        let digest = BASE64_STANDARD.encode(fingerprint::of_file(source)?);
        files.insert(name.to_owned(), format!("sha256-{digest}"));
    }
    let version = BASE64_STANDARD.encode(Sha256::digest(serde_json::to_vec(&files)?));
    let manifest = serde_json::to_string_pretty(&json!({ "version": version, "files": files }))?;
    Ok(format!("self.SITE = {manifest};\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_names_each_file_with_its_digest() {
        let folder = std::env::temp_dir().join(format!("xtask-site-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut site = BTreeMap::new();
        for (name, content) in [("index.html", "abc"), ("www/app.js", "")] {
            let source = folder.join(name.replace('/', "-"));
            fs::write(&source, content).unwrap();
            site.insert(PathBuf::from(name), source);
        }
        let before = text(&site).unwrap();
        // The digests of FIPS 180-4's example and of nothing.
        let abc = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let nothing = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert!(before.contains(&format!("\"\": \"{abc}\"")), "{before}");
        let line = format!("\"www/app.js\": \"{nothing}\"");
        assert!(before.contains(&line), "{before}");

        fs::write(folder.join("www-app.js"), "changed").unwrap();
        let version = |text: &str| {
            text.lines()
                .find(|l| l.contains("version"))
                .map(String::from)
        };
        assert_ne!(version(&before), version(&text(&site).unwrap()));
        fs::remove_dir_all(folder).unwrap();
    }
}
