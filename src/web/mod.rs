//! What the page's worker calls, and the types that cross, from which the page's declarations are
//! generated. It turns JavaScript values into the crate's own and back, and knows nothing of
//! tensors.

mod annotations;
mod automatic_masks;
mod blob;
mod blocks;
mod encoding;
mod engine;
mod finding;
mod image;
mod labels;
mod measure;
mod panic;
mod pool;
mod products;
mod project_file;
mod prompts;
mod sha256;
mod training;
mod types;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(start)]
fn start() {
    panic::note_panics();
}
