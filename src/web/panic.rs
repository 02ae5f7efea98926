//! Keeps the message of a panic for the page, which sees only a trap.

use std::sync::Mutex;

use wasm_bindgen::prelude::wasm_bindgen;

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Notes panics from now on.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST.lock() {
            // The first panic is the cause; those in its wake only hide it.
            last.get_or_insert_with(|| panic.to_string());
        }
    }));
}

/// What the first panic said, if there was one.
#[wasm_bindgen]
pub fn last_panic() -> Option<String> {
    LAST.lock().ok().and_then(|last| last.clone())
}
