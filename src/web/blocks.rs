//! How much of a file is copied from the browser at a time: little where a reader jumps from one
//! directory to the next, more and more where it reads on.

use std::collections::VecDeque;
use std::io::Result;

/// The first block after a jump.
const SMALLEST: u64 = 1 << 12;
/// The largest block, and the least that is copied to its destination without one.
const LARGEST: u64 = 1 << 20;
/// How many blocks are kept: a model reads its tensors in another order than a file has them.
const BLOCKS: usize = 8;

/// What was read last of a file of known size.
pub struct Blocks {
    size: u64,
    /// Starts and bytes, the latest in front.
    kept: VecDeque<(u64, Vec<u8>)>,
    /// Where the block fetched last ends, and its length.
    last: (u64, u64),
}

impl Blocks {
    pub fn new(size: u64) -> Self {
        Self {
            size,
            kept: VecDeque::with_capacity(BLOCKS),
            last: (0, SMALLEST / 2),
        }
    }

    /// Keeps all bytes of the file, so that none are fetched any more.
    pub fn keep(&mut self, bytes: Vec<u8>) {
        self.kept.clear();
        self.kept.push_front((0, bytes));
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads into `out` some bytes from `position`, 0 only at the end; `fetch` fills a slice with
    /// the bytes from a position.
    pub fn read(
        &mut self,
        position: u64,
        out: &mut [u8],
        mut fetch: impl FnMut(u64, &mut [u8]) -> Result<()>,
    ) -> Result<usize> {
        let left = self.size.saturating_sub(position);
        let wanted = left.min(out.len() as u64);
        if wanted == 0 {
            return Ok(0);
        }
        let holds = |(start, bytes): &(u64, Vec<u8>)| {
            (*start..start + bytes.len() as u64).contains(&position)
        };
        let place = self.kept.iter().position(holds);
        if place.is_none() && wanted >= LARGEST {
            fetch(position, &mut out[..wanted as usize])?;
            self.last = (position + wanted, LARGEST);
            return Ok(wanted as usize);
        }
        let block = match place.and_then(|place| self.kept.remove(place)) {
            Some(block) => block,
            None => {
                let length = self.next_length(position).max(wanted).min(left);
                let mut bytes = vec![0; length as usize];
                fetch(position, &mut bytes)?;
                self.last = (position + length, length);
                (position, bytes)
            }
        };
        let available = &block.1[(position - block.0) as usize..];
        let n = available.len().min(wanted as usize);
        out[..n].copy_from_slice(&available[..n]);
        self.kept.truncate(BLOCKS - 1);
        self.kept.push_front(block);
        Ok(n)
    }

    fn next_length(&self, position: u64) -> u64 {
        let (end, length) = self.last;
        if position == end {
            (2 * length).clamp(SMALLEST, LARGEST)
        } else {
            SMALLEST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 10_000_000;

    /// Reads `lengths[i]` bytes at `starts[i]`; what was fetched of a file whose bytes follow from their
    /// places.
    fn fetched(reads: impl IntoIterator<Item = (u64, usize)>) -> Vec<(u64, usize)> {
        let mut blocks = Blocks::new(SIZE);
        let mut fetched = Vec::new();
        for (start, length) in reads {
            let mut out = vec![0; length];
            let mut done = 0;
            while done < length {
                let position = start + done as u64;
                let n = blocks.read(position, &mut out[done..], |start, out| {
                    fetched.push((start, out.len()));
                    for (byte, at) in out.iter_mut().zip(start..) {
                        *byte = (at % 251) as u8;
                    }
                    Ok(())
                });
                let n = n.expect("nothing fails");
                if n == 0 {
                    break;
                }
                done += n;
            }
            let wanted = (start..SIZE).map(|at| (at % 251) as u8);
            assert!(out[..done].iter().copied().eq(wanted.take(done)));
        }
        fetched
    }

    #[test]
    fn jumps_fetch_little() {
        let jumps = fetched((0..1000).map(|i| (i * 9999 % SIZE, 20)));
        let bytes: usize = jumps.iter().map(|(_, length)| length).sum();
        assert!(bytes <= 1000 * 4096, "{bytes}");
    }

    #[test]
    fn reading_on_fetches_few_times() {
        let steps = fetched((0..1000).map(|i| (i * 10_000, 10_000)));
        assert!(steps.len() < 25, "{}", steps.len());
        let bytes: usize = steps.iter().map(|(_, length)| length).sum();
        assert_eq!(bytes as u64, SIZE, "nothing twice");
    }

    #[test]
    fn of_a_file_that_is_kept_nothing_is_fetched() {
        let bytes: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        let mut blocks = Blocks::new(bytes.len() as u64);
        blocks.keep(bytes.clone());
        for (start, length) in [(99_990, 20), (5, 60_000), (0, 1), (100_000, 1)] {
            let mut out = vec![0; length];
            let refused = |_, _: &mut [u8]| panic!("it is there");
            let n = blocks
                .read(start as u64, &mut out, refused)
                .expect("nothing fails");
            assert_eq!(out[..n], bytes[start..(start + length).min(bytes.len())]);
        }
    }

    #[test]
    fn much_is_fetched_at_once() {
        assert_eq!(fetched([(5, 9_000_000)]), [(5, 9_000_000)]);
        assert_eq!(fetched([(SIZE - 3, 9)]), [(SIZE - 3, 3)]);
    }
}
