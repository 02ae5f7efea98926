//! Maps, `(1, channels, height, width)`, in strips of rows.

use burn::tensor::Tensor;

use crate::model::elementwise::on_cpu;
use crate::model::kernels;

/// Rows of a strip.
const ROWS: usize = 32;

/// What lies beyond a map.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Zero,
    /// Its outermost row.
    Border,
}

/// A map in strips that are equally high.
#[derive(Clone)]
pub struct Strips(Source);

#[derive(Clone)]
enum Source {
    Whole(Vec<Tensor<4>>),
    /// Some of a map's channels, from the first of them on.
    Channels(Box<Source>, usize, usize),
    /// Twice as high and wide, bilinearly.
    Doubled(Vec<Tensor<4>>),
    /// Of four pixels in the place of one, whose values follow on each other in the channels.
    Shuffled(Vec<Tensor<4>>),
}

impl Source {
    fn count(&self) -> usize {
        match self {
            Self::Whole(strips) => strips.len(),
            Self::Channels(of, ..) => of.count(),
            Self::Doubled(strips) | Self::Shuffled(strips) => strips.len() * 2,
        }
    }

    fn channels(&self) -> usize {
        let channels = |strips: &[Tensor<4>]| strips.first().map_or(0, |strip| strip.dims()[1]);
        match self {
            Self::Whole(strips) | Self::Doubled(strips) => channels(strips),
            Self::Channels(_, _, count) => *count,
            Self::Shuffled(strips) => channels(strips) / 4,
        }
    }

    fn strip(&self, at: usize) -> Tensor<4> {
        match self {
            Self::Whole(strips) => strips[at].clone(),
            Self::Channels(of, first, count) => of.strip(at).narrow(1, *first, *count),
            Self::Doubled(strips) => {
                let half = half(strips, at);
                doubled(half)
            }
            Self::Shuffled(strips) => {
                let [_, _, rows, _] = strips[at / 2].dims();
                let x = strips[at / 2].clone();
                shuffled(x.narrow(2, at % 2 * (rows / 2), rows / 2))
            }
        }
    }
}

/// Half of a strip, with the row above and below.
fn half(strips: &[Tensor<4>], at: usize) -> Tensor<4> {
    let whole = Strips(Source::Whole(strips.to_vec()));
    let around = whole.around(at / 2, 1, Beyond::Border);
    let rows = (around.dims()[2] - 2) / 2;
    around.narrow(2, at % 2 * rows, rows + 2)
}

/// Twice as high and wide a strip, which comes with the row above and below.
fn doubled(x: Tensor<4>) -> Tensor<4> {
    if on_cpu(&x) {
        return kernels::double(x);
    }
    let [_, channels, rows, width] = x.dims();
    let rows = rows - 2;
    let near = x.clone().narrow(2, 1, rows) * 0.75;
    let upper = near.clone() + x.clone().narrow(2, 0, rows) * 0.25;
    let lower = near + x.narrow(2, 2, rows) * 0.25;
    let tall = Tensor::stack::<5>(vec![upper, lower], 3);
    let tall: Tensor<4> = tall.reshape([1, channels, 2 * rows, width]);
    let first = tall.clone().narrow(3, 0, 1);
    let last = tall.clone().narrow(3, width - 1, 1);
    let quarter = Tensor::cat(vec![first, tall.clone(), last], 3) * 0.25;
    let near = tall * 0.75;
    let left = near.clone() + quarter.clone().narrow(3, 0, width);
    let right = near + quarter.narrow(3, 2, width);
    let wide = Tensor::stack::<5>(vec![left, right], 4);
    wide.reshape([1, channels, 2 * rows, 2 * width])
}

fn shuffled(x: Tensor<4>) -> Tensor<4> {
    let [_, channels, rows, width] = x.dims();
    let x: Tensor<5> = x.reshape([channels / 4, 2, 2, rows, width]);
    let x = x.permute([0, 3, 1, 4, 2]);
    x.reshape([1, channels / 4, 2 * rows, 2 * width])
}

impl Strips {
    /// Of strips that are equally high.
    pub fn new(strips: Vec<Tensor<4>>) -> Self {
        Self(Source::Whole(strips))
    }

