//! What the file of a fine-tuned decoder says of itself, in safetensors' metadata.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

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

/// From which predicted IoU and which stability on, 0..1, a decoder's masks are taken for objects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    pub iou: f32,
    pub stability: f32,
}

impl Thresholds {
    /// What is `set` in the scale of another decoder, of which `usual` are the thresholds, in the
    /// scale of the one of which these are: 0, the thresholds and 1 correspond.
    pub fn for_set(self, set: Self, usual: Self) -> Self {
        let scaled = |set: f32, usual: f32, own: f32| match set <= usual {
            true => set * own / usual,
            false => 1.0 - (1.0 - set) * (1.0 - own) / (1.0 - usual),
        };
        Self {
            iou: scaled(set.iou, usual.iou, self.iou),
            stability: scaled(set.stability, usual.stability, self.stability),
        }
    }

    /// The middle between these and `other`.
    pub fn halfway(self, other: Self) -> Self {
        Self {
            iou: self.iou.midpoint(other.iou),
            stability: self.stability.midpoint(other.stability),
        }
    }

    fn are_shares(&self) -> bool {
        let shares = 0.0..=1.0;
        shares.contains(&self.iou) && shares.contains(&self.stability)
    }
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
    /// For automatic masks; where the file does not tell, the untouched model's serve.
    #[serde(skip)]
    pub thresholds: Option<Thresholds>,
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
const THRESHOLDS: &str = "thresholds";

impl DecoderInfo {
    pub(crate) fn metadata(&self, base: &Base) -> BTreeMap<String, String> {
        let scores = |s: &Option<Scores>| serde_json::to_string(s).unwrap_or_default();
        let thresholds = self.thresholds.as_ref().map(serde_json::to_string);
        let thresholds = thresholds.and_then(std::result::Result::ok);
        let own = thresholds.map(|thresholds| (THRESHOLDS, thresholds));
        [
            (BASE_MODEL, base.name.clone()),
            (BASE_SHA256, base.sha256.clone()),
            (BEFORE, scores(&self.before)),
            (AFTER, scores(&self.after)),
            (STEPS, self.steps.to_string()),
            (SETTINGS, self.settings.clone()),
        ]
        .into_iter()
        .chain(own)
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    fn from_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| metadata.get(key).map_or("", String::as_str);
        let scores = |key: &str| serde_json::from_str(text(key)).ok();
        Self {
            base: text(BASE_MODEL).to_owned(),
            before: scores(BEFORE),
            after: scores(AFTER),
            steps: text(STEPS).parse().unwrap_or(0),
            thresholds: serde_json::from_str(text(THRESHOLDS))
                .ok()
                .filter(Thresholds::are_shares),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn info(thresholds: Option<Thresholds>) -> DecoderInfo {
        DecoderInfo {
            base: "MobileSAM".to_owned(),
            before: None,
            after: None,
            steps: 40,
            thresholds,
            settings: String::new(),
        }
    }

    fn base() -> Base {
        Base {
            name: "MobileSAM".to_owned(),
            sha256: "00ff".to_owned(),
        }
    }

    #[test]
    fn thresholds_come_back_and_an_old_file_has_none() {
        let own = Thresholds {
            iou: 0.714,
            stability: 0.7,
        };
        for thresholds in [Some(own), None] {
            let metadata = info(thresholds).metadata(&base());
            assert_eq!(metadata.contains_key("thresholds"), thresholds.is_some());
            assert_eq!(DecoderInfo::from_metadata(&metadata), info(thresholds));
        }
        for bad in [
            r#"{"iou":1.5,"stability":0.9}"#,
            r#"{"iou":0.5,"stability":null}"#,
            r#"{"iou":0.5}"#,
            "often",
        ] {
            let mut metadata = info(None).metadata(&base());
            metadata.insert("thresholds".to_owned(), bad.to_owned());
            assert_eq!(DecoderInfo::from_metadata(&metadata), info(None), "{bad}");
        }
    }

    #[test]
    fn what_is_set_is_in_the_scale_of_the_decoder() {
        let both = |iou, stability| Thresholds { iou, stability };
        let (usual, own) = (both(0.8, 0.5), both(0.6, 0.7));
        assert_eq!(own.for_set(usual, usual), own);
        assert_eq!(own.for_set(both(0.0, 0.0), usual), both(0.0, 0.0));
        assert_eq!(own.for_set(both(1.0, 1.0), usual), both(1.0, 1.0));
        // Half of the way from 0, and from there to 1.
        let between = own.for_set(both(0.4, 0.75), usual);
        assert!((between.iou - 0.3).abs() < 1e-6 && (between.stability - 0.85).abs() < 1e-6);
    }
}
