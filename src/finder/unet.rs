//! A U-Net (Ronneberger et al. 2015) of a few channels whose weights come with the program, learned on
//! other images (`tests/fixtures/finder_unet.py`): where objects are, and how deep in an object each
//! pixel lies.

#[cfg(test)]
mod tests;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use crate::device;
use crate::error::{Error, Result};

static SHIPPED: &[u8] = include_bytes!("unet.bin");

/// Channels that go in: the image in two ways and the foreground; and that come out: logits of
/// foreground and depth.
pub const INPUTS: usize = 3;
pub const OUTPUTS: usize = 2;
/// Sides of an image must be multiples of this.
pub const STEP: usize = 8;
/// Channels that are computed at once; all numbers of channels are multiples.
const LANES: usize = 8;
/// Pixels of a row that are computed at once.
const ACROSS: usize = 4;
/// Products in a piece of work, about.
const PIECE: usize = 50_000_000;

/// What a layer does, with the channels it makes.
#[derive(Clone, Copy)]
enum Layer {
    /// 3×3, with a rectifier.
    Convolve(usize),
    /// Puts the maps aside, then takes the largest of each 2×2.
    Halve,
    /// Doubles the sides and adds the maps that were put aside last.
    Double,
    /// 1×1, without a rectifier.
    End,
}

const LAYERS: [Layer; 21] = {
    use Layer::{Convolve, Double, End, Halve};
    [
        Convolve(8),
        Convolve(8),
        Halve,
        Convolve(16),
        Convolve(16),
        Halve,
        Convolve(32),
        Convolve(32),
        Halve,
        Convolve(32),
        Convolve(32),
        Double,
        Convolve(16),
        Convolve(16),
        Double,
        Convolve(8),
        Convolve(8),
        Double,
        Convolve(8),
        Convolve(8),
        End,
    ]
};

/// The network.
#[derive(Clone)]
pub struct UNet {
    /// Layer by layer: biases, then weights by lanes of outputs, rows and columns of the kernel,
    /// inputs, outputs of the lanes.
    values: Vec<f32>,
}

/// Maps of one size: rows of pixels of channels.
#[derive(Clone, Default)]
pub struct Maps {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

impl Maps {
    fn zeros(width: usize, height: usize, channels: usize) -> Self {
        let values = vec![0.0; width * height * channels];
        Self {
            width,
            height,
            channels,
            values,
        }
    }

