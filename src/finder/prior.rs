//! How the U-Net divides a view into objects: shapes that may be some, and how well others agree
//! with them.

#[cfg(test)]
mod tests;

use super::candidates::shapes;
use super::plane::Plane;
use super::unet::{INPUTS, Maps, OUTPUTS, Passing, STEP, UNet};
use super::watershed::{Regions, components};
use crate::image::shapes::Shape;

/// Numbers of a shape.
pub const COUNT: usize = 8;

/// Of objects in the network's pixels, and how much larger than the view its images are at most.
const DIAMETER: f32 = 16.0;
const LARGER: f32 = 2.0;
/// Sides of what passes the network at once, without margins, and these.
const BLOCK: usize = 448;
const MARGIN: usize = 48;
/// Foregrounds of the network above which pixels are connected.
const FOREGROUNDS: [f32; 3] = [0.35, 0.5, 0.65];
/// Smoothings of the depths, as shares of the diameter, by whose peaks objects are told apart.
const SMOOTHINGS: [f32; 2] = [0.03, 0.08];
/// The least distance of peaks, as a share of the diameter.
const APART: f32 = 0.15;
/// Least deviation of the image around a pixel, by which the image is divided, and what is cut.
const LEAST: f32 = 0.02;
const MOST: f32 = 4.0;

/// A view's objects as the network sees them, divided in several ways.
#[derive(Default)]
pub struct Prior {
    ways: Vec<Way>,
    /// Foreground and depth, 0..1.
    planes: Option<[Plane; 2]>,
}

/// The regions of a view, and how many pixels each has.
struct Way {
    regions: Regions,
    areas: Vec<usize>,
}

/// A prior in the making.
pub struct Foreseeing {
    /// What goes in, and what has come out.
    inputs: Maps,
    outputs: Maps,
    /// Left and right end of each block along both axes, without margins.
    blocks: Vec<[(usize, usize); 2]>,
    place: usize,
    passing: Option<Passing>,
    view: (usize, usize),
    diameter: f32,
}

impl Foreseeing {
    /// Of a view's `image`, in which objects are brighter than what is around them, and its foreground;
    /// `diameter` is in its pixels.
    pub fn new(image: &Plane, foreground: &Plane, diameter: f32) -> Self {
        let scale = (DIAMETER / diameter).min(LARGER);
        let scaled = |length: usize| ((length as f32 * scale).round() as usize).max(STEP);
        let view = image.size();
        let size = (scaled(view.0), scaled(view.1));
        let inputs = inputs(&image.resized(size), &foreground.resized(size));
        let cuts = |length: usize| {
            let count = length.div_ceil(BLOCK);
            let cut = move |i: usize| length * i / count;
            (0..count).map(move |i| (cut(i), cut(i + 1)))
        };
        let blocks = cuts(size.1).flat_map(|y| cuts(size.0).map(move |x| [x, y]));
        Self {
            outputs: Maps {
                channels: OUTPUTS,
                values: vec![0.0; size.0 * size.1 * OUTPUTS],
                ..inputs
            },
            blocks: blocks.collect(),
            inputs,
            place: 0,
            passing: None,
            view,
            diameter,
        }
    }

    /// Does the next piece of work; what came out when all is done.
    pub fn go_on(&mut self, unet: &UNet) -> Option<Prior> {
        let Some(block) = self.blocks.get(self.place) else {
            return Some(self.finish());
        };
        let passing = self.passing.take();
        let mut passing = passing.unwrap_or_else(|| UNet::begin(self.block(block)));
        match unet.go_on(&mut passing) {
            None => self.passing = Some(passing),
            Some(maps) => {
                self.take(&maps);
                self.place += 1;
            }
        }
        None
    }

    pub fn progress(&self) -> f64 {
        self.place as f64 / self.blocks.len().max(1) as f64
    }

    /// Where a block with its margins begins.
    fn start(block: &[(usize, usize); 2]) -> [usize; 2] {
        block.map(|(start, _)| start.saturating_sub(MARGIN))
    }

