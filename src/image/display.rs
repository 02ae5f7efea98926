//! The display window: how grayscale values become the three 8-bit channels that SAM sees.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode::{Composite, Gray, Page, Picture, Rgb, Samples};
use super::levels::{Distribution, Levels, full_range, levels_composite, percentile_window};
use super::resize::Rows;
use super::voi::{Curve, Voi};
use crate::error::{Error, Result};

/// Which values become black and white; between them brightness is linear before gamma.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Window {
    /// The range of the type: 0..=255, 0..=65535; of floats 0..=1 if they lie in it, else as
    /// [`Window::MinMax`].
    Full,
    /// The smallest and largest value of the image.
    MinMax,
    /// The 0.1st and 99.9th percentile; as [`Window::MinMax`] if these are equal. White is higher
    /// where small objects reach far beyond it.
    #[default]
    Percentile,
    /// Fixed values.
    Range { black: f32, white: f32 },
}

/// Colours for brightness 0..=1.
///
/// Viridis and inferno are interpolated linearly between 17 equidistant control points of
/// matplotlib's tables, from which no channel differs by more than 6 of 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Colormap {
    Gray,
    Viridis,
    Inferno,
}

/// How a grayscale image is shown: window, then gamma, then inversion, then colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Display {
    pub window: Window,
    /// A way of the file's own in the place of the window, for one that is not linear.
    pub voi: Option<Arc<Voi>>,
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

    /// The same window as a range, so that it need not be sought in the image again; as it is where all
    /// pixels are equal.
    pub fn fixed(self, levels: &Levels) -> Self {
        let (black, white) = match self {
            Window::Full => (levels.full_min, levels.full_max),
            Window::MinMax => (levels.min, levels.max),
            Window::Percentile => (levels.low, levels.high),
            Window::Range { .. } => return self,
        };
        if black < white {
            Window::Range { black, white }
        } else {
            self
        }
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
            voi: None,
            gamma: 1.0,
            invert: false,
            colormap: Colormap::Gray,
        }
    }
}

impl Display {
    /// What a file asks for, or else the default.
    pub fn of(page: &Page) -> Self {
        let first = page.voi.first();
        let display = first.map_or_else(Self::default, |voi| Self::default().through(voi));
        let window = |[black, white]: [f32; 2]| Window::Range { black, white };
        Self {
            window: page.window.map_or(display.window, window),
            invert: page.invert,
            ..display
        }
    }

