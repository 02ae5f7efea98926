//! Parts of an image, so that a model that gets a fixed number of pixels sees large images as
//! finely as a person does: a pyramid of levels, each of overlapping squares, over which the whole
//! image lies as the coarsest. The parts of an image are always the same.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::resize::Rows;

/// An image with a longest side up to this many pixels is seen as a whole.
pub const WHOLE: usize = 1024;

/// The smallest side of a part that an object's size asks for, in pixels of the image.
const SMALLEST: usize = 256;

/// How many times as long as the longer side of an object the side of its part is.
const ROOM: f32 = 12.0;

/// What must be free between something and a border of its part, as a share of the part's side.
const MARGIN: f32 = 1.0 / 16.0;

/// Left, top, right and bottom, in pixels of the image.
pub type Bounds = [f32; 4];

/// A rectangle of an image, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct Part {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Part {
    /// All of an image of this width and height.
    pub fn whole((width, height): (usize, usize)) -> Self {
        let (x, y) = (0, 0);
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The longer side.
    pub fn side(&self) -> usize {
        self.width.max(self.height)
    }

    fn bounds(&self) -> Bounds {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        [self.x, self.y, right, bottom].map(|at| at as f32)
    }
}

/// The smallest rectangle that holds both.
pub fn union(a: Bounds, b: Bounds) -> Bounds {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

/// What a mask comes to in its part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    pub bounds: Bounds,
    /// At which of the part's borders, left, top, right and bottom, it ends for want of more image.
    pub cut: [bool; 4],
}

/// The parts of an image of this width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramid {
    pub size: (usize, usize),
}

impl Pyramid {
    /// The side of the parts in which objects whose longer side is `extent` pixels are seen well;
    /// 0, which stands for the whole image, where that is small.
    pub fn suited(&self, extent: f32) -> usize {
        let longest = self.size.0.max(self.size.1);
        if longest <= WHOLE {
            return 0;
        }
        let level = (extent.max(1.0) * ROOM / SMALLEST as f32).log2().round();
        let side = SMALLEST << (level.max(0.0) as u32).min(24);
        if side < longest { side } else { 0 }
    }

    /// The part with this side in whose middle `bounds` lie best. Parts of a side that is 0, or no
    /// shorter than the image, are the whole image.
    pub fn central(&self, side: usize, bounds: Bounds) -> Part {
        let (width, height) = self.size;
        if side == 0 || side >= width.max(height) {
            return Part::whole(self.size);
        }
        let [x0, y0, x1, y1] = bounds;
        Part {
            x: start(width, side, (x0 + x1) / 2.0),
            y: start(height, side, (y0 + y1) / 2.0),
            width: side.min(width),
            height: side.min(height),
        }
    }

    /// [`Self::central`] of the first level, each twice as coarse as the one before, whose parts
    /// have room for `bounds`.
    pub fn holding(&self, mut side: usize, bounds: Bounds) -> Part {
        loop {
            let part = self.central(side, bounds);
            if self.holds(&part, bounds) {
                return part;
            }
            side *= 2;
        }
    }

    /// The parts of this side that [`Self::central`] gives for the points of `bounds`, those in its
    /// middle first; none where that is the whole image.
    pub fn within(&self, side: usize, bounds: Bounds) -> Vec<Part> {
        let (width, height) = self.size;
        if side == 0 || side >= width.max(height) {
            return Vec::new();
        }
        let [x0, y0, x1, y1] = self.clipped(bounds);
        let columns = starts_within(width, side, x0, x1);
        let rows = starts_within(height, side, y0, y1);
        let columns = &columns;
        let parts = rows.into_iter().flat_map(|y| {
            columns.iter().map(move |&x| Part {
                x,
                y,
                width: side.min(width),
                height: side.min(height),
            })
        });
        let mut parts: Vec<Part> = parts.collect();
        let distance = |part: &Part| {
            let [left, top, right, bottom] = part.bounds();
            let (dx, dy) = (left + right - x0 - x1, top + bottom - y0 - y1);
            dx * dx + dy * dy
        };
        parts.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        parts
    }

