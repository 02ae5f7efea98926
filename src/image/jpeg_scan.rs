//! Whether all of a JPEG's pixels are there: a walk over its Huffman codes (ITU-T T.81, annexes F and G) without
//! making pixels of them. The decoder makes up what is missing.

use super::dicom::bits::{Bits, Codes};

/// Cameras fill up with a few bytes that mean nothing.
const FILL: usize = 32;
const COEFFICIENTS: usize = 64;
/// More scans, tables and colours than any file has.
const MOST_SCANS: usize = 500;
const MOST_TABLES: usize = 2000;
const MOST_COMPONENTS: u8 = 4;

/// What is wrong with the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// They end before the pixels do.
    Missing,
    /// They make no sense, or there are far more than pixels.
    Senseless,
}

/// A colour's blocks of 8 × 8 pixels.
struct Component {
    id: u8,
    /// Blocks of a unit that all components share.
    across: usize,
    down: usize,
    /// Blocks that hold pixels, and blocks of whole units in a row.
    columns: usize,
    rows: usize,
    stride: usize,
    /// Which coefficients of each block are not zero, of a progressive JPEG.
    set: Vec<u64>,
}

struct Frame {
    progressive: bool,
    /// Units in a row and rows of them.
    units: (usize, usize),
    components: Vec<Component>,
}

/// A scan's part of the coefficients, and how many of their bits it has.
#[derive(Clone, Copy)]
struct Band {
    first: usize,
    last: usize,
    refines: bool,
}

#[derive(Default)]
struct Tables {
    dc: [Option<Codes>; 4],
    ac: [Option<Codes>; 4],
    /// How many there were.
    count: usize,
    restart: usize,
}

/// Walks over all scans. What is not understood is left to the decoder. Memory is taken by the size that the file
/// says, which must have been checked.
///
/// # Errors
/// If pixels are missing or codes wrong.
pub fn check(jpeg: &[u8]) -> Result<(), Wrong> {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    let mut tables = Tables::default();
    let mut frame = None;
    let mut scans = 0;
    while let Some((marker, segment, after)) = segment(rest) {
        rest = after;
        match marker {
            0xc0..=0xc2 => frame = Frame::read(segment, marker == 0xc2),
            0xc4 if tables.read(segment).is_none() => return Err(Wrong::Senseless),
            0xdd => {
                tables.restart = segment
                    .first_chunk()
                    .map_or(0, |&n| u16::from_be_bytes(n).into())
            }
            0xda => {
                scans += 1;
                let Some(frame) = frame.as_mut().filter(|_| scans <= MOST_SCANS) else {
                    return Ok(());
                };
                match frame.scan(segment, &tables, rest) {
                    Some(walked) => rest = walked?,
                    None => return Ok(()),
                }
            }
            0xd9 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Ok(()),
            _ if tables.count > MOST_TABLES => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// The next marker, what belongs to it without the length, and what follows.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let at = bytes
        .windows(2)
        .position(|two| two[0] == 0xff && !matches!(two[1], 0 | 0xff))?;
    let (marker, after) = (bytes[at + 1], &bytes[at + 2..]);
    if matches!(marker, 0x01 | 0xd0..=0xd9) {
        return Some((marker, &[], after));
    }
    let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
    let (segment, rest) = after.split_at_checked(length)?;
    Some((marker, segment.get(2..)?, rest))
}

impl Tables {
    fn read(&mut self, mut bytes: &[u8]) -> Option<()> {
        while let Some((&which, rest)) = bytes.split_first() {
            let (codes, rest) = Codes::read(rest).ok()?;
            let tables = if which >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            *tables.get_mut(usize::from(which & 15))? = Some(codes);
            self.count += 1;
            bytes = rest;
        }
        Some(())
    }
}

impl Frame {
    fn read(segment: &[u8], progressive: bool) -> Option<Self> {
        let (&[bits, h1, h0, w1, w0, count], described) = segment.split_first_chunk()?;
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        let described = described.as_chunks::<3>().0.get(..count.into())?;
        let sampling = |two: u8| (usize::from(two >> 4), usize::from(two & 15));
        let all = described.iter().map(|&[_, two, _]| sampling(two));
        let valid = all
            .clone()
            .all(|(h, v)| (1..=4).contains(&h) && (1..=4).contains(&v));
        let (most_h, most_v) = (
            all.clone().map(|two| two.0).max()?,
            all.map(|two| two.1).max()?,
        );
        if !valid || count > MOST_COMPONENTS || bits != 8 || width == 0 || height == 0 {
            return None;
        }
        let units = (width.div_ceil(8 * most_h), height.div_ceil(8 * most_v));
        let component = |&[id, two, _]: &[u8; 3]| {
            let (across, down) = sampling(two);
            let stride = units.0 * across;
            let blocks = if progressive {
                stride * units.1 * down
            } else {
                0
            };
            Component {
                id,
                across,
                down,
                columns: (width * across).div_ceil(most_h).div_ceil(8),
                rows: (height * down).div_ceil(most_v).div_ceil(8),
                stride,
                set: vec![0; blocks],
            }
        };
        Some(Self {
            progressive,
            units,
            components: described.iter().map(component).collect(),
        })
    }

    /// What follows a scan; none if it is of a kind that is not known.
    fn scan<'a>(
        &mut self,
        header: &[u8],
        tables: &Tables,
        codes: &'a [u8],
    ) -> Option<Result<&'a [u8], Wrong>> {
        let (&count, rest) = header.split_first()?;
        let (chosen, rest) = (
            rest.as_chunks::<2>().0.get(..count.into())?,
            rest.get(2 * usize::from(count)..)?,
        );
        let &[first, last, bits] = rest.first_chunk()?;
        let band = Band {
            first: first.into(),
            last: usize::from(last).min(COEFFICIENTS - 1),
            refines: bits >> 4 != 0,
        };
        let mut parts = Vec::new();
        for &[id, which] in chosen {
            let at = self
                .components
                .iter()
                .position(|component| component.id == id)?;
            let dc = tables.dc.get(usize::from(which >> 4))?.as_ref();
            let ac = tables.ac.get(usize::from(which & 15))?.as_ref();
            parts.push((at, dc, ac));
        }
        let mut walk = Walk {
            bits: Bits::new(codes),
            band,
            progressive: self.progressive,
            run: 0,
        };
        Some(
            walk.units(self, &parts, tables.restart)
                .map(|()| walk.bits.rest),
        )
    }
}

