//! How large a pixel is, where a file can be trusted on it.

/// The size of a pixel in a unit of length.
#[derive(Debug, Clone, Copy, PartialEq)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
