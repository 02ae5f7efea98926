//! The embeddings of one image: of the whole, and of the parts that were used last.

use super::encoding::Embedding;
use crate::image::part::Part;

/// Parts whose embeddings, of 4 MiB each with SAM, are kept besides the whole image's: more than a
/// round of prompts comes to on its way to the coarsest level.
const MOST: usize = 16;

#[derive(Default)]
pub(super) struct Views {
    /// Width and height of the image, once there is one.
    pub size: Option<(usize, usize)>,
    whole: Option<Embedding>,
    /// The one that was used last at the end.
    parts: Vec<Embedding>,
}

impl Views {
    /// Of another image.
    pub fn of_image(size: (usize, usize)) -> Self {
        Self {
            size: Some(size),
            ..Self::default()
        }
    }

    pub fn add(&mut self, embedding: Embedding) {
        let part = embedding.part();
        if part == Part::whole(embedding.size()) {
            self.whole = Some(embedding);
            return;
        }
        self.parts.retain(|other| other.part() != part);
        self.parts.push(embedding);
        let surplus = self.parts.len().saturating_sub(MOST);
        self.parts.drain(..surplus);
    }

    pub fn whole(&self) -> Option<&Embedding> {
        self.whole.as_ref()
    }

    pub fn get(&self, part: &Part) -> Option<&Embedding> {
        let all = self.parts.iter().chain(&self.whole);
        all.into_iter().find(|embedding| embedding.part() == *part)
    }

    /// Counts as the last use.
    pub fn used(&mut self, part: &Part) {
        if let Some(place) = self.parts.iter().position(|other| other.part() == *part) {
            self.parts[place..].rotate_left(1);
        }
    }
}
