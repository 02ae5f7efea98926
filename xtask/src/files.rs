//! Files and folders: listing, copying and whether they are up to date.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Adds the files below `from` to `site`, which maps paths below `to` to their sources.
pub fn list(from: &Path, to: &Path, site: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let cannot = || format!("{} cannot be read", from.display());
    for entry in fs::read_dir(from).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            list(&entry.path(), &to, site)?;
        } else {
            site.insert(to, entry.path());
        }
    }
    Ok(())
}

/// Makes `folder` hold exactly the files of `site`; files that are up to date stay.
pub fn mirror(site: &BTreeMap<PathBuf, PathBuf>, folder: &Path) -> Result<()> {
    let mut present = BTreeMap::new();
    if folder.exists() {
        list(folder, Path::new(""), &mut present)?;
    }
    for (name, path) in present {
        if !site.contains_key(&name) {
            fs::remove_file(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    for (name, source) in site {
        let copy = folder.join(name);
        let same_size = fs::metadata(&copy).map(|file| file.len()).ok()
            == fs::metadata(source).map(|file| file.len()).ok();
        if is_fresh(&copy, &[source])? && same_size {
            continue;
        }
        let copied = fs::create_dir_all(copy.parent().unwrap_or(folder))
            .and_then(|()| fs::copy(source, &copy));
        copied.with_context(|| format!("{} cannot be written", copy.display()))?;
    }
    Ok(())
}

/// Whether `output` exists and is no older than any of `inputs`, which must exist.
pub fn is_fresh(output: &Path, inputs: &[&Path]) -> Result<bool> {
    let written = fs::metadata(output).and_then(|file| file.modified());
    for input in inputs {
        let changed = fs::metadata(input)
            .and_then(|file| file.modified())
            .with_context(|| format!("{} is missing or cannot be read", input.display()))?;
        if !written.as_ref().is_ok_and(|written| *written >= changed) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_copies_refreshes_and_removes() {
        let folder = std::env::temp_dir().join(format!("xtask-mirror-{}", std::process::id()));
        remove_folder(&folder).unwrap();
        let (source, copy) = (folder.join("source"), folder.join("copy"));
        fs::create_dir_all(source.join("deep")).unwrap();
        fs::write(source.join("kept.txt"), "1").unwrap();
        fs::write(source.join("deep/dropped.txt"), "2").unwrap();
        let sync = || {
            let mut site = BTreeMap::new();
            list(&source, Path::new("www"), &mut site).unwrap();
            mirror(&site, &copy).unwrap();
        };

        sync();
        assert_eq!(fs::read_to_string(copy.join("www/kept.txt")).unwrap(), "1");
        assert_eq!(
            fs::read_to_string(copy.join("www/deep/dropped.txt")).unwrap(),
            "2"
        );

        fs::write(source.join("kept.txt"), "changed").unwrap();
        fs::remove_file(source.join("deep/dropped.txt")).unwrap();
        sync();
        assert_eq!(
            fs::read_to_string(copy.join("www/kept.txt")).unwrap(),
            "changed"
        );
        assert!(!copy.join("www/deep/dropped.txt").exists());
        remove_folder(&folder).unwrap();
    }
}
