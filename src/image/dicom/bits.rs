//! Huffman codes of a JPEG, and the bits that are read with them (ITU-T T.81, annexes C and F).

use super::NAME;
use crate::error::Result;
use crate::image::decode::{damaged, truncated};

/// The longest code.
const LONGEST: u32 = 16;

/// A table of Huffman codes: length and value by the next sixteen bits; length 0 is no code.
pub struct Codes(Vec<(u8, u8)>);

impl Codes {
    /// Reads how many codes of each length there are, and the values; also gives what follows.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let (counts, mut rest) = bytes
            .split_first_chunk::<16>()
            .ok_or_else(|| truncated(NAME))?;
        let mut table = Vec::with_capacity(1 << LONGEST);
        for (length, &count) in (1..=LONGEST).zip(counts) {
            let (values, after) = rest
                .split_at_checked(count.into())
                .ok_or_else(|| truncated(NAME))?;
            rest = after;
            for &value in values {
                // All sixteen bits that begin with this code.
                let end = table.len() + (1 << (LONGEST - length));
                if end > 1 << LONGEST {
                    return Err(damaged(NAME, "its JPEG has more codes than there can be"));
                }
                table.resize(end, (length as u8, value));
            }
        }
        table.resize(1 << LONGEST, (0, 0));
        Ok((Self(table), rest))
    }
}

/// The bits of a scan, the highest of each byte first.
pub struct Bits<'a> {
    pub rest: &'a [u8],
    /// The next bits are the highest ones of the lowest `count`.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            buffer: 0,
            count: 0,
        }
    }

    /// A difference of two values, modulo 2¹⁶ (sections F.2.2.1 and H.1.2.2).
    pub fn difference(&mut self, codes: &Codes) -> Result<u16> {
        match self.symbol(codes)? {
            bits @ 0..=15 => self.number(bits.into()),
            16 => Ok(1 << 15),
            _ => Err(damaged(NAME, "its JPEG holds too large a difference")),
        }
    }

    /// What the next code stands for.
    pub fn symbol(&mut self, codes: &Codes) -> Result<u8> {
        self.fill();
        let next = if self.count >= LONGEST {
            self.buffer >> (self.count - LONGEST)
        } else {
            self.buffer << (LONGEST - self.count)
        };
        let (length, symbol) = codes.0[usize::from(next as u16)];
        if length == 0 {
            return Err(damaged(NAME, "its JPEG holds a code that is in no table"));
        }
        self.take(length.into())?;
        Ok(symbol)
    }

    /// A number of at most fifteen bits with a sign, modulo 2¹⁶ (section F.1.2.1, table F.1).
    pub fn number(&mut self, bits: u32) -> Result<u16> {
        if bits == 0 {
            return Ok(0);
        }
        let number = self.take(bits)?;
        let negative = number >> (bits - 1) == 0;
        let offset = if negative { (1u16 << bits) - 1 } else { 0 };
        Ok(number.wrapping_sub(offset))
    }

    /// Drops what is left of a byte and reads past a restart marker.
    pub fn restart(&mut self) -> Result<()> {
        self.end();
        match self.rest {
            [0xff, 0xd0..=0xd7, after @ ..] => {
                self.rest = after;
                Ok(())
            }
            _ => Err(damaged(NAME, "its JPEG lacks a restart marker")),
        }
    }

    /// Comes to the next marker, or to the end.
    pub fn end(&mut self) {
        (self.buffer, self.count) = (0, 0);
        let mut pairs = self.rest.windows(2);
        let marker = pairs.position(|two| two[0] == 0xff && two[1] != 0 && two[1] != 0xff);
        self.rest = &self.rest[marker.unwrap_or(self.rest.len())..];
    }

    /// How many bytes are left before the next marker.
    pub fn unread(&self) -> usize {
        let mut pairs = self.rest.windows(2);
        let marker = pairs.position(|two| two[0] == 0xff && two[1] != 0);
        self.count as usize / 8 + marker.unwrap_or(self.rest.len())
    }

    /// `count` bits, at most sixteen.
    pub fn take(&mut self, count: u32) -> Result<u16> {
        self.fill();
        self.count = self
            .count
            .checked_sub(count)
            .ok_or_else(|| truncated(NAME))?;
        Ok(((self.buffer >> self.count) & ((1 << count) - 1)) as u16)
    }

    /// Up to the next marker.
    fn fill(&mut self) {
        while self.count <= 48 {
            // A byte of ones that is data has a zero behind it.
            let used = match *self.rest {
                [0xff, 0, ..] => 2,
                [0xff, ..] | [] => break,
                _ => 1,
            };
            self.buffer = self.buffer << 8 | u64::from(self.rest[0]);
            self.count += 8;
            self.rest = &self.rest[used..];
        }
    }
}
