//! Which points of a tile's grid are asked for: first a few, then those between them, and so on up
//! to all. Most of an image is background, and most of an object's points give the same
//! mask. So of the later points those are left out that look like one nearby that found nothing,
//! and those that several masks cover already.

use crate::image::part::Part;
use crate::image::resize::Rows;
use crate::image::shapes::Shape;

/// Points along a side at first, or up to twice as many; each further step along the grid is half
/// of that before.
const FIRST: usize = 8;
/// Masks that a point lies in when it is not asked for any more: the first found need not be the
/// best.
const ENOUGH: u8 = 4;
/// A point looks like another one if they differ by no more than so many times the median difference
/// of one that found nothing from its neighbours that did so too: two standard deviations.
const ALIKE: f32 = 3.0;
/// What always looks alike, of 255.
const LEAST_DIFFERENCE: f32 = 5.0;
/// How many steps of those before a point is looked at around another one.
const REACH: usize = 2;
/// The side, in parts of the distance of two points, of the square whose mean a point looks like.
const LOOK: f32 = 0.25;

/// Red, green and blue, 0..255.
type Colour = [f32; 3];

/// The points of a tile, in the order in which they are asked for.
pub struct Points {
    tile: Part,
    /// Points along each side.
    side: usize,
    /// What each point looks like; nothing where all are asked for.
    looks: Vec<Colour>,
    states: Vec<State>,
    /// The step at hand along the grid.
    step: usize,
    /// The next point to look at, of all of the grid.
    next: usize,
    /// Points that found nothing before this step.
    empty: Vec<bool>,
    /// By how much points may differ that look alike.
    alike: f32,
    /// How many were asked for or left out.
    decided: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// In so many masks, but not asked for.
    Open(u8),
    /// Asked for, without a mask that may be an object.
    Empty,
    Done,
}

impl Points {
    /// A grid of `side × side` points on a tile of an image; `all`: none is left out.
    pub fn new(image: &impl Rows, tile: Part, side: usize, all: bool) -> Self {
        let step = match all {
            true => 1,
            false => 1 << (side / FIRST).max(1).ilog2(),
        };
        Self {
            tile,
            side,
            looks: if all {
                Vec::new()
            } else {
                looks(image, tile, side)
            },
            states: vec![State::Open(0); side * side],
            step,
            next: 0,
            empty: Vec::new(),
            alike: 0.0,
            decided: 0,
        }
    }

    /// The share, 0..1, of the points that are decided on.
    pub fn share(&self) -> f64 {
        self.decided as f64 / self.states.len() as f64
    }

    /// Where a point lies, in pixels of the image.
    pub fn at(&self, point: usize) -> [f32; 2] {
        let along = |i: usize, length: usize| (i as f32 + 0.5) / self.side as f32 * length as f32;
        let Part {
            x,
            y,
            width,
            height,
        } = self.tile;
        [
            x as f32 + along(point % self.side, width),
            y as f32 + along(point / self.side, height),
        ]
    }

    /// The next points to be asked for, no more than `most`; none: it is done.
    pub fn batch(&mut self, most: usize) -> Vec<usize> {
        let mut batch = Vec::with_capacity(most);
        while batch.len() < most {
            let Some(point) = self.point() else {
                // What this step finds decides on the points of the next one.
                if !batch.is_empty() || !self.finer() {
                    break;
                }
                continue;
            };
            self.decided += 1;
            // Until its answer is there.
            self.states[point] = State::Done;
            batch.push(point);
        }
        batch
    }

    /// A point was asked for and found no mask that may be an object.
    pub fn found_nothing(&mut self, point: usize) {
        self.states[point] = State::Empty;
    }

    /// A mask was found.
    pub fn cover(&mut self, shape: &Shape) {
        if self.looks.is_empty() {
            return;
        }
        let Part {
            x,
            y,
            width,
            height,
        } = self.tile;
        for row in within(shape.y.saturating_sub(y), shape.height, height, self.side) {
            for column in within(shape.x.saturating_sub(x), shape.width, width, self.side) {
                let point = row * self.side + column;
                let [at_x, at_y] = self.at(point);
                if let State::Open(masks) = &mut self.states[point]
                    && shape.contains(at_x as usize, at_y as usize)
                {
                    *masks = masks.saturating_add(1);
                }
            }
        }
    }

