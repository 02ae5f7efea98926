//! Gaussian smoothing as in bioimage-cpp: three standard deviations far, and mirrored at the border,
//! whose own pixels are not repeated.

/// Row-major `values` in rows of `width`, smoothed by `sigma` pixels.
pub fn smooth(values: &[f32], width: usize, sigma: f64) -> Vec<f32> {
    if values.is_empty() {
        return Vec::new();
    }
    let kernel = kernel(sigma);
    let height = values.len() / width;
    let mut along = vec![0.0; values.len()];
    let reach = kernel.len() - 1;
    let mut padded = vec![0.0; width + 2 * reach];
    for (row, out) in values
        .chunks_exact(width)
        .zip(along.chunks_exact_mut(width))
    {
        for (i, padded) in padded.iter_mut().enumerate() {
            *padded = row[mirrored(i as isize - reach as isize, width)];
        }
        for (offset, &weight) in weights(&kernel) {
            add(out, &padded[offset..], weight);
        }
    }
    let mut out = vec![0.0; values.len()];
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        for (offset, &weight) in weights(&kernel) {
            let row = mirrored((y + offset) as isize - reach as isize, height);
            add(out, &along[row * width..], weight);
        }
    }
    out
}

fn add(out: &mut [f32], values: &[f32], weight: f32) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += weight * value;
    }
}

/// The kernel's weights with their places, from the farthest before to the farthest behind.
fn weights(kernel: &[f32]) -> impl Iterator<Item = (usize, &f32)> {
    kernel.iter().rev().chain(&kernel[1..]).enumerate()
}

/// The weights of the pixel itself and of those farther and farther away.
fn kernel(sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as usize;
    let weight = |at: usize| (-0.5 * (at as f64 / sigma).powi(2)).exp();
    let sum = 1.0 + 2.0 * (1..=reach).map(weight).sum::<f64>();
    (0..=reach).map(|at| (weight(at) / sum) as f32).collect()
}

/// The place among `length` that stands for `at`.
fn mirrored(at: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    at.min(2 * last - at) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_beyond_the_border_are_mirrored_at_it() {
        let places: Vec<usize> = (-3..7).map(|at| mirrored(at, 4)).collect();
        assert_eq!(places, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(mirrored(-5, 1), 0);
        assert_eq!(mirrored(-5, 2), 1);
    }

    #[test]
    fn an_even_plane_stays_as_it_is() {
        for value in smooth(&[0.25; 35], 7, 1.6) {
            assert!((value - 0.25).abs() < 1e-6, "{value}");
        }
    }
}
