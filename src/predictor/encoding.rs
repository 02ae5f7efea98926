//! An image, or a part of one, on its way through the image encoder.

use burn::tensor::{Device, Tensor};
use sha2::{Digest, Sha256};

use crate::device;
use crate::error::Result;
use crate::image::mask::{self, Enlarged, THRESHOLD};
use crate::image::part::{Part, PartRows, Pyramid, Reach};
use crate::image::resize::{self, Rows};
use crate::image::shapes::Shape;
use crate::model::layers::{channels_first, pixels_first};
use crate::model::sam::preprocess;
use crate::weights::hex;

/// Cells of low-resolution logits from a part's border within which a mask is taken to end for
/// want of more image.
const EDGE: usize = 4;

/// The embedding of an image, or of a part of one.
#[derive(Clone)]
pub struct Embedding {
    /// `(1, pixels, C)`, as the decoder takes it.
    pub(super) pixels: Tensor<3>,
    pub(super) geometry: Geometry,
}

impl Embedding {
    /// Of features `(1, C, grid, grid)`.
    pub(super) fn new(features: Tensor<4>, geometry: Geometry) -> Self {
        let pixels = pixels_first(features);
        Self { pixels, geometry }
    }

    /// The features, `(1, C, grid, grid)`.
    pub fn features(&self) -> Tensor<4> {
        channels_first(self.pixels.clone())
    }

    /// The features, row-major, to be kept under the [`Encoding::key`] of what was encoded.
    pub async fn values(&self) -> Result<Vec<f32>> {
        device::read(self.features()).await
    }

    /// Side of the low-resolution logits of masks.
    pub fn mask_side(&self) -> usize {
        4 * self.pixels.dims()[1].isqrt()
    }

    pub fn device(&self) -> Device {
        self.pixels.device()
    }

    /// Width and height of the image.
    pub fn size(&self) -> (usize, usize) {
        self.geometry.size
    }

    /// What of the image it is of.
    pub fn part(&self) -> Part {
        self.geometry.part
    }

    /// By how much x and y in pixels of the image are scaled to cells of `side × side` logits,
    /// which lie over the whole input.
    pub fn to_logits(&self, side: usize) -> [f32; 2] {
        let scale = side as f32 / self.geometry.side as f32;
        self.geometry.scale().map(|x| x * scale)
    }

    /// The share, 0..1, that `pixels` of the image take of each cell of `side × side` logits.
    pub fn shares(&self, pixels: impl Iterator<Item = (usize, usize)>, side: usize) -> Vec<f32> {
        let mut shares = vec![0.0; side * side];
        let [scale_x, scale_y] = self.to_logits(side);
        let part = self.part();
        let inside = |at: usize, start: usize, length: usize| {
            let at = at.wrapping_sub(start);
            (at < length).then_some(at)
        };
        for (x, y) in pixels {
            let x = inside(x, part.x, part.width);
            let y = inside(y, part.y, part.height);
            let (Some(x), Some(y)) = (x, y) else {
                continue;
            };
            for (row, height) in cells(y, scale_y, side) {
                for (column, width) in cells(x, scale_x, side) {
                    shares[row * side + column] += width * height;
                }
            }
        }
        shares.iter_mut().for_each(|share| *share = share.min(1.0));
        shares
    }

    /// The share, 0..1, of the cells of the decoder's square `logits` that lie in the image, or the
    /// part, that are inside of the mask.
    pub fn share(&self, logits: &[f32]) -> f32 {
        let side = logits.len().isqrt();
        let Geometry {
            resized,
            side: input,
            ..
        } = self.geometry;
        let within = |length: usize| (length * side).div_ceil(input);
        let (columns, rows) = (within(resized.0), within(resized.1));
        let rows_of_it = logits.chunks_exact(side).take(rows);
        let inside = rows_of_it.flat_map(|row| &row[..columns]);
        let inside = inside.filter(|logit| **logit > THRESHOLD).count();
        inside as f32 / (columns * rows) as f32
    }

    /// The part of the decoder's square `logits`, enlarged to the image, in which all over `above`
    /// lie; nothing where there is none.
    pub fn enlarge(&self, logits: &[f32], above: f32) -> Option<Enlarged> {
        let Geometry {
            side,
            part,
            resized,
            ..
        } = self.geometry;
        let original = (part.width, part.height);
        let enlarged = mask::enlarge(logits, above, side, resized, original);
        enlarged.map(|enlarged| enlarged.moved(part.x, part.y))
    }

    /// The mask that the decoder's square `logits` make when they are cut at zero; nothing where
    /// it has no pixel.
    pub fn shape(&self, logits: &[f32]) -> Option<Shape> {
        let Geometry {
            side,
            part,
            resized,
            ..
        } = self.geometry;
        let shape = mask::shape(logits, side, resized, (part.width, part.height))?;
        Some(Shape {
            x: shape.x + part.x,
            y: shape.y + part.y,
            ..shape
        })
    }

