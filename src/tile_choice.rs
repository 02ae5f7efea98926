//! In which tiles a large image is given to the model.

use crate::error::{Error, Result};
use crate::image::part::{Bounds, Pyramid, WHOLE};

/// The least and the largest side of a tile in pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 64..=32_768;

/// The side of an image's tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TileChoice {
    /// By the image's size.
    #[default]
    Auto,
    /// The image is one tile.
    Whole,
    /// Pixels of the image, in [`SIDES`].
    Pixels(usize),
}

impl TileChoice {
    /// Reads `auto`, `whole` or a number of pixels.
    ///
    /// # Errors
    /// If the text is none of these or the number is not in [`SIDES`].
    pub fn parse(text: &str) -> Result<Self> {
        let pixels = text.parse().ok().filter(|pixels| SIDES.contains(pixels));
        match (text, pixels) {
            ("auto", _) => Ok(Self::Auto),
            ("whole", _) => Ok(Self::Whole),
            (_, Some(pixels)) => Ok(Self::Pixels(pixels)),
            (_, None) => Err(Error::new(format!(
                "The tile {text:?} is unknown; give auto, whole or a side of {} to {} pixels, for \
                 example 1024.",
                SIDES.start(),
                SIDES.end()
            ))),
        }
    }

    /// The side of the parts in which an object with this box is seen; 0: the whole image.
    pub fn side_for(self, pyramid: &Pyramid, [x0, y0, x1, y1]: Bounds) -> usize {
        match self {
            Self::Auto => pyramid.suited((x1 - x0).max(y1 - y0)),
            Self::Whole => 0,
            Self::Pixels(side) => side,
        }
    }

    /// The same where no object's size is known: a pixel of the image is one of the model's.
    pub fn side_for_points(self) -> usize {
        match self {
            Self::Auto => WHOLE,
            Self::Whole => 0,
            Self::Pixels(side) => side,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_read_from_words_and_pixels() {
        assert_eq!(TileChoice::parse("auto"), Ok(TileChoice::Auto));
        assert_eq!(TileChoice::parse("whole"), Ok(TileChoice::Whole));
        assert_eq!(TileChoice::parse("64"), Ok(TileChoice::Pixels(64)));
        assert_eq!(TileChoice::parse("32768"), Ok(TileChoice::Pixels(32_768)));
    }

    #[test]
    fn other_tiles_are_told_as_sentences() {
        for text in ["63", "32769", "0", "-1", "512.5", "Auto", ""] {
            let told = TileChoice::parse(text).unwrap_err().to_string();
            let sentence = format!(
                "The tile {text:?} is unknown; give auto, whole or a side of 64 to 32768 pixels, \
                 for example 1024."
            );
            assert_eq!(told, sentence);
        }
    }
}
