//! The linear layer on the CPU. What Burn's device does for one passes over the outputs five times:
//! zeros are made and copied, and bias and activation follow after the product. Here the bias is
//! there first, and the product is added to it.

use burn::tensor::TensorData;
use burn_flex::{FlexTensor, Layout};

use super::Activation;
use crate::device;
use crate::model::elementwise::gelu_of_all;

/// `(rows, inputs)` times `(inputs, outputs)`, plus a bias of `(outputs)`, in any layout.
pub fn linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, then: Activation) -> FlexTensor {
    let (left, right) = (Matrix::of(x.layout()), Matrix::of(weight.layout()));
    let [rows, inputs] = left.size;
    let [_, outputs] = right.size;
    let bias = bias.to_contiguous();
    let mut out = bias.storage::<f32>()[..outputs].repeat(rows);
    let (keep, add) = (1.0, 1.0);
    // SAFETY: the layouts lie in their tensors' values, and `out` has a row of outputs for each of x.
    unsafe {
        gemm::gemm::<f32>(
            rows,
            outputs,
            inputs,
            out.as_mut_ptr(),
            1,
            outputs as isize,
            true,
            x.storage::<f32>().as_ptr().add(left.start),
            left.column,
            left.row,
            weight.storage::<f32>().as_ptr().add(right.start),
            right.column,
            right.row,
            keep,
            add,
            false,
            false,
            false,
            device::threads(rows.saturating_mul(outputs).saturating_mul(inputs)),
        );
    }
    if then == Activation::Gelu {
        gelu_of_all(&mut out);
    }
    FlexTensor::from_data(TensorData::new(out, [rows, outputs]))
}

/// How a matrix lies in a tensor's values: its rows and columns, where it begins, and the steps from
/// a row and from a column to the next.
struct Matrix {
    size: [usize; 2],
    start: usize,
    row: isize,
    column: isize,
}

impl Matrix {
    fn of(layout: &Layout) -> Self {
        let (shape, strides) = (layout.shape(), layout.strides());
        Self {
            size: [shape[0], shape[1]],
            start: layout.start_offset(),
            row: strides[0],
            column: strides[1],
        }
    }
}
