//! What a pixel looks like: the image and its derivatives at scales that are tied to the objects'
//! size (as ilastik's pixel classification has them), so that one setting serves all magnifications.

use super::plane::{Order, Plane};

/// Standard deviations as shares of the objects' diameter.
const SCALES: [f32; 4] = [0.04, 0.08, 0.16, 0.32];

/// Numbers that describe a pixel.
pub const COUNT: usize = 3 + 6 * SCALES.len();

/// Pieces in which the features of an image are computed.
pub const PIECES: usize = 2 + 3 * SCALES.len();

/// The features of all pixels of an image, a few at a time.
pub struct Features {
    /// Of objects, in pixels.
    diameter: f32,
    piece: usize,
    /// The image smoothed by one and by two diameters, once it is.
    near: Option<Plane>,
    wide: Option<Plane>,
}

impl Features {
    pub fn new(diameter: f32) -> Self {
        Self {
            diameter,
            piece: 0,
            near: None,
            wide: None,
        }
    }

    /// Gives the next features of `image` to `take`, one after another, so that only one is held;
    /// false where none is left.
    pub fn advance(&mut self, image: &Plane, mut take: impl FnMut(usize, &Plane)) -> bool {
        let minus = |a: f32, b: f32| a - b;
        let piece = self.piece;
        self.piece += 1;
        match (piece, &self.near, &self.wide) {
            (0, ..) => {
                let near = image.smooth(self.diameter);
                take(0, &image.with(&near, minus));
                take(1, image);
                take(2, &near);
                self.near = Some(near);
            }
            (1, ..) => self.wide = Some(image.smooth(2.0 * self.diameter)),
            (PIECES.., ..) => return false,
            (_, Some(near), Some(wide)) => {
                let (scale, kind) = ((piece - 2) / 3, (piece - 2) % 3);
                let sigma = (SCALES[scale] * self.diameter).max(0.5 * (scale + 1) as f32);
                let place = 3 + 6 * scale;
                match kind {
                    0 => {
                        let smooth = image.smooth(sigma);
                        take(place, &smooth);
                        take(place + 1, &smooth.with(near, minus));
                        take(place + 2, &smooth.with(wide, minus));
                    }
                    1 => take(place + 3, &image.gradient(sigma).map(|x| x * sigma)),
                    _ => {
                        let [large, small] = curvatures(image, sigma);
                        take(place + 4, &large);
                        take(place + 5, &small);
                    }
                }
            }
            _ => return false,
        }
        true
    }
}

/// The larger and the smaller eigenvalue of the Hessian, normalised for the scale.
fn curvatures(image: &Plane, sigma: f32) -> [Plane; 2] {
    let normal = sigma * sigma;
    let derivative = |x, y| image.derivative(sigma, x, y).map(|v| v * normal);
    let xx = derivative(Order::Second, Order::Smooth);
    let yy = derivative(Order::Smooth, Order::Second);
    let xy = derivative(Order::First, Order::First);
    let mean = xx.with(&yy, |a, b| 0.5 * (a + b));
    let spread = xx.with(&yy, |a, b| 0.5 * (a - b)).with(&xy, f32::hypot);
    [
        mean.with(&spread, |m, s| m + s),
        mean.with(&spread, |m, s| m - s),
    ]
}
