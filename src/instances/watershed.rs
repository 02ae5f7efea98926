//! A watershed from seeds, as bioimage-cpp's: heights in 65,536 levels, flooded over sides.

const LEVELS: usize = 1 << 16;

/// No pixel.
const NONE: u32 = u32::MAX;

/// Pixels that wait to be flooded, those of the lowest level first, of one level in their order.
struct Queue {
    first: Vec<u32>,
    last: Vec<u32>,
    /// The pixel that waits behind each.
    next: Vec<u32>,
    level: usize,
}

impl Queue {
    fn new(pixels: usize) -> Self {
        Self {
            first: vec![NONE; LEVELS],
            last: vec![NONE; LEVELS],
            next: vec![NONE; pixels],
            level: 0,
        }
    }

    /// Puts a pixel behind those of its level, or of the present one if that is higher.
    fn push(&mut self, at: usize, level: usize) {
        let level = level.max(self.level);
        let pixel = at as u32;
        match std::mem::replace(&mut self.last[level], pixel) {
            NONE => self.first[level] = pixel,
            before => self.next[before as usize] = pixel,
        }
    }

    fn pop(&mut self) -> Option<usize> {
        while self.first.get(self.level) == Some(&NONE) {
            self.level += 1;
        }
        let at = *self.first.get(self.level)? as usize;
        self.first[self.level] = self.next[at];
        if self.next[at] == NONE {
            self.last[self.level] = NONE;
        }
        Some(at)
    }
}

/// Grows the seeds, numbers above 0 in `ids`, over `inside` from low `heights` to high.
pub fn grow(ids: &mut [u32], heights: &[f32], inside: &[bool], width: usize) {
    let low = heights.iter().copied().fold(f32::INFINITY, f32::min);
    let high = heights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = if high > low {
        (LEVELS - 1) as f32 / (high - low)
    } else {
        0.0
    };
    let level = |at: usize| (((heights[at] - low) * scale) as usize).min(LEVELS - 1);
    let mut queue = Queue::new(ids.len());
    for at in (0..ids.len()).filter(|&at| ids[at] != 0) {
        queue.push(at, level(at));
    }
    while let Some(at) = queue.pop() {
        let x = at % width;
        let beside = [
            at.checked_sub(width),
            (x > 0).then(|| at - 1),
            (x + 1 < width).then_some(at + 1),
            Some(at + width).filter(|&below| below < inside.len()),
        ];
        for there in beside.into_iter().flatten() {
            if inside[there] && ids[there] == 0 {
                ids[there] = ids[at];
                queue.push(there, level(there));
            }
        }
    }
}
