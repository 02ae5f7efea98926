//! What a DICOM file says of the pixels of a frame (PS3.3, section C.7.6.3).

use super::NAME;
use super::elements::{Element, ElementEncoding, Elements, Reader};
use super::lut::Lut;
use super::tags::*;
use super::values::{Modality, Stored};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, unsupported};
use crate::image::pixel_size::PixelSize;

/// More lookup tables than any file has.
const MOST_LUTS: usize = 64;

/// The elements of a file that matter for one of its frames.
pub struct Attributes {
    /// The file's own, and those of the frame's functional groups that the file has not itself.
    elements: Elements,
    modality: Option<Elements>,
    voi_luts: Vec<Elements>,
    pub encoding: ElementEncoding,
}

/// Where pixels are, and what numbers they are.
#[derive(Clone, Copy)]
pub enum Pixels<'a> {
    Integers(&'a Element),
    Floats(&'a Element),
    Doubles(&'a Element),
}

impl Attributes {
    /// Those for frame `page`, of a reader at the beginning of the data set.
    pub fn read(reader: &mut Reader, page: usize) -> Result<Self> {
        let mut elements = reader.elements(u64::MAX, is_wanted)?;
        for group in [FRAME_VOI, TRANSFORMATION, PIXEL_MEASURES] {
            for (sequence, item) in [(PER_FRAME, page), (SHARED, 0)] {
                let found = functional_group(reader, elements.get(&sequence), item, group)?;
                for (tag, element) in found.into_iter().flatten() {
                    elements.entry(tag).or_insert(element);
                }
            }
        }
        let modality = match elements.get(&MODALITY_LUT) {
            Some(sequence) => reader.item(sequence, 0)?,
            None => None,
        };
        let mut voi_luts = Vec::new();
        while let Some(sequence) = elements.get(&VOI_LUT)
            && voi_luts.len() < MOST_LUTS
            && let Some(item) = reader.item(sequence, voi_luts.len())?
        {
            voi_luts.push(item);
        }
        Ok(Self {
            elements,
            modality,
            voi_luts,
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
        let text = self.text(FRAMES).unwrap_or_default();
        let digits = text.find(|c: char| !c.is_ascii_digit());
        let number = text.get(..digits.unwrap_or(text.len()));
        number.and_then(|n| n.parse().ok()).unwrap_or(1).max(1)
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
    pub fn photometric(&self) -> &str {
        self.text(PHOTOMETRIC).unwrap_or("MONOCHROME2")
    }

    pub fn pixels(&self) -> Result<Pixels<'_>> {
        let element = |tag| self.elements.get(&tag);
        let pixels = element(PIXEL_DATA)
            .map(Pixels::Integers)
            .or_else(|| element(FLOAT_PIXELS).map(Pixels::Floats))
            .or_else(|| element(DOUBLE_PIXELS).map(Pixels::Doubles));
        pixels.ok_or_else(|| {
            Error::new(
                "The DICOM file holds no image, but a report, a plan or the like; choose one of the \
                 image files beside it.",
            )
        })
    }

    pub fn stored(&self) -> Result<Stored> {
        let allocated = self.needed(BITS_ALLOCATED, "bits")?;
        if ![1, 8, 16, 32].contains(&allocated) {
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
            allocated: allocated.into(),
            bits: bits.into(),
            shift: (high + 1 - bits).into(),
            signed: self.signed(),
        })
    }

    /// Whether stored integers, and values that are compared with them, have a sign.
    fn signed(&self) -> bool {
        self.number(REPRESENTATION) == Some(1)
    }

    /// Whether bytes are stored as the halves of big-endian words.
    pub fn swaps_bytes(&self, element: &Element, stored: &Stored) -> bool {
        let words = element.representation == Some(*b"OW");
        self.encoding.big_endian && words && stored.allocated <= 8
    }

    /// What becomes of stored integers: nothing where the file does not say.
    pub fn modality(&self) -> Result<Modality> {
        if let Some(item) = &self.modality {
            let lut = Lut::read(item, self.encoding, self.signed())?;
            return Ok(Modality::Lut(lut));
        }
        let number = |tag| self.text(tag).and_then(decimal);
        Ok(Modality::Linear {
            slope: number(SLOPE).unwrap_or(1.0),
            intercept: number(INTERCEPT).unwrap_or(0.0),
        })
    }

    /// Lookup tables for display with their explanations.
    pub fn voi_luts(&self) -> impl Iterator<Item = Result<(String, Lut)>> {
        self.voi_luts.iter().map(|item| {
            let name = item.get(&LUT_EXPLANATION).and_then(|e| first(&e.value));
            let lut = Lut::read(item, self.encoding, self.signed())?;
            Ok((name.unwrap_or_default().to_owned(), lut))
        })
    }

    /// The stored integers, first and last, that stand for no measurement.
    pub fn padding(&self) -> Option<[i64; 2]> {
        let signed = self.signed();
        let number = |tag| {
            let number = self.number(tag)?;
            Some(if signed {
                i64::from(number.cast_signed())
            } else {
                i64::from(number)
            })
        };
        let one = number(PADDING)?;
        let other = number(PADDING_LIMIT).unwrap_or(one);
        Some([one.min(other), one.max(other)])
    }

    /// The size of a pixel: in the patient, or else at the detector or on the film.
    pub fn pixel_size(&self) -> Option<PixelSize> {
        let spacings = [PIXEL_SPACING, IMAGER_PIXEL_SPACING, SCANNED_PIXEL_SPACING];
        let two = |tag| <[f64; 2]>::try_from(self.decimals(tag)).ok();
        // The distance of rows comes first.
        let [height, width] = spacings.into_iter().find_map(two)?;
        PixelSize::new([width, height], "mm")
    }

    pub fn element(&self, tag: Tag) -> Option<&Element> {
        self.elements.get(&tag)
    }

    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        Some(&self.elements.get(&tag)?.value)
    }

    /// The first of several texts; none if it is empty.
    pub fn text(&self, tag: Tag) -> Option<&str> {
        first(self.value(tag)?)
    }

    /// All of several texts, without padding. Letters beyond UTF-8 are replaced.
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        let value = self.value(tag).unwrap_or_default();
        let texts = value.split(|&byte| byte == b'\\').map(trimmed);
        texts
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect()
    }

    /// All of several numbers, up to the first that is none.
    pub fn decimals(&self, tag: Tag) -> Vec<f64> {
        let texts = self.texts(tag);
        texts.iter().map_while(|text| decimal(text)).collect()
    }

    fn number(&self, tag: Tag) -> Option<u16> {
        let bytes = *self.value(tag)?.first_chunk()?;
        Some(self.encoding.u16(bytes))
    }

    fn needed(&self, tag: Tag, what: &str) -> Result<u16> {
        self.number(tag)
            .ok_or_else(|| damaged(NAME, format!("the number of {what} is missing")))
    }
}

/// The elements of one functional group of one item of `sequence`.
fn functional_group(
    reader: &mut Reader,
    sequence: Option<&Element>,
    item: usize,
    group: Tag,
) -> Result<Option<Elements>> {
    let Some(sequence) = sequence else {
        return Ok(None);
    };
    let frame = reader.item(sequence, item)?;
    match frame.as_ref().and_then(|frame| frame.get(&group)) {
        Some(group) => reader.item(group, 0),
        None => Ok(None),
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    let padding = |byte: &u8| [b' ', b'\0'].contains(byte);
    let start = text.iter().position(|b| !padding(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !padding(b));
    text.get(start..end.map_or(start, |end| end + 1))
        .unwrap_or_default()
}

/// The first of several texts, without padding; none if it is empty.
fn first(value: &[u8]) -> Option<&str> {
    let text = value.split(|&byte| byte == b'\\').next()?;
    let text = std::str::from_utf8(trimmed(text)).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