    /// The next point of this step to be asked for.
    fn point(&mut self) -> Option<usize> {
        while self.next < self.states.len() {
            let point = self.next;
            self.next += 1;
            let (column, row) = (point % self.side, point / self.side);
            let first = self.first();
            let on_step = |i: usize| i >= first && (i - first).is_multiple_of(self.step);
            let State::Open(masks) = self.states[point] else {
                continue;
            };
            if !on_step(column) || !on_step(row) {
                continue;
            }
            if self.empty.is_empty() || masks < ENOUGH && !self.looks_empty(point) {
                return Some(point);
            }
            if self.step == 1 {
                self.decided += 1;
            }
        }
        None
    }

    /// The first row and column of this step: in the middle where nothing is known.
    fn first(&self) -> usize {
        match self.empty.is_empty() {
            true => self.step / 2,
            false => 0,
        }
    }

    /// Goes on to the next step, if there is one.
    fn finer(&mut self) -> bool {
        if self.step == 1 {
            return false;
        }
        self.empty = self.states.iter().map(|s| *s == State::Empty).collect();
        let reach = REACH * self.step;
        let empty = (0..self.empty.len()).filter(|&point| self.empty[point]);
        let differences = empty.filter_map(|point| self.least_difference(point, reach));
        let mut differences: Vec<f32> = differences.collect();
        differences.sort_by(f32::total_cmp);
        let median = differences.get(differences.len() / 2);
        self.alike = median.map_or(0.0, |median| ALIKE * median);
        self.alike = self.alike.max(LEAST_DIFFERENCE);
        self.step /= 2;
        self.next = 0;
        true
    }

    fn looks_empty(&self, point: usize) -> bool {
        let before = 2 * self.step;
        self.least_difference(point, REACH * before)
            .is_some_and(|difference| difference <= self.alike)
    }

    /// The least difference of a point from others within `reach` of it that found nothing.
    fn least_difference(&self, point: usize, reach: usize) -> Option<f32> {
        let (column, row) = (point % self.side, point / self.side);
        let near = |i: usize| i.saturating_sub(reach)..(i + reach + 1).min(self.side);
        let all = near(row).flat_map(|row| near(column).map(move |column| (row, column)));
        let others = all.map(|(row, column)| row * self.side + column);
        let empty = others.filter(|&other| other != point && self.empty[other]);
        let look = self.looks[point];
        let differences = empty.map(|other| difference(look, self.looks[other]));
        differences.min_by(f32::total_cmp)
    }
}

