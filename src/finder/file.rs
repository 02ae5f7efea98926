//! What was learned as a file: safetensors with what it was learned on in its metadata.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

use super::features;
use super::foreground::Pixels;
use super::lesson::{Finder, Lesson};
use super::region::Region;
use crate::error::{Error, Result};
use crate::weights::decoder_info::{BASE_MODEL, BASE_SHA256, Base, check_base};
use crate::weights::{Checkpoint, Dtype, safetensors};

/// Numbers of an example.
const REGION: usize = 13;
/// Lessons, and rows of each, that a file has at most.
const LESSONS: usize = 64;
const ROWS: usize = 100_000;

/// The key of the images' names in the metadata, a line each.
const IMAGES: &str = "finder_images";

impl Finder {
    /// Writes what was learned with the model `base`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, out: impl Write, base: &Base) -> Result<()> {
        let (mut tensors, mut values) = (Vec::new(), Vec::new());
        for (i, lesson) in self.lessons.iter().enumerate() {
            for (name, width, numbers) in tables(lesson) {
                let rows = numbers.len() / width;
                tensors.push((format!("finder.{i}.{name}"), vec![rows, width], Dtype::F32));
                values.push(numbers);
            }
        }
        let images: Vec<&str> = self
            .lessons
            .iter()
            .map(|lesson| lesson.image.as_str())
            .collect();
        let metadata = [
            (BASE_MODEL, base.name.clone()),
            (BASE_SHA256, base.sha256.clone()),
            (IMAGES, images.join("\n")),
        ];
        let metadata: BTreeMap<String, String> =
            metadata.map(|(key, value)| (key.to_owned(), value)).into();
        safetensors::write(out, &tensors, &metadata, |i| Ok(values[i].clone()))
    }

    /// Reads what was learned with the model `base`.
    ///
    /// # Errors
    /// When the file is none, is damaged, or names another base model.
    pub fn read<R: Read + Seek>(reader: R, base: &Base) -> Result<Self> {
        let mut file = Checkpoint::open(reader)?;
        check_base(file.metadata(), base, "file of what was learned")?;
        let images = file.metadata().get(IMAGES).cloned().ok_or_else(no_finder)?;
        let mut finder = Self::default();
        for (i, image) in images.split('\n').take(LESSONS).enumerate() {
            finder.add(lesson(&mut file, i, image)?);
        }
        match finder.objects() {
            0 => Err(no_finder()),
            _ => Ok(finder),
        }
    }
}

fn no_finder() -> Error {
    Error::new(
        "The file holds nothing that was learned of objects: choose one that was saved after a search.",
    )
}

/// The numbers of a lesson: name, columns, and rows.
fn tables(lesson: &Lesson) -> [(&'static str, usize, Vec<f32>); 5] {
    let pixels = &lesson.pixels;
    let moments = pixels.means.iter().chain(&pixels.deviations);
    [
        ("features", features::COUNT, pixels.features.clone()),
        (
            "kinds",
            1,
            pixels.kinds.iter().map(|kind| f32::from(*kind)).collect(),
        ),
        (
            "moments",
            1,
            [pixels.all].iter().chain(moments).copied().collect(),
        ),
        ("areas", 1, lesson.areas.clone()),
        (
            "examples",
            REGION,
            lesson.examples.iter().flat_map(numbers).collect(),
        ),
    ]
}

fn lesson<R: Read + Seek>(file: &mut Checkpoint<R>, i: usize, image: &str) -> Result<Lesson> {
    let mut table = |name: &str, width: usize| {
        let name = format!("finder.{i}.{name}");
        let shape = file.shape(&name).map(<[usize]>::to_vec).unwrap_or_default();
        match shape[..] {
            [rows, columns] if columns == width && rows <= ROWS => {
                let values = file.read(&name, &shape)?;
                let finite = values.iter().all(|x| x.is_finite());
                finite.then_some(values).ok_or_else(damaged)
            }
            _ => Err(damaged()),
        }
    };
    let features = table("features", features::COUNT)?;
    let kinds = table("kinds", 1)?;
    let moments = table("moments", 1)?;
    let areas = table("areas", 1)?;
    let examples = table("examples", REGION)?;
    let whole = features.len() == kinds.len() * features::COUNT
        && moments.len() == 1 + 2 * features::COUNT
        && areas.iter().all(|area| *area >= 1.0);
    if !whole {
        return Err(damaged());
    }
    let (means, deviations) = moments[1..].split_at(features::COUNT);
    let pixels = Pixels {
        features,
        kinds: kinds.iter().map(|kind| *kind as u8).collect(),
        all: moments[0].max(1.0),
        means: means.to_vec(),
        deviations: deviations.to_vec(),
    };
    let (examples, _) = examples.as_chunks::<REGION>();
    Ok(Lesson {
        image: image.to_owned(),
        pixels,
        areas,
        examples: examples.iter().map(region).collect(),
    })
}

fn damaged() -> Error {
    Error::new("The file of what was learned is damaged: save it again, or learn anew.")
}

fn numbers(r: &Region) -> [f32; REGION] {
    let cut = f32::from(u8::from(r.cut));
    [
        r.area, r.solidity, r.inside, r.rim, r.around, r.tenth, r.open, r.contrast, r.step,
        r.gradient, r.texture, r.axes, cut,
    ]
}

fn region(numbers: &[f32; REGION]) -> Region {
    let [
        area,
        solidity,
        inside,
        rim,
        around,
        tenth,
        open,
        contrast,
        step,
        gradient,
        texture,
        axes,
        cut,
    ] = *numbers;
    Region {
        area: area.max(1.0),
        solidity,
        inside,
        rim,
        around,
        tenth,
        open,
        contrast,
        step,
        gradient,
        texture,
        axes,
        cut: cut > 0.5,
    }
}
