//! Fluorescent vesicles in dim cells: many objects of a few dozen pixels each.

use std::f64::consts::{PI, TAU};

use super::{photograph, span};
use crate::image::decode::Gray;
use crate::image::labels::Labels;
use crate::random::Random;

const SIDE: usize = 1024;
const VESICLES: usize = 120;
/// Pixels of a vesicle's label.
const AREA: std::ops::RangeInclusive<usize> = 30..=80;
/// Between the outlines of two vesicles, in pixels, at least.
const GAP: f64 = 4.0;
const CELLS: usize = 11;
/// Vesicles out of focus in each cell, which have no label.
const OUT_OF_FOCUS: usize = 9;

/// A 16-bit frame of 1024 × 1024 pixels and its true objects, the same at every call.
///
/// An object's outline is where a vesicle falls to half its brightness. No two touch; each has
/// 30 to 80 pixels. Objects are numbered from 1 without gaps.
pub fn vesicles() -> (Gray, Labels) {
    let mut random = Random::new(0x7665_7369_636c_6573);
    let cells = place_cells(&mut random);
    let vesicles = place_vesicles(&cells, &mut random);
    let mut light = vec![0.0; SIDE * SIDE];
    for cell in &cells {
        shine(&mut light, cell, 1.3, |r| soft_edge(r, 0.25));
        for _ in 0..OUT_OF_FOCUS {
            let blob = out_of_focus(cell, &mut random);
            shine(&mut light, &blob, 3.0, |r| (-r * r / 2.0).exp());
        }
    }
    for vesicle in &vesicles {
        shine(&mut light, vesicle, 1.0, |r| 0.75 + 0.25 * (1.0 - r * r));
    }
    let gray = photograph(&light, SIDE, &mut random);
    (gray, label(&vesicles))
}

struct Ellipse {
    x: f64,
    y: f64,
    long: f64,
    short: f64,
    /// Direction of the long half-axis, as cosine and sine.
    axis: (f64, f64),
    brightness: f64,
}

impl Ellipse {
    /// The distance from the centre in units of the outline, which is 1.
    fn radius(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = (x - self.x, y - self.y);
        let (cos, sin) = self.axis;
        let u = (dx * cos + dy * sin) / self.long;
        let v = (dy * cos - dx * sin) / self.short;
        u.hypot(v)
    }

    /// A place inside, as far out as `most`, 0..1.
    fn place(&self, most: f64, random: &mut Random) -> (f64, f64) {
        let angle = random.between(0.0, TAU);
        let radius = most * random.between(0.0, 1.0).sqrt();
        let (u, v) = (
            radius * self.long * angle.cos(),
            radius * self.short * angle.sin(),
        );
        let (cos, sin) = self.axis;
        (self.x + u * cos - v * sin, self.y + u * sin + v * cos)
    }

    /// Calls `f` with each pixel within `reach` outlines, and its radius.
    fn pixels(&self, reach: f64, mut f: impl FnMut(usize, f64)) {
        let far = reach * self.long;
        for y in span(self.y, far, SIDE) {
            for x in span(self.x, far, SIDE) {
                let radius = self.radius(x as f64, y as f64);
                if radius < reach {
                    f(y * SIDE + x, radius);
                }
            }
        }
    }

    fn area(&self) -> usize {
        let mut area = 0;
        self.pixels(1.0, |_, _| area += 1);
        area
    }
}

/// Adds the light of `source`, whose brightness falls off as `profile` of the radius.
fn shine(light: &mut [f64], source: &Ellipse, reach: f64, profile: impl Fn(f64) -> f64) {
    source.pixels(reach, |at, radius| {
        light[at] += source.brightness * profile(radius);
    });
}

/// From 1 to 0, half at radius 1, over `width` on either side.
fn soft_edge(radius: f64, width: f64) -> f64 {
    let t = ((radius - 1.0) / width).clamp(-1.0, 1.0);
    0.5 - 0.5 * (t * PI / 2.0).sin()
}

