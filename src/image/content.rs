//! What an image must hold to be segmented.

use super::decode::{Gray, Page, Picture, Samples};
use crate::error::{Error, Result};

/// Puts NaN where the file says that there is no pixel.
pub fn leave_out(page: &mut Page) {
    let (Some([least, largest]), Picture::Gray(gray)) = (page.absent, &mut page.picture) else {
        return;
    };
    let is_absent = |v: f32| (least..=largest).contains(&v);
    let float = |v: f32| if is_absent(v) { f32::NAN } else { v };
    match &mut gray.samples {
        Samples::U8(v) if v.iter().any(|v| is_absent(f32::from(*v))) => {
            gray.samples = Samples::F32(v.iter().map(|v| float(f32::from(*v))).collect());
        }
        Samples::U16(v) if v.iter().any(|v| is_absent(f32::from(*v))) => {
            gray.samples = Samples::F32(v.iter().map(|v| float(f32::from(*v))).collect());
        }
        Samples::F32(v) => v.iter_mut().for_each(|v| *v = float(*v)),
        Samples::U8(_) | Samples::U16(_) => {}
    }
}

/// Refuses a file without contrast. A stack may have empty pages.
pub fn check(page: &Page) -> Result<()> {
    let constant = match &page.picture {
        Picture::Gray(gray) => constant_gray(gray),
        Picture::Rgb(rgb) => {
            let first = rgb.pixels.get(..3);
            first
                .filter(|first| rgb.pixels.chunks_exact(3).all(|pixel| pixel == *first))
                .map(|first| format!("{first:?}"))
        }
        Picture::Composite(composite) => {
            let values: Option<Vec<String>> = composite.planes().map(constant_gray).collect();
            values.map(|values| values.join(", "))
        }
    };
    match constant {
        Some(value) if page.pages == 1 => Err(Error::new(format!(
            "Every pixel of the image has the same value, {value}, so there is nothing to \
             segment; choose an image with contrast."
        ))),
        _ => Ok(()),
    }
}

/// The value of all pixels that have one.
fn constant_gray(gray: &Gray) -> Option<String> {
    match &gray.samples {
        Samples::U8(v) => constant(v.iter()).map(u8::to_string),
        Samples::U16(v) => constant(v.iter()).map(u16::to_string),
        Samples::F32(v) => match v.iter().any(|v| v.is_finite()) {
            true => constant(v.iter().filter(|v| v.is_finite())).map(f32::to_string),
            false => Some("no number".to_owned()),
        },
    }
}

fn constant<'a, T: PartialEq>(mut values: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let first = values.next()?;
    values.all(|v| v == first).then_some(first)
}
