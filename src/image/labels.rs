//! Label images: every pixel holds the number of its object, 0 in the background.

use std::collections::{BTreeMap, HashMap};

use ::tiff::encoder::colortype;

use super::encode::{png16, tiff};
use super::label_numbers::{ids, places, single};
use super::pixel_size::PixelSize;
use super::stored::{is_image, of_frame, read};
use super::tiff::{StoredPlane, Values};
use super::unknown::Unknown;
use crate::error::{Error, Result};

/// In runs: pixels that are not annotated.
pub const NOT_ANNOTATED: u32 = u32::MAX;

/// More objects than these, of which most are that small, are no objects.
const MANY_OBJECTS: usize = 10_000;
const FEW_PIXELS: usize = 5;

/// A decoded label image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    pub width: usize,
    pub height: usize,
    /// `width × height` object numbers, row-major; 0 is background.
    pub ids: Vec<u32>,
    /// Pixels that are not annotated; their numbers are 0.
    pub unknown: Unknown,
}

/// One object of a label image.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledObject {
    pub id: u32,
    /// Pixels.
    pub area: usize,
    /// The object's own pixel nearest to its centroid, as indices x and y; of equally near
    /// pixels the first in row-major order.
    pub point: (f32, f32),
    /// Left, top, right and bottom: the first pixel, and one past the last.
    pub bbox: [f32; 4],
}

/// Pixels `left..right` of row `y`, all of object `id`.
#[derive(Clone, Copy)]
struct Run {
    id: u32,
    y: usize,
    left: usize,
    right: usize,
}

#[derive(Clone)]
struct Statistics {
    area: u64,
    sum_x: u64,
    sum_y: u64,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    /// Squared distance to the centroid times the squared area, and the pixel that has it.
    nearest: (u128, usize, usize),
}

impl Labels {
    /// Labels of `width × height` row-major numbers that say of each pixel what it is.
    pub fn new(width: usize, height: usize, ids: Vec<u32>) -> Self {
        Self {
            width,
            height,
            ids,
            unknown: Unknown::default(),
        }
    }

