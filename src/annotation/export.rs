//! The objects of one image or many as one file.

use std::collections::HashSet;
use std::io::{Cursor, Write};

use serde::Deserialize;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{ClassRecord, ObjectRecord, coco, csv, geojson, imagej, measurements};
use crate::choice::named;
use crate::error::{Error, Result};
use crate::image::decode::Picture;
use crate::image::labels::Labels;
use crate::image::shapes::{self, Shape};

/// The file format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// 16-bit TIFF label images.
    #[serde(rename = "tiff")]
    LabelTiff,
    /// 16-bit PNG label images.
    #[serde(rename = "png")]
    LabelPng,
    Coco,
    #[serde(rename = "coco-polygons")]
    CocoPolygons,
    GeoJson,
    ImageJ,
    /// A table of measurements.
    Csv,
    /// All of them but PNG and COCO's polygons.
    Everything,
}

impl ExportFormat {
    /// # Errors
    /// When there is no such format.
    pub fn parse(name: &str) -> Result<Self> {
        named(name).ok_or_else(|| {
            Error::new(format!(
                "The format {name:?} is unknown; give tiff, png, coco, coco-polygons, geojson, \
                 imagej, csv or everything."
            ))
        })
    }

    fn writes(self, part: Self) -> bool {
        self == part
            || self == Self::Everything && !matches!(part, Self::LabelPng | Self::CocoPolygons)
    }
}

/// A file to be saved.
pub struct File {
    /// What follows the name of the image, or of the project: such as `-labels.tif`.
    pub suffix: &'static str,
    pub bytes: Vec<u8>,
}

/// An export under way. Images are added one by one and kept as they are written, so that a
/// large project needs no more memory than its files.
pub struct Export {
    format: ExportFormat,
    classes: Vec<ClassRecord>,
    coco: coco::Document,
    table: String,
    /// Names and contents of the files of single images.
    files: Vec<(String, Vec<u8>)>,
    names: HashSet<String>,
}

