//! JPEG-LS, lossless and near-lossless (ITU-T T.87), for which no crate is there that stands by itself.
//!
//! Names in parentheses are the standard's.

use super::NAME;
use super::jpeg::{Segments, Unpacked, other_size};
use super::jpeg_ls_scan::{Coding, Lines};
use super::values::Words;
use crate::error::{Error, Result};
use crate::image::decode::{damaged, truncated, unsupported};

/// What the markers tell before a scan.
#[derive(Default)]
struct Header {
    /// Bits of a number.
    precision: u32,
    /// Names of the channels.
    channels: Vec<u8>,
    /// The largest number, three thresholds and when statistics are halved; 0 for the default.
    presets: [i32; 5],
}

/// How the channels of a scan follow each other (ILV).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// One channel only.
    Alone,
    Lines,
    Pixels,
}

/// The numbers of an image that must be of `size`.
pub fn decode(jpeg: &[u8], size: (usize, usize)) -> Result<Unpacked> {
    let mut header = Header::default();
    let mut segments = Segments::new(jpeg)?;
    let mut words = Vec::new();
    // Channels that are still to come.
    let mut left = 0;
    loop {
        match segments.next()? {
            (0xf7, segment) => {
                header.frame(segment, size)?;
                left = header.channels.len();
                words = vec![0; size.0 * size.1 * left];
            }
            (0xf8, segment) => header.presets(segment)?,
            (0xdd, _) => return Err(unsupported(NAME, "JPEG-LS with restarts")),
            (0xe8, [b'm', b'r', b'f', b'x', transform, ..]) if *transform != 0 => {
                return Err(unsupported(NAME, "JPEG-LS with its maker's own colours"));
            }
            (0xda, _) if words.is_empty() => return Err(wrong()),
            (0xda, segment) => {
                let used = header.scan(segment, segments.rest, size, &mut words)?;
                segments.rest = segments.rest.get(used.bytes..).unwrap_or_default();
                left = left.saturating_sub(used.channels);
                if left == 0 {
                    return Ok(Unpacked {
                        words: Words::U16(words),
                        channels: header.channels.len(),
                        bits: header.precision,
                        is_rgb: false,
                    });
                }
            }
            (0xd9, _) => return Err(truncated(NAME)),
            _ => {}
        }
    }
}

/// What a scan was.
struct Used {
    bytes: usize,
    channels: usize,
}

impl Header {
    fn frame(&mut self, segment: &[u8], size: (usize, usize)) -> Result<()> {
        let Some((&[precision, h0, h1, w0, w1, count], rest)) = segment.split_first_chunk() else {
            return Err(truncated(NAME));
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        if (side(w0, w1), side(h0, h1)) != size {
            return Err(other_size());
        }
        let channels = rest.as_chunks().0.iter().take(count.into());
        self.channels = channels.map(|&[name, ..]: &[u8; 3]| name).collect();
        let even = rest
            .as_chunks()
            .0
            .iter()
            .all(|&[_, sampling, _]| sampling == 0x11);
        if !(2..=16).contains(&precision) || ![1, 3].contains(&self.channels.len()) || !even {
            return Err(unsupported(
                NAME,
                format!("JPEG-LS of {count} channels of {precision} bits"),
            ));
        }
        self.precision = precision.into();
        Ok(())
    }

    fn presets(&mut self, segment: &[u8]) -> Result<()> {
        const CODING: u8 = 1;
        match segment.split_first() {
            Some((&CODING, numbers)) => {
                let numbers = numbers.as_chunks().0.iter();
                for (preset, &number) in self.presets.iter_mut().zip(numbers) {
                    *preset = u16::from_be_bytes(number).into();
                }
                Ok(())
            }
            _ => Err(unsupported(
                NAME,
                "JPEG-LS with a palette or of a large size",
            )),
        }
    }

    /// Reads a scan from `data` into its channels of all `words`.
    fn scan(
        &self,
        segment: &[u8],
        data: &[u8],
        size: (usize, usize),
        words: &mut [u16],
    ) -> Result<Used> {
        let (&count, rest) = segment.split_first().ok_or_else(wrong)?;
        let (names, rest) = rest
            .split_at_checked(2 * usize::from(count))
            .ok_or_else(wrong)?;
        let place = |&[name, _]: &[u8; 2]| self.channels.iter().position(|&own| own == name);
        let places: Option<Vec<usize>> = names.as_chunks().0.iter().map(place).collect();
        let places = places
            .filter(|places| !places.is_empty())
            .ok_or_else(wrong)?;
        let &[near, order, transform] = rest else {
            return Err(wrong());
        };
        let order = match (order, places.len()) {
            (_, 1) => Order::Alone,
            (1, 3) => Order::Lines,
            (2, 3) => Order::Pixels,
            _ => return Err(wrong()),
        };
        let coding = Coding::new(self.precision, &self.presets, near.into())?;
        let step = self.channels.len();
        let mut put = |x: usize, y: usize, number: usize, value: u16| {
            words[(y * size.0 + x) * step + places[number]] = value << (transform & 15);
        };
        let mut lines = Lines::new(coding, data, size.0, places.len());
        for y in 0..size.1 {
            if order == Order::Pixels {
                lines.pixels()?;
            } else {
                for channel in 0..places.len() {
                    lines.channel(channel)?;
                }
            }
            lines.next(|x, channel, value| put(x, y, channel, value));
        }
        Ok(Used {
            bytes: lines.used(),
            channels: places.len(),
        })
    }
}

fn wrong() -> Error {
    damaged(NAME, "its JPEG-LS has a scan that is described wrongly")
}
