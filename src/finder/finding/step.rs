//! How far a finding is.

use serde::Serialize;
use tsify::Tsify;

/// Of how many pieces the progress tells.
const STEPS: usize = 1000;

/// A piece of learning or finding that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Tsify)]
pub struct FindingStep {
    pub step: usize,
    pub steps: usize,
}

impl FindingStep {
    /// When this share is done, 0..1.
    pub(super) fn of(done: f64) -> Self {
        Self {
            step: (done * STEPS as f64) as usize,
            steps: STEPS,
        }
    }
}
