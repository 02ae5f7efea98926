//! ImageJ's ROI files and zips of them (`ij/io/RoiDecoder.java`).

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::imagej::{CLASS, IOU, NAME, NUMBER, PROPERTIES};
use super::left_out::Reason;
use super::outline::{Outline, Ring};
use super::reading::{Entry, Gathered, given_name};
use super::source::ImageSource;
use crate::error::{Error, Result};

pub const MAGIC: &[u8] = b"Iout";
pub const ZIP: &[u8] = b"PK\x03\x04";
/// Most bytes that are unpacked of a zip.
const MOST: u64 = 1 << 28;
/// Most bytes of a ROI in it.
const MOST_OF_ONE: u64 = 1 << 26;

/// What a zip has for an image.
pub enum Unpacked {
    Rois(Gathered),
    /// A COCO file, as GraySAM packs it with all else.
    Coco(Vec<u8>),
}

/// Reads a single ROI.
pub fn read_one(bytes: &[u8], source: &ImageSource) -> Gathered {
    let mut gathered = Gathered::default();
    add(&mut gathered, bytes, "", source);
    gathered
}

/// Reads a zip of ROIs.
///
/// # Errors
/// When it is damaged, too large, or has no ROI.
pub fn unpack(bytes: &[u8], source: &ImageSource) -> Result<Unpacked> {
    unpack_at(bytes, source, true)
}

/// `outer`: it may hold zips in turn.
fn unpack_at(bytes: &[u8], source: &ImageSource, outer: bool) -> Result<Unpacked> {
    let wrong = |why: String| {
        Error::new(format!(
            "The zip file cannot be read ({why}); save the ROIs from ImageJ's ROI Manager again."
        ))
    };
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| wrong(error.to_string()))?;
    let names = archive.file_names().filter_map(std::result::Result::ok);
    let names: Vec<String> = names.map(|name| name.into_owned()).collect();
    let mut left = MOST;
    let mut file = |name: &str, most: u64| -> Result<Vec<u8>> {
        let most = most.min(left);
        let entry = archive
            .by_name(name)
            .map_err(|error| wrong(error.to_string()))?;
        let mut content = Vec::new();
        let read = entry.take(most + 1).read_to_end(&mut content);
        read.map_err(|error| wrong(error.to_string()))?;
        if content.len() as u64 > most {
            return Err(wrong(format!("{name} is too large")));
        }
        left -= content.len() as u64;
        Ok(content)
    };
    let is_roi = |name: &&String| name.to_lowercase().ends_with(".roi");
    let rois: Vec<&String> = names.iter().filter(is_roi).collect();
    if !rois.is_empty() {
        let mut gathered = Gathered::default();
        for name in rois {
            let title = name.rsplit('/').next().unwrap_or(name);
            let title = title.get(..title.len() - ".roi".len()).unwrap_or_default();
            add(&mut gathered, &file(name, MOST_OF_ONE)?, title, source);
        }
        return Ok(Unpacked::Rois(gathered));
    }
    // Those of several images that GraySAM wrote.
    let own = format!("{}-rois.zip", source.stem());
    let of_image = |name: &&String| name.rsplit('/').next() == Some(own.as_str());
    let inner: Vec<&String> = names.iter().filter(of_image).collect();
    if let Some(coco) = names.iter().find(|name| *name == "coco.json") {
        return Ok(Unpacked::Coco(file(coco, MOST)?));
    }
    if let [only] = inner.as_slice()
        && outer
    {
        return unpack_at(&file(only, MOST)?, source, false);
    }
    Err(Error::new(format!(
        "The zip file holds no ROI of ImageJ for {}; choose one with .roi files.",
        source.title()
    )))
}

