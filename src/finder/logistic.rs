//! Logistic regression with weighted examples, by Newton's method.

const ITERATIONS: usize = 12;
/// Relative gain below which a step is the last.
const LITTLE: f64 = 1e-6;

/// Examples `rows.len() / width`, each of `width` numbers of which the last is 1, with the class
/// and the weight of each.
pub struct Examples<'a> {
    pub width: usize,
    pub rows: &'a [f32],
    pub classes: &'a [bool],
    pub weights: &'a [f64],
}

impl Examples<'_> {
    fn each(&self) -> impl Iterator<Item = (&[f32], bool, f64)> {
        let rows = self.rows.chunks_exact(self.width);
        let known = self.classes.iter().zip(self.weights);
        rows.zip(known)
            .map(|(row, (class, weight))| (row, *class, *weight))
    }

    fn loss(&self, weights: &[f64], penalty: f64) -> f64 {
        let loss = |(row, class, weight): (&[f32], bool, f64)| {
            let z = dot(row, weights);
            let right = if class { z } else { -z };
            // ln(1 + exp(-right)), without overflow.
            weight * ((-right.abs()).exp().ln_1p() + (-right).max(0.0))
        };
        let squares: f64 = weights[..self.width - 1].iter().map(|w| w * w).sum();
        self.each().map(loss).sum::<f64>() + 0.5 * penalty * squares
    }

    /// The gradient and the upper triangle of the Hessian.
    fn derivatives(&self, weights: &[f64], penalty: f64) -> (Vec<f64>, Vec<f64>) {
        let n = self.width;
        let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n * n]);
        for (row, class, weight) in self.each() {
            let p = logistic(dot(row, weights));
            let slope = weight * (p - f64::from(class));
            let curve = (weight * p * (1.0 - p)).max(1e-9);
            for (i, &x) in row.iter().enumerate() {
                gradient[i] += slope * f64::from(x);
                let x = curve * f64::from(x);
                let line = &mut hessian[i * n..][i..n];
                let pairs = line.iter_mut().zip(&row[i..]);
                pairs.for_each(|(sum, y)| *sum += x * f64::from(*y));
            }
        }
        for i in 0..n {
            // The constant is free.
            let penalty = if i + 1 < n { penalty } else { 1e-6 };
            gradient[i] += penalty * weights[i];
            hessian[i * n + i] += penalty;
        }
        (gradient, hessian)
    }
}

/// The weights, of as many numbers as an example has, that make the classes likeliest under a
/// `penalty` on their squares, from `start` on.
pub fn fit(examples: &Examples, penalty: f64, start: Vec<f64>) -> Vec<f64> {
    let mut weights = start;
    let mut loss = examples.loss(&weights, penalty);
    for _ in 0..ITERATIONS {
        let (gradient, hessian) = examples.derivatives(&weights, penalty);
        let Some(step) = solve(hessian, gradient) else {
            break;
        };
        let mut length = 1.0;
        let better = loop {
            let next: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(w, s)| w - length * s)
                .collect();
            let after = examples.loss(&next, penalty);
            if after < loss {
                break Some((next, after));
            }
            length /= 2.0;
            if length < 1e-3 {
                break None;
            }
        };
        let Some((next, after)) = better else { break };
        let gain = loss - after;
        (weights, loss) = (next, after);
        if gain < LITTLE * loss.abs().max(1.0) {
            break;
        }
    }
    weights
}

pub fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn dot(row: &[f32], weights: &[f64]) -> f64 {
    row.iter()
        .zip(weights)
        .map(|(x, w)| f64::from(*x) * w)
        .sum()
}

/// Solves a system whose matrix is symmetric and positive, given by its upper triangle, by
/// Cholesky's method; nothing where it is not positive.
fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        let (above, rest) = matrix.split_at_mut(i * n);
        let row = &mut rest[..n];
        for k in 0..i {
            let factor = above[k * n + i];
            let pairs = row[i..].iter_mut().zip(&above[k * n + i..][..n - i]);
            pairs.for_each(|(x, y)| *x -= factor * y);
        }
        if row[i].is_nan() || row[i] <= 0.0 {
            return None;
        }
        let root = row[i].sqrt();
        row[i..].iter_mut().for_each(|x| *x /= root);
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| matrix[k * n + i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| matrix[i * n + k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i * n + i];
    }
    Some(right)
}
