//! Bundled samples, drawn by formulas: fluorescent objects as a microscope's camera shows them,
//! each with its true label.

mod nuclei;
mod vesicles;

pub use nuclei::nuclei;
pub use vesicles::vesicles;

use super::decode::{Gray, Samples};
use super::encode::png16;
use super::labels::Labels;
use crate::error::{Error, Result};
use crate::random::Random;

/// Which sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scene {
    /// [`nuclei`]: 60 of some hundred to a thousand pixels.
    #[default]
    Nuclei,
    /// [`vesicles`]: 120 of 30 to 80 pixels.
    Vesicles,
}

impl Scene {
    /// Reads `nuclei` or `vesicles`.
    ///
    /// # Errors
    /// If the name is neither.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "nuclei" => Ok(Self::Nuclei),
            "vesicles" => Ok(Self::Vesicles),
            _ => Err(Error::new(format!(
                "There is no sample {name:?}; give nuclei or vesicles."
            ))),
        }
    }

    /// The 16-bit frame and its true objects, numbered from 1 without gaps; the same at every
    /// call.
    pub fn draw(self) -> (Gray, Labels) {
        match self {
            Self::Nuclei => nuclei(),
            Self::Vesicles => vesicles(),
        }
    }
}

/// A scene side by side with itself in a square of `side` pixels, as a large frame or a scan; only
/// the objects of the first copy, at the top left, are labelled.
pub fn mosaic((gray, labels): &(Gray, Labels), side: usize) -> (Gray, Labels) {
    let places = (0..side * side).map(|i| (i % side, i / side));
    let place = |(x, y): (usize, usize)| y % gray.height * gray.width + x % gray.width;
    let samples = match &gray.samples {
        Samples::U8(v) => Samples::U8(places.clone().map(|at| v[place(at)]).collect()),
        Samples::U16(v) => Samples::U16(places.clone().map(|at| v[place(at)]).collect()),
        Samples::F32(v) => Samples::F32(places.clone().map(|at| v[place(at)]).collect()),
    };
    let label = |(x, y): (usize, usize)| match x < labels.width && y < labels.height {
        true => labels.ids[y * labels.width + x],
        false => 0,
    };
    let (width, height) = (side, side);
    let ids = places.map(label).collect();
    let gray = Gray {
        width,
        height,
        samples,
    };
    let labels = Labels::new(width, height, ids);
    (gray, labels)
}

/// A sample and its labels as 16-bit PNG files; a [`mosaic`] of that side where one is given.
///
/// # Errors
/// If the encoder fails.
pub fn files_of(scene: Scene, side: Option<usize>) -> Result<(Vec<u8>, Vec<u8>)> {
    let drawn = scene.draw();
    let (gray, labels) = match side {
        Some(side) => mosaic(&drawn, side),
        None => drawn,
    };
    let samples = match gray.samples {
        Samples::U16(samples) => samples,
        _ => return Err(Error::new("The sample is not a 16-bit image.")),
    };
    let image = png16(&samples, (gray.width, gray.height))?;
    Ok((image, labels.to_png()?))
}

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

/// What the camera makes of `light`, in camera values and rows of `width`: blurred, hazy,
/// unevenly lit and with noise.
fn photograph(light: &[f64], width: usize, random: &mut Random) -> Gray {
    let height = light.len() / width;
    let sharp = gaussian_blur(light, width, BLUR);
    let haze = gaussian_blur(light, width, HAZE_BLUR);
    let expose = |at: usize| {
        let light = (1.0 - HAZE) * sharp[at] + HAZE * haze[at] + MEDIUM;
        let x = (at % width) as f64 / width as f64;
        let y = (at / width) as f64 / height as f64;
        let electrons = light * illumination(x, y) / GAIN;
        let detected = electrons + electrons.sqrt() * random.normal();
        let value = OFFSET + GAIN * detected + READ_NOISE * random.normal();
        value.round().clamp(0.0, 65_535.0) as u16
    };
    Gray {
        width,
        height,
        samples: Samples::U16((0..light.len()).map(expose).collect()),
    }
}

/// Brightest off centre, as a lamp that is not quite adjusted; `x` and `y` in 0..1.
fn illumination(x: f64, y: f64) -> f64 {
    let (dx, dy) = (x - 0.44, y - 0.56);
    1.0 - 0.85 * (dx * dx + dy * dy)
}

/// Three box filters in each direction, which together are close to a Gaussian.
fn gaussian_blur(image: &[f64], width: usize, sigma: f64) -> Vec<f64> {
    let height = image.len() / width;
    let mut image = image.to_vec();
    for _ in 0..3 {
        for y in 0..height {
            box_filter(&mut image, y * width, 1, width, sigma);
        }
        for x in 0..width {
            box_filter(&mut image, x, width, height, sigma);
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

/// The pixels of a frame's side that lie within `reach` of `center`.
fn span(center: f64, reach: f64, side: usize) -> std::ops::Range<usize> {
    (center - reach).max(0.0) as usize..((center + reach) as usize + 1).min(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mosaic_shows_the_scene_again_and_again() {
        let gray = Gray {
            width: 2,
            height: 1,
            samples: Samples::U8(vec![5, 9]),
        };
        let ids = vec![0, 3];
        let (width, height) = (2, 1);
        let scene = (gray, Labels::new(width, height, ids));
        let (gray, labels) = mosaic(&scene, 3);
        let samples = Samples::U8(vec![5, 9, 5, 5, 9, 5, 5, 9, 5]);
        assert_eq!((gray.width, gray.height), (3, 3));
        assert_eq!(gray.samples, samples);
        assert_eq!(labels.ids, [0, 3, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn scenes_have_names() {
        assert_eq!(Scene::parse("nuclei"), Ok(Scene::Nuclei));
        assert_eq!(Scene::parse("vesicles"), Ok(Scene::Vesicles));
        assert!(Scene::parse("cells").is_err());
    }
}
