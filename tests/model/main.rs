//! What needs the model. One program: it is linked once, and a long test of one thread runs beside the
//! others.

mod automatic_masks;
mod cli;
mod common;
mod finder;
mod finetune;
mod instances;
mod kernels;
mod parity;
mod parts;
mod training;
