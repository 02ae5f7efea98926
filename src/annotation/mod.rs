//! The objects of images as other tools read them, and objects that other tools wrote.

pub mod coco;
mod coco_reader;
pub mod contours;
pub mod csv;
mod cvat;
pub mod export;
pub mod geojson;
mod geojson_reader;
pub mod imagej;
mod label_studio;
mod left_out;
mod matching;
pub mod measurements;
mod outline;
mod reading;
pub mod rle;
mod roi_reader;
pub mod source;

pub use reading::{Read, is_annotation, read};
use serde::{Deserialize, Serialize};

/// A kind of objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct ClassRecord {
    pub name: String,
    /// `#rrggbb`.
    pub colour: String,
}

/// What is known of an object besides its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct ObjectRecord {
    /// Its number in the label image.
    pub id: u32,
    /// Empty where it has none.
    pub name: String,
    /// Its place in the list of classes.
    pub class: Option<usize>,
    /// The IoU that the model predicted.
    pub iou: Option<f32>,
}

impl ObjectRecord {
    /// One of which nothing is known.
    pub fn plain(id: u32) -> Self {
        Self {
            id,
            name: String::new(),
            class: None,
            iou: None,
        }
    }

    /// Its name, or one made of its number.
    pub fn title(&self) -> String {
        match self.name.is_empty() {
            true => format!("Object {}", self.id),
            false => self.name.clone(),
        }
    }

    pub fn class<'a>(&self, classes: &'a [ClassRecord]) -> Option<&'a ClassRecord> {
        self.class.and_then(|place| classes.get(place))
    }
}

/// Red, green and blue of a `#rrggbb`, gray where it is none.
pub fn rgb(colour: &str) -> [u8; 3] {
    let part = |at: usize| u8::from_str_radix(colour.get(at..at + 2)?, 16).ok();
    [1, 3, 5].map(|at| part(at).unwrap_or(128))
}
