//! How a DICOM file would have a frame shown (PS3.3, section C.11.2).

use super::attributes::Attributes;
use super::tags::{CENTRE, VOI_FUNCTION, WIDTH, WINDOW_EXPLANATION};
use crate::error::Result;
use crate::image::voi::{Curve, Voi};

/// All ways that the file names, windows first, in its own order. What makes no sense is left out.
pub fn ways(file: &Attributes) -> Result<Vec<Voi>> {
    let (centres, widths) = (file.decimals(CENTRE), file.decimals(WIDTH));
    let names = file.texts(WINDOW_EXPLANATION);
    let function = file.text(VOI_FUNCTION);
    let mut ways = Vec::new();
    for (number, (&centre, &width)) in centres.iter().zip(&widths).enumerate() {
        let name = names.get(number).cloned().unwrap_or_default();
        let curve = window(centre, width, function);
        ways.extend(curve.map(|curve| Voi { name, curve }));
    }
    for lut in file.voi_luts() {
        let (name, lut) = lut?;
        if lut.values.len() < 2 {
            continue;
        }
        let most = ((1u32 << lut.bits) - 1) as f32;
        let brightness = |&value: &u16| (f32::from(value) / most).min(1.0);
        let curve = Curve::Lut {
            first: lut.first as f32,
            brightness: lut.values.iter().map(brightness).collect(),
        };
        ways.push(Voi { name, curve });
    }
    Ok(ways)
}

fn window(centre: f64, width: f64, function: Option<&str>) -> Option<Curve> {
    // The function LINEAR, which is the default, counts the grays from the first to the last.
    let (centre, width) = match function {
        Some("LINEAR_EXACT" | "SIGMOID") => (centre, width),
        _ => (centre - 0.5, width - 1.0),
    };
    let [black, white] = [centre - width / 2.0, centre + width / 2.0].map(|end| end as f32);
    if !(black < white && black.is_finite() && white.is_finite()) {
        return None;
    }
    Some(match function {
        Some("SIGMOID") => Curve::Sigmoid {
            centre: centre as f32,
            width: width as f32,
        },
        _ => Curve::Linear { black, white },
    })
}
