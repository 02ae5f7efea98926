//! The objects of one image or many as one file.

use std::collections::HashSet;
use std::io::{Cursor, Write};

use serde::Deserialize;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::source::{ImageSource, folder_names};
use super::{ClassRecord, ObjectRecord, coco, geojson, imagej, measurements};
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
    /// That of its only image, or `graysam`, and what it holds: such as `cells-labels.tif`.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// An export under way. Images are added one by one and kept as they are written, so that a
/// large project needs no more memory than its files.
pub struct Export {
    format: ExportFormat,
    classes: Vec<ClassRecord>,
    coco: coco::Document,
    table: measurements::Table,
    /// Paths and contents of the files of single images.
    files: Vec<(String, Vec<u8>)>,
    paths: HashSet<String>,
    /// What files about the images that were added are called.
    stem: Option<String>,
    images: usize,
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
            table: measurements::Table::default(),
            files: Vec::new(),
            paths: HashSet::new(),
            stem: None,
            images: 0,
        }
    }

    /// Adds an image. Objects that `objects` does not know are written without name and class;
    /// without `picture` the table has no intensities.
    ///
    /// # Errors
    /// When the picture is of another size, or a format cannot hold the objects.
    pub fn add(
        &mut self,
        source: &ImageSource,
        labels: &Labels,
        objects: &[ObjectRecord],
        picture: Option<&Picture>,
    ) -> Result<()> {
        let size = (labels.width, labels.height);
        if picture.is_some_and(|picture| picture.size() != size) {
            return Err(Error::new(format!(
                "{} is of another size than its objects; open it again.",
                source.title()
            )));
        }
        let path = self.unique_path(source);
        self.coco.add_image(source, size);
        let (mut features, mut rois) = (Vec::new(), Vec::new());
        for (id, bounds) in shapes::boxes(labels) {
            let shape = shapes::shape(labels, id, bounds);
            let known = objects.iter().find(|object| object.id == id).cloned();
            let object = known.unwrap_or_else(|| ObjectRecord::plain(id));
            if self.format.writes(ExportFormat::GeoJson) {
                features.push(geojson::feature(source, &object, &self.classes, &shape));
            }
            if self.format.writes(ExportFormat::ImageJ) {
                let roi = imagej::roi(source, &object, &self.classes, &shape)?;
                rois.push((object.title(), roi));
            }
            self.tabulate(source, &object, &shape, size, picture);
        }
        self.keep(ExportFormat::LabelTiff, || {
            Ok((
                format!("{path}-labels.tif"),
                labels.to_tiff(source.pixel_size)?,
            ))
        })?;
        self.keep(ExportFormat::LabelPng, || {
            Ok((format!("{path}-labels.png"), labels.to_png()?))
        })?;
        self.keep(ExportFormat::GeoJson, || {
            let text = geojson::collection(source, features);
            Ok((format!("{path}-objects.geojson"), text.into_bytes()))
        })?;
        self.keep(ExportFormat::ImageJ, || {
            let mut names = HashSet::new();
            let named = |(title, roi): (String, Vec<u8>)| {
                (unique(&mut names, safe_name(&title), ".roi"), roi)
            };
            let files: Vec<_> = rois.into_iter().map(named).collect();
            Ok((format!("{path}-rois.zip"), archive(&files)?))
        })
    }

    /// The file: that of the only image, or an archive of several.
    pub fn finish(mut self) -> Result<File> {
        let coco = || self.coco.finish(&self.classes).into_bytes();
        let stem = self.stem.filter(|_| self.images == 1);
        let stem = stem.unwrap_or_else(|| "graysam".to_owned());
        let (suffix, bytes) = match self.format {
            ExportFormat::Coco | ExportFormat::CocoPolygons => ("-coco.json", coco()),
            ExportFormat::Csv => ("-measurements.csv", self.table.finish().into_bytes()),
            ExportFormat::Everything => {
                let table = self.table.finish().into_bytes();
                self.files.push(("coco.json".into(), coco()));
                self.files.push(("measurements.csv".into(), table));
                ("-objects.zip", archive(&self.files)?)
            }
            format => {
                let [alone, several] = match format {
                    ExportFormat::LabelTiff => ["-labels.tif", "-labels.zip"],
                    ExportFormat::LabelPng => ["-labels.png", "-labels.zip"],
                    ExportFormat::GeoJson => ["-objects.geojson", "-geojson.zip"],
                    _ => ["-rois.zip", "-rois.zip"],
                };
                match self.files.len() {
                    1 => (alone, self.files.remove(0).1),
                    _ => (several, archive(&self.files)?),
                }
            }
        };
        Ok(File {
            name: stem + suffix,
            bytes,
        })
    }

    fn tabulate(
        &mut self,
        source: &ImageSource,
        object: &ObjectRecord,
        shape: &Shape,
        size: (usize, usize),
        picture: Option<&Picture>,
    ) {
        if self.format.writes(ExportFormat::Csv) {
            self.table
                .add(source, object, &self.classes, shape, picture);
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

    /// What files about the image are called, safe and unlike the ones before, in folders as the
    /// images are.
    fn unique_path(&mut self, source: &ImageSource) -> String {
        let folders = folder_names(&source.folder);
        let folder: String = folders
            .into_iter()
            .map(|name| safe_name(name) + "/")
            .collect();
        let stem = safe_name(&source.stem());
        self.images += 1;
        self.stem.get_or_insert_with(|| stem.clone());
        unique(&mut self.paths, folder + &stem, "")
    }
}

/// A file name that stays in its folder, whatever an image or object is called.
fn safe_name(name: &str) -> String {
    let safe = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.trim().chars().map(safe).take(120).collect();
    match name.trim_matches('.') {
        "" => "unnamed".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// A name that differs from all before, whatever case a file system heeds: a number follows
/// `stem` where it is needed.
pub(super) fn unique(taken: &mut HashSet<String>, stem: String, ending: &str) -> String {
    let mut unique = format!("{stem}{ending}");
    let mut number = 2;
    while !taken.insert(unique.to_lowercase()) {
        unique = format!("{stem} ({number}){ending}");
        number += 1;
    }
    unique
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
