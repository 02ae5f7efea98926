//! Masks of several objects, and the connected parts in which they are told apart.

use super::labels::Labels;

/// The numbers that programs give to all that is inside of a mask.
const INSIDE: [u32; 3] = [1, 255, 65535];

impl Labels {
    /// Of how many parts, connected over sides, the only object is made, if it has such a number as
    /// masks have. Nothing of labels that tell objects apart, or where there is one part.
    pub fn mask_parts(&self) -> Option<usize> {
        let mut inside = self.ids.iter().filter(|&&id| id != 0);
        let first = *inside.next()?;
        if !INSIDE.contains(&first) || inside.any(|&id| id != first) {
            return None;
        }
        let count = self.components().1;
        (count > 1).then_some(count)
    }

    /// The same pixels, each connected part an object of its own, from 1 in the order of their first
    /// pixels.
    pub fn parted(self) -> Self {
        let ids = self.components().0;
        Self { ids, ..self }
    }

    /// The number of each pixel's part, and how many there are.
    fn components(&self) -> (Vec<u32>, usize) {
        let width = self.width;
        let mut of = vec![0; self.ids.len()];
        let mut count = 0;
        let mut waiting = Vec::new();
        for start in 0..of.len() {
            if self.ids[start] == 0 || of[start] != 0 {
                continue;
            }
            count += 1;
            of[start] = count;
            waiting.push(start);
            while let Some(i) = waiting.pop() {
                let x = i % width;
                let sides = [
                    (x > 0).then(|| i - 1),
                    (x + 1 < width).then_some(i + 1),
                    i.checked_sub(width),
                    Some(i + width).filter(|&below| below < of.len()),
                ];
                for there in sides.into_iter().flatten() {
                    if of[there] == 0 && self.ids[there] == self.ids[i] {
                        of[there] = count;
                        waiting.push(there);
                    }
                }
            }
        }
        (of, count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str], id: u32) -> Labels {
        let inside = rows
            .concat()
            .chars()
            .map(|sign| u32::from(sign == '#') * id)
            .collect();
        Labels::new(rows[0].len(), rows.len(), inside)
    }

    #[test]
    fn parts_of_a_mask_are_counted_over_sides() {
        let parted = mask(&["##..#", "#..##", "..#..", "##.#."], 255);
        assert_eq!(parted.mask_parts(), Some(5));
        let ids = [1, 1, 0, 0, 2, 1, 0, 0, 2, 2, 0, 0, 3, 0, 0, 4, 4, 0, 5, 0];
        assert_eq!(parted.parted().ids, ids);
    }

    #[test]
    fn labels_that_tell_objects_apart_are_no_mask() {
        assert_eq!(mask(&["#.#"], 7).mask_parts(), None);
        assert_eq!(mask(&["###"], 255).mask_parts(), None);
        assert_eq!(mask(&["..."], 255).mask_parts(), None);
        assert_eq!(Labels::new(3, 1, vec![1, 0, 255]).mask_parts(), None);
        assert_eq!(mask(&["#.#"], 1).mask_parts(), Some(2));
    }
}