/// A component of a scan, by its number, and its tables.
type Part<'t> = (usize, Option<&'t Codes>, Option<&'t Codes>);

struct Walk<'a> {
    bits: Bits<'a>,
    band: Band,
    progressive: bool,
    /// Blocks that are still without further codes.
    run: usize,
}

impl Walk<'_> {
    fn units(&mut self, frame: &mut Frame, parts: &[Part], restart: usize) -> Result<(), Wrong> {
        let (columns, rows) = match parts {
            // A component by itself has no blocks beyond its pixels.
            [(at, ..)] => (frame.components[*at].columns, frame.components[*at].rows),
            _ => frame.units,
        };
        for unit in 0..columns * rows {
            if restart > 0 && unit > 0 && unit % restart == 0 {
                self.at_end()?;
                self.bits.restart().map_err(|_| Wrong::Missing)?;
                self.run = 0;
            }
            let (x, y) = (unit % columns, unit / columns);
            for &(at, dc, ac) in parts {
                let component = &mut frame.components[at];
                let (across, down) = match parts.len() {
                    1 => (1, 1),
                    _ => (component.across, component.down),
                };
                for block in 0..across * down {
                    let (column, row) = (x * across + block % across, y * down + block / across);
                    let place = row * component.stride + column;
                    let mut unused = 0;
                    let set = component.set.get_mut(place).unwrap_or(&mut unused);
                    self.block(dc, ac, set).ok_or_else(|| self.failure())?;
                }
            }
        }
        self.at_end()?;
        self.bits.end();
        Ok(())
    }

    fn failure(&self) -> Wrong {
        match self.bits.unread() {
            // What is left of the last code.
            0..=2 => Wrong::Missing,
            _ => Wrong::Senseless,
        }
    }

    /// Refuses far more codes than pixels.
    fn at_end(&self) -> Result<(), Wrong> {
        match self.bits.unread() {
            0..=FILL => Ok(()),
            _ => Err(Wrong::Senseless),
        }
    }

    fn block(&mut self, dc: Option<&Codes>, ac: Option<&Codes>, set: &mut u64) -> Option<()> {
        let Band {
            first,
            last,
            refines,
        } = self.band;
        if !self.progressive {
            self.difference(dc?)?;
            return self.coefficients(ac?, 1, COEFFICIENTS - 1, set);
        }
        match (first, refines) {
            (0, false) => self.difference(dc?),
            (0, true) => self.bits.take(1).ok().map(drop),
            (_, false) if self.run > 0 => {
                self.run -= 1;
                Some(())
            }
            (_, false) => self.coefficients(ac?, first, last, set),
            (_, true) => self.refined(ac?, first, last, set),
        }
    }

    fn difference(&mut self, codes: &Codes) -> Option<()> {
        let size = self.bits.symbol(codes).ok()?;
        (size <= 11).then_some(())?;
        self.bits.take(size.into()).ok().map(drop)
    }

    fn coefficients(
        &mut self,
        codes: &Codes,
        first: usize,
        last: usize,
        set: &mut u64,
    ) -> Option<()> {
        let mut at = first;
        while at <= last {
            let symbol = self.bits.symbol(codes).ok()?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => at += 16,
                (_, 0) => {
                    self.run = self.run_of(zeros)?;
                    return Some(());
                }
                _ => {
                    self.bits.take(size).ok()?;
                    at += zeros;
                    (at <= last).then(|| *set |= 1 << at)?;
                    at += 1;
                }
            }
        }
        Some(())
    }

    /// How many more blocks than this one end here.
    fn run_of(&mut self, bits: usize) -> Option<usize> {
        if !self.progressive {
            return (bits == 0).then_some(0);
        }
        let more = self.bits.take(bits as u32).ok()?;
        Some((1 << bits) + usize::from(more) - 1)
    }

    /// One more bit of each coefficient that is set, and new ones among the others.
    fn refined(&mut self, codes: &Codes, first: usize, last: usize, set: &mut u64) -> Option<()> {
        let mut at = first;
        if self.run == 0 {
            while at <= last {
                let symbol = self.bits.symbol(codes).ok()?;
                let (mut zeros, size) = (usize::from(symbol >> 4), symbol & 15);
                match (zeros, size) {
                    (15, 0) | (_, 1) => {}
                    (_, 0) => {
                        self.run = self.run_of(zeros)? + 1;
                        break;
                    }
                    _ => return None,
                }
                if size == 1 {
                    self.bits.take(1).ok()?;
                }
                while at <= last {
                    let is_set = *set >> at & 1 == 1;
                    if is_set {
                        self.bits.take(1).ok()?;
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    at += 1;
                }
                if size == 1 {
                    (at <= last).then(|| *set |= 1 << at)?;
                }
                at += 1;
            }
        }
        if self.run > 0 {
            let within = (at..=last).filter(|at| *set >> at & 1 == 1).count();
            for _ in 0..within {
                self.bits.take(1).ok()?;
            }
            self.run -= 1;
        }
        Some(())
    }
}
