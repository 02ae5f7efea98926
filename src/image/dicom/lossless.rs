//! Lossless JPEG of one channel (ITU-T T.81, annex H), which only DICOM still uses.

use super::NAME;
use super::bits::{Bits, Codes};
use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// What the markers before the data tell.
#[derive(Default)]
struct Header {
    /// Width and height.
    size: (usize, usize),
    /// Bits of a value.
    precision: u32,
    /// By their numbers.
    codes: [Option<Codes>; 4],
    /// Values after which prediction begins anew; 0 for never.
    restart: usize,
}

/// What the data's own header tells.
struct Scan<'h> {
    codes: &'h Codes,
    predictor: u8,
    /// Lowest bits that are left out.
    transform: u32,
}

/// The values of an image that must be of `size`, row-major.
pub fn decode(jpeg: &[u8], size: (usize, usize)) -> Result<Vec<u16>> {
    let mut header = Header::default();
    let mut rest = jpeg
        .strip_prefix(b"\xff\xd8")
        .ok_or_else(|| damaged(NAME, "it holds no JPEG"))?;
    loop {
        let (marker, after) = marker(rest)?;
        let length = after
            .first_chunk()
            .map(|&bytes| usize::from(u16::from_be_bytes(bytes)));
        let (segment, after) = length
            .and_then(|length| after.split_at_checked(length))
            .ok_or_else(|| truncated(NAME))?;
        let segment = segment
            .get(2..)
            .ok_or_else(|| damaged(NAME, "a JPEG segment is too short"))?;
        rest = after;
        match marker {
            0xc3 => header.frame(segment)?,
            0xc4 => header.codes(segment)?,
            0xdd => {
                header.restart = segment
                    .first_chunk()
                    .map_or(0, |&b| u16::from_be_bytes(b).into())
            }
            0xda if header.size == size => return header.values(&header.scan(segment)?, rest),
            0xda => return Err(damaged(NAME, "its JPEG is of another size than it says")),
            0xc0..=0xcf => return Err(unsupported(NAME, "its JPEG is not lossless, as it says")),
            _ => {}
        }
    }
}

/// The marker that follows, and what is behind it.
fn marker(bytes: &[u8]) -> Result<(u8, &[u8])> {
    let filled = bytes.iter().position(|&byte| byte != 0xff);
    match filled.filter(|&at| at > 0) {
        Some(at) => Ok((bytes[at], &bytes[at + 1..])),
        None if bytes.len() < 2 => Err(truncated(NAME)),
        None => Err(damaged(NAME, "a JPEG marker is missing")),
    }
}

impl Header {
    fn frame(&mut self, segment: &[u8]) -> Result<()> {
        let &[precision, h0, h1, w0, w1, components, ..] = segment else {
            return Err(truncated(NAME));
        };
        if components != 1 || !(2..=16).contains(&precision) {
            return Err(unsupported(
                NAME,
                format!("lossless JPEG of {components} channels of {precision} bits"),
            ));
        }
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        self.size = (side(w0, w1), side(h0, h1));
        self.precision = precision.into();
        Ok(())
    }

    fn codes(&mut self, mut segment: &[u8]) -> Result<()> {
        while let Some((&number, rest)) = segment.split_first() {
            let (codes, rest) = Codes::read(rest)?;
            segment = rest;
            if let Some(place) = self.codes.get_mut(usize::from(number)) {
                *place = Some(codes);
            }
        }
        Ok(())
    }

    fn scan(&self, segment: &[u8]) -> Result<Scan<'_>> {
        let &[1, _, table, predictor, _, transform, ..] = segment else {
            return Err(damaged(
                NAME,
                "its JPEG has another scan than of one channel",
            ));
        };
        let codes = self
            .codes
            .get(usize::from(table >> 4))
            .and_then(Option::as_ref);
        let transform = u32::from(transform & 15);
        match codes {
            Some(codes) if (1..=7).contains(&predictor) && transform < self.precision => Ok(Scan {
                codes,
                predictor,
                transform,
            }),
            _ => Err(damaged(NAME, "its JPEG's scan is described wrongly")),
        }
    }

    fn values(&self, scan: &Scan, data: &[u8]) -> Result<Vec<u16>> {
        let (width, height) = self.size;
        if !self.restart.is_multiple_of(width) {
            return Err(unsupported(
                NAME,
                "a lossless JPEG that restarts within a row",
            ));
        }
        // A value takes at least one bit.
        if data.len().saturating_mul(8) < width * height {
            return Err(truncated(NAME));
        }
        let mut bits = Bits::new(data);
        let mut values: Vec<u16> = Vec::with_capacity(width * height);
        let begin = 1u16 << (self.precision - scan.transform - 1);
        let rows_between = self.restart / width;
        let mut first_row = true;
        for y in 0..height {
            if rows_between > 0 && y > 0 && y % rows_between == 0 {
                bits.restart()?;
                first_row = true;
            }
            for x in 0..width {
                let at = values.len();
                let prediction = match (first_row, x) {
                    (true, 0) => begin,
                    (true, _) => values[at - 1],
                    (false, 0) => values[at - width],
                    _ => scan.predict(values[at - 1], values[at - width], values[at - width - 1]),
                };
                values.push(prediction.wrapping_add(bits.difference(scan.codes)?));
            }
            first_row = false;
        }
        values
            .iter_mut()
            .for_each(|value| *value <<= scan.transform);
        Ok(values)
    }
}

impl Scan<'_> {
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