fn place_cells(random: &mut Random) -> Vec<Ellipse> {
    let mut cells: Vec<Ellipse> = Vec::new();
    while cells.len() < CELLS {
        let [x, y] = [0; 2].map(|_| random.between(60.0, SIDE as f64 - 60.0));
        let long = random.between(110.0, 165.0);
        let angle = random.between(0.0, TAU);
        let cell = Ellipse {
            x,
            y,
            long,
            short: long * random.between(0.6, 0.9),
            axis: (angle.cos(), angle.sin()),
            brightness: random.between(180.0, 520.0),
        };
        let apart = |other: &Ellipse| (other.x - x).hypot(other.y - y) > 200.0;
        if cells.iter().all(apart) {
            cells.push(cell);
        }
    }
    cells
}

fn out_of_focus(cell: &Ellipse, random: &mut Random) -> Ellipse {
    let (x, y) = cell.place(0.9, random);
    let size = random.between(5.0, 13.0);
    Ellipse {
        x,
        y,
        long: size,
        short: size,
        axis: (1.0, 0.0),
        brightness: random.between(120.0, 520.0),
    }
}

/// Sets vesicles into the cells in turn, nowhere closer than [`GAP`].
fn place_vesicles(cells: &[Ellipse], random: &mut Random) -> Vec<Ellipse> {
    let mut vesicles: Vec<Ellipse> = Vec::new();
    while vesicles.len() < VESICLES {
        let vesicle = vesicle(&cells[vesicles.len() % cells.len()], random);
        let apart = |other: &Ellipse| {
            let distance = (other.x - vesicle.x).hypot(other.y - vesicle.y);
            distance > other.long + vesicle.long + GAP
        };
        if AREA.contains(&vesicle.area()) && vesicles.iter().all(apart) {
            vesicles.push(vesicle);
        }
    }
    vesicles
}

fn vesicle(cell: &Ellipse, random: &mut Random) -> Ellipse {
    let (x, y) = cell.place(0.85, random);
    let area = random.between(*AREA.start() as f64, *AREA.end() as f64);
    let flatness = random.between(0.65, 1.0);
    let long = (area / (PI * flatness)).sqrt();
    let angle = random.between(0.0, TAU);
    Ellipse {
        x,
        y,
        long,
        short: long * flatness,
        axis: (angle.cos(), angle.sin()),
        // Squaring makes dim vesicles the more frequent ones.
        brightness: 700.0 + 2300.0 * random.between(0.0, 1.0).powi(2),
    }
}

fn label(vesicles: &[Ellipse]) -> Labels {
    let mut ids = vec![0; SIDE * SIDE];
    for (vesicle, id) in vesicles.iter().zip(1..) {
        vesicle.pixels(1.0, |at, _| ids[at] = id);
    }
    Labels::new(SIDE, SIDE, ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode::Samples;

    #[test]
    fn every_vesicle_is_whole_and_small() {
        let objects = vesicles().1.objects(1);
        let ids: Vec<u32> = objects.iter().map(|o| o.id).collect();
        assert_eq!(ids, (1..=120).collect::<Vec<_>>());
        for object in objects {
            assert!((30..=80).contains(&object.area), "{object:?}");
            let [left, top, right, bottom] = object.bbox;
            // An ellipse fills π/4 of its box where it is upright, and less where it is not.
            let part = object.area as f32 / ((right - left) * (bottom - top));
            assert!((0.5..0.95).contains(&part), "{object:?}");
        }
    }

    #[test]
    fn vesicles_are_brighter_than_what_is_round_them() {
        let (gray, labels) = vesicles();
        let Samples::U16(values) = gray.samples else {
            panic!("depth");
        };
        let at = |x: f32, y: f32| f64::from(values[y as usize * SIDE + x as usize]);
        let mut brighter = 0;
        for object in labels.objects(1) {
            let (x, y) = object.point;
            let [left, _, right, _] = object.bbox;
            let outside = (at((left - 4.0).max(0.0), y) + at((right + 3.0).min(1023.0), y)) / 2.0;
            brighter += usize::from(at(x, y) > outside + 200.0);
        }
        assert!(brighter > 110, "{brighter} of 120");
    }
}
