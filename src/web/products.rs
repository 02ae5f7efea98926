//! Fused multiply-add for the CPU device's matrix products, where the browser has it.

use wasm_bindgen::JsValue;

/// Has products computed with relaxed SIMD (<https://github.com/WebAssembly/relaxed-simd>) from now
/// on: `false` where the browser does not know it. Sums then differ from those without by less
/// than rounding does, and from browser to browser.
#[cfg(target_arch = "wasm32")]
pub fn fuse() -> Result<bool, JsValue> {
    use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
    use wasm_bindgen::JsCast;

    let bytes = Uint8Array::from(gemm::FUSED_TILES);
    if !WebAssembly::validate(&bytes)? {
        return Ok(false);
    }
    let (engine, imports) = (Object::new(), Object::new());
    Reflect::set(&engine, &"memory".into(), &wasm_bindgen::memory())?;
    Reflect::set(&imports, &"engine".into(), &engine)?;
    let module = WebAssembly::Module::new(&bytes)?;
    let instance = WebAssembly::Instance::new(&module, &imports)?;
    let tiles: Function = Reflect::get(&instance.exports(), &"tiles".into())?.dyn_into()?;
    // A function is called by its place in the engine's table.
    let table: WebAssembly::Table = wasm_bindgen::function_table().dyn_into()?;
    let place = table.grow(1)?;
    table.set(place, &tiles)?;
    // SAFETY: the place holds a function with these parameters, which does what they say.
    unsafe { gemm::set_tiles(std::mem::transmute::<usize, gemm::Tiles>(place as usize)) };
    Ok(true)
}

/// A native program has its own kernels.
#[cfg(not(target_arch = "wasm32"))]
pub fn fuse() -> Result<bool, JsValue> {
    Ok(false)
}
