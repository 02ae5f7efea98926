//! Planes of numbers, and what is made of one by smoothing.

/// By how many standard deviations a Gaussian's kernel reaches to each side.
const REACH: f32 = 3.0;

/// `width × height` numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// A Gaussian, or a derivative of one, along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Smooth,
    First,
    Second,
}

impl Plane {
    pub fn new((width, height): (usize, usize), values: Vec<f32>) -> Self {
        debug_assert_eq!(width * height, values.len());
        Self {
            width,
            height,
            values,
        }
    }

    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    pub fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        self.values.iter_mut().for_each(|x| *x = f(*x));
        self
    }

    /// Each pixel with the other's, which has the same size.
    pub fn with(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        Self::new(self.size(), pairs.map(|(a, b)| f(*a, *b)).collect())
    }

    /// Smoothed by a Gaussian of this standard deviation in pixels; the border's pixels go on
    /// beyond it.
    pub fn smooth(&self, sigma: f32) -> Self {
        self.derivative(sigma, Order::Smooth, Order::Smooth)
    }

    /// A derivative of the smoothed plane, along x and y.
    pub fn derivative(&self, sigma: f32, x: Order, y: Order) -> Self {
        self.along_x(&kernel(sigma, x)).along_y(&kernel(sigma, y))
    }

    /// The length of the gradient of the smoothed plane.
    pub fn gradient(&self, sigma: f32) -> Self {
        let x = self.derivative(sigma, Order::First, Order::Smooth);
        let y = self.derivative(sigma, Order::Smooth, Order::First);
        x.with(&y, f32::hypot)
    }

    fn along_x(&self, kernel: &[f32]) -> Self {
        let reach = kernel.len() / 2;
        let mut values = vec![0.0; self.values.len()];
        let mut padded = vec![0.0; self.width + 2 * reach];
        let rows = self.values.chunks_exact(self.width);
        for (row, out) in rows.zip(values.chunks_exact_mut(self.width)) {
            padded[..reach].fill(row[0]);
            padded[reach..][..self.width].copy_from_slice(row);
            padded[reach + self.width..].fill(row[self.width - 1]);
            for (i, &weight) in kernel.iter().enumerate() {
                let shifted = &padded[i..][..self.width];
                let pairs = out.iter_mut().zip(shifted);
                pairs.for_each(|(sum, x)| *sum += weight * x);
            }
        }
        Self::new(self.size(), values)
    }

    fn along_y(&self, kernel: &[f32]) -> Self {
        let reach = kernel.len() / 2;
        let mut values = vec![0.0; self.values.len()];
        for (y, out) in values.chunks_exact_mut(self.width).enumerate() {
            for (i, &weight) in kernel.iter().enumerate() {
                let from = (y + i).saturating_sub(reach).min(self.height - 1);
                let row = &self.values[from * self.width..][..self.width];
                let pairs = out.iter_mut().zip(row);
                pairs.for_each(|(sum, x)| *sum += weight * x);
            }
        }
        Self::new(self.size(), values)
    }

    /// At another size, without moiré where that is smaller.
    pub fn resized(&self, (width, height): (usize, usize)) -> Self {
        let scale = self.width as f32 / width as f32;
        let smooth = (scale > 1.0).then(|| self.smooth((scale - 1.0) / 2.0));
        let from = smooth.as_ref().unwrap_or(self);
        let columns = taps(self.width, width);
        let mut values = Vec::with_capacity(width * height);
        for (top, bottom, down) in taps(self.height, height) {
            let [top, bottom] = [top, bottom].map(|y| &from.values[y * self.width..]);
            values.extend(columns.iter().map(|&(left, right, across)| {
                let mix = |row: &[f32]| row[left] + (row[right] - row[left]) * across;
                let (a, b) = (mix(top), mix(bottom));
                a + (b - a) * down
            }));
        }
        Self::new((width, height), values)
    }

    /// What lies in a rectangle.
    pub fn cropped(&self, x: usize, y: usize, (width, height): (usize, usize)) -> Self {
        let rows = (y..y + height).map(|y| &self.values[y * self.width + x..][..width]);
        Self::new((width, height), rows.flatten().copied().collect())
    }
}

/// Of each of `to` pixels the two of `from` beside its centre, and the share of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let last = from - 1;
    (0..to)
        .map(|i| {
            let at = ((i as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
            let left = (at as usize).min(last);
            (left, (left + 1).min(last), at - left as f32)
        })
        .collect()
}

/// A kernel whose middle is its centre.
fn kernel(sigma: f32, order: Order) -> Vec<f32> {
    let sigma = f64::from(sigma.max(1e-3));
    let reach = (f64::from(REACH) * sigma).round().max(1.0) as i64;
    let bell = |i: i64| (-0.5 * (i as f64 / sigma).powi(2)).exp();
    let sum: f64 = (-reach..=reach).map(bell).sum();
    (-reach..=reach)
        .map(|i| {
            let (x, weight) = (i as f64 / sigma, bell(i) / sum);
            let factor = match order {
                Order::Smooth => 1.0,
                Order::First => x / sigma,
                Order::Second => (x * x - 1.0) / (sigma * sigma),
            };
            (factor * weight) as f32
        })
        .collect()
}