/// The largest difference of two colours along red, green and blue.
fn difference(a: Colour, b: Colour) -> f32 {
    let channels = a.iter().zip(b);
    channels.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The places among `side` points on `length` pixels of those within `count` pixels from `start` on.
fn within(start: usize, count: usize, length: usize, side: usize) -> std::ops::Range<usize> {
    let place = |pixel: usize| pixel * side / length;
    place(start)..(place(start + count) + 1).min(side)
}

/// The mean colour around each point.
fn looks(image: &impl Rows, tile: Part, side: usize) -> Vec<Colour> {
    let ranges = |start: usize, length: usize| -> Vec<_> {
        let distance = length as f32 / side as f32;
        let half = (LOOK * distance / 2.0) as usize;
        let middle = |i: usize| ((i as f32 + 0.5) * distance) as usize;
        let around = |i: usize| middle(i).saturating_sub(half)..(middle(i) + half + 1).min(length);
        let moved = |range: std::ops::Range<usize>| range.start + start..range.end + start;
        (0..side).map(|i| moved(around(i))).collect()
    };
    let columns = ranges(tile.x, tile.width);
    let mut looks = Vec::with_capacity(side * side);
    for rows in ranges(tile.y, tile.height) {
        let mut sums = vec![[0.0; 3]; side];
        for y in rows.clone() {
            for (sum, columns) in sums.iter_mut().zip(&columns) {
                for pixel in image.row(y, columns.clone()).as_chunks::<3>().0 {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += f32::from(*value);
                    }
                }
            }
        }
        let means = sums.into_iter().zip(&columns);
        looks.extend(means.map(|(sum, columns)| {
            let pixels = (rows.len() * columns.len()) as f32;
            sum.map(|sum| sum / pixels.max(1.0))
        }));
    }
    looks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::image::decode::Rgb;

    const SIDE: usize = 32;
    const DISTANCE: usize = 10;

    /// Gray 20 with bright squares of `width`.
    fn squares(width: usize, places: &[(usize, usize)]) -> Rgb {
        let side = SIDE * DISTANCE;
        let inside = |at: usize, start: usize| (start..start + width).contains(&at);
        let on = |i: usize| {
            let (x, y) = (i % side, i / side);
            places
                .iter()
                .any(|&(left, top)| inside(x, left) && inside(y, top))
        };
        let pixels = (0..side * side).flat_map(|i| [if on(i) { 200 } else { 20 }; 3]);
        Rgb {
            width: side,
            height: side,
            pixels: pixels.collect(),
        }
    }

    fn square(width: usize, (x, y): (usize, usize)) -> Shape {
        Shape::trimmed(x, y, width, vec![true; width * width]).unwrap()
    }

    /// Asks at all points as a model would that finds each square at each of its pixels.
    fn asked(image: &Rgb, width: usize, places: &[(usize, usize)], all: bool) -> Vec<usize> {
        let tile = Part::whole((image.width, image.height));
        let mut points = Points::new(image, tile, SIDE, all);
        let (mut asked, mut share) = (Vec::new(), 0.0);
        loop {
            let batch = points.batch(3);
            if batch.is_empty() {
                assert_eq!(points.share(), 1.0);
                return asked;
            }
            assert!(batch.len() <= 3 && points.share() >= share);
            share = points.share();
            for point in batch {
                let [x, y] = points.at(point).map(|at| at as usize);
                let shapes = places.iter().map(|&place| square(width, place));
                let found: Vec<Shape> = shapes.filter(|shape| shape.contains(x, y)).collect();
                found.iter().for_each(|shape| points.cover(shape));
                if found.is_empty() {
                    points.found_nothing(point);
                }
                asked.push(point);
            }
        }
    }

    #[test]
    fn what_looks_like_no_neighbour_is_asked_for_and_empty_background_is_not() {
        // Each holds a single point, which is none of the first.
        let places: Vec<_> = [(0, 0), (5, 3), (9, 9), (13, 6), (31, 31)]
            .map(|(column, row)| (column * DISTANCE + 2, row * DISTANCE + 2))
            .into();
        let image = squares(6, &places);
        let asked = asked(&image, 6, &places, false);
        let once: BTreeSet<usize> = asked.iter().copied().collect();
        assert_eq!(once.len(), asked.len(), "none twice");
        for (x, y) in &places {
            let point = y / DISTANCE * SIDE + x / DISTANCE;
            assert!(once.contains(&point), "the square at {x}, {y}");
        }
        assert_eq!(asked.len(), FIRST.pow(2) + places.len());
    }

    #[test]
    fn what_is_in_several_masks_is_not_asked_for() {
        let places = [(10, 10)];
        let image = squares(130, &places);
        let asked = asked(&image, 130, &places, false);
        // Those of the first that are in it, and none of the further ones.
        let inside = |point: &&usize| {
            let middle = |i: usize| i * DISTANCE + DISTANCE / 2;
            square(130, places[0]).contains(middle(**point % SIDE), middle(**point / SIDE))
        };
        assert_eq!(asked.iter().filter(inside).count(), 9);
    }

    #[test]
    fn all_points_are_asked_for_where_that_is_wanted() {
        let places = [(10, 10)];
        let image = squares(130, &places);
        let wanted: Vec<usize> = (0..SIDE * SIDE).collect();
        assert_eq!(asked(&image, 130, &places, true), wanted);
    }
}
