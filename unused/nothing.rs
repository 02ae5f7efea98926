//! Nothing: the crates of this folder are never built (see Cargo.toml at the top).
