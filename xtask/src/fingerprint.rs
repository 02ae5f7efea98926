//! What files are made from, told by their content.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// SHA-256 of a file.
pub fn of_file(path: &Path) -> Result<[u8; 32]> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Sha256::digest(bytes).into())
}

/// Whether `output` was made from the same `inputs` under the same `settings`.
pub fn is_made_from(output: &Path, inputs: &[&Path], settings: &str) -> Result<bool> {
    let digest = digest(inputs, settings)?;
    Ok(output.is_file() && fs::read(note(output)).is_ok_and(|known| known == digest))
}

/// Makes `output` anew unless it was made from the same `inputs` under the same `settings`.
/// `make` gets a place beside it, so that a half-written file never counts.
pub fn made_from(
    output: &Path,
    inputs: &[&Path],
    settings: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    if is_made_from(output, inputs, settings)? {
        return Ok(());
    }
    let cannot = || format!("{} cannot be written", output.display());
    let part = output.with_added_extension("part");
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    make(&part)?;
    fs::rename(&part, output).with_context(cannot)?;
    fs::write(note(output), digest(inputs, settings)?).with_context(cannot)
}

/// Where it stands what `output` was made from.
fn note(output: &Path) -> PathBuf {
    output.with_added_extension("made-from")
}

fn digest(inputs: &[&Path], settings: &str) -> Result<Vec<u8>> {
    let mut digest = Sha256::new_with_prefix(settings);
    for input in inputs {
        digest.update(of_file(input)?);
    }
    Ok(digest.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_from_the_same_stays() {
        let folder = std::env::temp_dir().join(format!("xtask-made-from-{}", std::process::id()));
        let (input, output) = (folder.join("input"), folder.join("deep/output"));
        fs::create_dir_all(&folder).unwrap();
        let mut runs = 0;
        let mut make = |content: &str, settings: &str| {
            fs::write(&input, content).unwrap();
            made_from(&output, &[&input], settings, |part| {
                runs += 1;
                fs::copy(&input, part).map(drop).map_err(Into::into)
            })
            .unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), content);
            runs
        };
        assert_eq!(make("1", "a"), 1);
        assert_eq!(make("1", "a"), 1);
        assert_eq!(make("2", "a"), 2);
        assert_eq!(make("2", "b"), 3);
        fs::remove_dir_all(folder).unwrap();
    }
}