    /// The same with one of a file's ways in the place of the window.
    pub fn through(self, voi: &Voi) -> Self {
        let [black, white] = voi.curve.window();
        Self {
            window: Window::Range { black, white },
            voi: (!voi.is_window()).then(|| Arc::new(voi.clone())),
            ..self
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

    /// The gray of window position `t`, where 0 is black and 1 is white.
    fn gray(&self, t: f64) -> u8 {
        let bright = t.clamp(0.0, 1.0).powf(f64::from(self.gamma));
        let t = if self.invert { 1.0 - bright } else { bright };
        (t * 255.0).round() as u8
    }
}

impl Colormap {
    /// RGB of each gray.
    pub fn colours(self) -> [[u8; 3]; 256] {
        std::array::from_fn(|gray| match self {
            Colormap::Gray => [gray as u8; 3],
            Colormap::Viridis => interpolate(&VIRIDIS, gray as f64 / 255.0),
            Colormap::Inferno => interpolate(&INFERNO, gray as f64 / 255.0),
        })
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

/// The picture as shown; colour of 8 bits passes through untouched.
///
/// # Errors
/// If `display` is not valid.
pub fn to_rgb(picture: &Picture, display: &Display) -> Result<Rgb> {
    display.validate()?;
    let gray = match picture {
        Picture::Rgb(rgb) => return Ok(rgb.clone()),
        Picture::Composite(composite) => {
            let shades = composite_shades(composite, display);
            let (width, height) = composite.size();
            let pixels = mixed(composite, &shades, 0..width * height);
            return Ok(Rgb {
                width,
                height,
                pixels,
            });
        }
        Picture::Gray(gray) => gray,
    };
    Ok(Rgb {
        width: gray.width,
        height: gray.height,
        pixels: Shades::rgb(gray, display).of(&gray.samples, 0..gray.width * gray.height),
    })
}

/// The grays 0..=255, row-major, whose [`Colormap::colours`] the picture is shown in.
///
/// # Errors
/// If `display` is not valid.
pub fn to_grays(gray: &Gray, display: &Display) -> Result<Vec<u8>> {
    display.validate()?;
    let shades = Shades::new(gray, display, |gray| [gray]);
    Ok(shades.of(&gray.samples, 0..gray.width * gray.height))
}

/// [`to_rgb`] row by row, so that a large picture is not held once more.
pub struct Shown<'a>(Source<'a>);

enum Source<'a> {
    Gray(&'a Gray, Shades<3>),
    Rgb(&'a Rgb),
    Composite(&'a Composite, [Option<Shades<1>>; 3]),
}

impl<'a> Shown<'a> {
    /// # Errors
    /// If `display` is not valid.
    pub fn new(picture: &'a Picture, display: &Display) -> Result<Self> {
        display.validate()?;
        Ok(Self(match picture {
            Picture::Gray(gray) => Source::Gray(gray, Shades::rgb(gray, display)),
            Picture::Rgb(rgb) => Source::Rgb(rgb),
            Picture::Composite(composite) => {
                Source::Composite(composite, composite_shades(composite, display))
            }
        }))
    }
}

impl Rows for Shown<'_> {
    fn size(&self) -> (usize, usize) {
        match &self.0 {
            Source::Gray(gray, _) => (gray.width, gray.height),
            Source::Rgb(rgb) => rgb.size(),
            Source::Composite(composite, _) => composite.size(),
        }
    }

    fn row(&self, y: usize, columns: Range<usize>) -> Cow<'_, [u8]> {
        match &self.0 {
            Source::Gray(gray, shades) => {
                let start = y * gray.width;
                let row = start + columns.start..start + columns.end;
                shades.of(&gray.samples, row).into()
            }
            Source::Rgb(rgb) => rgb.row(y, columns),
            Source::Composite(composite, shades) => {
                let start = y * composite.size().0;
                let row = start + columns.start..start + columns.end;
                mixed(composite, shades, row).into()
            }
        }
    }
}

/// The grays of each plane: planes that belong together share the window of them all.
fn composite_shades(composite: &Composite, display: &Display) -> [Option<Shades<1>>; 3] {
    let mut display = display.clone();
    if composite.together {
        display.window = display.window.fixed(&levels_composite(composite));
    }
    let shades = |plane: &Gray| Shades::new(plane, &display, |gray| [gray]);
    composite
        .channels
        .each_ref()
        .map(|plane| plane.as_ref().map(shades))
}

/// The planes' grays as red, green and blue.
fn mixed(composite: &Composite, shades: &[Option<Shades<1>>; 3], range: Range<usize>) -> Vec<u8> {
    let mut pixels = vec![0; 3 * range.len()];
    for (channel, plane) in composite.channels.iter().enumerate() {
        if let (Some(plane), Some(shades)) = (plane, &shades[channel]) {
            let grays = shades.of(&plane.samples, range.clone());
            for (pixel, gray) in pixels.iter_mut().skip(channel).step_by(3).zip(grays) {
                *pixel = gray;
            }
        }
    }
    pixels
}

/// What the values of a picture are shown as, in `N` channels.
struct Shades<const N: usize> {
    black: f64,
    white: f64,
    /// Of each value; of floats, of equal steps from black to white, and of no number.
    table: Vec<[u8; N]>,
}

/// Steps of floats from black to white.
const STEPS: usize = 65_536;

impl Shades<3> {
    fn rgb(gray: &Gray, display: &Display) -> Self {
        let colours = display.colormap.colours();
        Self::new(gray, display, |gray| colours[usize::from(gray)])
    }
}

impl<const N: usize> Shades<N> {
    fn new(gray: &Gray, display: &Display, colour: impl Fn(u8) -> [u8; N]) -> Self {
        let curve = display.voi.as_ref().map(|voi| &voi.curve);
        let (black, white) = match curve.map(Curve::reach) {
            Some([black, white]) => (black, white),
            None => bounds(gray, display.window),
        };
        let mut shades = Self {
            black: f64::from(black),
            white: f64::from(white),
            table: Vec::new(),
        };
        let position = |i: u32| {
            let (value, position) = match &gray.samples {
                Samples::F32(_) => {
                    let position = f64::from(i) / 65_535.0;
                    let range = shades.white - shades.black;
                    (shades.black + position * range, position)
                }
                Samples::U8(_) | Samples::U16(_) => (f64::from(i), shades.position(f64::from(i))),
            };
            curve.map_or(position, |curve| curve.brightness(value))
        };
        let size = match &gray.samples {
            Samples::U8(_) => 256,
            Samples::U16(_) | Samples::F32(_) => STEPS as u32,
        };
        shades.table = (0..size)
            .map(|i| colour(display.gray(position(i))))
            .collect();
        if let Samples::F32(_) = gray.samples {
            // Where there is no pixel, the image is black in any display.
            shades.table.push([0; N]);
        }
        shades
    }

    /// Where a value lies in the window: 0 at black, 1 at white.
    fn position(&self, value: f64) -> f64 {
        // Equal bounds are those of a constant image; it is shown black.
        if self.white > self.black {
            (value - self.black) / (self.white - self.black)
        } else {
            0.0
        }
    }

    /// Those of some samples, which must be the picture's.
    fn of(&self, samples: &Samples, range: Range<usize>) -> Vec<u8> {
        let step = |v: f32| {
            if v.is_nan() {
                return STEPS;
            }
            (self.position(f64::from(v)).clamp(0.0, 1.0) * 65_535.0 + 0.5) as usize
        };
        match samples {
            Samples::U8(v) => look_up(&v[range], &self.table, usize::from),
            Samples::U16(v) => look_up(&v[range], &self.table, usize::from),
            Samples::F32(v) => look_up(&v[range], &self.table, step),
        }
    }
}

fn look_up<T: Copy, const N: usize>(
    values: &[T],
    table: &[[u8; N]],
    index: impl Fn(T) -> usize,
) -> Vec<u8> {
    let mut pixels = vec![0; values.len() * N];
    for (pixel, &value) in pixels.chunks_exact_mut(N).zip(values) {
        pixel.copy_from_slice(&table[index(value)]);
    }
    pixels
}

/// Black and white of `window`.
fn bounds(gray: &Gray, window: Window) -> (f32, f32) {
    let distribution = || Distribution::of(&gray.samples);
    match window {
        Window::Range { black, white } => (black, white),
        Window::Full => full_range(&gray.samples),
        Window::MinMax => distribution().min_max(),
        Window::Percentile => percentile_window(gray, &distribution()),
    }
}
