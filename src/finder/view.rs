//! What the search sees of an image: tiles of it in shades that all images of a kind have in common,
//! scaled so that objects are never larger than they need be.

use super::plane::Plane;
use crate::image::part::{Part, PartRows};
use crate::image::resize::{Rows, bilinear_antialias};
use crate::image::shapes::Shape;

/// The largest diameter of objects in a tile's pixels.
const DIAMETER: f32 = 24.0;
/// Sides of a tile without its margins, in its pixels.
const TILE: f32 = 640.0;
/// What a tile shows around itself, as so many diameters.
const MARGIN: f32 = 3.0;
/// The shares of pixels that are darker than black and brighter than white.
const TAIL: f64 = 0.001;
/// Grays as sums of three channels.
const GRAYS: usize = 3 * 255 + 1;

/// Black and white, as sums of three channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shades {
    black: f32,
    white: f32,
}

impl Shades {
    pub fn of(image: &impl Rows) -> Self {
        let (width, height) = image.size();
        let mut counts = [0u64; GRAYS];
        for y in 0..height {
            for pixel in image.row(y, 0..width).as_chunks::<3>().0 {
                counts[sum(pixel)] += 1;
            }
        }
        let all = (width as u64 * height as u64) as f64;
        let quantile = |share: f64| {
            let mut below = 0;
            let reaches = |count: &u64| {
                below += count;
                below as f64 > share * all
            };
            counts.iter().position(reaches).unwrap_or(GRAYS - 1) as f32
        };
        let (black, white) = (quantile(TAIL), quantile(1.0 - TAIL));
        Self {
            black,
            white: white.max(black + 1.0),
        }
    }
}

fn sum(pixel: &[u8; 3]) -> usize {
    pixel.iter().map(|x| usize::from(*x)).sum()
}

/// How an image is divided into tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiling {
    size: (usize, usize),
    /// Of objects, in pixels of the image.
    pub diameter: f32,
    /// Pixels of a tile for one of the image, up to 1.
    pub scale: f32,
}

impl Tiling {
    pub fn new(size: (usize, usize), diameter: f32) -> Self {
        Self {
            size,
            diameter,
            scale: (DIAMETER / diameter).min(1.0),
        }
    }

    /// The tiles without margins, which lie side by side over the image.
    pub fn cores(&self) -> Vec<Part> {
        let cuts = |length: usize| {
            let count = (length as f32 * self.scale / TILE).round().max(1.0) as usize;
            let count = count.min(length.max(1));
            let pairs = (0..count).map(move |i| (length * i / count, length * (i + 1) / count));
            pairs.collect::<Vec<_>>()
        };
        let (columns, rows) = (cuts(self.size.0), cuts(self.size.1));
        let row = |&(y, bottom): &(usize, usize)| {
            let tile = move |&(x, right): &(usize, usize)| Part {
                x,
                y,
                width: right - x,
                height: bottom - y,
            };
            columns.iter().map(tile).collect::<Vec<_>>()
        };
        rows.iter().flat_map(row).collect()
    }

    /// A tile with its margins.
    pub fn with_margins(&self, core: &Part) -> Part {
        let margin = (MARGIN * self.diameter).ceil() as usize;
        let (x, y) = (core.x.saturating_sub(margin), core.y.saturating_sub(margin));
        let right = (core.x + core.width + margin).min(self.size.0);
        let bottom = (core.y + core.height + margin).min(self.size.1);
        Part {
            x,
            y,
            width: right - x,
            height: bottom - y,
        }
    }
}

/// A tile of an image.
pub struct View {
    pub part: Part,
    pub plane: Plane,
    /// Width and height of a pixel of the image in the plane.
    scale: [f32; 2],
}

impl View {
    pub fn new(image: &impl Rows, part: Part, shades: Shades, scale: f32) -> Self {
        let scaled = |length: usize| ((length as f32 * scale).round() as usize).max(1);
        let size = (scaled(part.width), scaled(part.height));
        let small = bilinear_antialias(&PartRows { image, part }, size.0, size.1);
        let range = shades.white - shades.black;
        let gray = |pixel: &[u8; 3]| ((sum(pixel) as f32 - shades.black) / range).max(0.0).sqrt();
        let values = small.pixels.as_chunks::<3>().0.iter().map(gray).collect();
        Self {
            part,
            plane: Plane::new(size, values),
            scale: [
                size.0 as f32 / part.width as f32,
                size.1 as f32 / part.height as f32,
            ],
        }
    }

