//! What a DICOM file says of its pixels (PS3.3, sections C.7.6.3, C.11.1 and C.11.2).

use super::NAME;
use super::elements::{Element, ElementEncoding, Elements, PIXEL_DATA, Reader, Tag};
use super::values::{Rescale, Stored};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, unsupported};
use crate::image::pixel_size::PixelSize;

const IMAGER_PIXEL_SPACING: Tag = (0x0018, 0x1164);
const SAMPLES_PER_PIXEL: Tag = (0x0028, 0x0002);
const PHOTOMETRIC: Tag = (0x0028, 0x0004);
const PLANAR: Tag = (0x0028, 0x0006);
const FRAMES: Tag = (0x0028, 0x0008);
const ROWS: Tag = (0x0028, 0x0010);
const COLUMNS: Tag = (0x0028, 0x0011);
const PIXEL_SPACING: Tag = (0x0028, 0x0030);
const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
const BITS_STORED: Tag = (0x0028, 0x0101);
const HIGH_BIT: Tag = (0x0028, 0x0102);
const REPRESENTATION: Tag = (0x0028, 0x0103);
const CENTER: Tag = (0x0028, 0x1050);
const WIDTH: Tag = (0x0028, 0x1051);
const INTERCEPT: Tag = (0x0028, 0x1052);
const SLOPE: Tag = (0x0028, 0x1053);
const VOI_FUNCTION: Tag = (0x0028, 0x1056);
const PIXEL_MEASURES: Tag = (0x0028, 0x9110);
const VOI: Tag = (0x0028, 0x9132);
const TRANSFORMATION: Tag = (0x0028, 0x9145);
const SHARED: Tag = (0x5200, 0x9229);
const PER_FRAME: Tag = (0x5200, 0x9230);
const FLOAT_PIXELS: Tag = (0x7fe0, 0x0008);
const DOUBLE_PIXELS: Tag = (0x7fe0, 0x0009);

const WANTED: [Tag; 21] = [
    IMAGER_PIXEL_SPACING,
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC,
    PLANAR,
    FRAMES,
    ROWS,
    COLUMNS,
    PIXEL_SPACING,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    REPRESENTATION,
    CENTER,
    WIDTH,
    INTERCEPT,
    SLOPE,
    VOI_FUNCTION,
    SHARED,
    PER_FRAME,
    FLOAT_PIXELS,
    DOUBLE_PIXELS,
];

/// The elements of a file that matter here.
pub struct Attributes<'a> {
    elements: Elements<'a>,
    pub encoding: ElementEncoding,
}

