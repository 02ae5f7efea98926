//! The value distribution of an image, from which its display windows follow.

use super::decode::{Composite, Gray, Rgb, Samples};

/// The value distribution of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    pub min: f32,
    pub max: f32,
    /// The window of [`Window::Percentile`](super::display::Window::Percentile).
    pub low: f32,
    pub high: f32,
    /// The window of [`Window::Full`](super::display::Window::Full).
    pub full_min: f32,
    pub full_max: f32,
    /// Pixels in 256 equal bins from `min` to `max`.
    pub histogram: [u32; 256],
}

/// The 0.1st and 99.9th.
const PERCENTILES: [f64; 2] = [0.001, 0.999];

/// The levels of a grayscale image. Pixels that are NaN or infinite do not count.
pub fn levels(gray: &Gray) -> Levels {
    let distribution = Distribution::of(&gray.samples);
    let (min, max) = distribution.min_max();
    let (low, high) = percentile_window(gray, &distribution);
    let (full_min, full_max) = full_range(&gray.samples);
    Levels {
        min,
        max,
        low,
        high,
        full_min,
        full_max,
        histogram: distribution.histogram((min, max)),
    }
}

/// The levels of a colour image, which no window changes: 0 to 255 throughout, and the histogram
/// of its BT.601 luma.
pub fn levels_rgb(rgb: &Rgb) -> Levels {
    let mut histogram = [0; 256];
    for pixel in rgb.pixels.chunks_exact(3) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        histogram[((299 * r + 587 * g + 114 * b + 500) / 1000) as usize] += 1;
    }
    Levels {
        min: 0.0,
        max: 255.0,
        low: 0.0,
        high: 255.0,
        full_min: 0.0,
        full_max: 255.0,
        histogram,
    }
}

/// The levels of planes that share a window: that of the widest range, and all their pixels.
pub fn levels_composite(composite: &Composite) -> Levels {
    let mut all: Vec<(Levels, Distribution)> = composite
        .planes()
        .map(|plane| (levels(plane), Distribution::of(&plane.samples)))
        .collect();
    let Some((mut merged, first)) = all.pop() else {
        return levels_rgb(&Rgb::black(0));
    };
    for (levels, _) in &all {
        merged.min = merged.min.min(levels.min);
        merged.max = merged.max.max(levels.max);
        merged.low = merged.low.min(levels.low);
        merged.high = merged.high.max(levels.high);
        merged.full_min = merged.full_min.min(levels.full_min);
        merged.full_max = merged.full_max.max(levels.full_max);
    }
    let range = (merged.min, merged.max);
    merged.histogram = first.histogram(range);
    for (_, distribution) in &all {
        let more = distribution.histogram(range);
        for (bin, more) in merged.histogram.iter_mut().zip(more) {
            *bin = bin.saturating_add(more);
        }
    }
    merged
}

/// Black and white of [`Window::Percentile`](super::display::Window::Percentile).
///
/// Bright objects that cover less than a thousandth of the image lie wholly above the percentile. Where
/// the image reaches further above it than the whole window does below, white is the brightest value
/// that fills a square of 2 × 2 pixels, which a single dead pixel or cosmic ray does not. A mark of one
/// value drawn into the image, such as a scale bar, does not count.
pub(super) fn percentile_window(gray: &Gray, distribution: &Distribution) -> (f32, f32) {
    let (low, high) = distribution.percentiles();
    let (_, max) = distribution.min_max();
    let reaches = |top: f32| top - high > high - low;
    if !reaches(max) {
        return (low, high);
    }
    let top = match &gray.samples {
        Samples::U8(v) => brightest_square(v, gray.width, high, max, f32::from),
        Samples::U16(v) => brightest_square(v, gray.width, high, max, f32::from),
        Samples::F32(v) => brightest_square(v, gray.width, high, max, |v| v),
    };
    (low, top.filter(|top| reaches(*top)).unwrap_or(high))
}

/// The largest value that 2 × 2 pixels reach; without those of `max`, if most of those above `high`
/// have it.
fn brightest_square<T: Copy>(
    values: &[T],
    width: usize,
    high: f32,
    max: f32,
    value: impl Fn(T) -> f32,
) -> Option<f32> {
    let above = |v: &&T| value(**v).is_finite() && value(**v) > high;
    let (bright, same) = values.iter().filter(above).fold((0, 0), |(all, same), v| {
        (all + 1, same + usize::from(value(*v) == max))
    });
    let is_mark = 2 * same > bright;
    let counts = |v: T| {
        let v = value(v);
        if v.is_finite() && !(is_mark && v == max) {
            v
        } else {
            f32::NEG_INFINITY
        }
    };
    let mut rows = values.chunks_exact(width.max(1));
    let mut upper = rows.next()?;
    let mut top = f32::NEG_INFINITY;
    for lower in rows {
        for (a, b) in upper.windows(2).zip(lower.windows(2)) {
            // Most pixels are dark.
            if value(a[0]) > top {
                let least = [a[0], a[1], b[0], b[1]].map(&counts);
                top = top.max(least.into_iter().fold(f32::INFINITY, f32::min));
            }
        }
        upper = lower;
    }
    top.is_finite().then_some(top)
}

