//! What an image must hold to be segmented.

use super::decode::{Page, Picture, Samples};
use crate::error::{Error, Result};

/// Refuses values that cannot be shown, and a file without contrast. A stack may have empty pages.
pub fn check(page: &Page) -> Result<()> {
    let constant = match &page.picture {
        Picture::Gray(gray) => match &gray.samples {
            Samples::U8(v) => constant(v).map(u8::to_string),
            Samples::U16(v) => constant(v).map(u16::to_string),
            Samples::F32(v) => {
                check_finite(v)?;
                constant(v).map(f32::to_string)
            }
        },
        Picture::Rgb(rgb) => {
            let first = rgb.pixels.get(..3);
            first
                .filter(|first| rgb.pixels.chunks_exact(3).all(|pixel| pixel == *first))
                .map(|first| format!("{first:?}"))
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

fn constant<T: PartialEq>(values: &[T]) -> Option<&T> {
    let first = values.first()?;
    values.iter().all(|v| v == first).then_some(first)
}

fn check_finite(values: &[f32]) -> Result<()> {
    let bad = values.iter().filter(|v| !v.is_finite()).count();
    if bad == 0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "{bad} of {} pixels are NaN or infinite; fill them first, for example with the \
         background value, and open the image again.",
        values.len()
    )))
}
