//! Choices that are made by a name, on the command line and by the page alike.

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

/// The choice that is declared under `name`.
pub fn named<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name)).ok()
}
