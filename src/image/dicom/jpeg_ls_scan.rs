//! The lines of a JPEG-LS scan (ITU-T T.87, annex A). Names in parentheses are the standard's.

use super::NAME;
use crate::error::Result;
use crate::image::decode::{damaged, truncated};

/// By how much a run grows with its number (J).
const RUN_BITS: [u8; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];
/// Contexts of differences that are not all 0, and that of those that are.
const CONTEXTS: usize = 365;

/// The numbers from which all others of a scan follow.
pub struct Coding {
    /// The largest value (MAXVAL).
    most: i32,
    /// The largest error of a value (NEAR).
    near: i32,
    thresholds: [i32; 3],
    /// After how many values statistics are halved (RESET).
    reset: i64,
    /// How many errors there are (RANGE).
    range: i32,
    /// Bits of an error (qbpp).
    bits: u32,
    /// The longest code (LIMIT).
    limit: u32,
}

impl Coding {
    /// That of values of `precision` bits, whose presets are 0 where the default counts.
    pub fn new(precision: u32, presets: &[i32; 5], near: i32) -> Result<Self> {
        let or = |preset: i32, default: i32| if preset == 0 { default } else { preset };
        let [most, thresholds @ .., reset] = *presets;
        let most = or(most, (1 << precision) - 1);
        let default = default_thresholds(most, near);
        let thresholds: [i32; 3] = std::array::from_fn(|i| or(thresholds[i], default[i]));
        let [first, second, third] = thresholds;
        let rising = near < first && first <= second && second <= third && third <= most;
        let reset = or(reset, 64);
        if near > most / 2 || most >= 1 << precision || !rising || reset < 3 {
            return Err(damaged(
                NAME,
                "its JPEG-LS has settings that contradict each other",
            ));
        }
        let range = (most + 2 * near) / (2 * near + 1) + 1;
        let bits_of = |count: i32| 32 - (count - 1).leading_zeros();
        let depth = bits_of(most + 1).max(2);
        Ok(Self {
            most,
            near,
            thresholds,
            reset: reset.into(),
            range,
            bits: bits_of(range),
            limit: 2 * (depth + depth.max(8)),
        })
    }

    /// A difference as one of nine classes (section A.3.3).
    fn class(&self, difference: i32) -> i32 {
        let [first, second, third] = self.thresholds;
        let size = difference.abs();
        let class = if size <= self.near {
            0
        } else if size < first {
            1
        } else if size < second {
            2
        } else if size < third {
            3
        } else {
            4
        };
        class * difference.signum()
    }

    /// The size of an error, if there can be such a one.
    fn error(&self, size: i32) -> Result<i32> {
        if size <= self.range {
            Ok(size)
        } else {
            Err(damaged(NAME, "its JPEG-LS has too large an error"))
        }
    }

    /// A value from its prediction and the error's number (section A.4.5, the other way round).
    fn value(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let value = prediction + error * step;
        let value = if value < -self.near {
            value + self.range * step
        } else if value > self.most + self.near {
            value - self.range * step
        } else {
            value
        };
        value.clamp(0, self.most)
    }
}

/// Section C.2.4.1.1.
fn default_thresholds(most: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| {
        if (least..=most).contains(&value) {
            value
        } else {
            least
        }
    };
    let values = if most >= 128 {
        let factor = (most.min(4095) + 128) / 256;
        [factor + 2, 4 * factor + 3, 17 * factor + 4]
    } else {
        let factor = 256 / (most + 1);
        [
            (3 / factor).max(2),
            (7 / factor).max(3),
            (21 / factor).max(4),
        ]
    };
    let first = clamp(values[0] + 3 * near, near + 1);
    let second = clamp(values[1] + 5 * near, first);
    [first, second, clamp(values[2] + 7 * near, second)]
}

/// What is known of the errors in a context.
#[derive(Clone, Copy)]
struct Context {
    /// The sum of their sizes (A).
    sizes: i64,
    /// What the correction leaves of their sum (B); after runs, how many were negative (Nn).
    bias: i64,
    /// What is added to predictions (C).
    correction: i32,
    /// How many there were (N).
    count: i64,
}

impl Context {
    /// Bits of an error that are written as they are (section A.5.1), for such a sum of sizes.
    fn plain_bits(&self, sizes: i64) -> u32 {
        (0..24).find(|&k| self.count << k >= sizes).unwrap_or(24)
    }

