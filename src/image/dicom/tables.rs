//! What the markers of a JPEG tell before its data (ITU-T T.81, annex B).

use super::NAME;
use super::bits::Codes;
use crate::error::Result;
use crate::image::decode::{damaged, truncated};

/// What the headers hold up to a scan.
#[derive(Default)]
pub struct Tables {
    /// Width and height.
    pub size: (usize, usize),
    /// Bits of a value.
    pub precision: u32,
    pub channels: Vec<Channel>,
    /// By class, 0 for DC and 1 for AC, and by number.
    codes: [[Option<Codes>; 4]; 2],
    /// Of DCT, by number, in zigzag order.
    pub quantisation: [Option<[u16; 64]>; 4],
    /// Pieces of data after which prediction begins anew; 0 for never.
    pub restart: usize,
}

/// A channel, as the header of the frame names it.
#[derive(Clone, Copy)]
pub struct Channel {
    name: u8,
    /// Horizontal and vertical sampling, four bits each.
    pub sampling: u8,
    pub quantisation: usize,
}

/// The header of a scan.
pub struct Scan {
    /// Numbers of its channels, in the frame's order, and of their code tables.
    pub channels: Vec<(usize, u8)>,
    /// The predictor, or the first coefficient.
    pub selection: u8,
    /// Lowest bits that are left out.
    pub transform: u32,
}

impl Tables {
    /// Takes what a segment before the data tells.
    pub fn read(&mut self, marker: u8, segment: &[u8]) -> Result<()> {
        match marker {
            0xc0..=0xc3 => self.frame(segment),
            0xc4 => self.codes(segment),
            0xdb => self.quantisation(segment),
            0xdd => {
                let restart = segment.first_chunk().map(|&two| u16::from_be_bytes(two));
                self.restart = restart.unwrap_or(0).into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn frame(&mut self, segment: &[u8]) -> Result<()> {
        let Some((&[precision, h0, h1, w0, w1, count], rest)) = segment.split_first_chunk() else {
            return Err(truncated(NAME));
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        self.size = (side(w0, w1), side(h0, h1));
        self.precision = precision.into();
        let channels = rest.as_chunks().0.iter();
        let channels = channels.map(|&[name, sampling, quantisation]| Channel {
            name,
            sampling,
            quantisation: quantisation.into(),
        });
        self.channels = channels.take(count.into()).collect();
        Ok(())
    }

    fn codes(&mut self, mut segment: &[u8]) -> Result<()> {
        while let Some((&number, rest)) = segment.split_first() {
            let (codes, rest) = Codes::read(rest)?;
            segment = rest;
            let class = self.codes.get_mut(usize::from(number >> 4));
            if let Some(place) = class.and_then(|class| class.get_mut(usize::from(number & 15))) {
                *place = Some(codes);
            }
        }
        Ok(())
    }

    fn quantisation(&mut self, mut segment: &[u8]) -> Result<()> {
        while let Some((&number, rest)) = segment.split_first() {
            let size = if number >> 4 == 0 { 1 } else { 2 };
            let (values, rest) = rest
                .split_at_checked(64 * size)
                .ok_or_else(|| truncated(NAME))?;
            segment = rest;
            let value = |bytes: &[u8]| bytes.iter().fold(0, |all, &b| all << 8 | u16::from(b));
            let mut table = [0; 64];
            for (place, bytes) in table.iter_mut().zip(values.chunks_exact(size)) {
                *place = value(bytes);
            }
            if let Some(place) = self.quantisation.get_mut(usize::from(number & 15)) {
                *place = Some(table);
            }
        }
        Ok(())
    }

    /// Reads the header of a scan.
    pub fn scan(&self, segment: &[u8]) -> Result<Scan> {
        let wrong = || damaged(NAME, "its JPEG's scan is described wrongly");
        let (&count, rest) = segment.split_first().ok_or_else(wrong)?;
        let (channels, rest) = rest
            .split_at_checked(2 * usize::from(count))
            .ok_or_else(wrong)?;
        let number = |&[name, tables]: &[u8; 2]| {
            let number = self
                .channels
                .iter()
                .position(|channel| channel.name == name);
            Some((number?, tables))
        };
        let channels: Option<Vec<_>> = channels.as_chunks().0.iter().map(number).collect();
        let channels = channels.filter(|channels| !channels.is_empty());
        let &[selection, _, transform, ..] = rest else {
            return Err(wrong());
        };
        Ok(Scan {
            channels: channels.ok_or_else(wrong)?,
            selection,
            transform: (transform & 15).into(),
        })
    }

    /// Code table `number` of a class.
    pub fn table(&self, class: usize, number: u8) -> Result<&Codes> {
        let tables = self.codes.get(class);
        let table = tables.and_then(|tables| tables.get(usize::from(number))?.as_ref());
        table.ok_or_else(|| damaged(NAME, "its JPEG lacks a table of codes"))
    }
}
