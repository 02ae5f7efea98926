//! What of a file could not be read, counted and named.

/// Why an annotation is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    NoShape,
    /// It is a point or a line.
    NoArea,
    Unreadable,
    OtherSize,
    Outside,
    NoImage,
    /// Smaller ones cover all of it.
    Hidden,
}

impl Reason {
    /// What is said of one and of several.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::NoShape => ["has no shape", "have no shape"],
            Self::NoArea => ["is a point or a line", "are points or lines"],
            Self::Unreadable => [
                "has a shape that cannot be read",
                "have shapes that cannot be read",
            ],
            Self::OtherSize => [
                "has a mask of another size than the image",
                "have masks of another size than the image",
            ],
            Self::Outside => ["lies outside the image", "lie outside the image"],
            Self::NoImage => ["belongs to no image", "belong to no image"],
            Self::Hidden => [
                "is hidden behind smaller ones",
                "are hidden behind smaller ones",
            ],
        }
    }
}

/// What happened to the annotations of a file.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// Those of the image, or of none.
    pub seen: usize,
    /// Those that have but a box, which was taken for their shape.
    pub boxes: usize,
    reasons: Vec<Reason>,
}

impl LeftOut {
    pub fn add(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }

    /// In a sentence or two; empty where all were read as they are.
    pub fn sentence(&self) -> String {
        let mut reasons = self.reasons.clone();
        reasons.sort_unstable();
        let counted = reasons
            .chunk_by(|a, b| a == b)
            .map(|same| match same.len() {
                1 => format!("1 {}", same[0].words()[0]),
                n => format!("{n} {}", same[0].words()[1]),
            });
        let counted: Vec<String> = counted.collect();
        let mut sentences = Vec::new();
        if !counted.is_empty() {
            let annotations = match self.seen {
                1 => "annotation",
                _ => "annotations",
            };
            let were = if reasons.len() == 1 { "was" } else { "were" };
            sentences.push(format!(
                "{} of {} {annotations} {were} left out: {}.",
                reasons.len(),
                self.seen,
                counted.join(", ")
            ));
        }
        match self.boxes {
            0 => {}
            1 => {
                sentences.push("1 annotation has only a box, which was taken for its shape.".into())
            }
            n => sentences.push(format!(
                "{n} annotations have only a box, which was taken for their shape."
            )),
        }
        sentences.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_named() {
        let mut left_out = LeftOut {
            seen: 40,
            ..LeftOut::default()
        };
        assert_eq!(left_out.sentence(), "");
        for reason in [Reason::NoImage, Reason::NoShape, Reason::NoShape] {
            left_out.add(reason);
        }
        assert_eq!(
            left_out.sentence(),
            "3 of 40 annotations were left out: 2 have no shape, 1 belongs to no image."
        );
        left_out.boxes = 1;
        assert!(
            left_out
                .sentence()
                .ends_with("1 annotation has only a box, which was taken for its shape.")
        );
    }
}