    /// How far the mask of the decoder's square `logits` reaches, to a cell of these; nothing where
    /// it is empty.
    pub fn reach(&self, logits: &[f32]) -> Option<Reach> {
        let side = logits.len().isqrt();
        let Geometry {
            part,
            resized,
            side: input,
            ..
        } = self.geometry;
        let within = |length: usize| (length * side).div_ceil(input);
        let (columns, rows) = (within(resized.0), within(resized.1));
        let (mut x0, mut y0, mut x1, mut y1) = (columns, rows, 0, 0);
        for (y, row) in logits.chunks_exact(side).take(rows).enumerate() {
            let inside = |logit: &f32| *logit > THRESHOLD;
            let Some(first) = row[..columns].iter().position(inside) else {
                continue;
            };
            let last = row[..columns].iter().rposition(inside).unwrap_or(first);
            (x0, x1) = (x0.min(first), x1.max(last + 1));
            (y0, y1) = (y0.min(y), y + 1);
        }
        if x0 >= x1 {
            return None;
        }
        let [scale_x, scale_y] = self.to_logits(side);
        let along = |cell: usize, scale: f32, start: usize| cell as f32 / scale + start as f32;
        let ends = [x0 < EDGE, y0 < EDGE, x1 + EDGE > columns, y1 + EDGE > rows];
        let inner = Pyramid { size: self.size() }.inner(&part);
        Some(Reach {
            bounds: [
                along(x0, scale_x, part.x),
                along(y0, scale_y, part.y),
                along(x1, scale_x, part.x),
                along(y1, scale_y, part.y),
            ],
            cut: std::array::from_fn(|i| ends[i] && inner[i]),
        })
    }
}

/// The cells that pixel `i` covers after scaling, with the length of each that it covers.
fn cells(i: usize, scale: f32, side: usize) -> impl Iterator<Item = (usize, f32)> {
    let (start, end) = (i as f32 * scale, (i as f32 + 1.0) * scale);
    let last = (end.ceil() as usize).min(side);
    (start as usize..last).map(move |cell| {
        let covered = end.min((cell + 1) as f32) - start.max(cell as f32);
        (cell, covered.max(0.0))
    })
}

/// How an image, or a part of it, lies in the model's square input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// Side of the model's input.
    pub side: usize,
    /// Width and height of the image.
    pub size: (usize, usize),
    /// What of it is the input.
    pub part: Part,
    /// Width and height of the part after resizing to the input's side.
    pub resized: (usize, usize),
}

impl Geometry {
    /// Pixels of the image to pixels of the input.
    pub fn to_input(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [scale_x, scale_y] = self.scale();
        let (left, top) = (self.part.x as f32, self.part.y as f32);
        [(x - left) * scale_x, (y - top) * scale_y]
    }

    /// By how much the part is resized along x and y.
    fn scale(self) -> [f32; 2] {
        let scale = |side: usize, resized: usize| resized as f32 / side as f32;
        [
            scale(self.part.width, self.resized.0),
            scale(self.part.height, self.resized.1),
        ]
    }
}

/// An encoding under way: what the step done last gave.
pub struct Encoding {
    pub(super) x: Tensor<4>,
    /// How many steps are done.
    pub(super) step: usize,
    pub(super) geometry: Geometry,
    key: String,
}

impl Encoding {
    /// Resizes `part` of `image` to a longest side of `side`, normalises and pads it.
    /// `encoder_digest` stands for the image encoder in the key.
    pub(super) fn begin(
        image: &impl Rows,
        part: Part,
        side: usize,
        encoder_digest: &[u8],
        device: &Device,
    ) -> Self {
        let (width, height) = resize::longest_side(part.width, part.height, side);
        let rows = PartRows { image, part };
        let resized = resize::bilinear_antialias(&rows, width, height);
        let mut digest = Sha256::new_with_prefix(encoder_digest);
        digest.update(format!("{width}x{height}"));
        digest.update(&resized.pixels);
        Self {
            x: preprocess(&resized.pixels, [width, height], side, device),
            step: 0,
            geometry: Geometry {
                side,
                size: image.size(),
                part,
                resized: (width, height),
            },
            key: hex(&digest.finalize()),
        }
    }

    /// Whether it is the encoding of the same pixels for the same place.
    pub fn is_of(&self, other: &Self) -> bool {
        let place = |encoding: &Self| (encoding.geometry.size, encoding.geometry.part);
        self.key == other.key && place(self) == place(other)
    }

    /// What of the image is encoded.
    pub fn part(&self) -> Part {
        self.geometry.part
    }

    /// How many steps are done.
    pub fn steps_done(&self) -> usize {
        self.step
    }

    /// SHA-256, in hexadecimal, of the image encoder and the pixels that it gets: equal keys
    /// have equal embeddings.
    pub fn key(&self) -> &str {
        &self.key
    }
}