    /// Of a whole map.
    pub fn of(map: Tensor<4>) -> Self {
        let [_, _, height, _] = map.dims();
        // Equally high ones that can be halved.
        let rows = if height % ROWS == 0 { ROWS } else { height };
        Self::new(map.split(rows, 2))
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    pub fn channels(&self) -> usize {
        self.0.channels()
    }

    pub fn strip(&self, at: usize) -> Tensor<4> {
        self.0.strip(at)
    }

    /// All strips, each made when it is asked for.
    pub fn into_strips(self) -> impl Iterator<Item = Tensor<4>> {
        (0..self.count()).map(move |at| self.strip(at))
    }

    /// So many channels in the middle.
    pub fn middle_channels(self, count: usize) -> Self {
        let first = (self.channels() - count) / 2;
        Self(Source::Channels(Box::new(self.0), first, count))
    }

    /// Twice as high and wide, bilinearly, made strip by strip.
    pub fn doubled(self) -> Self {
        match self.0 {
            Source::Whole(strips) => Self(Source::Doubled(strips)),
            _ => Self(Source::Doubled(self.into_strips().collect())),
        }
    }

    /// Of four channels a pixel's four, made strip by strip.
    pub fn shuffled(self) -> Self {
        match self.0 {
            Source::Whole(strips) => Self(Source::Shuffled(strips)),
            _ => Self(Source::Shuffled(self.into_strips().collect())),
        }
    }

    /// The strip `at` with so many rows above and below it.
    fn around(&self, at: usize, rows: usize, beyond: Beyond) -> Tensor<4> {
        let strip = self.strip(at);
        let above = at.checked_sub(1).map(|at| self.strip(at));
        let below = (at + 1 < self.count()).then(|| self.strip(at + 1));
        with_rows(above, strip, below, rows, beyond)
    }
}

/// A strip with rows of its neighbours.
fn with_rows(
    above: Option<Tensor<4>>,
    strip: Tensor<4>,
    below: Option<Tensor<4>>,
    rows: usize,
    beyond: Beyond,
) -> Tensor<4> {
    let [_, channels, height, width] = strip.dims();
    let outside = |at: usize| match beyond {
        Beyond::Zero => Tensor::zeros([1, channels, rows, width], &strip.device()),
        Beyond::Border => strip.clone().narrow(2, at, 1).repeat_dim(2, rows),
    };
    let above = above.map_or_else(
        || outside(0),
        |above| {
            let height = above.dims()[2];
            above.narrow(2, height - rows, rows)
        },
    );
    let below = below.map_or_else(|| outside(height - 1), |below| below.narrow(2, 0, rows));
    Tensor::cat(vec![above, strip, below], 2)
}

/// A map that is given up strip by strip.
pub struct Taken {
    map: Strips,
    above: Option<Tensor<4>>,
    strip: Option<Tensor<4>>,
    at: usize,
}

impl Taken {
    pub fn new(map: Strips) -> Self {
        Self {
            map,
            above: None,
            strip: None,
            at: 0,
        }
    }

    pub fn count(&self) -> usize {
        self.map.count()
    }

    /// The next strip less `mean`, `(1, channels, 1, 1)`, where there is one, with a row above and
    /// below, which are zero where the map ends.
    pub fn next_less(&mut self, mean: Option<&Tensor<4>>) -> Tensor<4> {
        let less = |strip: Tensor<4>| match mean {
            Some(mean) => strip - mean.clone(),
            None => strip,
        };
        let strip = self.strip.take();
        let strip = strip.unwrap_or_else(|| less(self.map.strip(self.at)));
        self.give_up(self.at);
        let next = self.at + 1;
        let below = (next < self.count()).then(|| less(self.map.strip(next)));
        let x = with_rows(
            self.above.take(),
            strip.clone(),
            below.clone(),
            1,
            Beyond::Zero,
        );
        let rows = strip.dims()[2];
        self.above = Some(strip.narrow(2, rows - 1, 1));
        self.strip = below;
        self.at = next;
        x
    }

    /// Frees a strip that is not asked for again.
    fn give_up(&mut self, at: usize) {
        if let Source::Whole(strips) = &mut self.map.0
            && let Some(strip) = strips.get_mut(at)
        {
            *strip = Tensor::zeros([1, 1, 1, 1], &strip.device());
        }
    }
}

/// Mean and variance over a strip's pixels, each `(1, channels, 1, 1)`.
pub fn moments(strip: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let [_, channels, rows, width] = strip.dims();
    let rows_of = strip.reshape([channels, rows * width]);
    let mean = rows_of.clone().mean_dim(1);
    let variance = (rows_of - mean.clone()).square().mean_dim(1);
    let shape = [1, channels, 1, 1];
    (mean.reshape(shape), variance.reshape(shape))
}

/// Mean and variance of strips that are equally large.
pub fn together(strips: &[(Tensor<4>, Tensor<4>)]) -> (Tensor<4>, Tensor<4>) {
    let means = strips.iter().map(|(mean, _)| mean.clone()).collect();
    let within = strips.iter().map(|(_, within)| within.clone()).collect();
    let means = Tensor::cat(means, 2);
    let mean = means.clone().mean_dim(2);
    let between = (means - mean.clone()).square().mean_dim(2);
    (mean, Tensor::cat(within, 2).mean_dim(2) + between)
}
