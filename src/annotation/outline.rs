//! Shapes as files describe them, and the pixels that they cover.

use super::left_out::Reason;
use super::rle;

/// Corners, x and y in pixels; the last is joined to the first.
pub type Ring = Vec<[f64; 2]>;

/// Where an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// Polygons that together are the shape, each of rings of which an even number is outside.
    /// Pixels belong to it whose centres do.
    Polygons(Vec<Vec<Ring>>),
    /// The lengths of the pixels outside and inside in turn, column by column of the image.
    Columns(Vec<usize>),
    /// The same row by row of a box `width` wide whose first pixel is at `x`, `y` of the image.
    Rows {
        x: usize,
        y: usize,
        width: usize,
        runs: Vec<usize>,
    },
}

/// Corners of what stands for an ellipse.
const ELLIPSE: usize = 128;

impl Outline {
    pub fn polygon(ring: Ring) -> Self {
        Self::Polygons(vec![vec![ring]])
    }

    /// `angle` turns it about its first corner, in degrees clockwise on the screen.
    pub fn rectangle([x, y]: [f64; 2], [width, height]: [f64; 2], angle: f64) -> Self {
        let (sin, cos) = angle.to_radians().sin_cos();
        let corners = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];
        let turned = |[dx, dy]: [f64; 2]| match angle {
            0.0 => [x + dx, y + dy],
            _ => [x + dx * cos - dy * sin, y + dx * sin + dy * cos],
        };
        Self::polygon(corners.map(turned).to_vec())
    }

    /// `angle` turns it about its centre, in degrees clockwise on the screen.
    pub fn ellipse([x, y]: [f64; 2], [width, height]: [f64; 2], angle: f64) -> Self {
        let (sin, cos) = angle.to_radians().sin_cos();
        let corner = |i: usize| {
            let way = i as f64 / ELLIPSE as f64 * std::f64::consts::TAU;
            let (dx, dy) = (way.cos() * width, way.sin() * height);
            [x + dx * cos - dy * sin, y + dx * sin + dy * cos]
        };
        Self::polygon((0..ELLIPSE).map(corner).collect())
    }

    /// Visits its pixels in an image of this width and height, as places of a row-major plane; some
    /// twice where polygons overlap.
    ///
    /// # Errors
    /// Why it has none.
    pub fn visit(
        &self,
        (width, height): (usize, usize),
        mut each: impl FnMut(usize),
    ) -> Result<(), Reason> {
        match self {
            Self::Polygons(polygons) => {
                let mut corners = polygons.iter().flatten().flatten().flatten();
                if !corners.all(|at| at.is_finite()) {
                    return Err(Reason::Unreadable);
                }
                for rings in polygons {
                    fill(rings, (width, height), &mut each);
                }
                Ok(())
            }
            Self::Columns(runs) => {
                let visited = rle::visit(runs, (width, height), each);
                visited.map_err(|_| Reason::Unreadable)
            }
            Self::Rows {
                x,
                y,
                width: columns,
                runs,
            } => {
                let fits = x.checked_add(*columns).is_some_and(|end| end <= width);
                if !fits || *columns == 0 {
                    return Err(Reason::Outside);
                }
                let mut at = 0usize;
                for (i, &run) in runs.iter().enumerate() {
                    let rows = height.saturating_sub(*y);
                    let end = at.checked_add(run).filter(|end| *end <= columns * rows);
                    let end = end.ok_or(Reason::Outside)?;
                    if i % 2 == 1 {
                        let place = |at: usize| (y + at / columns) * width + x + at % columns;
                        (at..end).for_each(|at| each(place(at)));
                    }
                    at = end;
                }
                Ok(())
            }
        }
    }
}

/// A side of a polygon, which rows from `first` to one before `end` cross.
struct Side {
    first: usize,
    end: usize,
    from: [f64; 2],
    to: [f64; 2],
}

