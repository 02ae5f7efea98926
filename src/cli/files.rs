//! Files and what is printed, with errors that name the file.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use graysam::image::labels::Labels;
use graysam::{Error, Result};
use serde::Serialize;

pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| file_error("read", path, error))
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| file_error("written", path, error))
}

pub fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|error| file_error("written", path, error))?;
    Ok(BufWriter::new(file))
}

pub fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| file_error("read", path, error))?;
    Ok(BufReader::new(file))
}

pub fn open_labels(path: &Path) -> Result<Labels> {
    Labels::decode(&read(path)?).map_err(in_file(path))
}

/// The name of a file without its folder.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The error of a file that cannot be `done`.
pub fn file_error(done: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(format!("{} cannot be {done}: {error}.", path.display()))
}

/// Puts the file's name before an error.
pub fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
    move |error| Error::new(format!("{}: {error}", path.display()))
}

pub fn print_json(value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string(value).map_err(|error| Error::new(error.to_string()))?;
    println!("{json}");
    Ok(())
}
