//! The channels of an image, and the axes of the pages of a stack.

use serde::{Deserialize, Serialize};

use super::decode::{Composite, Gray, Picture, Rgb, Samples};
use crate::error::{Error, Result};

/// Which channels of an image are read; they are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum ChannelChoice {
    /// Red, green and blue of an image in colour, else the page's own channel, or the first.
    #[default]
    Own,
    /// One, as gray.
    One(usize),
    /// Those that are shown as red, green and blue, each in a window of its own.
    Composite([Option<usize>; 3]),
}

impl ChannelChoice {
    /// Refuses channels that an image with so many does not have.
    ///
    /// # Errors
    /// If one is beyond `count`, or none is chosen.
    pub fn check(&self, count: usize) -> Result<()> {
        let largest = match self {
            Self::Own => return Ok(()),
            Self::One(channel) => Some(*channel),
            Self::Composite(channels) => channels.iter().copied().flatten().max(),
        };
        match largest {
            Some(largest) if largest < count => Ok(()),
            Some(largest) => Err(Error::new(format!(
                "The image has {count} channel{}, so there is no channel {}.",
                if count == 1 { "" } else { "s" },
                largest.saturating_add(1)
            ))),
            None => Err(Error::new(
                "No channel is chosen; choose one for red, green or blue.",
            )),
        }
    }
}

/// What the pages of a stack differ in, and how many there are of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct Axes {
    pub channels: usize,
    pub slices: usize,
    pub frames: usize,
    /// `C`, `Z` and `T` in the order in which the pages go through them, the one that changes with
    /// every page first.
    pub order: [char; 3],
}

impl Axes {
    fn size(&self, axis: char) -> usize {
        match axis {
            'C' => self.channels,
            'Z' => self.slices,
            _ => self.frames,
        }
    }

    /// How many pages there are; none if that is no number.
    pub fn pages(&self) -> Option<usize> {
        let slices = self.channels.checked_mul(self.slices)?;
        slices.checked_mul(self.frames)
    }

    /// Which channel, slice and frame a page is, from 0.
    pub fn place(&self, page: usize) -> [usize; 3] {
        let mut rest = page;
        let mut place = [0; 3];
        for axis in self.order {
            let size = self.size(axis).max(1);
            let at = match axis {
                'C' => 0,
                'Z' => 1,
                _ => 2,
            };
            place[at] = rest % size;
            rest /= size;
        }
        place
    }

    /// The page of another channel, at the slice and frame of this one.
    pub fn with_channel(&self, page: usize, channel: usize) -> usize {
        let mut step = 1;
        for axis in self.order {
            if axis == 'C' {
                break;
            }
            step *= self.size(axis);
        }
        let [own, ..] = self.place(page);
        page - own * step + channel * step
    }
}

/// Names of the channels of a picture whose file has none.
pub fn names(picture: &Picture) -> Vec<String> {
    match picture {
        Picture::Gray(_) => vec![String::new()],
        Picture::Rgb(_) | Picture::Composite(_) => {
            ["red", "green", "blue"].map(str::to_owned).to_vec()
        }
    }
}

/// A picture's chosen channels, where the picture is all that its file has.
///
/// # Errors
/// If it has no such channels.
pub fn choose(picture: Picture, choice: &ChannelChoice) -> Result<Picture> {
    choice.check(names(&picture).len())?;
    let channels = match choice {
        ChannelChoice::Own => return Ok(picture),
        ChannelChoice::One(_) if matches!(picture, Picture::Gray(_)) => return Ok(picture),
        ChannelChoice::One(channel) => {
            let only = channel_of(&picture, *channel);
            return Ok(only.map_or(picture, Picture::Gray));
        }
        ChannelChoice::Composite(channels) => channels,
    };
    let channel = |channel: &Option<usize>| channel.and_then(|n| channel_of(&picture, n));
    Ok(Picture::Composite(Composite {
        channels: channels.each_ref().map(channel),
        together: false,
    }))
}

/// One channel of a picture as a picture of its own.
fn channel_of(picture: &Picture, channel: usize) -> Option<Gray> {
    match picture {
        Picture::Gray(gray) => Some(gray.clone()),
        Picture::Composite(composite) => composite.channels.get(channel)?.clone(),
        Picture::Rgb(Rgb {
            width,
            height,
            pixels,
        }) => Some(Gray {
            width: *width,
            height: *height,
            samples: Samples::U8(pixels.iter().skip(channel).step_by(3).copied().collect()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_through_the_axes_in_their_order() {
        let axes = Axes {
            channels: 2,
            slices: 3,
            frames: 4,
            order: ['Z', 'C', 'T'],
        };
        assert_eq!(axes.pages(), Some(24));
        let mut page = 0;
        for t in 0..4 {
            for c in 0..2 {
                for z in 0..3 {
                    assert_eq!(axes.place(page), [c, z, t]);
                    for other in [0, 1] {
                        let there = axes.with_channel(page, other);
                        assert_eq!(axes.place(there), [other, z, t]);
                    }
                    page += 1;
                }
            }
        }
    }

    #[test]
    fn channels_that_are_not_there_are_told() {
        let told = |choice: ChannelChoice| choice.check(2).map_err(|error| error.to_string());
        assert_eq!(told(ChannelChoice::One(1)), Ok(()));
        let text = told(ChannelChoice::One(2)).unwrap_err();
        assert!(
            text.contains("2 channels, so there is no channel 3"),
            "{text}"
        );
        assert!(told(ChannelChoice::Composite([None; 3])).is_err());
        assert_eq!(
            told(ChannelChoice::Composite([None, Some(1), None])),
            Ok(())
        );
    }
}
