//! Large files of which little is read.

use std::collections::BTreeMap;
use std::io::{Read, Result, Seek, SeekFrom};

use super::read;
use crate::image::decode::{Picture, Samples};

const SIDE: u16 = 1024;
/// Bytes of a frame of 16 bits.
const FRAME: u64 = 2 * (SIDE as u64).pow(2);

/// A file of zeros but for some pieces, that counts what is read of it.
struct Sparse {
    pieces: BTreeMap<u64, Vec<u8>>,
    length: u64,
    at: u64,
    read: u64,
}

impl Sparse {
    fn new() -> Self {
        Self {
            pieces: BTreeMap::new(),
            length: 0,
            at: 0,
            read: 0,
        }
    }

    fn put(&mut self, bytes: Vec<u8>) {
        let end = self.length + bytes.len() as u64;
        self.pieces.insert(self.length, bytes);
        self.length = end;
    }

    fn zeros(&mut self, count: u64) {
        self.length += count;
    }
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let count = (self.length.saturating_sub(self.at)).min(out.len() as u64);
        let (start, end) = (self.at, self.at + count);
        out[..count as usize].fill(0);
        for (&at, piece) in self.pieces.range(..end) {
            let from = at.max(start);
            let to = (at + piece.len() as u64).min(end);
            if from < to {
                let bytes = &piece[(from - at) as usize..(to - at) as usize];
                out[(from - start) as usize..(to - start) as usize].copy_from_slice(bytes);
            }
        }
        self.at = end;
        self.read += count;
        Ok(count as usize)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}

fn element(group: u16, number: u16, representation: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u16).to_le_bytes();
    let tag = [group.to_le_bytes(), number.to_le_bytes()].concat();
    [&tag[..], representation, &length, value].concat()
}

/// What is before the pixels, whose syntax ends in `syntax`.
fn head(syntax: &str, frames: usize) -> Vec<u8> {
    let short = |number: u16, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
    let mut frames = frames.to_string();
    frames.extend((frames.len() % 2 == 1).then_some(' '));
    [
        vec![0; 128],
        b"DICM".to_vec(),
        element(
            2,
            0x10,
            b"UI",
            format!("1.2.840.10008.1.2{syntax}").as_bytes(),
        ),
        short(2, 1),
        element(0x28, 4, b"CS", b"MONOCHROME2 "),
        element(0x28, 8, b"IS", frames.as_bytes()),
        short(0x10, SIDE),
        short(0x11, SIDE),
        short(0x100, 16),
        short(0x101, 16),
        short(0x102, 15),
        short(0x103, 0),
    ]
    .concat()
}

fn long(number: u16, representation: &[u8; 2], length: u32) -> Vec<u8> {
    let tag = [0x7fe0u16.to_le_bytes(), number.to_le_bytes()].concat();
    [&tag[..], representation, &[0, 0], &length.to_le_bytes()].concat()
}

fn item(length: u64) -> Vec<u8> {
    [&b"\xfe\xff\0\xe0"[..], &(length as u32).to_le_bytes()].concat()
}

/// Opens a frame whose first value is 258 and the second 772; how many bytes were read.
fn opened(file: &mut Sparse, page: usize) -> u64 {
    let page = read(file, page).unwrap();
    let Picture::Gray(gray) = page.picture else {
        panic!("colour");
    };
    let Samples::U16(values) = gray.samples else {
        panic!("depth");
    };
    assert_eq!(values[..3], [258, 772, 0]);
    file.read
}

#[test]
fn of_four_gigabytes_only_the_frame_is_read() {
    let frames = 2047;
    let mut file = Sparse::new();
    file.put(head(".1 ", frames));
    file.put(long(0x10, b"OW", (frames as u64 * FRAME) as u32));
    file.zeros((frames as u64 - 1) * FRAME);
    file.put(vec![2, 1, 4, 3]);
    file.zeros(FRAME - 4);
    assert!(opened(&mut file, frames - 1) < FRAME + (1 << 16));
}

#[test]
fn of_six_gigabytes_in_fragments_only_the_frame_is_read() {
    let frames = 3000;
    let count = frames as u64;
    for with_offsets in [true, false] {
        let mut file = Sparse::new();
        file.put(head(".1.98 ", frames));
        if with_offsets {
            let offsets = (0..count).flat_map(|frame| (frame * (FRAME + 8)).to_le_bytes());
            file.put(long(1, b"OV", 8 * frames as u32));
            file.put(offsets.collect());
        }
        file.put(long(0x10, b"OB", u32::MAX));
        file.put(item(0));
        for frame in 0..count {
            file.put(item(FRAME));
            let marked = if frame + 1 == count {
                vec![2, 1, 4, 3]
            } else {
                vec![0; 4]
            };
            file.put(marked);
            file.zeros(FRAME - 4);
        }
        file.put(b"\xfe\xff\xdd\xe0\0\0\0\0".to_vec());
        assert!(file.length > 6_000_000_000);
        // Without offsets a look at each fragment's header is needed, at the price of a buffer.
        let most = if with_offsets {
            1 << 17
        } else {
            count * (1 << 13) + (1 << 16)
        };
        let read = opened(&mut file, frames - 1);
        assert!(read < FRAME + most, "{read}");
    }
}
