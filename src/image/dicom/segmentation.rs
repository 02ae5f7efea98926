//! DICOM's segmentations as label images (PS3.3, sections A.51 and C.8.20): frames that say of each pixel whether
//! it is in a segment, how likely that is, or of which segment it is.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::attributes::{Attributes, Pixels};
use super::elements::{Element, Elements, Reader};
use super::tags::*;
use super::values::Words;
use super::{Frame, NAME, jpeg, syntax};
use crate::error::{Error, Result};
use crate::image::decode::{check_page, check_size, damaged, unsupported};

/// Most pixels of all frames that are read for one label image.
const MAX_WORK: u64 = 1 << 30;
/// Most frames of a file.
const MAX_FRAMES: usize = 1 << 18;

/// What a frame says of its pixels.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Whether they are in its segment.
    Binary,
    /// How much or how likely, up to this.
    Fractional(u32),
    /// Of which segment they are; this is none.
    LabelMap { background: u32 },
}

/// Of which segment a frame is, and where it lies.
struct Place {
    segment: u32,
    /// What the frames of one plane have in common.
    plane: Plane,
    /// Which frame of the image it belongs to, from 1, where it says so.
    source: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Plane {
    At(Vec<u8>),
    /// Which of its segment's frames it is.
    Number(usize),
}

/// The object numbers of one plane.
pub struct Segmented {
    pub width: usize,
    pub height: usize,
    pub ids: Vec<u32>,
    /// How many planes there are.
    pub planes: usize,
}

/// Which of a segmentation's planes is wanted.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// From 0, in the order in which they first come.
    Plane(usize),
    /// That of an image's frame, from 0, of which there are so many.
    Frame(usize, usize),
}

/// Reads a plane of a segmentation: a segment's number where it is, 0 where none is. Of segments that overlap the
/// smaller lies above; of a fraction, half or more is inside. None if the file is no segmentation, or if frames of an
/// image are wanted and its own are pages as those of other files are.
///
/// # Errors
/// If it cannot be read, is cut off or damaged, has no such plane or does not tell to which frames its planes belong,
/// or too much would have to be read.
pub fn read(source: &mut (impl Read + Seek), wanted: Wanted) -> Result<Option<Segmented>> {
    let (packing, mut reader) = syntax::open(Box::new(source))?;
    let file = Attributes::read(&mut reader, 0)?;
    let Some(kind) = kind(&file)? else {
        return Ok(None);
    };
    let (width, height) = file.size()?;
    check_size(width, height)?;
    let total = [TOTAL_COLUMNS, TOTAL_ROWS].map(|tag| long(&file, tag));
    if total
        .iter()
        .zip([width, height])
        .any(|(all, own)| all.is_some_and(|all| all > own))
    {
        return Err(unsupported(NAME, "a segmentation in tiles"));
    }
    let frames = file.frames();
    let places = places(&mut reader, &file, kind, frames)?;
    let Some((numbers, planes)) = frames_of(&places, kind, wanted)? else {
        return Ok(None);
    };
    let size = (width as usize, height as usize);
    let work = (numbers.len() as u64).saturating_mul(u64::from(width) * u64::from(height));
    if work > MAX_WORK {
        return Err(Error::new(format!(
            "The DICOM segmentation has {} segments of {width} × {height} pixels in one plane, which is too much to \
             be read; export it as a label map.",
            numbers.len()
        )));
    }
    let read = |reader: &mut Reader, page| {
        let frame = Frame {
            file: &file,
            packing,
            page,
            frames,
            size,
        };
        numbers_of(&frame, reader)
    };
    let mut inside = Vec::with_capacity(numbers.len());
    for number in numbers {
        let area = read(&mut reader, number)?
            .iter()
            .filter(|&&value| kind.holds(value))
            .count();
        inside.push((area, number));
    }
    // The largest first; of equal ones the last stays above.
    inside.sort_by_key(|&(area, _)| std::cmp::Reverse(area));
    let mut ids = vec![0; size.0 * size.1];
    for (_, number) in inside.into_iter().filter(|(area, _)| *area > 0) {
        let segment = places.get(number).map_or(0, |place| place.segment);
        for (id, value) in ids.iter_mut().zip(read(&mut reader, number)?) {
            match kind {
                _ if !kind.holds(value) => {}
                Kind::LabelMap { .. } => *id = value,
                Kind::Binary | Kind::Fractional(_) => *id = segment,
            }
        }
    }
    Ok(Some(Segmented {
        width: size.0,
        height: size.1,
        ids,
        planes,
    }))
}

impl Kind {
    /// Whether a pixel of this value is in a segment.
    fn holds(self, value: u32) -> bool {
        match self {
            Self::Binary => value != 0,
            Self::Fractional(most) => value != 0 && 2 * u64::from(value) >= u64::from(most),
            Self::LabelMap { background } => value != 0 && value != background,
        }
    }
}

fn kind(file: &Attributes) -> Result<Option<Kind>> {
    let most = || {
        let bytes = *file.value(MAXIMUM_FRACTION)?.first_chunk()?;
        Some(file.encoding.u16(bytes).into())
    };
    Ok(Some(match file.text(SEGMENTATION_TYPE) {
        None => return Ok(None),
        Some("BINARY") => Kind::Binary,
        Some("FRACTIONAL") => Kind::Fractional(most().unwrap_or(255)),
        Some("LABELMAP") => Kind::LabelMap {
            background: file.padding().map_or(0, |[value, _]| value.max(0) as u32),
        },
        Some(other) => {
            return Err(unsupported(
                NAME,
                format!("a segmentation of the kind {other}"),
            ));
        }
    }))
}