    /// Section A.6.
    fn add(&mut self, error: i32, coding: &Coding) {
        self.bias += i64::from(error * (2 * coding.near + 1));
        self.sizes += i64::from(error.abs());
        if self.count == coding.reset {
            self.sizes >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }
}

/// The lines of a scan, channel by channel or pixel by pixel.
pub struct Lines<'a> {
    coding: Coding,
    bits: Bits<'a>,
    contexts: Vec<Context>,
    /// After runs, where the value above is another one, and where it is the same.
    after_runs: [Context; 2],
    /// Of each channel, with a value before and one behind.
    above: Vec<Vec<i32>>,
    current: Vec<Vec<i32>>,
    /// Of each channel (RUNindex).
    runs: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(coding: Coding, data: &'a [u8], width: usize, channels: usize) -> Self {
        let context = Context {
            sizes: i64::from((coding.range + 32) / 64).max(2),
            bias: 0,
            correction: 0,
            count: 1,
        };
        Self {
            coding,
            bits: Bits::new(data),
            contexts: vec![context; CONTEXTS],
            after_runs: [context; 2],
            above: vec![vec![0; width + 2]; channels],
            current: vec![vec![0; width + 2]; channels],
            runs: vec![0; channels],
        }
    }

    /// Bytes of the data up to the next marker.
    pub fn used(&self) -> usize {
        self.bits.used()
    }

    /// Gives out the line that was read, as column, channel and value, and turns to the next one.
    pub fn next(&mut self, mut put: impl FnMut(usize, usize, u16)) {
        for (channel, line) in self.current.iter_mut().enumerate() {
            let width = line.len() - 2;
            for (x, &value) in line[1..=width].iter().enumerate() {
                put(x, channel, value as u16);
            }
            line[width + 1] = line[width];
        }
        std::mem::swap(&mut self.above, &mut self.current);
        for (line, above) in self.current.iter_mut().zip(&self.above) {
            line[0] = above[1];
        }
    }

