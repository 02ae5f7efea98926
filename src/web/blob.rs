//! A file of the page as something to read and seek in.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

use super::blocks::Blocks;

/// Bytes of a file that may be in memory as a whole.
const SMALL: u64 = 64 << 20;

/// Reads a blob piece by piece, so that it is never in memory as a whole. Works in workers only,
/// where the browser allows synchronous reading.
pub struct BlobReader {
    blob: Blob,
    reader: FileReaderSync,
    position: u64,
    blocks: Blocks,
}

impl BlobReader {
    pub fn new(blob: Blob) -> std::result::Result<Self, JsValue> {
        Ok(Self {
            reader: FileReaderSync::new()?,
            position: 0,
            blocks: Blocks::new(blob.size() as u64),
            blob,
        })
    }

    /// For readers that jump about: a small file is copied at once, as each copy takes a millisecond or two.
    ///
    /// # Errors
    /// When the browser can no longer read it.
    pub fn at_once(mut self) -> Result<Self> {
        let size = self.blocks.size();
        if size <= SMALL {
            let mut bytes = vec![0; size as usize];
            fetch(&self.reader, &self.blob, 0, &mut bytes)?;
            self.blocks.keep(bytes);
        }
        Ok(self)
    }
}

/// Fills `out` with the blob's bytes from `start`.
fn fetch(reader: &FileReaderSync, blob: &Blob, start: u64, out: &mut [u8]) -> Result<()> {
    let end = start as f64 + out.len() as f64;
    let read = blob
        .slice_with_f64_and_f64(start as f64, end)
        .and_then(|slice| reader.read_as_array_buffer(&slice))
        .map(|bytes| js_sys::Uint8Array::new(&bytes));
    match read {
        Ok(bytes) if bytes.length() as usize == out.len() => {
            bytes.copy_to(out);
            Ok(())
        }
        _ => Err(Error::new(
            ErrorKind::NotFound,
            "the browser can no longer read the file: was it moved or changed?",
        )),
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let Self { blob, reader, .. } = self;
        let n = self.blocks.read(self.position, out, |start, out| {
            fetch(reader, blob, start, out)
        })?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.blocks.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| Error::other("a position before the file"))?;
        Ok(self.position)
    }
}
