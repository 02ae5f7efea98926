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
    // SAFETY: once, before anything else.
    unsafe {
        __wasm_call_ctors();
    }
    panic::note_panics();
}
