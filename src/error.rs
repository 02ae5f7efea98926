//! The one error of the crate: a sentence for the person at the page or the terminal.

use std::fmt;

/// What went wrong and what would work, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that reads as `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