/// The stored numbers of a frame.
fn numbers_of(frame: &Frame, reader: &mut Reader) -> Result<Vec<u32>> {
    let Pixels::Integers(element) = frame.file.pixels()? else {
        return Err(unsupported(NAME, "a segmentation in floats"));
    };
    let integers = frame.integers(reader, element)?;
    let pixels = frame.size.0 * frame.size.1;
    if integers.channels != 1 || integers.words.len() != pixels {
        return Err(jpeg::other_values());
    }
    let stored = integers.stored;
    Ok(match integers.words {
        Words::U32(words) if stored.bits == 32 => words,
        words => words.map(|raw| stored.number(raw).max(0) as u32),
    })
}

/// The frames that make up the wanted plane, and how many planes there are.
fn frames_of(places: &[Place], kind: Kind, wanted: Wanted) -> Result<Option<(Vec<usize>, usize)>> {
    let mut planes: BTreeMap<&Plane, usize> = BTreeMap::new();
    for place in places {
        let next = planes.len();
        planes.entry(&place.plane).or_insert(next);
    }
    let numbers = |of: &dyn Fn(&Place) -> bool| {
        let all = places.iter().enumerate();
        all.filter(|(_, place)| of(place)).map(|(i, _)| i).collect()
    };
    match wanted {
        Wanted::Plane(plane) => {
            check_page(plane, planes.len())?;
            let of = |place: &Place| planes.get(&place.plane) == Some(&plane);
            Ok(Some((numbers(&of), planes.len())))
        }
        Wanted::Frame(frame, count) => {
            let within = |place: &Place| {
                place
                    .source
                    .is_some_and(|source| (1..=count).contains(&source))
            };
            // Of a label map without positions a frame is a page, as of any file.
            let ordered = planes.len() == places.len()
                && !places.iter().any(|p| matches!(p.plane, Plane::At(_)));
            let ordered = ordered && matches!(kind, Kind::LabelMap { .. });
            let known = places.iter().all(within);
            if count < 2 || !known && (planes.len() == 1 || ordered) {
                return Ok(None);
            }
            if !known {
                return Err(undecided(planes.len()));
            }
            let of = |place: &Place| place.source == Some(frame + 1);
            Ok(Some((numbers(&of), count)))
        }
    }
}

/// The error where pages and planes might be mixed up: series are sorted one way or the other.
fn undecided(planes: usize) -> Error {
    Error::new(format!(
        "The DICOM segmentation has {planes} planes and does not tell to which of the image's pages they belong, so \
         that they might be mixed up; choose a segmentation of this very file, or one of a single plane."
    ))
}

fn places(reader: &mut Reader, file: &Attributes, kind: Kind, frames: usize) -> Result<Vec<Place>> {
    if frames > MAX_FRAMES {
        return Err(unsupported(
            NAME,
            format!("a segmentation of {frames} frames"),
        ));
    }
    let shared = match file.element(SHARED) {
        Some(sequence) => reader.item(sequence, 0)?.unwrap_or_default(),
        None => Elements::new(),
    };
    let of_each = match file.element(PER_FRAME) {
        Some(sequence) => reader.item_places(sequence, frames)?,
        None => Vec::new(),
    };
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    let mut places = Vec::new();
    for number in 0..frames {
        let own = match of_each.get(number) {
            Some(item) => reader.item_at(item)?,
            None => Elements::new(),
        };
        let mut find = |group, tag| -> Result<Option<Vec<u8>>> {
            for elements in [&own, &shared] {
                if let Some(value) = value_in(reader, elements, group, tag)? {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        };
        let segment = match find(&[SEGMENT_IDENTIFICATION], REFERENCED_SEGMENT)? {
            Some(value) => value
                .first_chunk()
                .map(|&two| file.encoding.u16(two).into()),
            // A segment of each frame, or one.
            None => u32::try_from(number + 1)
                .ok()
                .filter(|_| frames > 1)
                .or(Some(1)),
        };
        let source = find(&[DERIVATION_IMAGE, SOURCE_IMAGE], REFERENCED_FRAME)?;
        let source = source.and_then(|value| {
            std::str::from_utf8(&value)
                .ok()?
                .trim_matches(['\0', ' '])
                .parse()
                .ok()
        });
        let position = find(&[PLANE_POSITION], IMAGE_POSITION)?;
        let segment = match kind {
            Kind::LabelMap { .. } => 0,
            _ => segment.ok_or_else(|| damaged(NAME, "a frame's segment is missing"))?,
        };
        let count = seen.entry(segment).or_insert(0);
        *count += 1;
        places.push(Place {
            segment,
            plane: position.map_or(Plane::Number(*count), Plane::At),
            source,
        });
    }
    Ok(places)
}

/// A value of the first item of sequences within each other.
fn value_in(
    reader: &mut Reader,
    elements: &Elements,
    sequences: &[Tag],
    tag: Tag,
) -> Result<Option<Vec<u8>>> {
    let Some((first, rest)) = sequences.split_first() else {
        return Ok(elements
            .get(&tag)
            .map(|element| element.value.clone())
            .filter(|value| !value.is_empty()));
    };
    let Some(sequence) = elements.get(first) else {
        return Ok(None);
    };
    match reader.item(sequence, 0)? {
        Some(item) => value_in(reader, &item, rest, tag),
        None => Ok(None),
    }
}

fn long(file: &Attributes, tag: Tag) -> Option<u32> {
    let element: &Element = file.element(tag)?;
    let bytes = *element.value.first_chunk()?;
    Some(file.encoding.u32(bytes))
}
