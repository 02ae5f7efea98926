//! Fused multiply-add for the CPU device's matrix products, where the browser has it.

use std::sync::OnceLock;

use wasm_bindgen::prelude::*;

/// Has products computed with relaxed SIMD (<https://github.com/WebAssembly/relaxed-simd>) from now
/// on: `false` where the browser does not know it. Sums then differ from those without by less
/// than rounding does, and from browser to browser. A thread of the pool calls for itself what this has put
/// into the table of functions, so it needs the same there: see [`fused_tiles`].
#[wasm_bindgen]
pub fn fuse_products() -> bool {
    // More than once it would be put into the table again.
    static FUSED: OnceLock<bool> = OnceLock::new();
    *FUSED.get_or_init(|| fuse().unwrap_or(false))
}

#[cfg(target_arch = "wasm32")]
fn fuse() -> Result<bool, JsValue> {
    use js_sys::WebAssembly::{Instance, Memory, Module, Table, validate};
    use js_sys::{Function, Object, Reflect, Uint8Array};

    if !validate(&Uint8Array::from(gemm::FUSED_TILES))? {
        return Ok(false);
    }
    let (engine, imports) = (Object::new(), Object::new());
    let memory: Memory = wasm_bindgen::memory().dyn_into()?;
    Reflect::set(&engine, &"memory".into(), &memory)?;
    Reflect::set(&imports, &"engine".into(), &engine)?;
    let module = Module::new(&Uint8Array::from(tiles_for(&memory)))?;
    let instance = Instance::new(&module, &imports)?;
    let tiles: Function = Reflect::get(&instance.exports(), &"tiles".into())?.dyn_into()?;
    // A function is called by its place in the engine's table.
    let table: Table = wasm_bindgen::function_table().dyn_into()?;
    let place = table.grow(1)?;
    table.set(place, &tiles)?;
    // SAFETY: the place holds a function with these parameters, which does what they say.
    unsafe { gemm::set_tiles(std::mem::transmute::<usize, gemm::Tiles>(place as usize)) };
    Ok(true)
}

/// A module says whether the memory that it imports is shared.
#[cfg(target_arch = "wasm32")]
fn tiles_for(memory: &js_sys::WebAssembly::Memory) -> &'static [u8] {
    let buffer = js_sys::Object::from(memory.buffer());
    match String::from(buffer.to_string()).contains("Shared") {
        true => gemm::SHARED_FUSED_TILES,
        false => gemm::FUSED_TILES,
    }
}

/// A native program has its own kernels.
#[cfg(not(target_arch = "wasm32"))]
fn fuse() -> Result<bool, JsValue> {
    Ok(false)
}

/// The module whose function `tiles` a thread of the pool puts into its table of functions, as its first addition.
#[wasm_bindgen]
pub fn fused_tiles() -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return gemm::SHARED_FUSED_TILES.to_vec();
    #[cfg(not(target_arch = "wasm32"))]
    Vec::new()
}
