//! Which boxes share pixels with a box, without a look at all others.

use std::collections::HashMap;

/// Left, top, right and bottom in pixels of the image, the latter two just outside.
pub type PixelBox = [usize; 4];

/// Numbered boxes by levels of square cells, each twice as wide as those of the level before. A
/// box is in the cell of its left top corner, on the level whose cells are just large enough for
/// it, so that it reaches into the next cells at most.
#[derive(Default)]
pub struct BoxIndex {
    levels: Vec<Cells>,
}

/// The boxes of each cell with their numbers, by column and row.
type Cells = HashMap<(usize, usize), Vec<(usize, PixelBox)>>;

impl BoxIndex {
    pub fn insert(&mut self, number: usize, bounds: PixelBox) {
        let [left, top, right, bottom] = bounds;
        let side = (right - left).max(bottom - top);
        let level = side.next_power_of_two().trailing_zeros() as usize;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Cells::new);
        }
        let cell = self.levels[level].entry((left >> level, top >> level));
        cell.or_default().push((number, bounds));
    }

    /// The numbers of the boxes that share a pixel with `bounds`, in no order. Of those with
    /// fewer than `least` pixels some may be left out.
    pub fn sharing(&self, bounds: PixelBox, least: usize) -> Vec<usize> {
        let [left, top, right, bottom] = bounds;
        let shares = |&&(_, other): &&(usize, PixelBox)| {
            left.max(other[0]) < right.min(other[2]) && top.max(other[1]) < bottom.min(other[3])
        };
        let mut found = Vec::new();
        let mut look = |boxes: &[(usize, PixelBox)]| {
            found.extend(boxes.iter().filter(shares).map(|(number, _)| *number));
        };
        for (level, cells) in self.levels.iter().enumerate() {
            if 1 << (2 * level) < least {
                continue;
            }
            let columns = (left >> level).saturating_sub(1)..((right - 1) >> level) + 1;
            let rows = (top >> level).saturating_sub(1)..((bottom - 1) >> level) + 1;
            if columns.len() * rows.len() > cells.len() {
                cells.values().for_each(|boxes| look(boxes));
                continue;
            }
            for row in rows {
                let in_row = columns
                    .clone()
                    .filter_map(|column| cells.get(&(column, row)));
                in_row.for_each(|boxes| look(boxes));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn boxes_that_share_a_pixel_are_found_once() {
        let mut random = Random::new(7);
        let boxes: Vec<PixelBox> = (0..400)
            .map(|_| {
                let (x, y) = (random.below(900), random.below(900));
                // Many small ones, few that are large, in each direction by itself.
                let mut side = || 1 + (400.0 * random.uniform().powi(4)) as usize;
                [x, y, x + side(), y + side()]
            })
            .collect();
        let area = |[left, top, right, bottom]: PixelBox| (right - left) * (bottom - top);
        let mut index = BoxIndex::default();
        for (i, bounds) in boxes.iter().enumerate() {
            index.insert(i, *bounds);
        }
        for bounds in &boxes {
            let shares = |other: &PixelBox| {
                let columns = (other[0]..other[2]).any(|x| (bounds[0]..bounds[2]).contains(&x));
                let rows = (other[1]..other[3]).any(|y| (bounds[1]..bounds[3]).contains(&y));
                columns && rows
            };
            let expected: Vec<usize> = (0..boxes.len()).filter(|&i| shares(&boxes[i])).collect();
            let mut found = index.sharing(*bounds, 0);
            found.sort_unstable();
            assert_eq!(found, expected);

            let large = index.sharing(*bounds, 5_000);
            let of_size = |i: &&usize| area(boxes[**i]) >= 5_000;
            assert!(expected.iter().filter(of_size).all(|i| large.contains(i)));
            assert!(large.iter().all(|i| expected.contains(i)));
        }
    }
}
