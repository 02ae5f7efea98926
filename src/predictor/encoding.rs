//! An image on its way through the image encoder.

use burn::tensor::{Device, Tensor};
use sha2::{Digest, Sha256};

use crate::device;
use crate::error::Result;
use crate::image::mask::{self, Enlarged, THRESHOLD};
use crate::image::resize::{self, Rows};
use crate::model::layers::{channels_first, pixels_first};
use crate::model::sam::preprocess;
use crate::weights::hex;

/// One image's embedding.
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
    pub fn original(&self) -> (usize, usize) {
        self.geometry.original
    }

    /// By how much x and y in pixels of the image are scaled to cells of `side × side` logits,
    /// which lie over the whole input.
    pub fn to_logits(&self, side: usize) -> [f32; 2] {
        let scale = side as f32 / self.geometry.side as f32;
        self.geometry.to_input([1.0, 1.0]).map(|x| x * scale)
    }

    /// The share, 0..1, that `pixels` of the image take of each cell of `side × side` logits.
    pub fn shares(&self, pixels: impl Iterator<Item = (usize, usize)>, side: usize) -> Vec<f32> {
        let mut shares = vec![0.0; side * side];
        let [scale_x, scale_y] = self.to_logits(side);
        for (x, y) in pixels {
            for (row, height) in cells(y, scale_y, side) {
                for (column, width) in cells(x, scale_x, side) {
                    shares[row * side + column] += width * height;
                }
            }
        }
        shares.iter_mut().for_each(|share| *share = share.min(1.0));
        shares
    }

    /// The part of the decoder's square `logits`, enlarged to the image, in which all over `above`
    /// lie; nothing where there is none.
    pub fn enlarge(&self, logits: &[f32], above: f32) -> Option<Enlarged> {
        let Geometry {
            side,
            original,
            resized,
        } = self.geometry;
        mask::enlarge(logits, above, side, resized, original)
    }

    /// The decoder's square `logits` over the image, cut at zero: `width · height` booleans.
    pub fn postprocess(&self, logits: &[f32]) -> Vec<bool> {
        let (width, height) = self.geometry.original;
        let mut plane = vec![false; width * height];
        let shape = self
            .enlarge(logits, THRESHOLD)
            .and_then(|part| part.shape());
        if let Some(shape) = shape {
            for (row, y) in shape.bits.chunks_exact(shape.width).zip(shape.y..) {
                plane[y * width + shape.x..][..shape.width].copy_from_slice(row);
            }
        }
        plane
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

/// How an image lies in the model's square input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    /// Side of the model's input.
    pub side: usize,
    /// Width and height of the image.
    pub original: (usize, usize),
    /// Width and height after resizing to the input's side.
    pub resized: (usize, usize),
}

impl Geometry {
    /// Pixels of the image to pixels of the input.
    pub fn to_input(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let scale = |side: usize, resized: usize| resized as f32 / side as f32;
        [
            x * scale(self.original.0, self.resized.0),
            y * scale(self.original.1, self.resized.1),
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
    /// Resizes `image` to a longest side of `side`, normalises and pads it. `encoder_digest`
    /// stands for the image encoder in the key.
    pub(super) fn begin(
        image: &impl Rows,
        side: usize,
        encoder_digest: &[u8],
        device: &Device,
    ) -> Self {
        let original = image.size();
        let (width, height) = resize::longest_side(original.0, original.1, side);
        let resized = resize::bilinear_antialias(image, width, height);
        let mut digest = Sha256::new_with_prefix(encoder_digest);
        digest.update(format!("{width}x{height}"));
        digest.update(&resized.pixels);
        Self {
            x: preprocess(&resized.pixels, [width, height], side, device),
            step: 0,
            geometry: Geometry {
                side,
                original,
                resized: (width, height),
            },
            key: hex(&digest.finalize()),
        }
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