impl Export {
    pub fn new(format: ExportFormat, classes: Vec<ClassRecord>) -> Self {
        let masks = match format {
            ExportFormat::CocoPolygons => coco::Masks::Polygons,
            _ => coco::Masks::Rle,
        };
        Self {
            format,
            classes,
            coco: coco::Document::new(masks),
            table: csv::row(&measurements::HEADER.map(String::from)),
            files: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Adds an image. Objects that `objects` does not know are written without name and class;
    /// without `picture` the table has no intensities.
    ///
    /// # Errors
    /// When the picture is of another size, or a format cannot hold the objects.
    pub fn add(
        &mut self,
        name: &str,
        labels: &Labels,
        objects: &[ObjectRecord],
        picture: Option<&Picture>,
    ) -> Result<()> {
        let size = (labels.width, labels.height);
        if picture.is_some_and(|picture| picture.size() != size) {
            return Err(Error::new(format!(
                "{name} is of another size than its objects; open it again."
            )));
        }
        let stem = self.unique(name);
        self.coco.add_image(name, size);
        let (mut features, mut rois) = (Vec::new(), Vec::new());
        for (id, bounds) in shapes::boxes(labels) {
            let shape = shapes::shape(labels, id, bounds);
            let known = objects.iter().find(|object| object.id == id).cloned();
            let object = known.unwrap_or_else(|| ObjectRecord::plain(id));
            if self.format.writes(ExportFormat::GeoJson) {
                features.push(geojson::feature(&object, &self.classes, &shape));
            }
            if self.format.writes(ExportFormat::ImageJ) {
                rois.push((object.title(), imagej::roi(&object, &self.classes, &shape)?));
            }
            self.tabulate(name, &object, &shape, size, picture);
        }
        self.keep(ExportFormat::LabelTiff, || {
            Ok((format!("{stem}-labels.tif"), labels.to_tiff()?))
        })?;
        self.keep(ExportFormat::LabelPng, || {
            Ok((format!("{stem}-labels.png"), labels.to_png()?))
        })?;
        self.keep(ExportFormat::GeoJson, || {
            let text = geojson::collection(features);
            Ok((format!("{stem}-objects.geojson"), text.into_bytes()))
        })?;
        self.keep(ExportFormat::ImageJ, || {
            let mut names = HashSet::new();
            let named = |(title, roi): (String, Vec<u8>)| {
                (format!("{}.roi", unique_name(&mut names, &title)), roi)
            };
            let files: Vec<_> = rois.into_iter().map(named).collect();
            Ok((format!("{stem}-rois.zip"), archive(&files)?))
        })
    }

    /// The file: that of the only image, or an archive of several.
    pub fn finish(mut self) -> Result<File> {
        let coco = || self.coco.finish(&self.classes).into_bytes();
        match self.format {
            ExportFormat::Coco | ExportFormat::CocoPolygons => Ok(File {
                suffix: "-coco.json",
                bytes: coco(),
            }),
            ExportFormat::Csv => Ok(File {
                suffix: "-measurements.csv",
                bytes: self.table.into_bytes(),
            }),
            ExportFormat::Everything => {
                let table = self.table.into_bytes();
                self.files.push(("coco.json".into(), coco()));
                self.files.push(("measurements.csv".into(), table));
                packed("-objects.zip", &self.files)
            }
            format => {
                let [alone, several] = match format {
                    ExportFormat::LabelTiff => ["-labels.tif", "-labels.zip"],
                    ExportFormat::LabelPng => ["-labels.png", "-labels.zip"],
                    ExportFormat::GeoJson => ["-objects.geojson", "-geojson.zip"],
                    _ => ["-rois.zip", "-rois.zip"],
                };
                match self.files.len() {
                    1 => Ok(File {
                        suffix: alone,
                        bytes: self.files.remove(0).1,
                    }),
                    _ => packed(several, &self.files),
                }
            }
        }
    }

    fn tabulate(
        &mut self,
        name: &str,
        object: &ObjectRecord,
        shape: &Shape,
        size: (usize, usize),
        picture: Option<&Picture>,
    ) {
        if self.format.writes(ExportFormat::Csv) {
            let row = measurements::row(name, object, &self.classes, shape, picture);
            self.table.push_str(&row);
        }
        let [coco, polygons] = [ExportFormat::Coco, ExportFormat::CocoPolygons];
        if self.format.writes(coco) || self.format == polygons {
            self.coco.add_object(object, shape, size);
        }
    }

    fn keep(
        &mut self,
        part: ExportFormat,
        write: impl FnOnce() -> Result<(String, Vec<u8>)>,
    ) -> Result<()> {
        if self.format.writes(part) {
            self.files.push(write()?);
        }
        Ok(())
    }

    /// The image's name without its ending, safe and unlike the ones before.
    fn unique(&mut self, name: &str) -> String {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        unique_name(&mut self.names, stem)
    }
}

/// A file name that stays in its folder whatever an image or object is called, and that differs
/// from all before, whatever case a file system heeds.
fn unique_name(taken: &mut HashSet<String>, name: &str) -> String {
    let safe = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.trim().chars().map(safe).take(120).collect();
    let name = match name.trim_matches('.') {
        "" => "unnamed".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    let mut unique = name.clone();
    let mut number = 2;
    while !taken.insert(unique.to_lowercase()) {
        unique = format!("{name} ({number})");
        number += 1;
    }
    unique
}

fn packed(suffix: &'static str, files: &[(String, Vec<u8>)]) -> Result<File> {
    let bytes = archive(files)?;
    Ok(File { suffix, bytes })
}

fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let failed = |why: String| Error::new(format!("The archive cannot be written: {why}."));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options)
            .map_err(|error| failed(error.to_string()))?;
        zip.write_all(bytes)
            .map_err(|error| failed(error.to_string()))?;
    }
    let done = zip.finish().map_err(|error| failed(error.to_string()))?;
    Ok(done.into_inner())
}