/// Where pixels are, and what numbers they are.
#[derive(Clone, Copy)]
pub enum Pixels<'a> {
    Integers(Element<'a>),
    Floats(Element<'a>),
    Doubles(Element<'a>),
}

impl<'a> Attributes<'a> {
    pub fn read(reader: Reader<'a>) -> Result<Self> {
        Ok(Self {
            elements: reader.elements(|tag| tag == PIXEL_DATA || WANTED.contains(&tag))?,
            encoding: reader.encoding,
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> Result<(u32, u32)> {
        Ok((
            self.needed(COLUMNS, "columns")?.into(),
            self.needed(ROWS, "rows")?.into(),
        ))
    }

    pub fn frames(&self) -> usize {
        let frames = self.text(FRAMES).and_then(|text| text.parse().ok());
        frames.unwrap_or(1).max(1)
    }

    /// Values of a pixel.
    pub fn samples(&self) -> u16 {
        self.number(SAMPLES_PER_PIXEL).unwrap_or(1)
    }

    /// One plane of colour after the other, instead of one pixel after the other.
    pub fn planar(&self) -> bool {
        self.number(PLANAR) == Some(1)
    }

    /// How numbers are to be understood, such as `MONOCHROME2`.
    pub fn photometric(&self) -> &'a str {
        self.text(PHOTOMETRIC).unwrap_or("MONOCHROME2")
    }

    pub fn pixels(&self) -> Result<Pixels<'a>> {
        let element = |tag| self.elements.get(&tag).copied();
        let pixels = element(PIXEL_DATA)
            .map(Pixels::Integers)
            .or_else(|| element(FLOAT_PIXELS).map(Pixels::Floats))
            .or_else(|| element(DOUBLE_PIXELS).map(Pixels::Doubles));
        pixels.ok_or_else(|| Error::new(
                "The DICOM file holds no image, but a report, a plan or the like; choose one of the \
                 image files beside it.",
            ))
    }

    pub fn stored(&self) -> Result<Stored> {
        let allocated = self.needed(BITS_ALLOCATED, "bits")?;
        if ![8, 16, 32].contains(&allocated) {
            return Err(unsupported(NAME, format!("{allocated} bits a sample")));
        }
        let bits = self.number(BITS_STORED).unwrap_or(allocated);
        let high = self.number(HIGH_BIT).unwrap_or(bits.saturating_sub(1));
        if bits == 0 || high >= allocated || high + 1 < bits {
            return Err(damaged(
                NAME,
                format!("{bits} bits below bit {high} of {allocated}"),
            ));
        }
        Ok(Stored {
            size: usize::from(allocated / 8),
            bits: bits.into(),
            shift: (high + 1 - bits).into(),
            signed: self.number(REPRESENTATION) == Some(1),
        })
    }

    /// Whether bytes are stored as the halves of big-endian words.
    pub fn swaps_bytes(&self, element: &Element, stored: &Stored) -> bool {
        let words = element.representation == Some(*b"OW");
        self.encoding.big_endian && words && stored.size == 1
    }

    /// That of frame `page`; none where the file has none.
    pub fn rescale(&self, page: usize) -> Result<Rescale> {
        let slope = self.of_frame(TRANSFORMATION, SLOPE, page)?;
        let intercept = self.of_frame(TRANSFORMATION, INTERCEPT, page)?;
        Ok(Rescale {
            slope: slope.and_then(first).and_then(decimal).unwrap_or(1.0),
            intercept: intercept.and_then(first).and_then(decimal).unwrap_or(0.0),
        })
    }

    /// Black and white of the first window that the file has for frame `page`, in rescaled values.
    pub fn window(&self, page: usize) -> Result<Option<[f32; 2]>> {
        let part = |tag| -> Result<_> { Ok(self.of_frame(VOI, tag, page)?.and_then(first)) };
        let (Some(center), Some(width)) = (
            part(CENTER)?.and_then(decimal),
            part(WIDTH)?.and_then(decimal),
        ) else {
            return Ok(None);
        };
        // The function LINEAR counts the grays from the first to the last.
        let (center, width) = match part(VOI_FUNCTION)? {
            Some("LINEAR_EXACT" | "SIGMOID") => (center, width),
            _ => (center - 0.5, width - 1.0),
        };
        let ends = [center - width / 2.0, center + width / 2.0].map(|end| end as f32);
        let [black, white] = ends;
        Ok((black < white && black.is_finite() && white.is_finite()).then_some(ends))
    }

    /// The size of a pixel in frame `page`: in the patient, or else at the detector.
    pub fn pixel_size(&self, page: usize) -> Option<PixelSize> {
        let in_patient = self.of_frame(PIXEL_MEASURES, PIXEL_SPACING, page);
        let spacing = in_patient
            .ok()?
            .or_else(|| self.value(IMAGER_PIXEL_SPACING))?;
        // The distance of rows comes first.
        let mut sides = spacing.split(|&byte| byte == b'\\');
        let mut side = || sides.next().and_then(first).and_then(decimal);
        let (height, width) = (side()?, side()?);
        PixelSize::new([width, height], "mm")
    }

    /// The value of `tag` for frame `page`: the file's own, or in the sequence `group` of that
    /// frame's functional groups or of those that all frames share.
    fn of_frame(&self, group: Tag, tag: Tag, page: usize) -> Result<Option<&'a [u8]>> {
        if self.text(tag).is_some() {
            return Ok(self.value(tag));
        }
        for (sequence, item) in [(PER_FRAME, page), (SHARED, 0)] {
            let Some(groups) = self.elements.get(&sequence) else {
                continue;
            };
            let Some(frame) = self.item(groups, item)? else {
                continue;
            };
            let found = frame.elements(|found| found == group)?;
            let Some(group) = found.get(&group) else {
                continue;
            };
            let Some(inner) = self.item(group, 0)? else {
                continue;
            };
            let found = inner.elements(|found| found == tag)?;
            if let Some(element) = found.get(&tag) {
                return Ok(Some(element.value));
            }
        }
        Ok(None)
    }

    /// The item at `index` of a sequence.
    fn item(&self, sequence: &Element<'a>, index: usize) -> Result<Option<Reader<'a>>> {
        let encoding = match sequence.representation {
            Some([b'U', b'N']) => ElementEncoding::IMPLICIT,
            _ => self.encoding,
        };
        let rest = sequence.value;
        let items = Reader { rest, encoding }.items()?;
        Ok(items.get(index).map(|&rest| Reader { rest, encoding }))
    }

    fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        Some(self.elements.get(&tag)?.value)
    }

    fn text(&self, tag: Tag) -> Option<&'a str> {
        first(self.value(tag)?)
    }

    fn number(&self, tag: Tag) -> Option<u16> {
        let bytes = *self.elements.get(&tag)?.value.first_chunk()?;
        Some(self.encoding.u16(bytes))
    }

    fn needed(&self, tag: Tag, what: &str) -> Result<u16> {
        self.number(tag)
            .ok_or_else(|| damaged(NAME, format!("the number of {what} is missing")))
    }
}

/// The first of several texts, without padding; none if it is empty.
fn first(value: &[u8]) -> Option<&str> {
    let text = value.split(|&byte| byte == b'\\').next()?;
    let text = std::str::from_utf8(text).ok()?;
    Some(text.trim_matches([' ', '\0'])).filter(|text| !text.is_empty())
}

fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
