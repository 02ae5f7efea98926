//! How large a pixel is, where a file can be trusted on it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The size of a pixel in a unit of length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "model", derive(tsify::Tsify))]
pub struct PixelSize {
    /// Width and height, finite and above 0.
    pub size: [f64; 2],
    /// `nm`, `µm` or `mm`.
    pub unit: &'static str,
}

/// Smaller pixels than a printer's dots, in µm: where no unit but that of print is told, only such a
/// resolution comes from a measurement. Programs fill in 72 or 300 dots per inch for all else.
const FINER_THAN_PRINT: f64 = 10.0;

const MICROMETRE: &str = "µm";

impl<'de> Deserialize<'de> for PixelSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            size: [f64; 2],
            unit: String,
        }
        let Stored { size, unit } = Stored::deserialize(deserializer)?;
        let mut units = ["nm", MICROMETRE, "mm"].into_iter();
        let unit = units.find(|known| *known == unit);
        let unit = unit.ok_or_else(|| D::Error::custom("the unit of a pixel's size is unknown"))?;
        Self::new(size, unit).ok_or_else(|| D::Error::custom("a pixel's size is no length"))
    }
}

impl PixelSize {
    /// One whose sides are measured in `unit`; none if they are no lengths.
    pub(super) fn new(size: [f64; 2], unit: &'static str) -> Option<Self> {
        let is_length = |side: f64| side.is_finite() && side > 0.0;
        size.map(is_length)
            .eq(&[true; 2])
            .then_some(Self { size, unit })
    }

    /// That of so many pixels in each direction along a length of so many µm, as TIFF and PNG tell
    /// a resolution; none if it may be meant for printing.
    pub(super) fn of_resolution(pixels: [f64; 2], micrometres: f64) -> Option<Self> {
        let found = Self::new(pixels.map(|pixels| micrometres / pixels), MICROMETRE)?;
        let fine = found.size.iter().all(|side| *side < FINER_THAN_PRINT);
        fine.then_some(found)
    }

    /// That of a TIFF by ImageJ: `pixels` for a unit that its `description` names.
    pub(super) fn of_imagej(description: &str, pixels: [f64; 2]) -> Option<Self> {
        let value = |key: &str| {
            let mut lines = description.lines();
            lines.find_map(|line| line.trim().strip_prefix(key))
        };
        if !description.starts_with("ImageJ=") || value("yunit=").is_some() {
            return None;
        }
        let unit = match value("unit=")? {
            "nm" => "nm",
            // A micro sign, a Greek mu, and the micro sign as ImageJ escapes it.
            "um" | "µm" | "μm" | "\\u00B5m" | "micron" | "microns" => MICROMETRE,
            "mm" => "mm",
            "cm" => return Self::of_resolution(pixels, 1e4),
            "inch" => return Self::of_resolution(pixels, 25_400.0),
            _ => return None,
        };
        Self::new(pixels.map(f64::recip), unit)
    }

    /// ImageJ's description of an image with such pixels, and how many of them, as fractions, lie along
    /// its unit; nothing where that is beyond a TIFF's numbers.
    pub(super) fn for_imagej(&self) -> Option<(String, [[u32; 2]; 2])> {
        // ImageJ escapes what is not ASCII.
        let unit = match self.unit {
            MICROMETRE => "\\u00B5m",
            other => other,
        };
        let [x, y] = self.size.map(|side| fraction(side.recip()));
        let description = format!("ImageJ=1.54f\nimages=1\nunit={unit}\nloop=false\n");
        Some((description, [x?, y?]))
    }

    /// Width and height in `unit`, which is `nm`, `µm` or `mm`.
    pub fn sides_in(&self, unit: &str) -> [f64; 2] {
        let metres = |unit: &str| match unit {
            "nm" => 1e-9,
            "mm" => 1e-3,
            _ => 1e-6,
        };
        if unit == self.unit {
            return self.size;
        }
        self.size
            .map(|side| side * (metres(self.unit) / metres(unit)))
    }

    /// That of OME's XML: width and height, each with its unit.
    pub(super) fn of_ome(lengths: [(f64, &str); 2]) -> Option<Self> {
        let [(x, unit), (y, other)] = lengths;
        let micrometres = |unit: &str| match unit {
            "m" => Some(1e6),
            "cm" => Some(1e4),
            "in" => Some(25_400.0),
            "\u{c5}" => Some(1e-4),
            "pm" => Some(1e-6),
            _ => None,
        };
        let known = |unit: &str| match unit {
            "nm" => Some("nm"),
            "µm" | "μm" | "um" => Some(MICROMETRE),
            "mm" => Some("mm"),
            _ => None,
        };
        match (unit == other, known(unit)) {
            (true, Some(unit)) => Self::new([x, y], unit),
            (true, None) => {
                let scale = micrometres(unit)?;
                Self::new([x * scale, y * scale], MICROMETRE)
            }
            (false, _) => None,
        }
    }

    /// That of a PNG file's chunk `pHYs`.
    pub(super) fn of_png(bytes: &[u8]) -> Option<Self> {
        const SIGNATURE: usize = 8;
        const IN_METRES: u8 = 1;
        let mut rest = bytes.get(SIGNATURE..)?;
        loop {
            let (length, after) = rest.split_first_chunk()?;
            let (name, body) = after.split_first_chunk::<4>()?;
            let (body, after) = body.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            match name {
                b"pHYs" => {
                    let &[a, b, c, d, e, f, g, h, IN_METRES] = body else {
                        return None;
                    };
                    let pixels = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
                    return Self::of_resolution(pixels.map(f64::from), 1e6);
                }
                b"IDAT" => return None,
                _ => rest = after.get(4..)?,
            }
        }
    }
}

