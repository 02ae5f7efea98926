//! An image at its own size, at half of it, at a quarter and so on.

use std::borrow::Cow;
use std::ops::Range;

use super::decode::{Gray, Samples};

/// Every `step`-th pixel of a part of an image: of the columns and rows that are left when only
/// these are counted. What lies beyond the image is left out; `step` 0 is 1.
pub fn sampled(gray: &Gray, step: usize, columns: Range<usize>, rows: Range<usize>) -> Gray {
    let step = step.max(1);
    let inside = |wanted: Range<usize>, side: usize| {
        let end = wanted.end.min(side.div_ceil(step));
        wanted.start.min(end)..end
    };
    let (columns, rows) = (inside(columns, gray.width), inside(rows, gray.height));
    let width = gray.width;
    let places = || {
        let columns = columns.clone();
        let row = move |y: usize| columns.clone().map(move |x| y * step * width + x * step);
        rows.clone().flat_map(row)
    };
    let samples = match &gray.samples {
        Samples::U8(v) => Samples::U8(places().map(|i| v[i]).collect()),
        Samples::U16(v) => Samples::U16(places().map(|i| v[i]).collect()),
        Samples::F32(v) => Samples::F32(places().map(|i| v[i]).collect()),
    };
    Gray {
        width: columns.len(),
        height: rows.len(),
        samples,
    }
}

/// An image of 8-bit values, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane<'a> {
    pub width: usize,
    pub height: usize,
    /// `width × height` pixels of one gray or of three interleaved channels.
    pub pixels: Cow<'a, [u8]>,
}

impl Plane<'_> {
    /// Half as wide and high, rounded up: each pixel is the mean of the two by two that it stands
    /// for, rounded half up. Where these lie beyond an odd border, the border counts twice.
    pub fn halved(&self) -> Plane<'static> {
        let pixels = if self.pixels.len() == self.width * self.height {
            self.means::<1>()
        } else {
            self.means::<3>()
        };
        Plane {
            width: self.width.div_ceil(2),
            height: self.height.div_ceil(2),
            pixels: pixels.into(),
        }
    }

    fn means<const CHANNELS: usize>(&self) -> Vec<u8> {
        let (pixels, _) = self.pixels.as_chunks::<CHANNELS>();
        let size = self.width.div_ceil(2) * self.height.div_ceil(2) * CHANNELS;
        let mut means = Vec::with_capacity(size);
        for rows in pixels.chunks(2 * self.width.max(1)) {
            let (top, bottom) = rows.split_at(self.width);
            let bottom = if bottom.is_empty() { top } else { bottom };
            for (top, bottom) in top.chunks(2).zip(bottom.chunks(2)) {
                let ([a, .., b] | [a @ b], [c, .., d] | [c @ d]) = (top, bottom) else {
                    continue;
                };
                means.extend((0..CHANNELS).map(|i| {
                    let sum = [a, b, c, d].map(|pixel| u16::from(pixel[i]));
                    ((sum.iter().sum::<u16>() + 2) / 4) as u8
                }));
            }
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::{Plane, sampled};
    use crate::image::decode::{Gray, Samples};

    #[test]
    fn samples_are_every_second_of_a_part() {
        let gray = Gray {
            width: 5,
            height: 3,
            samples: Samples::U16((0..15).collect()),
        };
        let part = sampled(&gray, 2, 1..9, 0..2);
        assert_eq!((part.width, part.height), (2, 2));
        assert_eq!(part.samples, Samples::U16(vec![2, 4, 12, 14]));
        let beyond = sampled(&gray, 1, 7..9, 1..2);
        assert_eq!((beyond.width, beyond.height), (0, 1));
    }

    #[test]
    fn halves_are_means_of_four() {
        let plane = Plane {
            width: 3,
            height: 3,
            pixels: [0, 1, 10, 1, 0, 20, 200, 201, 255][..].into(),
        };
        let half = plane.halved();
        assert_eq!((half.width, half.height), (2, 2));
        // 2/4 is rounded up; the right and the bottom border count twice.
        assert_eq!(*half.pixels, [1, 15, 201, 255]);
        let quarter = half.halved();
        assert_eq!((quarter.width, quarter.height), (1, 1));
        assert_eq!(*quarter.pixels, [118]);
    }

    #[test]
    fn channels_stay_apart() {
        let plane = Plane {
            width: 2,
            height: 1,
            pixels: [0, 100, 255, 10, 102, 255][..].into(),
        };
        assert_eq!(*plane.halved().pixels, [5, 101, 255]);
    }
}