    /// Decodes a label image by the numbers that it stores, whatever they would be shown as:
    /// grayscale or palette PNG or TIFF; of signed numbers, −1 is not annotated.
    ///
    /// # Errors
    /// Those of reading an image file; also if the image is in colour or JPEG, holds values that are
    /// not object numbers, or holds no object.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Ok(Self::open(bytes, 0)?.0)
    }

    /// [`Self::decode`] of page `page`, from 0, and how many pages the file holds.
    ///
    /// # Errors
    /// Those of [`Self::decode`], and if there is no such page.
    pub fn open(bytes: &[u8], page: usize) -> Result<(Self, usize)> {
        let (labels, pages) = Self::open_or_empty(bytes, page)?;
        labels.check_any()?;
        Ok((labels, pages))
    }

    /// The labels of page `page`, from 0, of an image that has `pages`: of a label file with as many
    /// pages that page, of one with a single page that one. A page of several may have no object.
    ///
    /// # Errors
    /// Those of [`Self::decode`], and when the file has another number of pages.
    pub fn for_page(bytes: &[u8], page: usize, pages: usize) -> Result<Self> {
        if let Some(stored) = of_frame(bytes, page, pages)? {
            return Ok(Self::of(stored)?.0);
        }
        // One reading is enough where the pages agree.
        if page > 0
            && let Ok((labels, found)) = Self::open_or_empty(bytes, page)
            && found == pages
        {
            return Ok(labels);
        }
        let (first, found) = Self::open_or_empty(bytes, 0)?;
        if found == 1 {
            first.check_any()?;
            return Ok(first);
        }
        if found != pages {
            let image = match pages {
                1 => "one".to_owned(),
                _ => pages.to_string(),
            };
            return Err(Error::new(format!(
                "The label file has {found} pages but the image has {image}, so it is not known which \
                 of them belongs to this one; choose a label file with one page, or with as many as \
                 the image."
            )));
        }
        match page {
            0 => Ok(first),
            _ => Ok(Self::open_or_empty(bytes, page)?.0),
        }
    }

    /// [`Self::open`], which may hold no object.
    ///
    /// # Errors
    /// Those of [`Self::open`] but for that.
    pub fn open_or_empty(bytes: &[u8], page: usize) -> Result<(Self, usize)> {
        Self::of(read(bytes, page)?)
    }

    fn of(stored: StoredPlane) -> Result<(Self, usize)> {
        let (width, height, pages) = (stored.width, stored.height, stored.pages);
        let numbers = single(stored)?;
        let unknown = match &numbers {
            Values::I32(v) => Unknown::of(places(v, |&x| x == -1)),
            Values::I64(v) => Unknown::of(places(v, |&x| x == -1)),
            Values::F32(v) => Unknown::of(places(v, |&x| x == -1.0)),
            Values::F64(v) => Unknown::of(places(v, |&x| x == -1.0)),
            _ => Unknown::default(),
        };
        let labels = Self {
            width,
            height,
            ids: ids(numbers)?,
            unknown,
        };
        labels.check_plausible()?;
        Ok((labels, pages))
    }

    /// Refuses the intensities of an image, of which each number has a few pixels anywhere.
    fn check_plausible(&self) -> Result<()> {
        let mut areas: HashMap<u32, usize> = HashMap::new();
        for run in self.ids.chunk_by(|a, b| a == b) {
            *areas.entry(run[0]).or_default() += run.len();
        }
        let small = areas.values().filter(|&&area| area < FEW_PIXELS).count();
        if areas.len() <= MANY_OBJECTS || 2 * small <= areas.len() {
            return Ok(());
        }
        Err(Error::new(format!(
            "This looks like an image and not like labels: it has {} different numbers, most of them in fewer than \
             {FEW_PIXELS} pixels; choose the file with the object's number in each pixel.",
            areas.len()
        )))
    }

    /// Whether the content is that of an image file, which may hold labels.
    pub fn is_image(bytes: &[u8]) -> bool {
        is_image(bytes)
    }

    fn check_any(&self) -> Result<()> {
        if self.ids.iter().any(|&id| id != 0) {
            return Ok(());
        }
        Err(Error::new(
            "The label image holds no object: every pixel is 0, the background; choose one with \
             numbered objects.",
        ))
    }

    /// Labels without an object.
    pub fn empty((width, height): (usize, usize)) -> Self {
        Self::new(width, height, vec![0; width * height])
    }

    /// Labels of `width × height` pixels from their [`Self::runs`], of which two that follow each
    /// other may have the same number.
    ///
    /// # Errors
    /// When the runs are no pairs, one of them is empty, or they cover another number of pixels.
    pub fn from_runs(runs: &[u32], (width, height): (usize, usize)) -> Result<Self> {
        let (pairs, rest) = runs.as_chunks::<2>();
        if !rest.is_empty() || pairs.iter().any(|[length, _]| *length == 0) {
            return Err(Error::new(
                "The labels are not made of runs: pairs of a length, at least 1, and an object's number.",
            ));
        }
        let covered: u64 = pairs.iter().map(|[length, _]| u64::from(*length)).sum();
        if Some(covered) != (width as u64).checked_mul(height as u64) {
            return Err(Error::new(format!(
                "The labels hold {covered} pixels but the image is {width} × {height}: they must be of one size."
            )));
        }
        let mut ids = Vec::with_capacity(width * height);
        for &[length, id] in pairs {
            ids.resize(ids.len() + length as usize, id);
        }
        let unknown = Unknown::of(places(&ids, |&id| id == NOT_ANNOTATED));
        for &[start, end] in unknown.runs() {
            ids[start..end].fill(0);
        }
        Ok(Self {
            width,
            height,
            ids,
            unknown,
        })
    }

    /// The labels as pairs of a length and an object's number, or [`NOT_ANNOTATED`], row by row; a run
    /// may go on over the ends of rows.
    pub fn runs(&self) -> Vec<u32> {
        let runs_of = |ids: &[u32]| -> Vec<u32> {
            let runs = ids.chunk_by(|a, b| a == b);
            runs.flat_map(|run| [run.len() as u32, run[0]]).collect()
        };
        if self.unknown.is_empty() {
            return runs_of(&self.ids);
        }
        let mut ids = self.ids.clone();
        for &[start, end] in self.unknown.runs() {
            ids[start..end].fill(NOT_ANNOTATED);
        }
        runs_of(&ids)
    }

    /// The objects of at least `min_area` pixels, by ascending number.
    pub fn objects(&self, min_area: usize) -> Vec<LabelledObject> {
        let mut objects = BTreeMap::new();
        for run in self.object_runs() {
            objects
                .entry(run.id)
                .or_insert(Statistics::EMPTY)
                .extend(run);
        }
        objects.retain(|_, object| object.area >= min_area as u64);
        for run in self.object_runs() {
            if let Some(object) = objects.get_mut(&run.id) {
                object.seek(run);
            }
        }
        objects.iter().map(|(&id, o)| o.object(id)).collect()
    }

    /// Refuses labels that are not of this width and height.
    ///
    /// # Errors
    /// When they have another size.
    pub fn check_size(&self, image: (usize, usize)) -> Result<()> {
        if (self.width, self.height) == image {
            return Ok(());
        }
        Err(Error::new(format!(
            "The labels are {} × {} pixels but the image is {} × {}: they must be of one size.",
            self.width, self.height, image.0, image.1
        )))
    }

    /// The objects of at least `min_area` pixels on an image of this width and height.
    ///
    /// # Errors
    /// When the labels have another size, or no object is large enough.
    pub fn objects_on(
        &self,
        image: (usize, usize),
        min_area: usize,
    ) -> Result<Vec<LabelledObject>> {
        self.check_size(image)?;
        let objects = self.objects(min_area);
        if objects.is_empty() {
            return Err(Error::new(format!(
                "No labelled object has {min_area} pixels or more: label larger ones."
            )));
        }
        Ok(objects)
    }

    /// The labels as a 16-bit PNG file.
    ///
    /// # Errors
    /// When an object's number is over 65535, or pixels are not annotated.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        if !self.unknown.is_empty() {
            return Err(Error::new(
                "A PNG file cannot say of pixels that they are not annotated; write a TIFF file.",
            ));
        }
        let short = |&id: &u32| {
            u16::try_from(id).map_err(|_| {
                Error::new(format!(
                    "The object number {id} does not fit into a PNG file, which holds 1 to 65535; \
                     write a TIFF file."
                ))
            })
        };
        let ids = self.ids.iter().map(short).collect::<Result<Vec<_>>>()?;
        png16(&ids, (self.width, self.height))
    }

    /// As a TIFF file, compressed with Deflate: 16 bits, 32 where a number is over 65535, signed with
    /// −1 where pixels are not annotated.
    ///
    /// # Errors
    /// When a number does not fit, or the encoder fails.
    pub fn to_tiff(&self, pixel_size: Option<PixelSize>) -> Result<Vec<u8>> {
        let size = (self.width, self.height);
        let largest = self.ids.iter().copied().max().unwrap_or(0);
        if !self.unknown.is_empty() {
            let number = |&id: &u32| {
                i32::try_from(id).map_err(|_| {
                    Error::new(format!(
                        "The object number {id} does not fit beside pixels that are not annotated, \
                         where it is at most {}; give it a smaller one.",
                        i32::MAX
                    ))
                })
            };
            let mut ids = self.ids.iter().map(number).collect::<Result<Vec<_>>>()?;
            for place in self.unknown.places() {
                ids[place] = -1;
            }
            return tiff::<colortype::GrayI32>(&ids, size, pixel_size);
        }
        if largest > u32::from(u16::MAX) {
            return tiff::<colortype::Gray32>(&self.ids, size, pixel_size);
        }
        let short: Vec<u16> = self.ids.iter().map(|&id| id as u16).collect();
        tiff::<colortype::Gray16>(&short, size, pixel_size)
    }

    /// Where the object `id` is: `width × height` values, all false if there is none.
    pub fn mask(&self, id: u32) -> Vec<bool> {
        self.ids.iter().map(|&other| other == id).collect()
    }

    /// All runs of object pixels in row-major order, none over the end of a row.
    fn object_runs(&self) -> impl Iterator<Item = Run> {
        let rows = self.ids.chunks_exact(self.width.max(1)).enumerate();
        rows.flat_map(|(y, row)| {
            let mut right = 0;
            row.chunk_by(|a, b| a == b).map(move |chunk| {
                let left = right;
                right += chunk.len();
                Run {
                    id: chunk[0],
                    y,
                    left,
                    right,
                }
            })
        })
        .filter(|run| run.id != 0)
    }
}