    /// The object of each pixel, of which `labels` are those of the image's rows of `width`.
    pub fn labels(&self, labels: &[u32], width: usize) -> Vec<u32> {
        let at = |i: usize, scale: f32, start: usize, length: usize| {
            start + (((i as f32 + 0.5) / scale) as usize).min(length - 1)
        };
        let rows =
            (0..self.plane.height).map(|y| at(y, self.scale[1], self.part.y, self.part.height));
        let columns = 0..self.plane.width;
        rows.flat_map(|y| {
            let x = |x: usize| at(x, self.scale[0], self.part.x, self.part.width);
            columns.clone().map(move |i| labels[y * width + x(i)])
        })
        .collect()
    }

    /// Whether the middle of a shape of this view lies in `core`, and nothing of it ends where the
    /// view does and the image may not.
    pub fn owns(&self, core: &Part, shape: &Shape) -> bool {
        let axis =
            |at: usize, length: usize, scale: f32, view: (usize, usize), core: (usize, usize)| {
                let middle = view.0 as f32 + (at as f32 + length as f32 / 2.0) / scale;
                let inside = (core.0 as f32..(core.0 + core.1) as f32).contains(&middle);
                let pixels = (view.1 as f32 * scale).round() as usize;
                let cut = (at == 0 && view.0 < core.0)
                    || (at + length >= pixels && view.0 + view.1 > core.0 + core.1);
                inside && !cut
            };
        let (own, core) = (self.part, core);
        axis(
            shape.x,
            shape.width,
            self.scale[0],
            (own.x, own.width),
            (core.x, core.width),
        ) && axis(
            shape.y,
            shape.height,
            self.scale[1],
            (own.y, own.height),
            (core.y, core.height),
        )
    }

    /// A shape of the image in this view; nothing where none of it is seen.
    pub fn seen(&self, shape: &Shape) -> Option<Shape> {
        self.resampled(
            shape,
            |x, axis| {
                let start = [self.part.x, self.part.y][axis] as f32;
                (x - start) * self.scale[axis]
            },
            self.plane.size(),
            (0, 0),
        )
    }

    /// A shape of this view in the image.
    pub fn in_image(&self, shape: &Shape) -> Option<Shape> {
        self.resampled(
            shape,
            |x, axis| x / self.scale[axis],
            (self.part.width, self.part.height),
            (self.part.x, self.part.y),
        )
    }

    /// A shape in pixels of another size, to which `to` brings coordinates: those inside of which
    /// more than half is covered. The result is moved by `origin`.
    fn resampled(
        &self,
        shape: &Shape,
        to: impl Fn(f32, usize) -> f32,
        (width, height): (usize, usize),
        origin: (usize, usize),
    ) -> Option<Shape> {
        let ends = |start: usize, length: usize, axis: usize, most: usize| {
            let from = to(start as f32, axis).floor().max(0.0) as usize;
            let end = to((start + length) as f32, axis).ceil().max(0.0) as usize;
            (from.min(most), end.min(most))
        };
        let (x0, x1) = ends(shape.x, shape.width, 0, width);
        let (y0, y1) = ends(shape.y, shape.height, 1, height);
        if x0 >= x1 || y0 >= y1 {
            return None;
        }
        let columns = taps(x0..x1, shape.x, shape.width, |x| to(x, 0));
        let rows = taps(y0..y1, shape.y, shape.height, |y| to(y, 1));
        let bit = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) => f32::from(u8::from(shape.bits[y * shape.width + x])),
            _ => 0.0,
        };
        let mut bits = Vec::with_capacity(columns.len() * rows.len());
        for (top, bottom, down) in rows {
            bits.extend(columns.iter().map(|&(left, right, across)| {
                let a = bit(left, top) * (1.0 - across) + bit(right, top) * across;
                let b = bit(left, bottom) * (1.0 - across) + bit(right, bottom) * across;
                a * (1.0 - down) + b * down > 0.5
            }));
        }
        Shape::trimmed(x0 + origin.0, y0 + origin.1, x1 - x0, bits)
    }
}

/// Of each pixel of `range` the two of a shape from `start` on, `length` long, between whose centres
/// its own lies, none where that is outside, and the share of the second. `to` is increasing and
/// linear.
fn taps(
    range: std::ops::Range<usize>,
    start: usize,
    length: usize,
    to: impl Fn(f32) -> f32,
) -> Vec<(Option<usize>, Option<usize>, f32)> {
    let (zero, one) = (to(0.0), to(1.0));
    range
        .map(|i| {
            let at = (i as f32 + 0.5 - zero) / (one - zero) - 0.5 - start as f32;
            let near = at.floor();
            let inside = |x: f32| (x >= 0.0 && x < length as f32).then_some(x as usize);
            (inside(near), inside(near + 1.0), at - near)
        })
        .collect()
}
