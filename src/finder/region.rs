//! What a shape looks like, in numbers that tell objects from parts of them, from several of them
//! and from background.

use super::plane::Plane;
use crate::image::distance;
use crate::image::shapes::Shape;

/// How far a shape's rim reaches out, and its surroundings, as shares of the diameter.
const RIM: f32 = 0.12;
const AROUND: f32 = 0.4;
/// How far the core lies in.
const CORE: f32 = 0.1;
/// A foreground below this share of the shape's own is none.
const LOW: f32 = 0.5;

/// Planes of one size.
pub struct Look<'a> {
    /// 0..1.
    pub foreground: &'a Plane,
    /// The image, smoothed a little; objects are brighter than what is around them.
    pub image: &'a Plane,
    /// The length of its gradient.
    pub gradient: &'a Plane,
    /// Of objects, in pixels.
    pub diameter: f32,
}

/// Numbers of a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Pixels.
    pub area: f32,
    /// The share of its convex hull that it fills, 0..1.
    pub solidity: f32,
    /// The mean foreground inside, at the rim and around it, and the foreground that nine tenths of
    /// the shape exceed.
    pub inside: f32,
    pub rim: f32,
    pub around: f32,
    pub tenth: f32,
    /// The share of the rim that is no foreground.
    pub open: f32,
    /// By how much the core is brighter than rim and surroundings, and than the rim.
    pub contrast: f32,
    pub step: f32,
    /// The mean gradient at the border.
    pub gradient: f32,
    /// Standard deviation of the core.
    pub texture: f32,
    /// The minor axis through the major one, 0..1.
    pub axes: f32,
    /// Whether it ends with the image.
    pub cut: bool,
}

/// Sums over pixels.
#[derive(Default)]
struct Mean {
    sum: f32,
    squares: f32,
    count: f32,
}

impl Mean {
    fn add(&mut self, x: f32) {
        self.sum += x;
        self.squares += x * x;
        self.count += 1.0;
    }

    fn or(&self, otherwise: f32) -> f32 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            otherwise
        }
    }

    fn deviation(&self) -> f32 {
        let mean = self.or(0.0);
        (self.squares / self.count.max(1.0) - mean * mean)
            .max(0.0)
            .sqrt()
    }
}

impl Look<'_> {
    /// # Panics
    /// If `shape` does not lie in the planes.
    pub fn region(&self, shape: &Shape) -> Region {
        let room = (AROUND * self.diameter).ceil() as usize + 2;
        let (width, height) = self.foreground.size();
        let (x0, y0) = (shape.x.saturating_sub(room), shape.y.saturating_sub(room));
        let x1 = (shape.x + shape.width + room).min(width);
        let y1 = (shape.y + shape.height + room).min(height);
        let across = x1 - x0;
        let mut bits = vec![false; across * (y1 - y0)];
        for (row, y) in shape.bits.chunks_exact(shape.width).zip(shape.y - y0..) {
            bits[y * across + shape.x - x0..][..shape.width].copy_from_slice(row);
        }
        let out = distance::squared(across, &bits);
        let outside: Vec<bool> = bits.iter().map(|bit| !bit).collect();
        let depth = distance::squared(across, &outside);
        let rim = (RIM * self.diameter).max(1.5).powi(2);
        let around = (AROUND * self.diameter).max(3.0).powi(2);
        let core = (CORE * self.diameter).max(1.0).powi(2);
        let deep = depth.iter().filter(|&&d| d > core).count() >= 3;

        let place = |i: usize| (y0 + i / across) * width + x0 + i % across;
        let (mut inside, mut at_rim, mut ring) = (Vec::new(), Vec::new(), Mean::default());
        let [mut heart, mut rim_light, mut near, mut edge]: [Mean; 4] = Default::default();
        for i in 0..bits.len() {
            let at = place(i);
            let (foreground, light) = (self.foreground.values[at], self.image.values[at]);
            if bits[i] {
                inside.push(foreground);
                if !deep || depth[i] > core {
                    heart.add(light);
                }
                if depth[i] <= 1.01 {
                    edge.add(self.gradient.values[at]);
                }
            } else if out[i] <= around {
                near.add(light);
                if out[i] <= rim {
                    at_rim.push(foreground);
                    rim_light.add(light);
                } else {
                    ring.add(foreground);
                }
            }
        }
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let (own, beside) = (mean(&inside), mean(&at_rim));
        let low = at_rim.iter().filter(|&&f| f < LOW * own).count();
        let light = heart.or(0.0);
        inside.sort_by(f32::total_cmp);
        Region {
            area: shape.area as f32,
            solidity: (shape.area as f32 / hull_area(shape)).min(1.0),
            inside: own,
            rim: beside,
            around: ring.or(beside),
            tenth: inside.get(inside.len() / 10).copied().unwrap_or(0.0),
            open: if at_rim.is_empty() {
                1.0
            } else {
                low as f32 / at_rim.len() as f32
            },
            contrast: light - near.or(light),
            step: light - rim_light.or(light),
            gradient: edge.or(0.0),
            texture: heart.deviation(),
            axes: axes(shape),
            cut: shape.touches_border_of((width, height)),
        }
    }
}

/// The minor axis of a shape's ellipse through its major one, 0..1.
fn axes(shape: &Shape) -> f32 {
    let (mut n, mut sx, mut sy, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
        let (x, y) = ((i % shape.width) as f64, (i / shape.width) as f64);
        n += 1.0;
        sx += x;
        sy += y;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    // Pixels are squares.
    let moment = |square: f64, a: f64, b: f64| square / n - a * b / (n * n);
    let (a, b) = (
        moment(xx, sx, sx) + 1.0 / 12.0,
        moment(yy, sy, sy) + 1.0 / 12.0,
    );
    let spread = ((a - b) / 2.0).hypot(moment(xy, sx, sy));
    let mean = (a + b) / 2.0;
    ((mean - spread).max(0.0) / (mean + spread)).sqrt() as f32
}

/// The area of the convex hull of a shape's pixels as squares (Andrew's monotone chain).
fn hull_area(shape: &Shape) -> f32 {
    let mut corners = Vec::new();
    for (y, row) in shape.bits.chunks_exact(shape.width).enumerate() {
        let Some(left) = row.iter().position(|bit| *bit) else {
            continue;
        };
        let right = row.iter().rposition(|bit| *bit).unwrap_or(left) + 1;
        for y in [y as i64, y as i64 + 1] {
            corners.extend([(left as i64, y), (right as i64, y)]);
        }
    }
    corners.sort_unstable();
    corners.dedup();
    let half = |points: &mut dyn Iterator<Item = (i64, i64)>| {
        let mut chain: Vec<(i64, i64)> = Vec::new();
        for c in points {
            while let [.., a, b] = chain[..] {
                if (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) > 0 {
                    break;
                }
                chain.pop();
            }
            chain.push(c);
        }
        chain
    };
    let mut hull = half(&mut corners.iter().copied());
    hull.pop();
    let mut back = half(&mut corners.iter().rev().copied());
    back.pop();
    hull.extend(back);
    let next = hull.iter().cycle().skip(1);
    let twice: i64 = hull
        .iter()
        .zip(next)
        .map(|(a, b)| a.0 * b.1 - a.1 * b.0)
        .sum();
    twice.unsigned_abs() as f32 / 2.0
}