/// Visits the pixels whose centres lie inside of an odd number of rings.
fn fill(rings: &[Ring], (width, height): (usize, usize), each: &mut impl FnMut(usize)) {
    // The first row, or column, whose centre is not before a place.
    let row = |y: f64| (y - 0.5).ceil().clamp(0.0, height as f64) as usize;
    let column = |x: f64| (x - 0.5).ceil().clamp(0.0, width as f64) as usize;
    let mut sides: Vec<Side> = Vec::new();
    for ring in rings {
        for (&from, &to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let (first, end) = (row(from[1].min(to[1])), row(from[1].max(to[1])));
            if first < end {
                sides.push(Side {
                    first,
                    end,
                    from,
                    to,
                });
            }
        }
    }
    sides.sort_by_key(|side| side.first);
    let mut coming = sides.into_iter().peekable();
    let mut crossed: Vec<Side> = Vec::new();
    let mut y = 0;
    loop {
        crossed.retain(|side| side.end > y);
        if crossed.is_empty() {
            match coming.peek() {
                Some(side) => y = side.first,
                None => return,
            }
        }
        while let Some(side) = coming.next_if(|side| side.first <= y) {
            crossed.push(side);
        }
        let centre = y as f64 + 0.5;
        let crossing = |Side { from, to, .. }: &Side| {
            from[0] + (centre - from[1]) / (to[1] - from[1]) * (to[0] - from[0])
        };
        let mut crossings: Vec<f64> = crossed.iter().map(crossing).collect();
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.as_chunks::<2>().0 {
            (column(pair[0])..column(pair[1])).for_each(|x| each(y * width + x));
        }
        y += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn covered(outline: &Outline, size: (usize, usize)) -> Vec<bool> {
        let mut plane = vec![false; size.0 * size.1];
        let visited = outline.visit(size, |at| plane[at] = true);
        visited.expect("it can be drawn");
        plane
    }

    /// Whether a way to the right of a point crosses the ring an odd number of times.
    fn inside(ring: &Ring, [x, y]: [f64; 2]) -> bool {
        let mut odd = false;
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            if (a[1] <= y) != (b[1] <= y) {
                odd ^= x >= a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
            }
        }
        odd
    }

    #[test]
    fn polygons_cover_the_pixels_whose_centres_lie_inside() {
        const SIZE: (usize, usize) = (14, 11);
        let mut random = Random::new(8);
        for _ in 0..300 {
            let mut corner = |_| [0, 1].map(|_| random.below(90) as f64 / 4.0 - 4.0);
            let rings: Vec<Ring> = vec![
                (0..7).map(&mut corner).collect(),
                (0..3).map(corner).collect(),
            ];
            let found = covered(&Outline::Polygons(vec![rings.clone()]), SIZE);
            for (at, found) in found.into_iter().enumerate() {
                let centre = [(at % SIZE.0) as f64 + 0.5, (at / SIZE.0) as f64 + 0.5];
                let odd = rings
                    .iter()
                    .fold(false, |odd, ring| odd ^ inside(ring, centre));
                assert_eq!(found, odd, "{rings:?} {centre:?}");
            }
        }
    }

    #[test]
    fn far_corners_cost_no_more_than_the_image() {
        let far = Outline::rectangle([-1e300, -1e300], [2e300, 2e300], 0.0);
        assert_eq!(covered(&far, (3, 2)), [true; 6]);
        let broken = Outline::polygon(vec![[f64::NAN, 0.0], [1.0, 1.0], [2.0, 0.0]]);
        assert_eq!(broken.visit((3, 2), |_| ()), Err(Reason::Unreadable));
    }

    #[test]
    fn rows_lie_in_their_box() {
        let rows = |x, runs: &[usize]| Outline::Rows {
            x,
            y: 1,
            width: 2,
            runs: runs.to_vec(),
        };
        let found = covered(&rows(1, &[1, 2]), (4, 3));
        let places: Vec<usize> = (0..12).filter(|&at| found[at]).collect();
        assert_eq!(places, [6, 9]);
        assert_eq!(rows(3, &[1, 2]).visit((4, 3), |_| ()), Err(Reason::Outside));
        assert_eq!(rows(1, &[1, 4]).visit((4, 3), |_| ()), Err(Reason::Outside));
    }

    #[test]
    fn an_ellipse_has_its_area() {
        let found = covered(
            &Outline::ellipse([50.0, 40.0], [30.0, 20.0], 30.0),
            (100, 80),
        );
        let area = found.iter().filter(|inside| **inside).count() as f64;
        assert!(
            (area / (600.0 * std::f64::consts::PI) - 1.0).abs() < 0.01,
            "{area}"
        );
    }
}
