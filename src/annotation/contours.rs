//! Outlines along the edges of pixels, as polygons that are valid by the simple-features rules.

use crate::image::shapes::Shape;

/// A closed way along pixel edges, in pixels of the image; the last corner is joined to the
/// first. Outer rings turn clockwise as seen on the screen, holes the other way.
pub type Ring = Vec<(usize, usize)>;

/// A connected part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polygon {
    pub outer: Ring,
    pub holes: Vec<Ring>,
}

const RIGHT: usize = 0;
const DOWN: usize = 1;
const LEFT: usize = 2;
const UP: usize = 3;

/// The polygons of a shape, one for each part that is connected over sides. Rings of one polygon
/// touch each other at corners at most.
pub fn polygons(shape: &Shape) -> Vec<Polygon> {
    let parts = Parts::of(shape);
    let mut polygons = vec![None; parts.count];
    let mut holes = vec![Vec::new(); parts.count];
    let mut edges = Edges::of(&parts);
    while let Some((ring, part)) = edges.next_ring() {
        let placed = ring.iter().map(|&(x, y)| (x + shape.x, y + shape.y));
        let placed: Ring = placed.collect();
        // The first ring that is met, from above, is the outer one.
        match &polygons[part] {
            None => polygons[part] = Some(placed),
            Some(_) => holes[part].push(placed),
        }
    }
    let whole =
        |(outer, holes): (Option<Ring>, Vec<Ring>)| outer.map(|outer| Polygon { outer, holes });
    polygons.into_iter().zip(holes).filter_map(whole).collect()
}

/// Which part each pixel belongs to, with a rim of background around all.
struct Parts {
    width: usize,
    /// 0 outside, else one more than the part's number.
    of: Vec<usize>,
    count: usize,
}

impl Parts {
    fn of(shape: &Shape) -> Self {
        let width = shape.width + 2;
        let mut of = vec![0; width * (shape.height + 2)];
        let place = |i: usize| (i / shape.width + 1) * width + i % shape.width + 1;
        let inside: Vec<usize> = (0..shape.bits.len())
            .filter(|&i| shape.bits[i])
            .map(place)
            .collect();
        const UNSEEN: usize = usize::MAX;
        for &i in &inside {
            of[i] = UNSEEN;
        }
        let mut count = 0;
        let mut waiting = Vec::new();
        for &start in &inside {
            if of[start] != UNSEEN {
                continue;
            }
            count += 1;
            of[start] = count;
            waiting.push(start);
            while let Some(i) = waiting.pop() {
                for there in [i - 1, i + 1, i - width, i + width] {
                    if of[there] == UNSEEN {
                        of[there] = count;
                        waiting.push(there);
                    }
                }
            }
        }
        Self { width, of, count }
    }
}

/// The edges between parts and what is around them, with the part on their right.
struct Edges<'a> {
    parts: &'a Parts,
    /// Bit by direction, for each corner of a pixel: edges that begin there and are in no ring.
    open: Vec<u8>,
    /// Where a ring may begin next.
    next: usize,
}

impl<'a> Edges<'a> {
    fn of(parts: &'a Parts) -> Self {
        let (width, of) = (parts.width, &parts.of);
        // The corner (x, y) is the upper left one of the pixel (x, y) of the rimmed plane.
        let mut open = vec![0; of.len()];
        for (i, &part) in of.iter().enumerate().filter(|(_, part)| **part != 0) {
            let mut edge = |differs: bool, corner: usize, direction: usize| {
                if differs {
                    open[corner] |= 1 << direction;
                }
            };
            edge(of[i - width] != part, i, RIGHT);
            edge(of[i + 1] != part, i + 1, DOWN);
            edge(of[i + width] != part, i + width + 1, LEFT);
            edge(of[i - 1] != part, i + width, UP);
        }
        Self {
            parts,
            open,
            next: 0,
        }
    }

    /// A further ring and the number of its part. The first of each part begins with the part's
    /// upper left corner, so it is the outer one.
    fn next_ring(&mut self) -> Option<(Ring, usize)> {
        // Every ring has an edge to the right.
        let has_start = |open: &u8| open & (1 << RIGHT) != 0;
        let start = self.next + self.open[self.next..].iter().position(has_start)?;
        self.next = start;
        let part = self.parts.of[start];
        let mut ring = Vec::new();
        let (mut at, mut direction) = (start, RIGHT);
        loop {
            at = self.step(at, direction);
            // As many edges of a part leave a corner as reach it.
            let turned = self.turn(at, direction, part)?;
            if turned != direction {
                ring.push(self.corner(at));
            }
            direction = turned;
            self.open[at] &= !(1 << direction);
            if (at, direction) == (start, RIGHT) {
                break;
            }
        }
        ring.rotate_right(1);
        Some((ring, part - 1))
    }

