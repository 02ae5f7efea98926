//! Translates `src/tiles.wat` for the page's engine.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/tiles.wat");
    let folder = std::env::var("OUT_DIR")?;
    let text = std::fs::read_to_string("src/tiles.wat")?;
    // A module says whether the memory that it imports is shared.
    let shared = text.replace("(memory 1)", "(memory 1 65536 shared)");
    for (name, text) in [("tiles.wasm", text), ("shared_tiles.wasm", shared)] {
        std::fs::write(Path::new(&folder).join(name), wat::parse_str(text)?)?;
    }
    Ok(())
}
