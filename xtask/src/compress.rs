//! The site's files in Brotli, beside the plain ones, for hosts that can send them as they are.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;

use crate::fingerprint;
use crate::shell::in_threads;

const FOLDER: &str = "target/brotli";
/// Of those that are worth trying; pictures are compressed already.
const EXTENSIONS: &str = "css html js json safetensors svg wasm webmanifest";
const SETTINGS: &str = "quality 11, window 24";
/// The two largest files, engine and model, take minutes each.
const THREADS: usize = 2;

/// Where a file's Brotli form stands.
pub fn encoded(path: &Path) -> PathBuf {
    path.with_added_extension("br")
}

/// Compresses those files of `site`, which maps paths in the site to their sources, that changed
/// since they were compressed last.
pub fn compress(site: &BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let mut files: Vec<_> = compressible(site).collect();
    files.sort_by_key(|(_, source)| Reverse(length(source)));
    in_threads(files, THREADS, |(name, source)| {
        compress_file(source, &form_of(name))
    })
}

/// Adds to `site` the Brotli forms that are up to date and smaller by a twentieth or more.
pub fn add_encoded(site: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let mut forms = Vec::new();
    for (name, source) in compressible(site) {
        let (form, plain) = (form_of(name), length(source));
        let small = length(&form) <= plain - plain / 20;
        if small && fingerprint::is_made_from(&form, &[source], SETTINGS)? {
            forms.push((encoded(name), form));
        }
    }
    site.extend(forms);
    Ok(())
}

/// Says how large the site is, plain and in Brotli.
pub fn print_sizes(site: &BTreeMap<PathBuf, PathBuf>) {
    let row = |name: &str, plain: u64, served: u64| {
        let [plain, served] = [plain, served].map(|bytes| bytes as f64 / 1e6);
        println!("{name:36} {plain:7.2} MB  {served:7.2} MB in Brotli");
    };
    let (mut count, mut plain_rest, mut served_rest) = (0, 0, 0);
    for (name, source) in site {
        if name.extension().is_some_and(|extension| extension == "br") {
            continue;
        }
        let plain = length(source);
        let served = site.get(&encoded(name)).map_or(plain, |form| length(form));
        if plain >= 1_000_000 {
            row(&name.to_string_lossy(), plain, served);
            continue;
        }
        count += 1;
        plain_rest += plain;
        served_rest += served;
    }
    row(&format!("{count} other files"), plain_rest, served_rest);
}

fn compressible(site: &BTreeMap<PathBuf, PathBuf>) -> impl Iterator<Item = (&Path, &Path)> {
    site.iter()
        .map(|(name, source)| (name.as_path(), source.as_path()))
        .filter(|(name, _)| {
            let extension = name.extension().unwrap_or_default().to_string_lossy();
            EXTENSIONS.split(' ').any(|known| known == extension)
        })
}

fn form_of(name: &Path) -> PathBuf {
    encoded(&Path::new(FOLDER).join(name))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

fn compress_file(plain: &Path, form: &Path) -> Result<()> {
    fingerprint::made_from(form, &[plain], SETTINGS, |part| {
        let parameters = BrotliEncoderParams {
            quality: 11,
            lgwin: 24,
            size_hint: usize::try_from(length(plain)).unwrap_or(0),
            ..Default::default()
        };
        let mut out = File::create(part).context("no file can be made there")?;
        brotli::BrotliCompress(&mut File::open(plain)?, &mut out, &parameters)
            .with_context(|| format!("{} cannot be compressed", plain.display()))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_brotli_makes_smaller_is_added() {
        let folder = std::env::temp_dir().join(format!("xtask-compress-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let name = |name: &str| PathBuf::from(format!("test-{}/{name}", std::process::id()));
        let mut site = BTreeMap::new();
        for (file, content) in [
            ("long.js", "x".repeat(999)),
            ("short.js", "x".into()),
            ("a.png", "x".repeat(999)),
        ] {
            fs::write(folder.join(file), content).unwrap();
            site.insert(name(file), folder.join(file));
        }
        compress(&site).unwrap();
        add_encoded(&mut site).unwrap();
        let names: Vec<_> = site.keys().cloned().collect();
        assert_eq!(
            names,
            ["a.png", "long.js", "long.js.br", "short.js"].map(name)
        );
        let mut plain = Vec::new();
        let mut form = File::open(&site[&name("long.js.br")]).unwrap();
        brotli::BrotliDecompress(&mut form, &mut plain).unwrap();
        assert_eq!(plain, vec![b'x'; 999]);

        fs::write(folder.join("long.js"), "y".repeat(999)).unwrap();
        site.remove(&name("long.js.br"));
        add_encoded(&mut site).unwrap();
        assert!(!site.contains_key(&name("long.js.br")), "it is out of date");
        fs::remove_dir_all(folder).unwrap();
        fs::remove_dir_all(Path::new(FOLDER).join(name(""))).unwrap();
    }
}