    /// What goes in of a block, with margins, of which the last pixels go on to whole steps.
    fn block(&self, block: &[(usize, usize); 2]) -> Maps {
        let all = [self.inputs.width, self.inputs.height];
        let [x0, y0] = Self::start(block);
        let [width, height] = [0, 1].map(|axis| {
            let end = (block[axis].1 + MARGIN).min(all[axis]);
            (end - Self::start(block)[axis]).next_multiple_of(STEP)
        });
        let mut values = Vec::with_capacity(width * height * INPUTS);
        for y in y0..y0 + height {
            let row = y.min(all[1] - 1) * all[0];
            for x in x0..x0 + width {
                let at = (row + x.min(all[0] - 1)) * INPUTS;
                values.extend(&self.inputs.values[at..at + INPUTS]);
            }
        }
        Maps {
            width,
            height,
            channels: INPUTS,
            values,
        }
    }

    /// Takes what came out of the block at hand, without its margins.
    fn take(&mut self, maps: &Maps) {
        let block = &self.blocks[self.place];
        let [(left, right), (top, bottom)] = *block;
        let [x0, y0] = Self::start(block);
        let length = (right - left) * OUTPUTS;
        for y in top..bottom {
            let from = ((y - y0) * maps.width + left - x0) * OUTPUTS;
            let to = (y * self.outputs.width + left) * OUTPUTS;
            self.outputs.values[to..to + length].copy_from_slice(&maps.values[from..from + length]);
        }
    }

    fn finish(&self) -> Prior {
        let size = (self.outputs.width, self.outputs.height);
        let plane = |channel: usize| {
            let logits = self.outputs.values.iter().skip(channel).step_by(OUTPUTS);
            let values = logits.map(|x| 1.0 / (1.0 + (-x).exp()));
            Plane::new(size, values.collect()).resized(self.view)
        };
        Prior::new(plane(0), plane(1), self.diameter)
    }
}

/// The image less what is around it, over all and nearby, and the foreground, -1..1.
fn inputs(image: &Plane, foreground: &Plane) -> Maps {
    let count = image.values.len().max(1) as f32;
    let mean = image.values.iter().sum::<f32>() / count;
    let squares = image.values.iter().map(|x| (x - mean).powi(2));
    let deviation = (squares.sum::<f32>() / count).sqrt() + 1e-3;
    // What varies little is computed from few pixels.
    let coarse = image.resized((image.width.div_ceil(4), image.height.div_ceil(4)));
    let wide = |plane: &Plane| plane.smooth(DIAMETER / 2.0);
    let near = wide(&coarse);
    let spread = wide(&coarse.with(&near, |x, m| (x - m).powi(2))).map(|x| x.sqrt() + LEAST);
    let (near, spread) = (near.resized(image.size()), spread.resized(image.size()));
    let cut = |x: f32| x.clamp(-MOST, MOST);
    let pixels = image.values.iter().zip(&foreground.values);
    let around = near.values.iter().zip(&spread.values);
    let pixel = |((x, f), (near, spread)): ((&f32, &f32), (&f32, &f32))| {
        let global = cut((x - mean) / deviation);
        [global, cut((x - near) / spread), 2.0 * f - 1.0]
    };
    Maps {
        width: image.width,
        height: image.height,
        channels: INPUTS,
        values: pixels.zip(around).flat_map(pixel).collect(),
    }
}

impl Prior {
    fn new(foreground: Plane, depth: Plane, diameter: f32) -> Self {
        let apart = (APART * diameter).round().max(1.0) as usize;
        let mut ways = Vec::new();
        for smoothing in SMOOTHINGS {
            let heights = depth.smooth((smoothing * diameter).max(0.5));
            for threshold in FOREGROUNDS {
                let values = &foreground.values;
                let whole = components(foreground.width, |i| values[i] > threshold, values.len());
                ways.push(Way::new(whole.divided(&heights, apart)));
            }
        }
        Self {
            ways,
            planes: Some([foreground, depth]),
        }
    }