    /// Whether `bounds` lie in `part` with a margin at each border that is not the image's. All
    /// lies in the whole image.
    pub fn holds(&self, part: &Part, bounds: Bounds) -> bool {
        let margin = MARGIN * part.side() as f32;
        let [left, top, right, bottom] = part.bounds();
        let inner = self.inner(part);
        (!inner[0] || bounds[0] >= left + margin)
            && (!inner[1] || bounds[1] >= top + margin)
            && (!inner[2] || bounds[2] <= right - margin)
            && (!inner[3] || bounds[3] <= bottom - margin)
    }

    /// Which borders of a part, left, top, right and bottom, are not the image's.
    pub fn inner(&self, part: &Part) -> [bool; 4] {
        let (width, height) = self.size;
        [
            part.x > 0,
            part.y > 0,
            part.x + part.width < width,
            part.y + part.height < height,
        ]
    }

    /// Where to look for an object whose mask `part` cuts: in the part of this level that holds
    /// more of it, unless one was `moved` to before, or else in one of a coarser level. `needed`
    /// must lie in it, too.
    pub fn beyond(&self, part: &Part, reach: &Reach, needed: Bounds, moved: bool) -> Part {
        let seen = union(reach.bounds, needed);
        let [x0, y0, x1, y1] = reach.bounds;
        // As much again may lie beyond.
        let (across, down) = (x1 - x0, y1 - y0);
        let more = |cut: bool, length: f32| if cut { length / 2.0 } else { 0.0 };
        let [left, top, right, bottom] = reach.cut;
        let likely = union(
            seen,
            [
                x0 - more(left, across),
                y0 - more(top, down),
                x1 + more(right, across),
                y1 + more(bottom, down),
            ],
        );
        let likely = self.clipped(likely);
        let side = part.side();
        let beside = self.central(side, likely);
        if !moved && beside != *part && self.holds(&beside, likely) {
            return beside;
        }
        // What fills its part from border to border may be of any size.
        match (left && right, top && bottom) {
            (true, true) => Part::whole(self.size),
            (false, false) => self.holding(2 * side, likely),
            _ => self.holding(4 * side, likely),
        }
    }

    fn clipped(&self, [x0, y0, x1, y1]: Bounds) -> Bounds {
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        [x0.max(0.0), y0.max(0.0), x1.min(width), y1.min(height)]
    }
}

/// Where the part of `side` begins on a line of `length` whose middle lies nearest to `at`: parts
/// begin at all halves of their side, and the last one ends with the line.
fn start(length: usize, side: usize, at: f32) -> usize {
    let (last, half) = (length.saturating_sub(side), (side / 2).max(1));
    let wanted = (at - side as f32 / 2.0).clamp(0.0, last as f32);
    let below = (wanted as usize / half * half).min(last);
    let above = (below + half).min(last);
    match wanted - below as f32 <= above as f32 - wanted {
        true => below,
        false => above,
    }
}

/// Where the parts of `side` begin that [`start`] gives for what lies from `from` to `to`.
fn starts_within(length: usize, side: usize, from: f32, to: f32) -> Vec<usize> {
    let (first, last) = (start(length, side, from), start(length, side, to));
    let half = (side / 2).max(1);
    let between = (first / half + 1..).map(|i| i * half);
    let mut starts = vec![first];
    starts.extend(between.take_while(|at| *at < last));
    if last > first {
        starts.push(last);
    }
    starts
}

/// A part of an image, row by row.
pub struct PartRows<'a, R> {
    pub image: &'a R,
    pub part: Part,
}

