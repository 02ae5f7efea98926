//! The compressions of a TIFF's tiles and strips.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use fax::Color;
use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels};
use flate2::bufread::ZlibDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use weezl::BitOrder;
use weezl::LzwStatus;
use weezl::decode::Decoder as LzwDecoder;

use super::NAME;
use super::layout::{LZMA, Layout};
use crate::error::{Error, Result};
use crate::image::decode::unsupported;

/// Most bytes that are read at a time.
const BUFFER: usize = 1 << 16;

/// KiB that LZMA may look back at most; that of its strongest preset is 64 MiB.
const LARGEST_DICTIONARY: u32 = 80 << 10;

/// The compressions that are not read.
const OTHERS: [(u64, &str); 8] = [
    (2, "CCITT's modified Huffman codes"),
    (6, "the old kind of JPEG, of 1992"),
    (9, "JBIG"),
    (10, "JBIG"),
    (34887, "LERC"),
    (34892, "lossy JPEG of raw photographs"),
    (50002, "JPEG XL"),
    (52546, "JPEG XL"),
];

/// The bytes of a tile or strip but of one in JPEG, from those that are `stored`, of which there
/// are `count`.
pub fn decoder<'a>(
    stored: impl Read + 'a,
    count: u64,
    layout: &Layout,
) -> Result<Box<dyn Read + 'a>> {
    let stored: Box<dyn Read> = if layout.low_bits_first {
        Box::new(Reversed(stored))
    } else {
        Box::new(stored)
    };
    if layout.compression == 1 {
        return Ok(stored);
    }
    let room = usize::try_from(count).unwrap_or(BUFFER).clamp(1, BUFFER);
    let stored = BufReader::with_capacity(room, stored);
    Ok(match layout.compression {
        3 | 4 => return fax(stored, layout),
        5 => Box::new(Lzw::new(stored).map_err(|error| super::directory::failed(&error))?),
        8 | 32946 => Box::new(ZlibDecoder::new(stored)),
        32773 => Box::new(PackBits::new(stored)),
        50000 => {
            let decoder = StreamingDecoder::new(stored);
            Box::new(decoder.map_err(|error| crate::image::decode::damaged(NAME, error))?)
        }
        LZMA => Box::new(XzReader::new_mem_limit(stored, false, LARGEST_DICTIONARY)),
        other => return Err(not_read(other)),
    })
}

/// The sentence for a compression.
pub fn not_read(compression: u64) -> Error {
    let name = OTHERS.iter().find(|(number, _)| *number == compression);
    let packed = name.map_or_else(
        || format!("a way of its own (compression {compression})"),
        |(_, name)| (*name).to_owned(),
    );
    Error::new(format!(
        "The TIFF file is compressed in {packed}, which is not read; save it uncompressed, or with LZW \
         or Deflate."
    ))
}

/// Bytes whose bits are in the opposite order.
struct Reversed<R>(R);

impl<R: Read> Read for Reversed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(out)?;
        for byte in &mut out[..n] {
            *byte = byte.reverse_bits();
        }
        Ok(n)
    }
}

struct Lzw<R> {
    stored: R,
    decoder: LzwDecoder,
}

impl<R: BufRead> Lzw<R> {
    /// Before the specification's last version codes began in the low bits, which shows in the first
    /// code, 256.
    fn new(mut stored: R) -> io::Result<Self> {
        let old = matches!(stored.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let decoder = if old {
            LzwDecoder::new(BitOrder::Lsb, 8)
        } else {
            LzwDecoder::with_tiff_size_switch(BitOrder::Msb, 8)
        };
        Ok(Self { stored, decoder })
    }
}

impl<R: BufRead> Read for Lzw<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let stored = self.stored.fill_buf()?;
            let last = stored.is_empty();
            let result = self.decoder.decode_bytes(stored, out);
            self.stored.consume(result.consumed_in);
            let status = result
                .status
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.to_string()))?;
            let stuck = result.consumed_in == 0 && result.consumed_out == 0;
            if result.consumed_out > 0 || stuck || last || matches!(status, LzwStatus::Done) {
                return Ok(result.consumed_out);
            }
        }
    }
}

/// Runs of bytes, and bytes as they are: a signed length before each.
struct PackBits<R> {
    stored: R,
    left: usize,
    /// The byte that is repeated, if one is.
    repeated: Option<u8>,
}

impl<R: Read> PackBits<R> {
    fn new(stored: R) -> Self {
        Self {
            stored,
            left: 0,
            repeated: None,
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.stored.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

impl<R: Read> Read for PackBits<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            match self.byte()?.cast_signed() {
                -128 => {}
                length @ 0.. => {
                    self.left = length as usize + 1;
                    self.repeated = None;
                }
                length => {
                    self.left = 1 + usize::from(length.unsigned_abs());
                    self.repeated = Some(self.byte()?);
                }
            }
        }
        let n = self.left.min(out.len());
        match self.repeated {
            Some(byte) => out[..n].fill(byte),
            None => self.stored.read_exact(&mut out[..n])?,
        }
        self.left -= n;
        Ok(n)
    }
}

/// Rows of bits, 1 for black, from the codes of fax machines (ITU-T T.4 and T.6).
fn fax<'a>(stored: impl BufRead + 'a, layout: &Layout) -> Result<Box<dyn Read + 'a>> {
    let wrong = || unsupported(NAME, "fax codes of more than one bit a pixel");
    let width = u16::try_from(layout.chunk.0).map_err(|_| wrong())?;
    if layout.bits != 1 || layout.interleaved() != 1 {
        return Err(wrong());
    }
    if layout.compression == 3 && layout.fax_2d {
        return Err(unsupported(NAME, "fax codes of Group 3 in two dimensions"));
    }
    let bytes = stored.bytes();
    let broken = || crate::image::decode::damaged(NAME, "corrupt fax codes");
    let rows: Box<dyn FnMut() -> Option<Vec<u8>>> = if layout.compression == 4 {
        let mut decoder = Group4Decoder::new(bytes, width).map_err(|_| broken())?;
        Box::new(move || match decoder.advance() {
            Ok(DecodeStatus::Incomplete) => Some(packed(decoder.transition(), width)),
            _ => None,
        })
    } else {
        let mut decoder = Group3Decoder::new(bytes).map_err(|_| broken())?;
        Box::new(move || match decoder.advance() {
            Ok(_) => Some(packed(decoder.transitions(), width)),
            _ => None,
        })
    };
    Ok(Box::new(Rows {
        rows,
        row: Vec::new(),
        done: 0,
    }))
}

/// Pixels between the places where the colour changes, eight to a byte.
fn packed(transitions: &[u16], width: u16) -> Vec<u8> {
    let mut bytes = vec![0; usize::from(width).div_ceil(8)];
    for (x, colour) in pels(transitions, width).enumerate() {
        if colour == Color::Black {
            bytes[x / 8] |= 0x80 >> (x % 8);
        }
    }
    bytes
}

/// What comes row by row.
struct Rows<'a> {
    rows: Box<dyn FnMut() -> Option<Vec<u8>> + 'a>,
    row: Vec<u8>,
    done: usize,
}

impl Read for Rows<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.done == self.row.len() {
            self.row = (self.rows)().unwrap_or_default();
            self.done = 0;
        }
        let left = &self.row[self.done..];
        let n = left.len().min(out.len());
        out[..n].copy_from_slice(&left[..n]);
        self.done += n;
        Ok(n)
    }
}
