//! COCO's run-length encoding of masks: lengths of runs, column by column, beginning with the
//! background, and their compressed text (`common/maskApi.c` of cocoapi).

use crate::error::{Error, Result};
use crate::image::shapes::Shape;

/// The lengths of a shape's runs in an image of this width and height.
pub fn counts(shape: &Shape, (width, height): (usize, usize)) -> Vec<usize> {
    let mut runs = Runs::default();
    runs.add(false, shape.x * height);
    let below = height - shape.y - shape.height;
    for x in 0..shape.width {
        runs.add(false, shape.y);
        for y in 0..shape.height {
            runs.add(shape.bits[y * shape.width + x], 1);
        }
        runs.add(false, below);
    }
    runs.add(false, (width - shape.x - shape.width) * height);
    runs.counts.push(runs.length);
    runs.counts
}

#[derive(Default)]
struct Runs {
    counts: Vec<usize>,
    /// How long the run at hand is, and whether it is of the object.
    length: usize,
    inside: bool,
}

impl Runs {
    fn add(&mut self, inside: bool, pixels: usize) {
        if pixels > 0 && inside != self.inside {
            self.counts.push(self.length);
            self.length = 0;
            self.inside = inside;
        }
        self.length += pixels;
    }
}

/// The text of run lengths: differences to the one before the last in groups of five bits, each
/// as a printable character.
pub fn compress(counts: &[usize]) -> String {
    let mut text = String::new();
    for (i, &count) in counts.iter().enumerate() {
        let before = if i > 2 { counts[i - 2] as i64 } else { 0 };
        let mut rest = count as i64 - before;
        loop {
            let group = (rest & 0x1f) as u8;
            rest >>= 5;
            let more = if group & 0x10 == 0 {
                rest != 0
            } else {
                rest != -1
            };
            text.push(char::from(48 + group + if more { 0x20 } else { 0 }));
            if !more {
                break;
            }
        }
    }
    text
}

/// The run lengths of a compressed text.
///
/// # Errors
/// When it is no such text.
pub fn decompress(text: &str) -> Result<Vec<usize>> {
    let broken = || Error::new("A mask's run lengths cannot be read; export the file again.");
    let mut counts: Vec<usize> = Vec::new();
    let mut bytes = text.bytes();
    while let Some(mut byte) = bytes.next() {
        let (mut value, mut shift) = (0i64, 0);
        loop {
            let group = byte.checked_sub(48).filter(|group| *group < 64);
            let group = i64::from(group.ok_or_else(broken)?);
            value |= (group & 0x1f) << shift;
            shift += 5;
            if group & 0x20 == 0 {
                if group & 0x10 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            // Eight groups hold more than any image has pixels.
            if shift >= 40 {
                return Err(broken());
            }
            byte = bytes.next().ok_or_else(broken)?;
        }
        let before = match counts.len() {
            i if i > 2 => counts[i - 2] as i64,
            _ => 0,
        };
        counts.push(usize::try_from(value + before).map_err(|_| broken())?);
    }
    Ok(counts)
}

/// Visits the pixels of run lengths in an image of `height` rows, as places of a row-major plane.
///
/// # Errors
/// When the runs are longer than the image.
pub fn visit(
    counts: &[usize],
    (width, height): (usize, usize),
    mut each: impl FnMut(usize),
) -> Result<()> {
    let too_long = || Error::new("A mask's runs are longer than its image; export the file again.");
    let mut at = 0usize;
    for (i, &count) in counts.iter().enumerate() {
        let end = at.checked_add(count).filter(|end| *end <= width * height);
        let end = end.ok_or_else(too_long)?;
        if i % 2 == 1 {
            (at..end).for_each(|place| each(place % height * width + place / height));
        }
        at = end;
    }
    Ok(())
}