/// Adds a ROI unless it is of another slice.
fn add(gathered: &mut Gathered, bytes: &[u8], title: &str, source: &ImageSource) {
    let roi = Roi { bytes };
    let slice = roi.slice().filter(|_| source.pages > 1);
    if slice.is_some_and(|slice| slice != source.page + 1) {
        return;
    }
    let entry = roi.outline().map(|outline| {
        let properties = roi.text(PROPERTIES).unwrap_or_default();
        let of = |key: &str| property(&properties, key);
        let number = of(NUMBER).and_then(|number| number.parse().ok());
        let name = roi.text(NAME).unwrap_or_else(|| title.to_owned());
        Entry {
            name: given_name(&name, number),
            class: of(CLASS).map(|name| gathered.class_named(&name, &roi.colour())),
            iou: of(IOU).and_then(|iou| iou.parse().ok()),
            number,
            outline,
        }
    });
    gathered.add(entry);
}

struct Roi<'a> {
    bytes: &'a [u8],
}

impl Roi<'_> {
    fn field<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    fn short(&self, at: usize) -> Option<i16> {
        self.field(at).map(i16::from_be_bytes)
    }

    fn int(&self, at: usize) -> Option<usize> {
        let number = self.field(at).map(i32::from_be_bytes)?;
        usize::try_from(number).ok()
    }

    fn float(&self, at: usize) -> Option<f64> {
        self.field(at).map(f32::from_be_bytes).map(f64::from)
    }

    fn second_header(&self) -> Option<usize> {
        self.int(60).filter(|at| *at > 0)
    }

    /// The slice or the frame that it is on, from 1.
    fn slice(&self) -> Option<usize> {
        let second = self.second_header();
        let of_stack = |at: usize| second.and_then(|second| self.int(second + at));
        let places = [self.int(56), of_stack(8), of_stack(12)];
        places.into_iter().flatten().find(|place| *place > 0)
    }

    /// A text whose place and length the second header has.
    fn text(&self, field: usize) -> Option<String> {
        let header = self.second_header()?;
        let (at, length) = (self.int(header + field)?, self.int(header + field + 4)?);
        let end = at.checked_add(length.checked_mul(2)?)?;
        let units = self.bytes.get(at..end)?.as_chunks().0;
        let units: Vec<u16> = units.iter().map(|&unit| u16::from_be_bytes(unit)).collect();
        let text = String::from_utf16_lossy(&units);
        (!text.is_empty()).then_some(text)
    }

    /// Of its line; empty where it has none of its own.
    fn colour(&self) -> String {
        match self.field(40) {
            Some([alpha, red, green, blue]) if alpha > 0 => {
                format!("#{red:02x}{green:02x}{blue:02x}")
            }
            _ => String::new(),
        }
    }

    fn outline(&self) -> std::result::Result<Outline, Reason> {
        let broken = Reason::Unreadable;
        let kind = *self.bytes.get(6).ok_or(broken)?;
        if !self.bytes.starts_with(MAGIC) {
            return Err(broken);
        }
        let side = |at| self.short(at).map(f64::from).ok_or(broken);
        let [top, left, bottom, right] = [side(8)?, side(10)?, side(12)?, side(14)?];
        let exact = self.short(4).unwrap_or(0) >= 222
            && self
                .short(50)
                .is_some_and(|options| options & SUB_PIXEL != 0);
        let mut corner = [left, top];
        let mut sides = [right - left, bottom - top];
        if exact && matches!(kind, RECTANGLE | OVAL) {
            let part = |at| self.float(at).ok_or(broken);
            corner = [part(18)?, part(22)?];
            sides = [part(26)?, part(30)?];
        }
        match kind {
            RECTANGLE if self.int(36).is_some_and(|size| size > 0) => self.path(),
            RECTANGLE => Ok(Outline::rectangle(corner, sides, 0.0)),
            OVAL => {
                let radii = sides.map(|side| side / 2.0);
                let centre = [corner[0] + radii[0], corner[1] + radii[1]];
                Ok(Outline::ellipse(centre, radii, 0.0))
            }
            POLYGON | FREEHAND | TRACED => self.corners(exact, corner),
            _ => Err(Reason::NoArea),
        }
    }

    fn corners(&self, exact: bool, [left, top]: [f64; 2]) -> std::result::Result<Outline, Reason> {
        const HEADER: usize = 64;
        let count = self.short(16).map(|count| usize::from(count as u16));
        // A count that does not fit stands elsewhere.
        let count = match count {
            Some(0) => self.int(18),
            count => count,
        };
        let count = count.ok_or(Reason::Unreadable)?;
        let corner = |i: usize| match exact {
            true => {
                let floats = HEADER + 4 * count;
                Some([
                    self.float(floats + 4 * i)?,
                    self.float(floats + 4 * (count + i))?,
                ])
            }
            false => {
                let [x, y] = [
                    self.short(HEADER + 2 * i)?,
                    self.short(HEADER + 2 * (count + i))?,
                ];
                // Corners may lie further from the box than a signed number counts.
                Some([left + f64::from(x as u16), top + f64::from(y as u16)])
            }
        };
        if count > self.bytes.len() {
            return Err(Reason::Unreadable);
        }
        let ring: Option<Ring> = (0..count).map(corner).collect();
        match ring {
            Some(ring) if ring.len() > 2 => Ok(Outline::polygon(ring)),
            Some(_) => Err(Reason::NoShape),
            None => Err(Reason::Unreadable),
        }
    }

    /// A composite's rings.
    fn path(&self) -> std::result::Result<Outline, Reason> {
        const HEADER: usize = 64;
        let count = self.int(36).ok_or(Reason::Unreadable)?;
        let mut rings: Vec<Ring> = Vec::new();
        let mut at = 0;
        let mut value = || -> Option<f64> {
            let value = (at < count).then(|| self.float(HEADER + 4 * at))??;
            at += 1;
            Some(value)
        };
        while let Some(segment) = value() {
            let mut point = || Some([value()?, value()?]);
            let points = match segment as i32 {
                MOVE => {
                    rings.push(Ring::new());
                    1
                }
                LINE => 1,
                QUADRATIC => 2,
                CUBIC => 3,
                CLOSE => 0,
                _ => return Err(Reason::Unreadable),
            };
            let read: Option<Ring> = (0..points).map(|_| point()).collect();
            let read = read.ok_or(Reason::Unreadable)?;
            let ring = rings.last_mut().ok_or(Reason::Unreadable)?;
            match ring.last().copied() {
                Some(from) if points > 1 => ring.extend(curve(from, &read)),
                _ => ring.extend(read),
            }
        }
        Ok(Outline::Polygons(vec![rings]))
    }
}

