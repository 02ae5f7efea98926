//! A page's tiles or strips, put together.

use std::io::{self, Cursor, ErrorKind, Read, SeekFrom};

use super::NAME;
use super::directory::{Container, failed};
use super::layout::Layout;
use super::values::{Values, too_much, unpack};
use super::{codecs, whole};
use crate::error::{Error, Result};
use crate::image::decode::{damaged, truncated, unreadable, unsupported};

/// Most samples of a row.
const MAX_ROW: usize = 1 << 24;

/// A tile or strip: its place in the page, and how much of it lies in the page.
struct Chunk {
    index: usize,
    x: usize,
    y: usize,
    columns: usize,
    rows: usize,
}

/// The samples `wanted` of each pixel, interleaved in that order. Tiles and strips that the file leaves
/// out are `fill`, or 0.
pub fn decode(
    file: &mut Container,
    layout: &Layout,
    wanted: &[usize],
    fill: Option<f64>,
) -> Result<Values> {
    let pixels = (layout.width * layout.height).saturating_mul(wanted.len());
    let mut values = [Values::new(layout, pixels, fill)?];
    let places = wanted.iter().enumerate();
    let places = places.map(|(to, &sample)| Place {
        sample,
        plane: 0,
        to,
        step: wanted.len(),
    });
    decode_into(file, layout, &places.collect::<Vec<_>>(), &mut values)?;
    let [values] = values;
    Ok(values)
}

/// As [`decode`], with each sample in a plane of its own.
pub fn decode_planes<const N: usize>(
    file: &mut Container,
    layout: &Layout,
    wanted: [usize; N],
    fill: Option<f64>,
) -> Result<[Values; N]> {
    let pixels = layout.width * layout.height;
    let mut planes = Vec::new();
    for _ in 0..N {
        planes.push(Values::new(layout, pixels, fill)?);
    }
    let places = wanted.iter().enumerate();
    let places = places.map(|(plane, &sample)| Place {
        sample,
        plane,
        to: 0,
        step: 1,
    });
    decode_into(file, layout, &places.collect::<Vec<_>>(), &mut planes)?;
    planes.try_into().map_err(|_| too_much())
}

/// Where a sample of each pixel goes.
#[derive(Clone, Copy)]
struct Place {
    sample: usize,
    /// Which of the results, and there every `step`-th from the `to`-th.
    plane: usize,
    to: usize,
    step: usize,
}

fn decode_into(
    file: &mut Container,
    layout: &Layout,
    wanted: &[Place],
    results: &mut [Values],
) -> Result<()> {
    let row = layout.chunk.0.checked_mul(layout.interleaved());
    if row.is_none_or(|samples| samples > MAX_ROW) {
        return Err(too_much());
    }
    let (across, down) = layout.grid();
    let planes = if layout.planar { layout.samples } else { 1 };
    for plane in 0..planes {
        let mut places = wanted.to_vec();
        if layout.planar {
            places.retain(|place| place.sample == plane);
            // It is the only one that is stored together.
            places.iter_mut().for_each(|place| place.sample = 0);
        }
        if places.is_empty() {
            continue;
        }
        for place in 0..across * down {
            let (x, y) = (
                place % across * layout.chunk.0,
                place / across * layout.chunk.1,
            );
            let chunk = Chunk {
                index: plane * across * down + place,
                x,
                y,
                columns: layout.chunk.0.min(layout.width - x),
                rows: layout.chunk.1.min(layout.height - y),
            };
            put(file, layout, &chunk, &places, results)?;
        }
    }
    Ok(())
}

