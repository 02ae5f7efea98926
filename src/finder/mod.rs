//! Some objects of an image are labelled, and all others are found: the foreground is learned from
//! them, many shapes are made of it, and those are kept that look most like objects.

pub mod candidates;
pub mod choose;
pub mod evidence;
mod features;
mod file;
pub mod finding;
pub mod foreground;
pub mod lesson;
mod logistic;
pub mod network;
pub mod numbers;
pub mod plane;
pub mod prior;
pub mod propose;
pub mod region;
pub mod second_look;
#[cfg(test)]
mod tests;
pub mod unet;
pub mod view;
mod watershed;

pub use choose::Suggestion;
pub use finding::{Finding, FindingStep};
pub use lesson::Finder;
