//! Label Studio's JSON: tasks with regions in percent of the image, and brushes as its own runs.

use std::collections::HashSet;

use serde_json::Value;

use super::left_out::Reason;
use super::matching::{NamedImage, find};
use super::outline::{Outline, Ring};
use super::reading::{Entry, Gathered, json};
use super::source::ImageSource;
use crate::error::Result;

/// Reads the regions of the image's task.
///
/// # Errors
/// When the text is no JSON, or has no task of the image.
pub(super) fn read(text: &[u8], source: &ImageSource, size: (usize, usize)) -> Result<Gathered> {
    let tasks: Vec<Value> = match json(text)? {
        Value::Array(tasks) => tasks,
        task => vec![task],
    };
    let named: Vec<NamedImage> = tasks.iter().map(named).collect();
    let task = &tasks[find(&named, source)?];
    let lists = ["annotations", "completions", "predictions"];
    // Predictions are what nobody has corrected.
    let results = lists.iter().find_map(|list| {
        let all = task[*list].as_array()?;
        // What was cancelled is not meant.
        let valid = all.iter().filter(|one| one["was_cancelled"] != true);
        let regions = valid.filter_map(|one| one["result"].as_array()).flatten();
        let regions: Vec<&Value> = regions.collect();
        (!regions.is_empty()).then_some(regions)
    });
    let results = results.unwrap_or_default();
    let labelled: HashSet<&str> = results
        .iter()
        .filter(|region| label(region).is_some())
        .filter_map(|region| region["id"].as_str())
        .collect();
    let mut gathered = Gathered::default();
    for region in results {
        // Choices and texts are of the whole image.
        let kind = region["type"].as_str().unwrap_or_default();
        if matches!(kind, "choices" | "textarea" | "rating" | "relation") {
            continue;
        }
        // Its shape stands beside its label once more.
        let named = region["id"]
            .as_str()
            .is_some_and(|id| labelled.contains(id));
        if named && label(region).is_none() {
            continue;
        }
        let entry = outline(region, size).map(|outline| {
            let class = label(region).map(|name| gathered.class_named(name, ""));
            let iou = region["score"].as_f64().map(|score| score as f32);
            Entry {
                class,
                iou,
                ..Entry::of(outline)
            }
        });
        gathered.add(entry);
    }
    Ok(gathered)
}

/// The task's image, which is one of its data's texts.
fn named(task: &Value) -> NamedImage {
    let data = &task["data"];
    let texts = data.as_object().into_iter().flat_map(|data| data.values());
    let mut texts = texts.filter_map(Value::as_str);
    let path = data["image"].as_str().or_else(|| texts.next());
    let path = path
        .or_else(|| task["file_upload"].as_str())
        .unwrap_or_default();
    // A local file is the value of a query.
    let path = path.rsplit_once("?d=").map_or(path, |(_, path)| path);
    NamedImage {
        path: path.to_owned(),
        ..NamedImage::default()
    }
}

fn label(region: &Value) -> Option<&str> {
    let value = region["value"].as_object()?;
    let labels = value.iter().filter(|(key, _)| key.ends_with("labels"));
    let mut names = labels.filter_map(|(_, names)| names.get(0)?.as_str());
    names.next()
}

fn outline(region: &Value, size: (usize, usize)) -> std::result::Result<Outline, Reason> {
    let (value, (width, height)) = (&region["value"], size);
    let side = |name: &str| region[name].as_u64();
    let stated = side("original_width").zip(side("original_height"));
    if stated.is_some_and(|stated| stated != (width as u64, height as u64)) {
        return Err(Reason::OtherSize);
    }
    let of = |share: f64, side: usize| share / 100.0 * side as f64;
    let number = |name: &str| value[name].as_f64().ok_or(Reason::Unreadable);
    let angle = value["rotation"].as_f64().unwrap_or(0.0);
    if let Some(rle) = value["rle"].as_array() {
        return brush(rle, size);
    }
    if let Some(points) = value["points"].as_array() {
        let corner = |point: &Value| {
            let (x, y) = (point.get(0)?.as_f64()?, point.get(1)?.as_f64()?);
            Some([of(x, width), of(y, height)])
        };
        let ring: Option<Ring> = points.iter().map(corner).collect();
        let ring = ring.ok_or(Reason::Unreadable)?;
        return match ring.len() {
            0..=2 => Err(Reason::NoArea),
            _ => Ok(Outline::polygon(ring)),
        };
    }
    if !value["x"].is_number() {
        return Err(Reason::NoShape);
    }
    let at = [of(number("x")?, width), of(number("y")?, height)];
    if value["radiusX"].is_number() {
        let radii = [
            of(number("radiusX")?, width),
            of(number("radiusY")?, height),
        ];
        return Ok(Outline::ellipse(at, radii, angle));
    }
    // A key point has a width, but no height.
    if !value["height"].is_number() {
        return Err(Reason::NoArea);
    }
    let sides = [of(number("width")?, width), of(number("height")?, height)];
    Ok(Outline::rectangle(at, sides, angle))
}

/// The bits of bytes, the high ones first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let byte = self.bytes.get(at / 8)?;
            value = value << 1 | usize::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count;
        Some(value)
    }
}

/// Runs of the bytes of an image of red, green, blue and alpha, as `@thi.ng/rle-pack` packs them;
/// the object is where alpha is not 0.
fn brush(rle: &[Value], (width, height): (usize, usize)) -> std::result::Result<Outline, Reason> {
    let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
    let bytes: Option<Vec<u8>> = rle.iter().map(byte).collect();
    let bytes = bytes.ok_or(Reason::Unreadable)?;
    let mut bits = Bits {
        bytes: &bytes,
        at: 0,
    };
    let mut header = || Some((bits.read(32)?, bits.read(5)? + 1));
    let (length, word) = header().ok_or(Reason::Unreadable)?;
    if length != 4 * width * height {
        return Err(Reason::OtherSize);
    }
    let mut runs = Runs::default();
    let mut unpack = || {
        let mut sizes = [0; 4];
        for size in &mut sizes {
            *size = bits.read(4)? + 1;
        }
        let mut at = 0;
        while at < length {
            let same = bits.read(1)? == 1;
            let size = sizes[bits.read(2)?];
            let end = at + bits.read(size)? + 1;
            let values = if same { 1 } else { end - at };
            for _ in 0..values {
                if at >= length {
                    return None;
                }
                let value = bits.read(word)?;
                let next = if same { end } else { at + 1 };
                // Every fourth byte is alpha.
                runs.add(next.min(length) / 4 - at / 4, value != 0);
                at = next;
            }
        }
        Some(())
    };
    unpack().ok_or(Reason::Unreadable)?;
    Ok(Outline::Rows {
        x: 0,
        y: 0,
        width,
        runs: runs.lengths,
    })
}

/// Lengths outside and inside in turn.
#[derive(Default)]
struct Runs {
    lengths: Vec<usize>,
}

impl Runs {
    fn add(&mut self, length: usize, inside: bool) {
        if length == 0 {
            return;
        }
        // An even number of them are complete pairs, so that the next one is outside.
        while self.lengths.is_empty() || self.lengths.len().is_multiple_of(2) != inside {
            self.lengths.push(0);
        }
        if let Some(last) = self.lengths.last_mut() {
            *last += length;
        }
    }
}