    /// Reads the line of one channel.
    pub fn channel(&mut self, channel: usize) -> Result<()> {
        let width = self.current[channel].len() - 2;
        let mut x = 1;
        while x <= width {
            let (context, sign) = self.context(channel, x);
            if context != 0 {
                self.current[channel][x] = self.regular(channel, x, context, sign)?;
                x += 1;
                continue;
            }
            let last = self.current[channel][x - 1];
            let length = self.run(channel, width + 1 - x)?;
            self.current[channel][x..x + length].fill(last);
            x += length;
            if x <= width {
                let above = self.above[channel][x];
                self.current[channel][x] = self.after_run(channel, last, above, true)?;
                self.runs[channel] = self.runs[channel].saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// Reads the lines of all channels, pixel by pixel.
    pub fn pixels(&mut self) -> Result<()> {
        let (width, channels) = (self.current[0].len() - 2, self.current.len());
        let mut x = 1;
        while x <= width {
            if (0..channels).any(|channel| self.context(channel, x).0 != 0) {
                for channel in 0..channels {
                    let (context, sign) = self.context(channel, x);
                    self.current[channel][x] = self.regular(channel, x, context, sign)?;
                }
                x += 1;
                continue;
            }
            let length = self.run(0, width + 1 - x)?;
            for line in &mut self.current {
                let last = line[x - 1];
                line[x..x + length].fill(last);
            }
            x += length;
            if x <= width {
                for channel in 0..channels {
                    let last = self.current[channel][x - 1];
                    let above = self.above[channel][x];
                    self.current[channel][x] = self.after_run(channel, last, above, false)?;
                }
                self.runs[0] = self.runs[0].saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// The values to the left, above, above to the left and above to the right (Ra, Rb, Rc, Rd).
    fn around(&self, channel: usize, x: usize) -> [i32; 4] {
        let (current, above) = (&self.current[channel], &self.above[channel]);
        [current[x - 1], above[x], above[x - 1], above[x + 1]]
    }

    /// The context of a value, 0 for a run, and the sign of its errors (section A.3.4).
    fn context(&self, channel: usize, x: usize) -> (usize, i32) {
        let [left, up, corner, right] = self.around(channel, x);
        let classes = [right - up, up - corner, corner - left].map(|d| self.coding.class(d));
        let number = 81 * classes[0] + 9 * classes[1] + classes[2];
        (
            number.unsigned_abs() as usize,
            if number < 0 { -1 } else { 1 },
        )
    }

    /// Sections A.4 to A.6.
    fn regular(&mut self, channel: usize, x: usize, context: usize, sign: i32) -> Result<i32> {
        let [left, up, corner, _] = self.around(channel, x);
        let (low, high) = (left.min(up), left.max(up));
        let prediction = if corner >= high {
            low
        } else if corner <= low {
            high
        } else {
            left + up - corner
        };
        let coding = &self.coding;
        let context = &mut self.contexts[context];
        let prediction = (prediction + sign * context.correction).clamp(0, coding.most);
        let plain = context.plain_bits(context.sizes);
        let code = self.bits.code(plain, coding.limit, coding.bits)?;
        let half = coding.error((code >> 1) as i32)?;
        let turned = coding.near == 0 && plain == 0 && 2 * context.bias <= -context.count;
        let error = if (code & 1 == 1) == turned {
            half
        } else {
            -half - 1
        };
        context.add(error, coding);
        Ok(coding.value(prediction, sign * error))
    }

    /// The length of a run of at most `most` values (section A.7.1).
    fn run(&mut self, channel: usize, most: usize) -> Result<usize> {
        let mut length = 0;
        let number = &mut self.runs[channel];
        while self.bits.take(1)? == 1 {
            let part = 1 << RUN_BITS[*number];
            if length + part > most {
                return Ok(most);
            }
            length += part;
            *number = (*number + 1).min(RUN_BITS.len() - 1);
            if length == most {
                return Ok(most);
            }
        }
        length += self.bits.take(RUN_BITS[*number].into())? as usize;
        // The value that ends the run is in the line.
        if length >= most {
            return Err(damaged(NAME, "its JPEG-LS has a run beyond its line"));
        }
        Ok(length)
    }

    /// The value that ends a run (section A.7.2). Where pixels are coded, it never counts as that
    /// of its own context that the value above is `last`.
    fn after_run(&mut self, channel: usize, last: i32, above: i32, alone: bool) -> Result<i32> {
        let coding = &self.coding;
        let same = alone && (last - above).abs() <= coding.near;
        let context = &mut self.after_runs[usize::from(same)];
        let number = if alone { channel } else { 0 };
        let limit = coding.limit - u32::from(RUN_BITS[self.runs[number]]) - 1;
        let kind = u32::from(same);
        let plain = context.plain_bits(context.sizes + i64::from(kind) * (context.count >> 1));
        let code = self.bits.code(plain, limit, coding.bits)?;
        let odd = (code + kind) & 1 == 1;
        let size = coding.error((code + kind).div_ceil(2) as i32)?;
        let mostly_negative = plain != 0 || 2 * context.bias >= context.count;
        let error = if odd == mostly_negative { -size } else { size };
        context.bias += i64::from(error < 0);
        context.sizes += i64::from((code + 1 - kind) >> 1);
        if context.count == coding.reset {
            context.sizes >>= 1;
            context.bias >>= 1;
            context.count >>= 1;
        }
        context.count += 1;
        if same {
            return Ok(coding.value(last, error));
        }
        let sign = if last > above { -1 } else { 1 };
        Ok(coding.value(above, sign * error))
    }
}

/// The bits of a scan, the highest of each byte first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits are the highest ones of the lowest `count`.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            count: 0,
        }
    }

    /// Bytes up to the marker that ends the scan.
    fn used(&self) -> usize {
        let rest = self
            .data
            .get(self.at.saturating_sub(8)..)
            .unwrap_or_default();
        let marker = rest
            .windows(2)
            .position(|two| two[0] == 0xff && two[1] > 0x7f);
        marker.map_or(self.data.len(), |found| self.at.saturating_sub(8) + found)
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.data.get(self.at) else {
                break;
            };
            // After a byte of ones, a zero bit is put in; with a one it is a marker.
            let stuffed = self.at > 0 && self.data[self.at - 1] == 0xff;
            let marker = byte == 0xff && self.data.get(self.at + 1).is_none_or(|&next| next > 0x7f);
            if marker {
                break;
            }
            let bits = if stuffed { 7 } else { 8 };
            self.buffer = self.buffer << bits | u64::from(byte);
            self.count += bits;
            self.at += 1;
        }
    }

    /// `count` bits, at most 32.
    fn take(&mut self, count: u32) -> Result<u32> {
        if self.count < count {
            self.fill();
        }
        self.count = self
            .count
            .checked_sub(count)
            .ok_or_else(|| truncated(NAME))?;
        Ok((self.buffer >> self.count & ((1 << count) - 1)) as u32)
    }

    /// A number (section A.5.3): how often 2ᵏ is in it, and the `plain` (k) bits that are left, or
    /// one less than itself in `bits` bits where that would be longer than `limit`.
    fn code(&mut self, plain: u32, limit: u32, bits: u32) -> Result<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > limit {
                return Err(damaged(NAME, "its JPEG-LS has too long a code"));
            }
        }
        if zeros + bits + 1 < limit {
            Ok(zeros << plain | self.take(plain)?)
        } else {
            Ok(self.take(bits)? + 1)
        }
    }
}
