//! Files of annotations, told apart by their content, and what they have for one image.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::left_out::{LeftOut, Reason};
use super::outline::Outline;
use super::source::ImageSource;
use super::{ClassRecord, ObjectRecord};
use super::{coco_reader, cvat, geojson_reader, label_studio, roi_reader};
use crate::error::{Error, Result};
use crate::image::labels::Labels;

/// What a file says of one image.
#[derive(Debug)]
pub struct Read {
    pub labels: Labels,
    pub objects: Vec<ObjectRecord>,
    /// Those of the file, or those that its objects have.
    pub classes: Vec<ClassRecord>,
    /// What could not be read, in a sentence or two; empty: all was.
    pub left_out: String,
}

/// An annotation of the image.
pub(super) struct Entry {
    pub outline: Outline,
    pub name: String,
    pub class: Option<usize>,
    pub iou: Option<f32>,
    /// Which it had when GraySAM wrote it.
    pub number: Option<u32>,
}

impl Entry {
    pub fn of(outline: Outline) -> Self {
        Self {
            outline,
            name: String::new(),
            class: None,
            iou: None,
            number: None,
        }
    }
}

/// What was gathered of a file.
#[derive(Default)]
pub(super) struct Gathered {
    pub entries: Vec<Entry>,
    pub classes: Vec<ClassRecord>,
    pub left_out: LeftOut,
}

/// Whether the content is that of a file of annotations, and no image.
pub fn is_annotation(bytes: &[u8]) -> bool {
    bytes.starts_with(roi_reader::MAGIC)
        || bytes.starts_with(roi_reader::ZIP)
        || matches!(text(bytes).first(), Some(b'{' | b'[' | b'<'))
}

/// Reads the objects of an image of width and height `size` from a file of COCO, GeoJSON, ImageJ's
/// ROIs, Label Studio or CVAT. What can be read is read, and the rest is counted. Of objects that
/// overlap, the smaller lies above.
///
/// # Errors
/// When the file is of no such kind, or has no object for the image.
pub fn read(bytes: &[u8], source: &ImageSource, size: (usize, usize)) -> Result<Read> {
    let text = text(bytes);
    let gathered = if bytes.starts_with(roi_reader::MAGIC) {
        roi_reader::read_one(bytes, source)
    } else if bytes.starts_with(roi_reader::ZIP) {
        match roi_reader::unpack(bytes, source)? {
            roi_reader::Unpacked::Coco(coco) => return read(&coco, source, size),
            roi_reader::Unpacked::Rois(gathered) => gathered,
        }
    } else if text.starts_with(b"<") {
        cvat::read(text, source, size)?
    } else {
        match kind(text)? {
            Kind::Coco => coco_reader::read(text, source, size)?,
            Kind::GeoJson => geojson_reader::read(text, source)?,
            Kind::LabelStudio => label_studio::read(text, source, size)?,
        }
    };
    gathered.draw(source, size)
}

/// Without the mark of the byte order and the space at the beginning.
fn text(bytes: &[u8]) -> &[u8] {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start()
}

enum Kind {
    Coco,
    GeoJson,
    LabelStudio,
}

/// Keys by which files of JSON are told apart.
#[derive(Deserialize)]
struct Keys {
    features: Option<IgnoredAny>,
    geometry: Option<IgnoredAny>,
    images: Option<IgnoredAny>,
    annotations: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
    completions: Option<IgnoredAny>,
    predictions: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient {
    Keys(Keys),
    #[allow(dead_code)]
    Other(IgnoredAny),
}

fn kind(text: &[u8]) -> Result<Kind> {
    let of = |keys: &Keys| {
        if keys.features.is_some() || keys.geometry.is_some() {
            Some(Kind::GeoJson)
        } else if keys.data.is_some() || keys.completions.is_some() || keys.predictions.is_some() {
            Some(Kind::LabelStudio)
        } else if keys.images.is_some() || keys.annotations.is_some() {
            Some(Kind::Coco)
        } else {
            None
        }
    };
    let found = match text.first() {
        Some(b'[') => {
            let all: Vec<Lenient> = json(text)?;
            all.iter().find_map(|one| match one {
                Lenient::Keys(keys) => of(keys),
                Lenient::Other(_) => None,
            })
        }
        _ => of(&json(text)?),
    };
    found.ok_or_else(|| {
        Error::new(format!(
            "The file has neither COCO's images and annotations, nor GeoJSON's features, nor Label \
             Studio's tasks; {CHOOSE}."
        ))
    })
}

const CHOOSE: &str = "choose a file of COCO, GeoJSON, ImageJ ROIs, Label Studio or CVAT";

/// Reads JSON as Python writes it, in which a number may be NaN or infinite; such become null.
pub(super) fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let first = match serde_json::from_slice(text) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let finite = without_nan(text);
    let again = finite.and_then(|text| serde_json::from_slice(&text).ok());
    again.ok_or_else(|| {
        Error::new(format!(
            "This is not a file of annotations that can be read ({first}); {CHOOSE}."
        ))
    })
}

/// The text with null for each number that JSON does not know; nothing where there is none.
fn without_nan(text: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(text.len());
    let (mut quoted, mut changed) = (false, false);
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if quoted && byte == b'\\' {
            let pair = rest.len().min(2);
            out.extend_from_slice(&rest[..pair]);
            rest = &rest[pair..];
            continue;
        }
        quoted ^= byte == b'"';
        let word = WORDS.iter().find(|word| !quoted && rest.starts_with(word));
        if let Some(word) = word {
            out.extend_from_slice(b"null");
            rest = &rest[word.len()..];
            changed = true;
            continue;
        }
        out.push(byte);
        rest = after;
    }
    changed.then_some(out)
}

