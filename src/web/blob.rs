//! A file of the page as something to read and seek in.

use std::collections::VecDeque;
use std::io::{Error, Read, Result, Seek, SeekFrom};

use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

/// How much is copied from the browser at a time.
const BLOCK: u64 = 1 << 20;
/// How many blocks are kept: a model reads its tensors in another order than a file has them.
const BLOCKS: usize = 8;

/// Reads a blob piece by piece, so that a checkpoint is never in memory as a whole. Works in
/// workers only, where the browser allows synchronous reading.
pub struct BlobReader {
    blob: Blob,
    reader: FileReaderSync,
    position: u64,
    /// Numbers and bytes of the blocks that were read last, the latest in front.
    blocks: VecDeque<(u64, Vec<u8>)>,
}

impl BlobReader {
    pub fn new(blob: Blob) -> std::result::Result<Self, JsValue> {
        Ok(Self {
            blob,
            reader: FileReaderSync::new()?,
            position: 0,
            blocks: VecDeque::with_capacity(BLOCKS),
        })
    }

    fn size(&self) -> u64 {
        self.blob.size() as u64
    }

    /// Puts a block in front.
    fn turn_to(&mut self, number: u64) -> Result<()> {
        let kept = self.blocks.iter().position(|block| block.0 == number);
        let block = match kept.and_then(|place| self.blocks.remove(place)) {
            Some(block) => block,
            None => {
                let start = number * BLOCK;
                let bytes = self.fetch(start, self.size().min(start + BLOCK))?;
                (number, bytes.to_vec())
            }
        };
        self.blocks.truncate(BLOCKS - 1);
        self.blocks.push_front(block);
        Ok(())
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
        if self.position >= self.size() {
            return Ok(0);
        }
        self.turn_to(self.position / BLOCK)?;
        let block = self.blocks.front().map_or(&[][..], |block| &block.1);
        let available = block
            .get((self.position % BLOCK) as usize..)
            .unwrap_or_default();
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
