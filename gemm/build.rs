//! Translates `src/tiles.wat` for the page's engine.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/tiles.wat");
    let folder = std::env::var("OUT_DIR")?;
    let module = wat::parse_file("src/tiles.wat")?;
    std::fs::write(Path::new(&folder).join("tiles.wasm"), module)?;
    Ok(())
}
