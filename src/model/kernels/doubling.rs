//! Bilinear doubling of maps on the CPU, which tensor operations would pass over a dozen times.

use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

/// How a pixel's value is made of the nearer and the farther one.
const NEAR: f32 = 0.75;
const FAR: f32 = 0.25;

/// `x`, `(1, channels, rows + 2, columns)`, without the first and the last row, of which the others'
/// neighbours are made, twice as high and wide: `(1, channels, 2 · rows, 2 · columns)`.
pub fn double(x: FlexTensor) -> FlexTensor {
    let x = x.to_contiguous();
    let shape = x.layout().shape();
    let (channels, rows, columns) = (shape[1], shape[2] - 2, shape[3]);
    let (values, plane) = (x.storage::<f32>(), (rows + 2) * columns);
    let mut out = vec![0.0; 4 * channels * rows * columns];
    let planes = out.par_chunks_exact_mut(4 * rows * columns);
    planes.enumerate().for_each(|(i, out)| {
        let plane = &values[i * plane..][..plane];
        let mut between = vec![0.0; columns];
        let around = plane.windows(3 * columns).step_by(columns);
        for (around, out) in around.zip(out.chunks_exact_mut(4 * columns)) {
            let (above, rest) = around.split_at(columns);
            let (own, below) = rest.split_at(columns);
            let (upper, lower) = out.split_at_mut(2 * columns);
            for (far, out) in [(above, upper), (below, lower)] {
                for ((between, own), far) in between.iter_mut().zip(own).zip(far) {
                    *between = NEAR * own + FAR * far;
                }
                widen(&between, out);
            }
        }
    });
    FlexTensor::from_data(TensorData::new(out, [1, channels, 2 * rows, 2 * columns]))
}

/// Doubles a line; beyond its ends are their own values.
fn widen(line: &[f32], out: &mut [f32]) {
    let last = line.len() - 1;
    for (x, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (near, left, right) = (
            NEAR * line[x],
            line[x.saturating_sub(1)],
            line[(x + 1).min(last)],
        );
        *out = [near + FAR * left, near + FAR * right];
    }
}