    /// The shapes of all ways, of `least` to `most` pixels.
    pub fn shapes(&self, (least, most): (usize, usize)) -> impl Iterator<Item = Shape> {
        let of = move |way: &Way| shapes(&way.regions, least, most);
        self.ways.iter().flat_map(of)
    }

    /// What the network sees of a shape: the largest IoU with a shape of its own and the mean one of
    /// all ways; foreground and depth within it and beside it, depth at its border and at its deepest.
    pub fn numbers(&self, shape: &Shape) -> [f32; COUNT] {
        let Some([foreground, depth]) = &self.planes else {
            return [0.0; COUNT];
        };
        let agreements = self.ways.iter().map(|way| way.agreement(shape));
        let count = self.ways.len().max(1) as f32;
        let (most, sum) = agreements.fold((0.0f32, 0.0), |(most, sum), x| (most.max(x), sum + x));
        let [mut inside, mut beside, mut border] = [Mean::default(); 3];
        let mut deepest = 0.0f32;
        let (width, height) = (foreground.width as isize, foreground.height as isize);
        let own = |x: isize, y: isize| {
            let (x, y) = (x - shape.x as isize, y - shape.y as isize);
            let within = x >= 0 && y >= 0 && x < shape.width as isize && y < shape.height as isize;
            within && shape.bits[y as usize * shape.width + x as usize]
        };
        let (x0, y0) = (shape.x as isize - 1, shape.y as isize - 1);
        for y in y0.max(0)..(y0 + shape.height as isize + 2).min(height) {
            for x in x0.max(0)..(x0 + shape.width as isize + 2).min(width) {
                let is_own = own(x, y);
                let neighbours = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
                let at_border = neighbours.into_iter().any(|(x, y)| own(x, y) != is_own);
                let at = (y * width + x) as usize;
                let pixel = [foreground.values[at], depth.values[at]];
                match (is_own, at_border) {
                    (true, at_border) => {
                        inside.add(pixel);
                        deepest = deepest.max(pixel[1]);
                        if at_border {
                            border.add(pixel);
                        }
                    }
                    (false, true) => beside.add(pixel),
                    (false, false) => {}
                }
            }
        }
        let ([f_in, d_in], [f_out, d_out]) = (inside.of(), beside.of());
        [
            most,
            sum / count,
            f_in,
            f_out,
            d_in,
            d_out,
            border.of()[1],
            deepest,
        ]
    }
}

/// The mean of pairs.
#[derive(Clone, Copy, Default)]
struct Mean([f32; 2], f32);

impl Mean {
    fn add(&mut self, [a, b]: [f32; 2]) {
        self.0[0] += a;
        self.0[1] += b;
        self.1 += 1.0;
    }

    fn of(&self) -> [f32; 2] {
        self.0.map(|sum| sum / self.1.max(1.0))
    }
}

impl Way {
    fn new(regions: Regions) -> Self {
        let mut areas = vec![0; regions.count + 1];
        for &label in &regions.labels {
            areas[label as usize] += 1;
        }
        Self { regions, areas }
    }

    /// The largest IoU of a shape with a region.
    fn agreement(&self, shape: &Shape) -> f32 {
        let mut common: Vec<(u32, usize)> = Vec::new();
        for (y, row) in shape.bits.chunks_exact(shape.width).enumerate() {
            let labels = &self.regions.labels[(shape.y + y) * self.regions.width + shape.x..];
            for (_, &label) in row
                .iter()
                .zip(labels)
                .filter(|(bit, label)| **bit && **label > 0)
            {
                match common.iter_mut().find(|(other, _)| *other == label) {
                    Some((_, count)) => *count += 1,
                    None => common.push((label, 1)),
                }
            }
        }
        let iou = |(label, common): (u32, usize)| {
            common as f32 / (self.areas[label as usize] + shape.area - common) as f32
        };
        common.into_iter().map(iou).fold(0.0, f32::max)
    }
}