/// Black and white of [`Window::Full`](super::display::Window::Full).
pub(super) fn full_range(samples: &Samples) -> (f32, f32) {
    match samples {
        Samples::U8(_) => (0.0, 255.0),
        Samples::U16(_) => (0.0, 65_535.0),
        Samples::F32(_) => match Distribution::of(samples).min_max() {
            (min, max) if min >= 0.0 && max <= 1.0 => (0.0, 1.0),
            min_max => min_max,
        },
    }
}

/// Values in a form whose order statistics are cheap.
pub(super) enum Distribution<'a> {
    /// Pixels of each integer value.
    Counts(Vec<u32>),
    Floats(&'a [f32]),
}

impl<'a> Distribution<'a> {
    pub(super) fn of(samples: &'a Samples) -> Self {
        match samples {
            Samples::U8(v) => Self::Counts(count(v, 256)),
            Samples::U16(v) => Self::Counts(count(v, 65_536)),
            Samples::F32(v) => Self::Floats(v),
        }
    }

    /// (0, 0) without any finite pixel.
    pub(super) fn min_max(&self) -> (f32, f32) {
        match self {
            Self::Counts(counts) => {
                let first = counts.iter().position(|&n| n > 0).unwrap_or(0);
                let last = counts.iter().rposition(|&n| n > 0).unwrap_or(0);
                (first as f32, last as f32)
            }
            Self::Floats(values) => finite(values)
                .map(|v| (v, v))
                .reduce(|(low, high), (v, _)| (low.min(v), high.max(v)))
                .unwrap_or_default(),
        }
    }

    /// The values of the nearest rank; smallest and largest if these are equal.
    pub(super) fn percentiles(&self) -> (f32, f32) {
        let rank =
            |n: usize| PERCENTILES.map(|p| (p * n.saturating_sub(1) as f64).round() as usize);
        let (low, high) = match self {
            Self::Counts(counts) => {
                let [low, high] = rank(counts.iter().map(|&n| n as usize).sum());
                (value_at(counts, low), value_at(counts, high))
            }
            Self::Floats(values) => {
                let mut values: Vec<f32> = finite(values).collect();
                let [low, high] = rank(values.len());
                if values.is_empty() {
                    return (0.0, 0.0);
                }
                let (below, &mut at_high, _) = values.select_nth_unstable_by(high, f32::total_cmp);
                if low == high {
                    (at_high, at_high)
                } else {
                    let (_, &mut at_low, _) = below.select_nth_unstable_by(low, f32::total_cmp);
                    (at_low, at_high)
                }
            }
        };
        if low < high {
            (low, high)
        } else {
            self.min_max()
        }
    }

    fn histogram(&self, (min, max): (f32, f32)) -> [u32; 256] {
        let mut histogram = [0; 256];
        let scale = if max > min {
            256.0 / (f64::from(max) - f64::from(min))
        } else {
            0.0
        };
        let bin = |v: f64| (((v - f64::from(min)) * scale) as usize).min(255);
        match self {
            Self::Counts(counts) => {
                for (value, &n) in counts.iter().enumerate() {
                    histogram[bin(value as f64)] += n;
                }
            }
            Self::Floats(values) => {
                for value in finite(values) {
                    histogram[bin(f64::from(value))] += 1;
                }
            }
        }
        histogram
    }
}

fn finite(values: &[f32]) -> impl Iterator<Item = f32> {
    values.iter().copied().filter(|value| value.is_finite())
}

fn count<T: Copy + Into<usize>>(values: &[T], size: usize) -> Vec<u32> {
    let mut counts = vec![0; size];
    for &value in values {
        counts[value.into()] += 1;
    }
    counts
}

/// The value of the pixel at `rank` in ascending order.
fn value_at(counts: &[u32], rank: usize) -> f32 {
    let mut seen = 0;
    let reaches = |&n: &u32| {
        seen += n as usize;
        seen > rank
    };
    counts.iter().position(reaches).unwrap_or(0) as f32
}
