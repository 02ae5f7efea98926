//! The operands of pickle opcodes.

use crate::error::{Error, Result};

/// What is left of a pickle.
pub(super) struct Bytes<'a>(pub &'a [u8]);

/// The error for a pickle that `torch.save` cannot have written.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(format!(
        "The PyTorch file's directory (data.pkl) is damaged: {what}; download it again."
    ))
}

impl<'a> Bytes<'a> {
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| damaged("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Text up to a line feed, which is consumed.
    pub fn line(&mut self) -> Result<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or_else(|| damaged("it ends too early"))?)?;
        self.take(1)?;
        Ok(line)
    }

    /// A line that is a number.
    pub fn line_number(&mut self) -> Result<u32> {
        let number = std::str::from_utf8(self.line()?).ok();
        let number = number.and_then(|number| number.parse().ok());
        number.ok_or_else(|| damaged("a number is missing"))
    }

    /// A size of `SIZE` bytes, at most 8, and so many bytes.
    pub fn sized<const SIZE: usize>(&mut self) -> Result<&'a [u8]> {
        let size = self.take(SIZE)?.iter().rev();
        let size = size.fold(0, |size: u64, &byte| size << 8 | u64::from(byte));
        self.take(usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// LONG1: a size, then a two's complement number of that many bytes; none if it needs more than 64 bits.
    pub fn long(&mut self) -> Result<Option<i64>> {
        let size = self.byte()?;
        let bytes = self.take(size.into())?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut number = [if negative { 0xff } else { 0 }; 8];
        let Some(low) = number.get_mut(..bytes.len()) else {
            return Ok(None);
        };
        low.copy_from_slice(bytes);
        Ok(Some(i64::from_le_bytes(number)))
    }
}
