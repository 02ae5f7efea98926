//! Fluorescent nuclei as a DAPI channel shows them.

use std::f64::consts::TAU;

use super::{gaussian_blur, photograph, span};
use crate::image::decode::Gray;
use crate::image::labels::Labels;
use crate::random::Random;

const WIDTH: usize = 640;
const HEIGHT: usize = 512;
const NUCLEI: usize = 60;

/// A 16-bit frame of 640 × 512 pixels and its true objects, the same at every call.
///
/// An object's outline is where a nucleus falls to half its brightness; where two overlap, a
/// pixel belongs to the one in which it lies deeper. Objects are numbered from 1 without gaps.
pub fn nuclei() -> (Gray, Labels) {
    let mut random = Random::new(0x6772_6179_7361_6d21);
    let nuclei = place(&mut random);
    let (light, ids) = draw(&nuclei, &mut random);
    let gray = photograph(&light, WIDTH, &mut random);
    (gray, Labels::new(WIDTH, HEIGHT, ids))
}

/// An ellipse whose outline waves a little, with spots and nucleoli inside.
struct Nucleus {
    x: f64,
    y: f64,
    long: f64,
    short: f64,
    /// Direction of the long half-axis, as cosine and sine.
    axis: (f64, f64),
    /// Amplitude and phase of the outline's second to fourth harmonic.
    waves: [(f64, f64); 3],
    brightness: f64,
    /// Place in the unit disk, standard deviation there, and strength (negative is dark).
    spots: Vec<(f64, f64, f64, f64)>,
}

impl Nucleus {
    fn new(x: f64, y: f64, random: &mut Random) -> Self {
        let long = random.between(14.0, 23.0);
        let angle = random.between(0.0, TAU);
        let spot = |random: &mut Random, low, high| {
            let (angle, radius) = (random.between(0.0, TAU), random.between(0.0, 0.75));
            (
                radius * angle.cos(),
                radius * angle.sin(),
                random.between(0.07, 0.16),
                random.between(low, high),
            )
        };
        let bright: Vec<_> = (0..9).map(|_| spot(random, 0.08, 0.4)).collect();
        let dark = (0..3).map(|_| spot(random, -0.5, -0.2));
        let spots = bright.iter().copied().chain(dark).collect();
        Self {
            x,
            y,
            long,
            short: long * random.between(0.62, 0.95),
            axis: (angle.cos(), angle.sin()),
            waves: [0.05, 0.04, 0.025].map(|a| (random.between(0.0, a), random.between(0.0, TAU))),
            // Squaring makes dim nuclei the more frequent ones.
            brightness: 1300.0 + 4600.0 * random.between(0.0, 1.0).powi(2),
            spots,
        }
    }

    /// The pixel in units of the outline: 0 at the centre, length 1 on the outline.
    fn inside(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.x, y - self.y);
        let (cos, sin) = self.axis;
        let u = (dx * cos + dy * sin) / self.long;
        let v = (dy * cos - dx * sin) / self.short;
        let angle = v.atan2(u);
        let wave = |(k, &(size, phase)): (usize, &(f64, f64))| {
            size * ((k + 2) as f64 * angle + phase).cos()
        };
        let radius = 1.0 + self.waves.iter().enumerate().map(wave).sum::<f64>();
        (u / radius, v / radius)
    }

    /// Light at a place inside: a flat dome with spots.
    fn light(&self, u: f64, v: f64) -> f64 {
        let spot = |&(x, y, size, strength): &(f64, f64, f64, f64)| {
            strength * (-((u - x).powi(2) + (v - y).powi(2)) / (2.0 * size * size)).exp()
        };
        let texture = self.spots.iter().map(spot).sum::<f64>();
        self.brightness * (0.78 + 0.22 * (1.0 - u * u - v * v) + texture)
    }
}

/// Sets nuclei at random; every fourth touches the one before it.
fn place(random: &mut Random) -> Vec<Nucleus> {
    let mut nuclei: Vec<Nucleus> = Vec::new();
    while nuclei.len() < NUCLEI {
        let touching = nuclei.len() % 4 == 3;
        let (x, y) = match nuclei.last() {
            Some(last) if touching => {
                let angle = random.between(0.0, TAU);
                let distance = last.long + random.between(10.0, 16.0);
                (
                    last.x + distance * angle.cos(),
                    last.y + distance * angle.sin(),
                )
            }
            _ => (
                random.between(4.0, WIDTH as f64 - 4.0),
                random.between(4.0, HEIGHT as f64 - 4.0),
            ),
        };
        let nucleus = Nucleus::new(x, y, random);
        let gap = if touching { 0.82 } else { 1.15 };
        let free = nuclei.iter().all(|other| {
            let reach = gap * (other.long + other.short + nucleus.long + nucleus.short) / 2.0;
            (other.x - x).powi(2) + (other.y - y).powi(2) > reach * reach
        });
        let on_frame =
            (4.0..WIDTH as f64 - 4.0).contains(&x) && (4.0..HEIGHT as f64 - 4.0).contains(&y);
        if free && on_frame {
            nuclei.push(nucleus);
        }
    }
    nuclei
}

/// Light in focus before any blur, and the object of each pixel.
fn draw(nuclei: &[Nucleus], random: &mut Random) -> (Vec<f64>, Vec<u32>) {
    let mut light = vec![0.0f64; WIDTH * HEIGHT];
    let mut ids = vec![0; WIDTH * HEIGHT];
    let mut depth = vec![1.0; WIDTH * HEIGHT];
    let grain: Vec<f64> = (0..WIDTH * HEIGHT).map(|_| random.normal()).collect();
    let grain = gaussian_blur(&grain, WIDTH, 1.6);
    for (nucleus, id) in nuclei.iter().zip(1..) {
        let reach = nucleus.long * 1.2;
        for y in span(nucleus.y, reach, HEIGHT) {
            for x in span(nucleus.x, reach, WIDTH) {
                let (u, v) = nucleus.inside(x as f64, y as f64);
                let (at, radius) = (y * WIDTH + x, (u * u + v * v).sqrt());
                if radius >= 1.0 {
                    continue;
                }
                light[at] = light[at].max(nucleus.light(u, v) * (1.0 + 0.5 * grain[at]));
                if radius < depth[at] {
                    depth[at] = radius;
                    ids[at] = id;
                }
            }
        }
    }
    (light, ids)
}
