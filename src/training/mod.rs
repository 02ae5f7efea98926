//! Fine-tuning of the mask decoder on a person's own labelled images. The image encoder and the
//! prompt encoder stay as they are.

pub mod adamw;
pub mod bioimage_io;
pub mod calibration;
pub mod checkpoint;
pub mod dataset;
pub mod decoder_file;
mod evaluator;
pub mod loss;
mod prompt_rounds;
pub mod prompts;
pub mod trainer;