const SUB_PIXEL: i16 = 128;
const POLYGON: u8 = 0;
const RECTANGLE: u8 = 1;
const OVAL: u8 = 2;
const FREEHAND: u8 = 7;
const TRACED: u8 = 8;
const MOVE: i32 = 0;
const LINE: i32 = 1;
const QUADRATIC: i32 = 2;
const CUBIC: i32 = 3;
const CLOSE: i32 = 4;

/// Points of a Bézier curve that begins at `from`, by halving between its points (de Casteljau).
fn curve(from: [f64; 2], rest: &[[f64; 2]]) -> Ring {
    const STEPS: usize = 16;
    let point = |step: usize| {
        let share = step as f64 / STEPS as f64;
        let mut points = vec![from];
        points.extend_from_slice(rest);
        while points.len() > 1 {
            let between =
                |pair: &[[f64; 2]]| [0, 1].map(|i| pair[0][i] + (pair[1][i] - pair[0][i]) * share);
            points = points.windows(2).map(between).collect();
        }
        points[0]
    };
    (1..=STEPS).map(point).collect()
}

/// The value of a key as `java.util.Properties` writes it.
fn property(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let value = line.trim_start().strip_prefix(key)?.trim_start();
        value.strip_prefix([':', '='])
    })?;
    let mut read = String::new();
    let mut chars = value.trim_start().chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            c => c,
        };
        read.push(c);
    }
    Some(read)
}
