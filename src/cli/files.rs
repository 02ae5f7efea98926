//! Files and what is printed, with errors that name the file.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use graysam::image::labels::Labels;
use graysam::image::pixel_size::PixelSize;
use graysam::{Error, Result};
use serde::Serialize;

pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| file_error("read", path, error))
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| file_error("written", path, error))
}

/// Writes labels as TIFF or PNG, by the name's ending.
pub fn write_labels(path: &Path, labels: &Labels, pixel_size: Option<PixelSize>) -> Result<()> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let file = match ending.to_lowercase().as_str() {
        "tif" | "tiff" => labels.to_tiff(pixel_size)?,
        _ => labels.to_png()?,
    };
    write(path, &file)
}

pub fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|error| file_error("written", path, error))?;
    Ok(BufWriter::new(file))
}

pub fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| file_error("read", path, error))?;
    Ok(BufReader::new(file))
}

/// The name of a file without its folder.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The folder that holds all of these files, nested or not.
pub fn common_folder<'a>(paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let folders = paths.map(|path| path.parent().unwrap_or(Path::new("")).to_owned());
    let shared = |a: PathBuf, b: PathBuf| -> PathBuf {
        let both = a.components().zip(b.components());
        both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    };
    folders.reduce(shared).unwrap_or_default()
}

/// The folder of a file, as it is seen from `above`.
pub fn folder_below(path: &Path, above: &Path) -> String {
    let folder = path.parent().unwrap_or(Path::new(""));
    let below = folder.strip_prefix(above).unwrap_or(folder);
    below.to_string_lossy().into_owned()
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
