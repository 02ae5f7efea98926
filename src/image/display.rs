//! The display window: how grayscale values become the three 8-bit channels that SAM sees.

use super::decode::{Page, Picture, Rgb, Samples};
use super::levels::{Distribution, full_range};
use crate::error::{Error, Result};

/// Which values become black and white; between them brightness is linear before gamma.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Window {
    /// The range of the type: 0..=255, 0..=65535; of floats 0..=1 if they lie in it, else as
    /// [`Window::MinMax`].
    Full,
    /// The smallest and largest value of the image.
    MinMax,
    /// The 0.1st and 99.9th percentile; as [`Window::MinMax`] if these are equal.
    #[default]
    Percentile,
    /// Fixed values.
    Range { black: f32, white: f32 },
}

/// Colours for brightness 0..=1.
///
/// Viridis and inferno are interpolated linearly between 17 equidistant control points of
/// matplotlib's tables, from which no channel differs by more than 6 of 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colormap {
    Gray,
    Viridis,
    Inferno,
}

/// How a grayscale image is shown: window, then gamma, then inversion, then colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Display {
    pub window: Window,
    /// Exponent of brightness, 0.1..=10; below 1 brightens.
    pub gamma: f32,
    /// Whether dark and bright change places.
    pub invert: bool,
    pub colormap: Colormap,
}

const VIRIDIS: [u32; 17] = [
    0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26818e, 0x21908c,
    0x1f9f88, 0x28ae80, 0x3ebc74, 0x5dc963, 0x82d34c, 0xabdc32, 0xd5e21a, 0xfde725,
];

const INFERNO: [u32; 17] = [
    0x000004, 0x0b0724, 0x210c4a, 0x3c0965, 0x57106d, 0x70196e, 0x89226a, 0xa32b61, 0xbb3755,
    0xd14644, 0xe35932, 0xf1711e, 0xf98d0a, 0xfcab0f, 0xf9ca32, 0xf2e865, 0xfcffa4,
];

impl Window {
    /// Reads `full`, `minmax`, `percentile` or `LOW,HIGH`.
    ///
    /// # Errors
    /// If the text is none of these or LOW is not below HIGH.
    pub fn parse(text: &str) -> Result<Self> {
        let window = match text {
            "full" => Window::Full,
            "minmax" => Window::MinMax,
            "percentile" => Window::Percentile,
            _ => range(text).ok_or_else(|| {
                Error::new(format!(
                    "The window {text:?} is unknown; give full, minmax, percentile or two numbers \
                     as LOW,HIGH, for example 300,9000."
                ))
            })?,
        };
        window.validate()?;
        Ok(window)
    }

    fn validate(&self) -> Result<()> {
        match *self {
            Window::Range { black, white }
                if !(black.is_finite() && white.is_finite() && black < white) =>
            {
                Err(Error::new(format!(
                    "The window from {black} to {white} is empty; black must be below white and \
                     both finite."
                )))
            }
            _ => Ok(()),
        }
    }
}

fn range(text: &str) -> Option<Window> {
    let (black, white) = text.split_once(',')?;
    Some(Window::Range {
        black: black.trim().parse().ok()?,
        white: white.trim().parse().ok()?,
    })
}

impl Default for Display {
    fn default() -> Self {
        Self {
            window: Window::Percentile,
            gamma: 1.0,
            invert: false,
            colormap: Colormap::Gray,
        }
    }
}

impl Display {
    /// What a file asks for, or else the default.
    pub fn of(page: &Page) -> Self {
        let window = |[black, white]: [f32; 2]| Window::Range { black, white };
        Self {
            window: page.window.map_or_else(Window::default, window),
            invert: page.invert,
            ..Self::default()
        }
    }

    /// # Errors
    /// If gamma is not in 0.1..=10, or a fixed window is not finite with black below white.
    pub fn validate(&self) -> Result<()> {
        if !(0.1..=10.0).contains(&self.gamma) {
            return Err(Error::new(format!(
                "Gamma is {}, but must be a number from 0.1 to 10.",
                self.gamma
            )));
        }
        self.window.validate()
    }

    /// The colour of window position `t`, where 0 is black and 1 is white.
    fn shade(&self, t: f64) -> [u8; 3] {
        let bright = t.clamp(0.0, 1.0).powf(f64::from(self.gamma));
        let t = if self.invert { 1.0 - bright } else { bright };
        match self.colormap {
            Colormap::Gray => [(t * 255.0).round() as u8; 3],
            Colormap::Viridis => interpolate(&VIRIDIS, t),
            Colormap::Inferno => interpolate(&INFERNO, t),
        }
    }
}

fn interpolate(points: &[u32; 17], t: f64) -> [u8; 3] {
    let position = t * 16.0;
    let near = (position as usize).min(15);
    let weight = position - near as f64;
    [16, 8, 0].map(|shift| {
        let channel = |point: u32| f64::from((point >> shift) as u8);
        let (a, b) = (channel(points[near]), channel(points[near + 1]));
        (a + (b - a) * weight).round() as u8
    })
}

/// The picture as shown; colour passes through untouched.
///
/// # Errors
/// If `display` is not valid.
pub fn to_rgb(picture: &Picture, display: &Display) -> Result<Rgb> {
    display.validate()?;
    let gray = match picture {
        Picture::Rgb(rgb) => return Ok(rgb.clone()),
        Picture::Gray(gray) => gray,
    };
    let (black, white) = bounds(&gray.samples, display.window);
    let (black, white) = (f64::from(black), f64::from(white));
    // Equal bounds are those of a constant image; it is shown black.
    let position = |v: f64| {
        if white > black {
            (v - black) / (white - black)
        } else {
            0.0
        }
    };
    let table = |size: u32| -> Vec<[u8; 3]> {
        let shade = |value| display.shade(position(f64::from(value)));
        (0..size).map(shade).collect()
    };
    let pixels = match &gray.samples {
        Samples::U8(v) => look_up(v, &table(256), usize::from),
        Samples::U16(v) => look_up(v, &table(65_536), usize::from),
        Samples::F32(v) => {
            let steps: Vec<_> = (0..65_536u32)
                .map(|i| display.shade(f64::from(i) / 65_535.0))
                .collect();
            let step = |v: f32| (position(f64::from(v)).clamp(0.0, 1.0) * 65_535.0 + 0.5) as usize;
            look_up(v, &steps, step)
        }
    };
    Ok(Rgb {
        width: gray.width,
        height: gray.height,
        pixels,
    })
}

fn look_up<T: Copy>(values: &[T], table: &[[u8; 3]], index: impl Fn(T) -> usize) -> Vec<u8> {
    let mut pixels = vec![0; values.len() * 3];
    for (pixel, &value) in pixels.chunks_exact_mut(3).zip(values) {
        pixel.copy_from_slice(&table[index(value)]);
    }
    pixels
}

/// Black and white of `window`.
fn bounds(samples: &Samples, window: Window) -> (f32, f32) {
    match window {
        Window::Range { black, white } => (black, white),
        Window::Full => full_range(samples),
        Window::MinMax => Distribution::of(samples).min_max(),
        Window::Percentile => Distribution::of(samples).percentiles(),
    }
}
