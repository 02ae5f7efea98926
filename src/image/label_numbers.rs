//! Object numbers of the values that a label image stores.

use super::labels::NOT_ANNOTATED;
use super::tiff::{StoredPlane, Values};
use crate::error::{Error, Result};

/// The one number of each pixel.
pub fn single(stored: StoredPlane) -> Result<Values> {
    let channels = stored.channels;
    // The last of two and of four is alpha.
    let colours = match channels {
        1 => return Ok(stored.values),
        2 => 1,
        3 | 4 => 3,
        _ => 0,
    };
    fn first<T: Copy + PartialEq>(values: &[T], channels: usize, colours: usize) -> Option<Vec<T>> {
        let gray = |pixel: &[T]| {
            let shades = &pixel[..colours];
            let first = *shades.first()?;
            shades.iter().all(|shade| *shade == first).then_some(first)
        };
        values.chunks_exact(channels.max(1)).map(gray).collect()
    }
    let gray = match &stored.values {
        Values::U8(v) => first(v, channels, colours).map(Values::U8),
        Values::U16(v) => first(v, channels, colours).map(Values::U16),
        _ => None,
    };
    gray.ok_or_else(|| {
        Error::new(
            "The label image is in colour; save it as 8-bit or 16-bit grayscale with the object's \
             number in every pixel and 0 in the background.",
        )
    })
}

/// Where the wanted values are.
pub fn places<T>(values: &[T], wanted: impl Fn(&T) -> bool) -> impl Iterator<Item = usize> {
    let found = move |(place, value): (usize, &T)| wanted(value).then_some(place);
    values.iter().enumerate().filter_map(found)
}

/// Object numbers; −1 becomes 0.
pub fn ids(numbers: Values) -> Result<Vec<u32>> {
    fn wrong(value: impl std::fmt::Display) -> Error {
        Error::new(format!(
            "The label image holds the value {value}, but object numbers are whole and from 0 to {}, \
             or -1 where nothing is annotated; save it as 16-bit grayscale.",
            NOT_ANNOTATED - 1
        ))
    }
    let natural = |value: u32| match value {
        NOT_ANNOTATED => Err(wrong(value)),
        _ => Ok(value),
    };
    let integer = |value: i64| match value {
        -1 => Ok(0),
        _ => u32::try_from(value)
            .map_err(|_| wrong(value))
            .and_then(natural),
    };
    let float = |value: f64| match value {
        -1.0 => Ok(0),
        _ if value.fract() == 0.0 && (0.0..f64::from(NOT_ANNOTATED)).contains(&value) => {
            Ok(value as u32)
        }
        _ => Err(wrong(value)),
    };
    match numbers {
        Values::U8(v) => Ok(v.into_iter().map(u32::from).collect()),
        Values::U16(v) => Ok(v.into_iter().map(u32::from).collect()),
        Values::U32(v) => v.into_iter().map(natural).collect(),
        Values::I32(v) => v.into_iter().map(|x| integer(x.into())).collect(),
        Values::I64(v) => v.into_iter().map(integer).collect(),
        Values::F32(v) => v.into_iter().map(|x| float(x.into())).collect(),
        Values::F64(v) => v.into_iter().map(float).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_would_be_that_of_pixels_without_annotation() {
        assert_eq!(
            ids(Values::U32(vec![NOT_ANNOTATED - 1])),
            Ok(vec![NOT_ANNOTATED - 1])
        );
        for numbers in [
            Values::U32(vec![NOT_ANNOTATED]),
            Values::I64(vec![NOT_ANNOTATED.into()]),
            Values::F64(vec![NOT_ANNOTATED.into()]),
        ] {
            let told = ids(numbers).unwrap_err().to_string();
            assert!(
                told.contains(
                    "the value 4294967295, but object numbers are whole and from 0 to 4294967294"
                ),
                "{told}"
            );
        }
    }
}
