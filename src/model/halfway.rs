//! The middle between a module and what fine-tuning made of it, which loses less of what the untouched one
//! knew (Wortsman et al., “Robust fine-tuning of zero-shot models”, CVPR 2022).

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// The module whose parameters are the means of those of `a` and of `b`, which are of the same shapes and on
/// the same device.
pub fn halfway<M: Module>(a: M, b: &M) -> M {
    let mut flat = Flat(Vec::new());
    b.visit(&mut flat);
    a.map(&mut Halfway(flat.0.into_iter()))
}

/// All parameters in the order in which they are visited.
struct Flat(Vec<Tensor<1>>);

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().flatten(0, D - 1));
    }
}

struct Halfway(std::vec::IntoIter<Tensor<1>>);

impl ModuleMapper for Halfway {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(other) = self.0.next() else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let other = other.reshape(tensor.dims());
        Param::from_mapped_value(id, (tensor + other) * 0.5, mapper)
    }
}
