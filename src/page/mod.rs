//! What the page's worker calls. The glue turns JavaScript values into the crate's own and
//! back; it knows nothing of tensors.

mod annotations;
mod blob;
mod engine;
mod everything;
mod json;
mod labels;
mod measure;
mod panic;
mod products;
mod shown;
mod training;