fn put(
    file: &mut Container,
    layout: &Layout,
    chunk: &Chunk,
    places: &[Place],
    results: &mut [Values],
) -> Result<()> {
    let interleaved = layout.interleaved();
    let Some(Stored { start, count }) = stored(layout, chunk, file.length)? else {
        return Ok(());
    };
    let cut = start.checked_add(count).is_none_or(|end| end > file.length);
    file.source
        .seek(SeekFrom::Start(start))
        .map_err(|error| failed(&error))?;
    let bytes = (&mut *file.source).take(count);
    let (mut bytes, row_bytes) = if let Some(decode) = whole::decoder(layout.compression) {
        let packed = whole::all(bytes)?;
        let (pixels, row) = decode(packed, layout, (chunk.columns, chunk.rows))?;
        (Box::new(Cursor::new(pixels)) as Box<dyn Read>, row)
    } else if layout.subsampling != (1, 1) {
        let bytes = codecs::decoder(bytes, count, layout)?;
        let rows = Subsampled::new(bytes, layout)?;
        (Box::new(rows) as _, 3 * layout.chunk.0)
    } else {
        (codecs::decoder(bytes, count, layout)?, layout.row_bytes()?)
    };
    let (mut row, mut numbers) = (vec![0; row_bytes], Vec::new());
    for y in chunk.y..chunk.y + chunk.rows {
        bytes.read_exact(&mut row).map_err(|e| broken(&e, cut))?;
        let start = y * layout.width + chunk.x;
        let plain = layout.bits == 8 && interleaved == 1 && layout.predictor == 1;
        if let (true, [Values::U8(to)], [Place { step: 1, .. }]) = (plain, &mut *results, places) {
            to[start..start + chunk.columns].copy_from_slice(&row[..chunk.columns]);
            continue;
        }
        unpack(&mut row, layout, &mut numbers);
        for place in places {
            let samples = numbers.iter().copied().skip(place.sample);
            let samples = samples.step_by(interleaved).take(chunk.columns);
            let at = (start * place.step + place.to, place.step);
            results[place.plane].put(at, layout, samples);
        }
    }
    Ok(())
}

/// Where the bytes of a tile or strip lie.
struct Stored {
    start: u64,
    count: u64,
}

/// None of one that is left out: its place or its length is 0.
fn stored(layout: &Layout, chunk: &Chunk, length: u64) -> Result<Option<Stored>> {
    let start = layout.offsets.get(chunk.index).copied();
    let start = start.ok_or_else(|| damaged(NAME, "it has too few tiles or strips"))?;
    let told = match &layout.counts {
        Some(counts) => counts.get(chunk.index).copied(),
        None => Some(length.saturating_sub(start)),
    };
    let count = told.ok_or_else(|| damaged(NAME, "it has too few tiles or strips"))?;
    if start == 0 || count == 0 {
        return Ok(None);
    }
    if layout.compression != 1 || layout.subsampling != (1, 1) {
        return Ok(Some(Stored { start, count }));
    }
    // What is not compressed has a length of its own, whatever the file says.
    let count = layout.row_bytes()?.checked_mul(chunk.rows);
    let count = count.ok_or_else(too_much)? as u64;
    Ok(Some(Stored { start, count }))
}

fn broken(error: &io::Error, cut: bool) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof if cut => truncated(NAME),
        ErrorKind::UnexpectedEof => damaged(NAME, "a tile or strip ends early"),
        ErrorKind::NotFound => unreadable(error),
        _ if error.raw_os_error().is_some() => unreadable(error),
        _ => damaged(NAME, error),
    }
}

/// Rows of interleaved YCbCr from blocks of several luma samples with one of each chroma.
struct Subsampled<'a> {
    stored: Box<dyn Read + 'a>,
    block: (usize, usize),
    width: usize,
    rows: Cursor<Vec<u8>>,
}

impl<'a> Subsampled<'a> {
    fn new(stored: Box<dyn Read + 'a>, layout: &Layout) -> Result<Self> {
        if layout.bits != 8 || layout.samples != 3 || layout.planar {
            return Err(unsupported(NAME, "YCbCr other than of 8 bits, interleaved"));
        }
        Ok(Self {
            stored,
            block: layout.subsampling,
            width: layout.chunk.0,
            rows: Cursor::default(),
        })
    }

    /// The next rows, as many as a block has.
    fn turn(&mut self) -> io::Result<()> {
        let (across, down) = self.block;
        let mut blocks = vec![0; self.width.div_ceil(across) * (across * down + 2)];
        self.stored.read_exact(&mut blocks)?;
        let mut rows = vec![0; 3 * self.width * down];
        for (i, block) in blocks.chunks_exact(across * down + 2).enumerate() {
            let (lumas, chroma) = block.split_at(across * down);
            for (place, luma) in lumas.iter().enumerate() {
                let x = i * across + place % across;
                if x < self.width {
                    let at = 3 * (place / across * self.width + x);
                    rows[at..at + 3].copy_from_slice(&[*luma, chroma[0], chroma[1]]);
                }
            }
        }
        self.rows = Cursor::new(rows);
        Ok(())
    }
}

impl Read for Subsampled<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.rows.position() == self.rows.get_ref().len() as u64 {
            self.turn()?;
        }
        self.rows.read(out)
    }
}
