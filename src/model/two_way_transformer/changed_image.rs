//! The image as the layers change it, for a preparation that many prompts share.
//!
//! A layer adds to every pixel a weighted sum of a few vectors, what its tokens hand to the image,
//! and normalises the pixel. So after any layer the image is
//!
//! `scale · base + weights · vectors`
//!
//! with a scale and a few weights for each pixel, and vectors that are the same for all pixels. The
//! base is the image before the first layer times the gammas of the layers' norms, in which the
//! prompts have no part: a projection of the changed image takes the base's, made once, and that of
//! the vectors. With both layers that leaves two thirds of the decoder's products for a click.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::EPSILON;
use super::attention::Received;
use crate::model::kernels;

/// Of B prompts on one image.
#[derive(Clone, Debug)]
pub struct ChangedImage {
    /// `(B, pixels, 1)`.
    pub scale: Tensor<3>,
    /// `(B, pixels, R)`.
    pub weights: Tensor<3>,
    /// `(B, R, C)`.
    pub vectors: Tensor<3>,
}

impl ChangedImage {
    /// What `norm` makes of `sum`, `(B, pixels, C)` on the CPU: that is the image as it was
    /// `before`, or the base where that is nothing, and what it has `received`.
    pub(super) fn normalised(
        before: Option<Self>,
        received: Received,
        sum: &Tensor<3>,
        norm: &LayerNorm,
    ) -> Self {
        let batch = sum.dims()[0];
        let [mean, deviation] = kernels::moments(sum, EPSILON);
        let scale = deviation.recip();
        let (mut weights, mut vectors) = (vec![received.weights], vec![received.vectors]);
        let before = before.map(|before| {
            weights.push(before.weights);
            vectors.push(before.vectors);
            before.scale
        });
        weights.push(mean.neg());
        vectors.push(Tensor::ones_like(&vectors[0]).narrow(1, 0, 1));
        let gamma = norm.gamma.val().unsqueeze::<3>();
        let mut weights = Tensor::cat(weights, 2) * scale.clone();
        let mut vectors = Tensor::cat(vectors, 1) * gamma;
        if let Some(beta) = &norm.beta {
            let beta = beta.val().unsqueeze::<3>().repeat_dim(0, batch);
            weights = Tensor::cat(vec![weights, scale.ones_like()], 2);
            vectors = Tensor::cat(vec![vectors, beta], 1);
        }
        Self {
            scale: match before {
                Some(before) => before * scale,
                None => scale,
            },
            weights,
            vectors,
        }
    }

    /// A projection of the image, `(B, pixels, outputs)`, of the projected `base`,
    /// `(1, pixels, outputs)`, and `vectors`, `(B, R, outputs)`.
    pub fn projected(&self, base: Tensor<3>, vectors: Tensor<3>) -> Tensor<3> {
        kernels::add_product(base * self.scale.clone(), self.weights.clone(), vectors)
    }

    /// Some of its pixels.
    pub fn narrow(&self, start: usize, count: usize) -> Self {
        Self {
            scale: self.scale.clone().narrow(1, start, count),
            weights: self.weights.clone().narrow(1, start, count),
            vectors: self.vectors.clone(),
        }
    }
}
