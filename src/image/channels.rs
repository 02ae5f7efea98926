//! Interleaved channels of any file to grayscale or colour.

use super::decode::{Composite, Gray, Picture, Rgb, Samples};

/// Interleaved values without their alpha.
pub(super) enum Channels<T> {
    /// One value a pixel.
    Gray(Vec<T>),
    /// Three values a pixel.
    Colour(Vec<T>),
}

/// Drops the alpha of `samples` with 1 to 4 interleaved `channels`; equal colours become gray.
pub(super) fn split<T: Copy + PartialEq>(samples: Vec<T>, channels: usize) -> Channels<T> {
    let first = |samples: &[T]| samples.iter().step_by(channels).copied().collect();
    match channels {
        1 => Channels::Gray(samples),
        2 => Channels::Gray(first(&samples)),
        _ if samples
            .chunks_exact(channels)
            .all(|p| p[0] == p[1] && p[1] == p[2]) =>
        {
            Channels::Gray(first(&samples))
        }
        3 => Channels::Colour(samples),
        _ => Channels::Colour(
            samples
                .chunks_exact(channels)
                .flat_map(|p| [p[0], p[1], p[2]])
                .collect(),
        ),
    }
}

pub(super) fn gray(width: usize, height: usize, samples: Samples) -> Picture {
    Picture::Gray(Gray {
        width,
        height,
        samples,
    })
}

pub(super) fn picture_u8(w: usize, h: usize, samples: Vec<u8>, channels: usize) -> Picture {
    match split(samples, channels) {
        Channels::Gray(values) => gray(w, h, Samples::U8(values)),
        Channels::Colour(pixels) => Picture::Rgb(Rgb {
            width: w,
            height: h,
            pixels,
        }),
    }
}

pub(super) fn picture_u16(w: usize, h: usize, samples: Vec<u16>, channels: usize) -> Picture {
    match split(samples, channels) {
        Channels::Gray(values) => gray(w, h, Samples::U16(values)),
        Channels::Colour(values) => {
            let plane = |channel| {
                let values = values.iter().skip(channel).step_by(3).copied().collect();
                Samples::U16(values)
            };
            in_colour(w, h, [0, 1, 2].map(plane))
        }
    }
}

/// Red, green and blue of more than 8 bits; gray where all are equal.
pub(super) fn in_colour(width: usize, height: usize, colours: [Samples; 3]) -> Picture {
    let [red, green, blue] = &colours;
    if red == green && green == blue {
        let [red, ..] = colours;
        return gray(width, height, red);
    }
    let plane = |samples| Gray {
        width,
        height,
        samples,
    };
    Picture::Composite(Composite {
        channels: colours.map(|samples| Some(plane(samples))),
        together: true,
    })
}
