//! The bundled sample: fluorescent nuclei as a DAPI channel shows them, drawn by a formula.

use std::f64::consts::TAU;
use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::decode::{Gray, Samples};
use super::labels::Labels;
use crate::error::{Error, Result};

const WIDTH: usize = 640;
const HEIGHT: usize = 512;
const NUCLEI: usize = 60;

/// Camera values without light, and the root mean square of its read noise.
const OFFSET: f64 = 240.0;
const READ_NOISE: f64 = 14.0;
/// Camera values per photoelectron.
const GAIN: f64 = 2.6;
/// Light of the medium everywhere, in camera values.
const MEDIUM: f64 = 170.0;
/// Standard deviation of the point spread function in focus, in pixels.
const BLUR: f64 = 1.3;
/// Out-of-focus light: part of the total, and its standard deviation in pixels.
const HAZE: f64 = 0.16;
const HAZE_BLUR: f64 = 24.0;

/// A 16-bit frame of 640 × 512 pixels and its true objects, the same at every call.
///
/// An object's outline is where a nucleus falls to half its brightness; where two overlap, a
/// pixel belongs to the one in which it lies deeper. Objects are numbered from 1 without gaps.
pub fn nuclei() -> (Gray, Labels) {
    let mut random = Random(0x6772_6179_7361_6d21);
    let nuclei = place(&mut random);
    let (light, ids) = draw(&nuclei, &mut random);
    let sharp = gaussian_blur(&light, BLUR);
    let haze = gaussian_blur(&light, HAZE_BLUR);
    let expose = |at: usize| {
        let light = (1.0 - HAZE) * sharp[at] + HAZE * haze[at] + MEDIUM;
        let electrons = light * illumination(at % WIDTH, at / WIDTH) / GAIN;
        let detected = electrons + electrons.sqrt() * random.normal();
        let value = OFFSET + GAIN * detected + READ_NOISE * random.normal();
        value.round().clamp(0.0, 65_535.0) as u16
    };
    let gray = Gray {
        width: WIDTH,
        height: HEIGHT,
        samples: Samples::U16((0..WIDTH * HEIGHT).map(expose).collect()),
    };
    let labels = Labels {
        width: WIDTH,
        height: HEIGHT,
        ids,
    };
    (gray, labels)
}

/// Brightest off centre, as a lamp that is not quite adjusted.
fn illumination(x: usize, y: usize) -> f64 {
    let (dx, dy) = (
        x as f64 / WIDTH as f64 - 0.44,
        y as f64 / HEIGHT as f64 - 0.56,
    );
    1.0 - 0.85 * (dx * dx + dy * dy)
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, nearly: the sum of twelve uniform values has variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.between(0.0, 1.0)).sum::<f64>() - 6.0
    }
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
    let grain = gaussian_blur(&grain, 1.6);
    for (nucleus, id) in nuclei.iter().zip(1..) {
        let reach = nucleus.long * 1.2;
        let span = |center: f64, side: usize| {
            (center - reach).max(0.0) as usize..((center + reach) as usize + 1).min(side)
        };
        for y in span(nucleus.y, HEIGHT) {
            for x in span(nucleus.x, WIDTH) {
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

/// Three box filters in each direction, which together are close to a Gaussian.
fn gaussian_blur(image: &[f64], sigma: f64) -> Vec<f64> {
    let mut image = image.to_vec();
    for _ in 0..3 {
        for y in 0..HEIGHT {
            box_filter(&mut image, y * WIDTH, 1, WIDTH, sigma);
        }
        for x in 0..WIDTH {
            box_filter(&mut image, x, WIDTH, HEIGHT, sigma);
        }
    }
    image
}

/// Filters the `length` values from `start` in steps of `step` by a box of variance `sigma²/3`;
/// beyond the ends the outermost values go on.
fn box_filter(image: &mut [f64], start: usize, step: usize, length: usize, sigma: f64) {
    // A box from -half to half has the variance half²/3.
    let half = sigma.max(0.5);
    let whole = (half - 0.5) as isize;
    let rest = half - 0.5 - whole as f64;
    let line: Vec<f64> = (0..length).map(|i| image[start + i * step]).collect();
    let at = |i: isize| line[i.clamp(0, length as isize - 1) as usize];
    let mut sum: f64 = (-whole..=whole).map(at).sum();
    for i in 0..length {
        let center = i as isize;
        let ends = at(center - whole - 1) + at(center + whole + 1);
        image[start + i * step] = (sum + rest * ends) / (2.0 * half);
        sum += at(center + whole + 1) - at(center - whole);
    }
}
/// The sample and its labels as 16-bit PNG files.
///
/// # Errors
/// If the encoder fails.
pub fn files() -> Result<(Vec<u8>, Vec<u8>)> {
    let (gray, labels) = nuclei();
    let samples = match gray.samples {
        Samples::U16(samples) => samples,
        _ => return Err(Error::new("The sample is not a 16-bit image.")),
    };
    let ids: Vec<u16> = labels.ids.iter().map(|&id| id as u16).collect();
    let size = (gray.width, gray.height);
    Ok((png16(&samples, size)?, png16(&ids, size)?))
}

fn png16(samples: &[u16], (width, height): (usize, usize)) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_ne_bytes()).collect();
    let mut file = Cursor::new(Vec::new());
    PngEncoder::new(&mut file)
        .write_image(&bytes, width as u32, height as u32, ExtendedColorType::L16)
        .map_err(|error| Error::new(format!("The sample cannot be saved as PNG: {error}.")))?;
    Ok(file.into_inner())
}
