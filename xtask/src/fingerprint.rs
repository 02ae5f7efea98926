//! What files are made from, told by their content.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// SHA-256 of a file.
pub fn of_file(path: &Path) -> Result<[u8; 32]> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Sha256::digest(bytes).into())
}

/// Makes `output` anew unless it was made from the same `inputs` under the same `settings`.
/// `make` gets a place beside it, so that a half-written file never counts.
pub fn made_from(
    output: &Path,
    inputs: &[&Path],
    settings: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let mut digest = Sha256::new_with_prefix(settings);
    for input in inputs {
        digest.update(of_file(input)?);
    }
    let digest = digest.finalize().to_vec();
    let note = output.with_added_extension("made-from");
    if output.is_file() && fs::read(&note).is_ok_and(|known| known == digest) {
        return Ok(());
    }
    let cannot = || format!("{} cannot be written", output.display());
    let part = output.with_added_extension("part");
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    make(&part)?;
    fs::rename(&part, output).with_context(cannot)?;
    fs::write(note, digest).with_context(cannot)
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
