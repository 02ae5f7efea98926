//! A file of the page as something to read and seek in.

use std::io::{Error, Read, Result, Seek, SeekFrom};

use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

/// How much is copied from the browser at a time.
const BUFFER: u64 = 1 << 20;

/// Reads a blob piece by piece, so that a checkpoint is never in memory as a whole. Works in
/// workers only, where the browser allows synchronous reading.
pub struct BlobReader {
    blob: Blob,
    reader: FileReaderSync,
    position: u64,
    buffer: Vec<u8>,
    buffer_start: u64,
}

impl BlobReader {
    pub fn new(blob: Blob) -> std::result::Result<Self, JsValue> {
        Ok(Self {
            blob,
            reader: FileReaderSync::new()?,
            position: 0,
            buffer: Vec::new(),
            buffer_start: 0,
        })
    }

    fn size(&self) -> u64 {
        self.blob.size() as u64
    }

    fn fetch(&self, start: u64, end: u64) -> Result<js_sys::Uint8Array> {
        let read = self
            .blob
            .slice_with_f64_and_f64(start as f64, end as f64)
            .and_then(|slice| self.reader.read_as_array_buffer(&slice));
        match read {
            Ok(bytes) => Ok(js_sys::Uint8Array::new(&bytes)),
            Err(_) => Err(Error::other(
                "the browser can no longer read the file: was it moved or changed?",
            )),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let end = self.buffer_start + self.buffer.len() as u64;
        if !(self.buffer_start..end).contains(&self.position) {
            let end = self.size().min(self.position.saturating_add(BUFFER));
            if end <= self.position {
                return Ok(0);
            }
            self.buffer = self.fetch(self.position, end)?.to_vec();
            self.buffer_start = self.position;
        }
        let available = &self.buffer[(self.position - self.buffer_start) as usize..];
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| Error::other("a position before the file"))?;
        Ok(self.position)
    }
}