impl Statistics {
    const EMPTY: Self = Self {
        area: 0,
        sum_x: 0,
        sum_y: 0,
        left: usize::MAX,
        top: usize::MAX,
        right: 0,
        bottom: 0,
        nearest: (u128::MAX, 0, 0),
    };

    fn extend(&mut self, run: Run) {
        let length = (run.right - run.left) as u64;
        self.area += length;
        self.sum_x += (run.left + run.right - 1) as u64 * length / 2;
        self.sum_y += run.y as u64 * length;
        self.left = self.left.min(run.left);
        self.top = self.top.min(run.y);
        self.right = self.right.max(run.right);
        self.bottom = self.bottom.max(run.y + 1);
    }

    /// Takes the run's pixel nearest to the centroid if none before was as near. In integers,
    /// so that ties are ties.
    fn seek(&mut self, run: Run) {
        // The centroid's x rounded half down.
        let column = (2 * self.sum_x)
            .saturating_sub(self.area)
            .div_ceil(2 * self.area);
        let x = (column as usize).clamp(run.left, run.right - 1);
        let offset = |at: usize, sum: u64| u128::from((at as u64 * self.area).abs_diff(sum));
        let distance = offset(x, self.sum_x).pow(2) + offset(run.y, self.sum_y).pow(2);
        if distance < self.nearest.0 {
            self.nearest = (distance, x, run.y);
        }
    }