    /// Where the ring of a part goes on. To the left first: at a corner where two pixels of it
    /// touch, that joins them and keeps what they enclose a ring of its own.
    fn turn(&self, at: usize, direction: usize, part: usize) -> Option<usize> {
        [direction + 3, direction, direction + 1]
            .map(|turned| turned % 4)
            .into_iter()
            .find(|&turned| self.open[at] & (1 << turned) != 0 && self.on_right(at, turned) == part)
    }

    /// The part to the right of the edge that goes from a corner in a direction.
    fn on_right(&self, at: usize, direction: usize) -> usize {
        let width = self.parts.width;
        let pixel = match direction {
            RIGHT => at,
            DOWN => at - 1,
            LEFT => at - width - 1,
            _ => at - width,
        };
        self.parts.of[pixel]
    }

    fn step(&self, at: usize, direction: usize) -> usize {
        match direction {
            RIGHT => at + 1,
            DOWN => at + self.parts.width,
            LEFT => at - 1,
            _ => at - self.parts.width,
        }
    }

    fn corner(&self, at: usize) -> (usize, usize) {
        (at % self.parts.width - 1, at / self.parts.width - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rows: &[&str]) -> Shape {
        let bits: Vec<bool> = rows.concat().chars().map(|sign| sign == '#').collect();
        Shape {
            x: 10,
            y: 20,
            width: rows[0].len(),
            height: rows.len(),
            area: bits.iter().filter(|inside| **inside).count(),
            bits,
        }
    }

    /// Twice the area, positive when clockwise on the screen.
    fn doubled_area(ring: &Ring) -> i64 {
        let next = ring.iter().cycle().skip(1);
        let cross =
            |(a, b): (&(usize, usize), &(usize, usize))| (a.0 * b.1) as i64 - (b.0 * a.1) as i64;
        ring.iter().zip(next).map(cross).sum()
    }

    #[test]
    fn a_rectangle_has_four_corners() {
        let found = polygons(&shape(&["###", "###"]));
        let outer = vec![(10, 20), (13, 20), (13, 22), (10, 22)];
        let holes = vec![];
        assert_eq!(found, [Polygon { outer, holes }]);
    }

    #[test]
    fn a_hole_that_touches_the_outline_at_a_corner_is_a_ring_of_its_own() {
        let found = polygons(&shape(&["###.", "#.##", "###."]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].holes.len(), 1);
        assert_eq!(doubled_area(&found[0].outer), 2 * 10);
        assert_eq!(doubled_area(&found[0].holes[0]), -2);

        // Left at a corner alone: what lies inside is a hole, and the outline passes no corner twice.
        let found = polygons(&shape(&["##.", "#.#", "###"]));
        assert_eq!(found[0].holes.len(), 1);
        let mut corners = found[0].outer.clone();
        corners.sort_unstable();
        corners.dedup();
        assert_eq!(corners.len(), found[0].outer.len());
    }

    #[test]
    fn parts_that_touch_at_a_corner_are_two_polygons() {
        let found = polygons(&shape(&["#.", ".#"]));
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|part| doubled_area(&part.outer) == 2));
    }

    #[test]
    fn areas_add_up_on_noise() {
        let mut state = 7u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24 < 150
        };
        let bits: Vec<bool> = (0..40 * 30).map(|_| random()).collect();
        let area = bits.iter().filter(|inside| **inside).count();
        let noise = Shape {
            x: 0,
            y: 0,
            width: 40,
            height: 30,
            bits,
            area,
        };
        let rings = polygons(&noise);
        let doubled = |polygon: &Polygon| {
            let holes = polygon.holes.iter().map(doubled_area);
            assert!(doubled_area(&polygon.outer) > 0 && holes.clone().all(|hole| hole < 0));
            doubled_area(&polygon.outer) + holes.sum::<i64>()
        };
        assert_eq!(rings.iter().map(doubled).sum::<i64>(), 2 * area as i64);
    }
}