    fn pixel(&self, x: usize, y: usize) -> &[f32] {
        &self.values[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// With a border of zeros, one pixel wide, and more at the right for whole pieces of rows.
    fn padded(&self) -> Self {
        let wide = self.width.next_multiple_of(ACROSS) + 2;
        let mut padded = Self::zeros(wide, self.height + 2, self.channels);
        let row = self.width * self.channels;
        for (y, own) in self.values.chunks_exact(row).enumerate() {
            let at = ((y + 1) * wide + 1) * self.channels;
            padded.values[at..at + row].copy_from_slice(own);
        }
        padded
    }

    fn halved(&self) -> Self {
        let mut half = Self::zeros(self.width / 2, self.height / 2, self.channels);
        let pixels = half.values.chunks_exact_mut(self.channels);
        for (i, out) in pixels.enumerate() {
            let (x, y) = (i % half.width, i / half.width);
            out.copy_from_slice(self.pixel(2 * x, 2 * y));
            for (x, y) in [(1, 0), (0, 1), (1, 1)].map(|(a, b)| (2 * x + a, 2 * y + b)) {
                let pairs = out.iter_mut().zip(self.pixel(x, y));
                pairs.for_each(|(a, b)| *a = a.max(*b));
            }
        }
        half
    }

    /// Twice as large, with others of that size behind.
    fn doubled(&self, others: &Self) -> Self {
        let mut values = Vec::with_capacity(
            others.values.len() / others.channels * (self.channels + others.channels),
        );
        for y in 0..others.height {
            for x in 0..others.width {
                values.extend(self.pixel(x / 2, y / 2));
                values.extend(others.pixel(x, y));
            }
        }
        Self {
            channels: self.channels + others.channels,
            values,
            ..*others
        }
    }
}

/// Maps on their way through the network.
pub struct Passing {
    maps: Maps,
    aside: Vec<Maps>,
    layer: usize,
    /// Where the layer's values begin.
    offset: usize,
    /// What the layer makes, row by row, of padded maps.
    making: Option<(Maps, Maps, usize)>,
}

impl UNet {
    /// The one that comes with the program.
    ///
    /// # Errors
    /// When it was built with another than it needs.
    pub fn shipped() -> Result<Self> {
        Self::read(SHIPPED)
    }

    /// Reads little-endian numbers of 16 bits (bfloat16).
    ///
    /// # Errors
    /// When there are too few or too many.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let (numbers, rest) = bytes.as_chunks::<2>();
        let number = |x: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*x)) << 16);
        let values: Vec<f32> = numbers.iter().map(number).collect();
        match rest.is_empty() && values.len() == size() {
            true => Ok(Self { values }),
            false => Err(Error::new(
                "The numbers that tell objects apart are damaged: install GraySAM anew.",
            )),
        }
    }

    /// Begins with `maps` of [`INPUTS`] channels, whose sides are multiples of [`STEP`].
    pub fn begin(maps: Maps) -> Passing {
        Passing {
            maps,
            aside: Vec::new(),
            layer: 0,
            offset: 0,
            making: None,
        }
    }

    /// Does the next piece of work; the maps that come out, of [`OUTPUTS`] channels, when all is done.
    pub fn go_on(&self, passing: &mut Passing) -> Option<Maps> {
        let Some(layer) = LAYERS.get(passing.layer) else {
            return Some(std::mem::take(&mut passing.maps));
        };
        match *layer {
            Layer::Convolve(channels) => {
                if !self.convolve(passing, channels) {
                    return None;
                }
            }
            Layer::Halve => {
                let half = passing.maps.halved();
                passing
                    .aside
                    .push(std::mem::replace(&mut passing.maps, half));
            }
            Layer::Double => {
                if let Some(others) = passing.aside.pop() {
                    passing.maps = passing.maps.doubled(&others);
                }
            }
            Layer::End => passing.maps = self.end(passing),
        }
        passing.layer += 1;
        None
    }

    /// Some rows of a layer; whether it is done.
    fn convolve(&self, passing: &mut Passing, channels: usize) -> bool {
        let Maps {
            width,
            height,
            channels: inputs,
            ..
        } = passing.maps;
        let (padded, mut out, row) = passing.making.take().unwrap_or_else(|| {
            let out = Maps::zeros(width, height, channels);
            (passing.maps.padded(), out, 0)
        });
        let (biases, weights) = self.values[passing.offset..].split_at(channels);
        let weights = &weights[..9 * inputs * channels];
        let rows = (PIECE / (width * 9 * inputs * channels).max(1)).max(1);
        let end = (row + rows * device::pool_size()).min(height);
        let length = width * channels;
        let chosen = out.values[row * length..end * length].par_chunks_exact_mut(length);
        let rows = chosen.enumerate();
        rows.for_each(|(i, out)| convolve_row(&padded, row + i, (biases, weights), out));
        if end < height {
            passing.making = Some((padded, out, end));
            return false;
        }
        passing.offset += channels + 9 * inputs * channels;
        passing.maps = out;
        true
    }

    fn end(&self, passing: &Passing) -> Maps {
        let maps = &passing.maps;
        let (biases, weights) = self.values[passing.offset..].split_at(OUTPUTS);
        let mut out = Maps::zeros(maps.width, maps.height, OUTPUTS);
        let pixels = maps.values.chunks_exact(maps.channels);
        for (out, pixel) in out.values.chunks_exact_mut(OUTPUTS).zip(pixels) {
            let rows = weights.chunks_exact(maps.channels).zip(biases);
            for (out, (row, bias)) in out.iter_mut().zip(rows) {
                *out = row.iter().zip(pixel).map(|(w, x)| w * x).sum::<f32>() + bias;
            }
        }
        out
    }
}

/// How many numbers the network has.
fn size() -> usize {
    let (mut inputs, mut size, mut aside) = (INPUTS, 0, Vec::new());
    for layer in LAYERS {
        match layer {
            Layer::Convolve(channels) => {
                size += channels * (9 * inputs + 1);
                inputs = channels;
            }
            Layer::Halve => aside.push(inputs),
            Layer::Double => inputs += aside.pop().unwrap_or(0),
            Layer::End => size += OUTPUTS * (inputs + 1),
        }
    }
    size
}

/// A row of a layer, of which the kernel's three rows lie in `padded` from `y` on.
fn convolve_row(padded: &Maps, y: usize, (biases, weights): (&[f32], &[f32]), out: &mut [f32]) {
    let (inputs, outputs) = (padded.channels, biases.len());
    let lanes = weights.chunks_exact(9 * inputs * LANES);
    let row =
        |dy: usize| &padded.values[(y + dy) * padded.width * inputs..][..padded.width * inputs];
    let rows = [row(0), row(1), row(2)];
    for (lane, (weights, biases)) in lanes.zip(biases.as_chunks::<LANES>().0).enumerate() {
        for x in (0..out.len() / outputs).step_by(ACROSS) {
            let mut sums = [*biases; ACROSS];
            for (row, weights) in rows.iter().zip(weights.chunks_exact(3 * inputs * LANES)) {
                let at = |pixel: usize| &row[(x + pixel) * inputs..][..3 * inputs];
                let [a, b, c, d] = [at(0), at(1), at(2), at(3)];
                let pixels = a.iter().zip(b).zip(c).zip(d);
                for ((((a, b), c), d), weights) in pixels.zip(weights.as_chunks::<LANES>().0) {
                    for (sums, x) in sums.iter_mut().zip([a, b, c, d]) {
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum += x * weight;
                        }
                    }
                }
            }
            let pixels = out[x * outputs..].chunks_exact_mut(outputs);
            for (sums, pixel) in sums.iter().zip(pixels) {
                let own = pixel[lane * LANES..].iter_mut();
                own.zip(sums).for_each(|(out, sum)| *out = sum.max(0.0));
            }
        }
    }
}