impl<R: Rows> Rows for PartRows<'_, R> {
    fn size(&self) -> (usize, usize) {
        (self.part.width, self.part.height)
    }

    fn row(&self, y: usize, columns: Range<usize>) -> Cow<'_, [u8]> {
        let Part { x, y: top, .. } = self.part;
        self.image.row(top + y, x + columns.start..x + columns.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Pyramid = Pyramid { size: (4096, 3000) };

    fn at(x: f32, y: f32) -> Bounds {
        [x, y, x, y]
    }

    #[test]
    fn a_part_begins_at_a_half_of_its_side_or_ends_with_the_image() {
        for side in [256, 512, 1000, 1024] {
            for i in 0..500 {
                let (x, y) = (4096.0 * (i % 25) as f32 / 24.0, 3000.0 * i as f32 / 499.0);
                let part = LARGE.central(side, at(x, y));
                assert_eq!((part.width, part.height), (side, side));
                let fits = |start: usize, length: usize| {
                    start.is_multiple_of(side / 2) || start + side == length
                };
                assert!(fits(part.x, 4096) && fits(part.y, 3000), "{part:?}");
                // In its middle half, but where the image ends.
                let inner = |at: f32, start: usize, length: usize| {
                    let from = (at - start as f32) / side as f32;
                    (from >= 0.25 || start == 0) && (from <= 0.75 || start + side == length)
                };
                assert!(inner(x, part.x, 4096) && inner(y, part.y, 3000), "{part:?}");
            }
        }
    }

    #[test]
    fn all_parts_that_a_view_may_ask_for_are_known() {
        for (x0, y0, extent) in [
            (0.0, 0.0, 500.0),
            (700.0, 900.0, 640.0),
            (3600.0, 2600.0, 900.0),
        ] {
            let view = [x0, y0, x0 + extent, y0 + extent];
            let known = LARGE.within(512, view);
            assert!(known.len() <= 25, "{}", known.len());
            let mut asked = Vec::new();
            for i in 0..=60 {
                for j in 0..=60 {
                    let step = |i: i32| extent * i as f32 / 60.0;
                    let point = LARGE.clipped(at(x0 + step(i), y0 + step(j)));
                    asked.push(LARGE.central(512, point));
                }
            }
            assert!(asked.iter().all(|part| known.contains(part)));
            assert!(known.iter().all(|part| asked.contains(part)));
        }
        assert!(LARGE.within(0, at(5.0, 5.0)).is_empty());
    }

    #[test]
    fn what_is_too_large_for_a_level_goes_to_a_coarser_one() {
        let middle = |half: f32| [1500.0 - half, 1500.0 - half, 1500.0 + half, 1500.0 + half];
        for (half, side) in [(90.0, 512), (400.0, 1024), (1400.0, 4096)] {
            let part = LARGE.holding(512, middle(half));
            assert_eq!(part.side(), side, "{half}");
            assert!(LARGE.holds(&part, middle(half)));
        }
        assert_eq!(LARGE.holding(0, at(1.0, 1.0)), Part::whole(LARGE.size));
        let narrow = Pyramid { size: (300, 5000) };
        let part = narrow.central(1024, at(20.0, 2500.0));
        assert_eq!((part.x, part.width, part.height), (0, 300, 1024));
    }

    #[test]
    fn a_cut_mask_is_looked_for_where_more_of_it_lies() {
        let part = LARGE.central(512, at(1024.0, 1024.0));
        assert_eq!((part.x, part.y), (768, 768));
        let reach = |bounds, cut| Reach { bounds, cut };
        let left = reach([768.0, 980.0, 860.0, 1060.0], [true, false, false, false]);
        let beside = LARGE.beyond(&part, &left, at(800.0, 1000.0), false);
        assert_eq!((beside.x, beside.y, beside.side()), (512, 768, 512));
        let again = LARGE.beyond(&beside, &left, at(800.0, 1000.0), true);
        assert_eq!(again.side(), 1024);
        let across = reach([768.0, 900.0, 1280.0, 1100.0], [true, false, true, false]);
        let coarse = LARGE.beyond(&part, &across, at(800.0, 1000.0), false);
        assert_eq!(coarse.side(), 2048);
        let all = reach([768.0, 768.0, 1280.0, 1280.0], [true; 4]);
        let whole = LARGE.beyond(&part, &all, at(800.0, 1000.0), false);
        assert_eq!(whole, Part::whole(LARGE.size));
    }

    #[test]
    fn a_level_suits_an_objects_size() {
        for (extent, side) in [(5.0, 256), (20.0, 256), (90.0, 1024), (300.0, 0)] {
            assert_eq!(LARGE.suited(extent), side, "{extent}");
        }
        let small = Pyramid { size: (1024, 700) };
        assert_eq!(small.suited(5.0), 0);
    }
}
