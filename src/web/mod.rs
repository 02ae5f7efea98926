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

#[cfg(target_arch = "wasm32")]
unsafe extern "C" {
    /// Runs the constructors of all crates. If nothing called it, the linker would have each call from
    /// JavaScript run them again.
    fn __wasm_call_ctors();
}

#[wasm_bindgen(start)]
fn start() {
    #[cfg(target_arch = "wasm32")]
    // SAFETY: once, before anything else, as only the first thread begins here.
    unsafe {
        __wasm_call_ctors();
    }
    panic::note_panics();
}
