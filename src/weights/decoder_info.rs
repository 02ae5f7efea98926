//! What the file of a fine-tuned decoder says of itself, in safetensors' metadata.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use serde::Serialize;

use super::Checkpoint;
use crate::error::{Error, Result};
use crate::scores::Scores;

/// The model that a decoder is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub name: String,
    /// SHA-256 of the model's file, in hexadecimal.
    pub sha256: String,
}

/// What is known of a fine-tuned decoder.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct DecoderInfo {
    /// The name of the model it was made from; empty where the file does not tell.
    pub base: String,
    /// Held-out scores of the untouched decoder, and of this one.
    pub before: Option<Scores>,
    pub after: Option<Scores>,
    /// Steps after which it was the best.
    pub steps: usize,
    /// The training's settings as JSON; empty where the file does not tell.
    #[serde(skip)]
    pub settings: String,
}

/// Keys of a decoder file's metadata.
pub(crate) const BASE_MODEL: &str = "base_model";
pub(crate) const BASE_SHA256: &str = "base_sha256";
const BEFORE: &str = "before";
const AFTER: &str = "after";
const STEPS: &str = "steps";
const SETTINGS: &str = "settings";

impl DecoderInfo {
    pub(crate) fn metadata(&self, base: &Base) -> BTreeMap<String, String> {
        let scores = |s: &Option<Scores>| serde_json::to_string(s).unwrap_or_default();
        [
            (BASE_MODEL, base.name.clone()),
            (BASE_SHA256, base.sha256.clone()),
            (BEFORE, scores(&self.before)),
            (AFTER, scores(&self.after)),
            (STEPS, self.steps.to_string()),
            (SETTINGS, self.settings.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    fn from_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| metadata.get(key).map_or("", String::as_str);
        let scores = |key: &str| serde_json::from_str(text(key)).ok();
        Self {
            base: text(BASE_MODEL).to_owned(),
            before: scores(BEFORE),
            after: scores(AFTER),
            steps: text(STEPS).parse().unwrap_or(0),
            settings: text(SETTINGS).to_owned(),
        }
    }
}

/// Opens the file of a decoder for the model `base`.
///
/// # Errors
/// When the file is no checkpoint or names another base model.
pub fn open_for<R: Read + Seek>(reader: R, base: &Base) -> Result<(Checkpoint<R>, DecoderInfo)> {
    let checkpoint = Checkpoint::open(reader)?;
    check_base(checkpoint.metadata(), base, "decoder")?;
    let info = DecoderInfo::from_metadata(checkpoint.metadata());
    Ok((checkpoint, info))
}

/// Refuses a file that names another base model than `base`; `what` is what the file holds.
pub(crate) fn check_base(
    metadata: &BTreeMap<String, String>,
    base: &Base,
    what: &str,
) -> Result<()> {
    match metadata.get(BASE_SHA256) {
        Some(sha256) if *sha256 != base.sha256 => Err(Error::new(format!(
            "The {what} was made from another model ({}, SHA-256 {}…) than the one in use ({}, SHA-256 {}…): open that model first.",
            metadata.get(BASE_MODEL).map_or("unnamed", String::as_str),
            sha256.get(..8).unwrap_or(sha256),
            base.name,
            base.sha256.get(..8).unwrap_or(&base.sha256),
        ))),
        _ => Ok(()),
    }
}