    fn object(&self, id: u32) -> LabelledObject {
        LabelledObject {
            id,
            area: self.area as usize,
            point: (self.nearest.1 as f32, self.nearest.2 as f32),
            bbox: [self.left, self.top, self.right, self.bottom].map(|side| side as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_their_runs_are_the_same() {
        let labels = Labels::new(3, 2, vec![0, 7, 7, 7, 0, 9]);
        let runs = [1, 0, 3, 7, 1, 0, 1, 9];
        assert_eq!(labels.runs(), runs);
        assert_eq!(Labels::from_runs(&runs, (3, 2)), Ok(labels.clone()));
        let divided = [1, 0, 2, 7, 1, 7, 1, 0, 1, 9];
        assert_eq!(Labels::from_runs(&divided, (3, 2)), Ok(labels));

        let few = Labels {
            unknown: Unknown::of([3, 5].into_iter()),
            ..Labels::new(3, 2, vec![0, 7, 7, 0, 0, 0])
        };
        let runs = [1, 0, 2, 7, 1, NOT_ANNOTATED, 1, 0, 1, NOT_ANNOTATED];
        assert_eq!(few.runs(), runs);
        assert_eq!(Labels::from_runs(&runs, (3, 2)), Ok(few));
    }

    #[test]
    fn runs_that_make_no_labels_are_told() {
        let told = |runs: &[u32], size| Labels::from_runs(runs, size).unwrap_err().to_string();
        assert!(told(&[5, 0], (3, 2)).contains("hold 5 pixels but the image is 3 × 2"));
        assert!(told(&[u32::MAX, 1, u32::MAX, 2], (3, 2)).contains("hold 8589934590 pixels"));
        assert!(told(&[6, 1, 0, 2], (3, 2)).contains("pairs of a length, at least 1"));
        assert!(told(&[6, 1, 1], (3, 2)).contains("pairs of a length"));
        assert!(told(&[], (usize::MAX, 2)).contains("one size"));
    }
}
