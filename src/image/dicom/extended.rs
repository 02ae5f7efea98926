//! JPEG of more than 8 bits with loss: extended sequential DCT of one channel with Huffman codes
//! (ITU-T T.81, annexes A and F), which no decoder in Rust reads.

use super::NAME;
use super::bits::{Bits, Codes};
use super::jpeg::{Segments, Unpacked, other_size};
use super::tables::{Scan, Tables};
use super::values::Words;
use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// Where the coefficients of a block are, in the order in which they follow each other.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The numbers of an image that must be of `size`.
pub fn decode(jpeg: &[u8], size: (usize, usize)) -> Result<Unpacked> {
    let mut tables = Tables::default();
    let mut segments = Segments::new(jpeg)?;
    loop {
        match segments.next()? {
            (0xda, segment) => {
                check(&tables, size)?;
                let scan = tables.scan(segment)?;
                return Ok(Unpacked {
                    words: Words::U16(values(&tables, &scan, segments.rest)?),
                    channels: 1,
                    bits: tables.precision,
                    is_rgb: false,
                });
            }
            (0xd9, _) => return Err(truncated(NAME)),
            (marker, segment) => tables.read(marker, segment)?,
        }
    }
}

fn check(tables: &Tables, size: (usize, usize)) -> Result<()> {
    if tables.channels.len() != 1 || tables.precision != 12 {
        return Err(unsupported(
            NAME,
            format!(
                "JPEG of {} channels of {} bits",
                tables.channels.len(),
                tables.precision
            ),
        ));
    }
    if tables.size != size {
        return Err(other_size());
    }
    Ok(())
}

fn values(tables: &Tables, scan: &Scan, data: &[u8]) -> Result<Vec<u16>> {
    let (width, height) = tables.size;
    let (across, down) = (width.div_ceil(8), height.div_ceil(8));
    // A block takes at least two bits.
    if data.len().saturating_mul(4) < across * down {
        return Err(truncated(NAME));
    }
    let number = tables.channels[0].quantisation;
    let steps = tables.quantisation.get(number).copied().flatten();
    let steps = steps.ok_or_else(|| damaged(NAME, "its JPEG lacks a table of steps"))?;
    let codes = scan.channels[0].1;
    let (dc, ac) = (tables.table(0, codes >> 4)?, tables.table(1, codes & 15)?);
    let cosines = cosines();
    let most = ((1u32 << tables.precision) - 1) as f32;
    let middle = (1u32 << (tables.precision - 1)) as f32;
    let mut bits = Bits::new(data);
    let mut values = vec![0; width * height];
    let mut last = 0;
    for block in 0..across * down {
        if tables.restart > 0 && block > 0 && block % tables.restart == 0 {
            bits.restart()?;
            last = 0;
        }
        let coefficients = coefficients(&mut bits, (dc, ac), &mut last, &steps)?;
        let pixels = inverse(&coefficients, &cosines);
        let (x, y) = (block % across * 8, block / across * 8);
        for (row, pixels) in (y..height).zip(pixels) {
            for (column, pixel) in (x..width).zip(pixels) {
                values[row * width + column] = (pixel + middle).round().clamp(0.0, most) as u16;
            }
        }
    }
    Ok(values)
}

/// Those of the next block; `last` is the first one of the block before.
fn coefficients(
    bits: &mut Bits,
    (dc, ac): (&Codes, &Codes),
    last: &mut i32,
    steps: &[u16; 64],
) -> Result<[f32; 64]> {
    let mut coefficients = [0.0; 64];
    *last = last.wrapping_add(bits.difference(dc)?.cast_signed().into());
    coefficients[0] = *last as f32 * f32::from(steps[0]);
    let mut at = 1;
    while at < 64 {
        let symbol = bits.symbol(ac)?;
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => {
                at += zeros;
                let (Some(&place), Some(&step)) = (ZIGZAG.get(at), steps.get(at)) else {
                    return Err(damaged(NAME, "a block of its JPEG is too long"));
                };
                let number = bits.number(size)?.cast_signed();
                coefficients[usize::from(place)] = f32::from(number) * f32::from(step);
                at += 1;
            }
        }
    }
    Ok(coefficients)
}

/// Half the cosine of each frequency at each place, the first frequency's divided by √2.
fn cosines() -> [[f32; 8]; 8] {
    std::array::from_fn(|place| {
        std::array::from_fn(|frequency| {
            let angle = (2 * place + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0;
            let scale = if frequency == 0 {
                std::f64::consts::FRAC_1_SQRT_2
            } else {
                1.0
            };
            (angle.cos() * scale / 2.0) as f32
        })
    })
}

/// The inverse DCT (section A.3.3), by rows and then by columns.
fn inverse(coefficients: &[f32; 64], cosines: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let sum = |weights: &[f32; 8], values: [f32; 8]| -> f32 {
        weights.iter().zip(values).map(|(w, v)| w * v).sum()
    };
    let rows: [[f32; 8]; 8] = std::array::from_fn(|v| {
        std::array::from_fn(|x| {
            sum(
                &cosines[x],
                std::array::from_fn(|u| coefficients[8 * v + u]),
            )
        })
    });
    std::array::from_fn(|y| {
        std::array::from_fn(|x| sum(&cosines[y], std::array::from_fn(|v| rows[v][x])))
    })
}
