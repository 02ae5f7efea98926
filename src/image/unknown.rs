//! Pixels of which a label image says nothing.

use super::shapes::Shape;

/// Pixels that are not annotated: neither object nor background.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The first place of each run and one past its last, in a row-major plane, ascending.
    runs: Vec<[usize; 2]>,
}

impl Unknown {
    /// Those of the ascending `places` of a plane.
    pub fn of(places: impl Iterator<Item = usize>) -> Self {
        let mut runs: Vec<[usize; 2]> = Vec::new();
        for place in places {
            match runs.last_mut() {
                Some([_, end]) if *end == place => *end += 1,
                _ => runs.push([place, place + 1]),
            }
        }
        Self { runs }
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.runs.iter().map(|[start, end]| end - start).sum()
    }

    /// The first place of each run of them and one past its last, ascending.
    pub fn runs(&self) -> &[[usize; 2]] {
        &self.runs
    }

    /// Their places in a row-major plane.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.runs.iter().flat_map(|&[start, end]| start..end)
    }

    /// What of a shape in an image of this width is not among them; nothing where nothing is.
    pub fn cut_from(&self, shape: Shape, width: usize) -> Option<Shape> {
        if self.is_empty() {
            return Some(shape);
        }
        let mut bits = shape.bits;
        let first = shape.y * width;
        let end = first + shape.height * width;
        let from = self.runs.partition_point(|run| run[1] <= first);
        let runs = self.runs[from..].iter().take_while(|run| run[0] < end);
        for place in runs.flat_map(|run| run[0].max(first)..run[1].min(end)) {
            let x = (place % width).wrapping_sub(shape.x);
            if x < shape.width {
                bits[(place / width - shape.y) * shape.width + x] = false;
            }
        }
        Shape::trimmed(shape.x, shape.y, shape.width, bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::shapes::plane;
    use crate::random::Random;

    #[test]
    fn what_is_cut_from_a_shape_is_what_lies_in_both() {
        const SIZE: (usize, usize) = (11, 9);
        let mut random = Random::new(5);
        for _ in 0..300 {
            let hidden: Vec<bool> = (0..99).map(|_| random.below(3) == 0).collect();
            let unknown = Unknown::of((0..99).filter(|&i| hidden[i]));
            assert_eq!(unknown.count(), hidden.iter().filter(|h| **h).count());
            let (x, y) = (random.below(6), random.below(5));
            let bits = (0..20).map(|_| random.below(2) == 1).collect();
            let Some(shape) = Shape::trimmed(x, y, 5, bits) else {
                continue;
            };
            let mut wanted = plane(Some(&shape), SIZE);
            wanted
                .iter_mut()
                .zip(&hidden)
                .for_each(|(bit, hidden)| *bit &= !hidden);
            let left = unknown.cut_from(shape, SIZE.0);
            assert_eq!(plane(left.as_ref(), SIZE), wanted);
        }
    }
}