impl Gathered {
    /// The place of the class of this name, which is added if need be.
    pub fn class_named(&mut self, name: &str, colour: &str) -> usize {
        let known = self.classes.iter().position(|class| class.name == name);
        known.unwrap_or_else(|| {
            self.classes.push(ClassRecord {
                name: name.to_owned(),
                colour: colour.to_owned(),
            });
            self.classes.len() - 1
        })
    }

    /// Adds what was read of an annotation.
    pub fn add(&mut self, read: std::result::Result<Entry, Reason>) {
        self.left_out.seen += 1;
        match read {
            Ok(entry) => self.entries.push(entry),
            Err(reason) => self.left_out.add(reason),
        }
    }

    /// Draws the entries, the largest first, so that small ones on large ones are seen.
    fn draw(mut self, source: &ImageSource, size: (usize, usize)) -> Result<Read> {
        let entries = std::mem::take(&mut self.entries);
        let mut drawn: Vec<(usize, Entry)> = Vec::new();
        for entry in entries {
            let mut area = 0;
            match entry.outline.visit(size, |_| area += 1) {
                Ok(()) if area > 0 => drawn.push((area, entry)),
                Ok(()) => self.left_out.add(Reason::Outside),
                Err(reason) => self.left_out.add(reason),
            }
        }
        let numbers = numbers(drawn.iter().map(|(_, entry)| entry));
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        // Of equally large ones the first of the file lies above.
        order.sort_by_key(|&place| std::cmp::Reverse((drawn[place].0, place)));
        let mut ids = vec![0; size.0 * size.1];
        for place in order {
            let (number, outline) = (numbers[place], &drawn[place].1.outline);
            // It was visited without an error before.
            let _ = outline.visit(size, |at| ids[at] = number);
        }
        let seen: HashSet<u32> = ids.iter().copied().collect();
        let mut objects = Vec::new();
        for ((_, entry), id) in drawn.into_iter().zip(numbers) {
            match seen.contains(&id) {
                true => objects.push(ObjectRecord {
                    id,
                    name: entry.name,
                    class: entry.class,
                    iou: entry.iou.filter(|iou| iou.is_finite()),
                }),
                false => self.left_out.add(Reason::Hidden),
            }
        }
        let left_out = self.left_out.sentence();
        if objects.is_empty() {
            let space = if left_out.is_empty() { "" } else { " " };
            return Err(Error::new(format!(
                "The file has no object on {}; choose one with annotations of this image.{space}{left_out}",
                source.title()
            )));
        }
        Ok(Read {
            labels: Labels::new(size.0, size.1, ids),
            objects,
            classes: self.classes,
            left_out,
        })
    }
}

/// The numbers that the objects had, if all had one of their own, else their places from 1.
fn numbers<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Vec<u32> {
    let mut taken = HashSet::new();
    let own = entries.clone().map(|entry| {
        let number = entry.number.filter(|number| *number > 0);
        number.filter(|number| taken.insert(*number))
    });
    let own: Option<Vec<u32>> = own.collect();
    own.unwrap_or_else(|| (1..).zip(entries).map(|(number, _)| number).collect())
}

/// A colour as `#rrggbb`, which files give so or as `[r, g, b]`; empty where it is none.
pub(super) fn colour(value: &serde_json::Value) -> String {
    let is_hex = |text: &str| {
        text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|b| b.is_ascii_hexdigit())
    };
    if let Some(text) = value.as_str().filter(|text| is_hex(text)) {
        return text.to_owned();
    }
    let part = |value: &serde_json::Value| u8::try_from(value.as_u64()?).ok();
    let parts = value
        .as_array()
        .and_then(|parts| parts.iter().take(3).map(part).collect());
    let parts: Option<Vec<u8>> = parts;
    match parts.as_deref() {
        Some([red, green, blue]) => format!("#{red:02x}{green:02x}{blue:02x}"),
        _ => String::new(),
    }
}

/// The name that a person gave: none where it is the one that [`ObjectRecord::title`] makes.
pub(super) fn given_name(title: &str, number: Option<u32>) -> String {
    let made = number.map(|number| ObjectRecord::plain(number).title());
    match made.as_deref() == Some(title) {
        true => String::new(),
        false => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_know_become_null() {
        let text = br#"{"a": NaN, "b": [-Infinity, Infinity], "NaN \" Infinity": "NaN"}"#;
        let wanted = br#"{"a": null, "b": [null, null], "NaN \" Infinity": "NaN"}"#;
        assert_eq!(without_nan(text).as_deref(), Some(&wanted[..]));
        assert_eq!(without_nan(br#"{"NaN": "Infinity\\"}"#), None);
    }

    #[test]
    fn colours_are_text_or_three_numbers() {
        let read = |text| colour(&serde_json::from_str(text).unwrap());
        assert_eq!(read("[220, 20, 60]"), "#dc143c");
        assert_eq!(read("\"#DC143c\""), "#DC143c");
        for none in ["[1, 2]", "[1, 2, 300]", "\"#12345é\"", "\"red\"", "null"] {
            assert_eq!(read(none), "");
        }
    }
}
