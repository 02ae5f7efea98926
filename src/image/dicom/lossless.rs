//! Lossless JPEG (ITU-T T.81, annex H), which only DICOM still uses.

use super::NAME;
use super::bits::{Bits, Codes};
use super::jpeg::{Segments, Unpacked, other_size};
use super::tables::{Scan, Tables};
use super::values::Words;
use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// The numbers of an image that must be of `size`.
pub fn decode(jpeg: &[u8], size: (usize, usize)) -> Result<Unpacked> {
    let mut tables = Tables::default();
    let mut segments = Segments::new(jpeg)?;
    let mut values = Vec::new();
    // Channels that are still to come.
    let mut left = 0;
    loop {
        let (marker, segment) = segments.next()?;
        if marker == 0xd9 {
            return Err(truncated(NAME));
        }
        if marker != 0xda {
            if (0xc0..=0xc3).contains(&marker) && !values.is_empty() {
                return Err(damaged(NAME, "its JPEG has a second header of a frame"));
            }
            tables.read(marker, segment)?;
            continue;
        }
        if values.is_empty() {
            check(&tables, size)?;
            left = tables.channels.len();
            // A value takes at least one bit.
            if segments.rest.len().saturating_mul(8) < size.0 * size.1 {
                return Err(truncated(NAME));
            }
            values = vec![0; size.0 * size.1 * left];
        }
        let scan = tables.scan(segment)?;
        let mut bits = Bits::new(segments.rest);
        Frame::new(&tables, &scan)?.read(&mut bits, &mut values)?;
        bits.end();
        segments.rest = bits.rest;
        left = left.saturating_sub(scan.channels.len());
        if left == 0 {
            return Ok(Unpacked {
                words: Words::U16(values),
                channels: tables.channels.len(),
                bits: tables.precision,
                is_rgb: false,
            });
        }
    }
}

fn check(tables: &Tables, size: (usize, usize)) -> Result<()> {
    let channels = tables.channels.len();
    let even = tables
        .channels
        .iter()
        .all(|channel| channel.sampling == tables.channels[0].sampling);
    if ![1, 3].contains(&channels) || !even || !(2..=16).contains(&tables.precision) {
        return Err(unsupported(
            NAME,
            format!(
                "lossless JPEG of {channels} channels of {} bits",
                tables.precision
            ),
        ));
    }
    if tables.size != size {
        return Err(other_size());
    }
    if !tables.restart.is_multiple_of(size.0) {
        return Err(unsupported(
            NAME,
            "a lossless JPEG that restarts within a row",
        ));
    }
    Ok(())
}

/// How a scan fills its channels of the whole frame.
struct Frame<'t> {
    size: (usize, usize),
    /// Values of a pixel of the frame.
    step: usize,
    /// Those in the scan, with their codes.
    channels: Vec<(usize, &'t Codes)>,
    predictor: u8,
    transform: u32,
    /// What is predicted without any value before.
    begin: u16,
    /// 0 for never.
    rows_between_restarts: usize,
}

impl<'t> Frame<'t> {
    fn new(tables: &'t Tables, scan: &Scan) -> Result<Self> {
        let channels = scan.channels.iter();
        let channels = channels.map(|&(number, codes)| Ok((number, tables.table(0, codes >> 4)?)));
        if !(1..=7).contains(&scan.selection) || scan.transform >= tables.precision {
            return Err(damaged(NAME, "its JPEG's scan is described wrongly"));
        }
        Ok(Self {
            size: tables.size,
            step: tables.channels.len(),
            channels: channels.collect::<Result<_>>()?,
            predictor: scan.selection,
            transform: scan.transform,
            begin: 1 << (tables.precision - scan.transform - 1),
            rows_between_restarts: tables.restart / tables.size.0,
        })
    }

    fn read(&self, bits: &mut Bits, values: &mut [u16]) -> Result<()> {
        let (width, height) = self.size;
        let row = width * self.step;
        let mut first_row = true;
        for y in 0..height {
            if self.rows_between_restarts > 0 && y > 0 && y % self.rows_between_restarts == 0 {
                bits.restart()?;
                first_row = true;
            }
            for x in 0..width {
                for &(channel, codes) in &self.channels {
                    let at = y * row + x * self.step + channel;
                    let prediction = match (first_row, x) {
                        (true, 0) => self.begin,
                        (true, _) => values[at - self.step],
                        (false, 0) => values[at - row],
                        _ => self.predict(
                            values[at - self.step],
                            values[at - row],
                            values[at - row - self.step],
                        ),
                    };
                    values[at] = prediction.wrapping_add(bits.difference(codes)?);
                }
            }
            first_row = false;
        }
        if self.transform > 0 {
            for pixel in values.chunks_exact_mut(self.step) {
                for &(channel, _) in &self.channels {
                    pixel[channel] <<= self.transform;
                }
            }
        }
        Ok(())
    }

    /// From the values to the left, above, and above to the left (table H.1); modulo 2¹⁶.
    fn predict(&self, left: u16, above: u16, corner: u16) -> u16 {
        let [a, b, c] = [left, above, corner].map(i32::from);
        let prediction = match self.predictor {
            1 => a,
            2 => b,
            3 => c,
            4 => a + b - c,
            5 => a + ((b - c) >> 1),
            6 => b + ((a - c) >> 1),
            _ => (a + b) >> 1,
        };
        prediction as u16
    }
}
