//! Where a model's parameters come from while it is being built.

use std::cell::RefCell;
use std::fmt::Display;

use burn::tensor::{Device, Tensor, TensorData};

use super::precision::Precision;
use crate::error::Result;
use crate::weights::source::ParameterSource;

/// A named subtree of parameters. Tensors are read one at a time, straight onto the device,
/// so that building a model needs no second copy of its checkpoint.
pub struct Parameters<'a> {
    source: &'a RefCell<&'a mut dyn ParameterSource>,
    device: &'a Device,
    precision: Precision,
    prefix: String,
}

/// Calls `build` with the root of the parameters of `source`, to be put on `device`.
pub fn with_parameters<T>(
    source: &mut dyn ParameterSource,
    device: &Device,
    build: impl FnOnce(&Parameters) -> Result<T>,
) -> Result<T> {
    build(&Parameters {
        source: &RefCell::new(source),
        device,
        precision: Precision::F32,
        prefix: String::new(),
    })
}

impl<'a> Parameters<'a> {
    /// The subtree `name` below this one.
    pub fn at(&self, name: impl Display) -> Parameters<'a> {
        Parameters {
            source: self.source,
            device: self.device,
            precision: self.precision,
            prefix: format!("{}{name}.", self.prefix),
        }
    }

    /// The same subtree, with the weights of linear layers in `precision` if the device supports it.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self {
            precision: precision.on(self.device),
            ..self
        }
    }

    /// How the weights of linear layers are held.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The device on which the model is built.
    pub fn device(&self) -> &Device {
        self.device
    }

    /// Whether the parameter `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.source.borrow().has(&format!("{}{name}", self.prefix))
    }

    /// The values of the parameter `name` of `shape`, row-major.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = format!("{}{name}", self.prefix);
        self.source.borrow_mut().read(&name, shape)
    }

    /// The parameter `name` of `shape` as a tensor on the device.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        Ok(self.place(self.values(name, &shape)?, shape))
    }

    /// Row-major `values` as a tensor of `shape` on the device.
    pub fn place<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}