/// The fraction of 32-bit numbers that is nearest to a number above 0, by its continued fraction.
fn fraction(value: f64) -> Option<[u32; 2]> {
    let (mut before, mut found) = ([0u64, 1], [1u64, 0]);
    let mut rest = value;
    for _ in 0..40 {
        let whole = rest.floor();
        if !(0.0..=f64::from(u32::MAX)).contains(&whole) {
            break;
        }
        let next = [0, 1].map(|i| whole as u64 * found[i] + before[i]);
        if next.iter().any(|part| *part > u64::from(u32::MAX)) {
            break;
        }
        (before, found) = (found, next);
        let close = (found[0] as f64 / found[1] as f64 / value - 1.0).abs() < 1e-12;
        if close || rest == whole {
            break;
        }
        rest = (rest - whole).recip();
    }
    let [n, d] = found.map(|part| part as u32);
    (n > 0 && d > 0).then_some([n, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_length_in_a_known_unit_is_a_size() {
        let read = |text: &str| serde_json::from_str::<PixelSize>(text).ok();
        let found = read(r#"{"size":[0.25,0.5],"unit":"µm"}"#);
        assert_eq!(found, PixelSize::new([0.25, 0.5], "µm"));
        assert!(found.is_some());
        for wrong in [
            r#"{"size":[0,1],"unit":"µm"}"#,
            r#"{"size":[-1,1],"unit":"mm"}"#,
            r#"{"size":[1,1],"unit":"parsec"}"#,
            r#"{"size":[1],"unit":"mm"}"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn imagejs_units_are_understood() {
        let sized = |unit: &str| {
            let text = format!("ImageJ=1.53t\nimages=1\nunit={unit}\nmin=0.0\n");
            PixelSize::of_imagej(&text, [4.0, 5.0])
        };
        let size = [0.25, 0.2];
        for unit in ["um", "micron", "\\u00B5m", "µm"] {
            assert_eq!(sized(unit), PixelSize::new(size, "µm"));
        }
        assert_eq!(sized("nm"), PixelSize::new(size, "nm"));
        // 4 pixels per cm are a poster's.
        for unit in ["pixel", "inch", "cm", ""] {
            assert_eq!(sized(unit), None, "{unit}");
        }
        assert_eq!(PixelSize::of_imagej("unit=um", [4.0, 5.0]), None);
        let both = "ImageJ=1.53t\nunit=um\nyunit=mm\n";
        assert_eq!(PixelSize::of_imagej(both, [4.0, 5.0]), None);
    }

    #[test]
    fn resolutions_for_printing_are_not_taken_for_sizes() {
        let per_inch = |dots: f64| PixelSize::of_resolution([dots, dots], 25_400.0);
        assert_eq!(per_inch(300.0), None);
        assert_eq!(per_inch(0.0), None);
        assert_eq!(per_inch(f64::NAN), None);
        let scan = PixelSize::of_resolution([40_000.0, 20_000.0], 1e4);
        assert_eq!(scan, PixelSize::new([0.25, 0.5], "µm"));
    }

    #[test]
    fn imagejs_description_gives_the_size_back() {
        for (size, unit) in [
            ([0.65, 0.65], "µm"),
            ([0.1, 1.0 / 3.0], "µm"),
            ([123.456, 7.0], "nm"),
            ([0.703125, 0.703125], "mm"),
            ([std::f64::consts::PI, 1e-5], "µm"),
        ] {
            let pixel = PixelSize::new(size, unit).unwrap();
            let (text, pixels) = pixel.for_imagej().unwrap();
            let per_unit = pixels.map(|[n, d]| f64::from(n) / f64::from(d));
            let read = PixelSize::of_imagej(&text, per_unit).unwrap();
            assert_eq!(read.unit, unit);
            for (a, b) in read.size.iter().zip(size) {
                assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
            }
        }
        assert_eq!(fraction(1.0 / 0.65), Some([20, 13]));
        assert_eq!(fraction(1e-15), None);
        assert_eq!(fraction(f64::NAN), None);
    }

    #[test]
    fn a_length_is_the_same_in_every_unit() {
        let pixel = PixelSize::new([250.0, 500.0], "nm").unwrap();
        assert_eq!(pixel.sides_in("nm"), [250.0, 500.0]);
        for (a, b) in pixel.sides_in("µm").iter().zip([0.25, 0.5]) {
            assert!((a - b).abs() < 1e-15);
        }
    }

    #[test]
    fn a_png_tells_pixels_per_metre() {
        let file = |unit: u8| {
            let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x09pHYs".to_vec();
            bytes.extend(
                [4_000_000_u32, 2_000_000]
                    .map(u32::to_be_bytes)
                    .as_flattened(),
            );
            bytes.extend([unit, 0, 0, 0, 0]);
            bytes
        };
        assert_eq!(
            PixelSize::of_png(&file(1)),
            PixelSize::new([0.25, 0.5], "µm")
        );
        assert_eq!(PixelSize::of_png(&file(0)), None);
        for length in 0..file(1).len() {
            // Nothing of a file that is cut off is believed, and nothing panics.
            let cut = PixelSize::of_png(&file(1)[..length]);
            assert!(cut.is_none() || length >= file(1).len() - 4);
        }
    }
}
