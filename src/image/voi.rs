//! The ways in which a file would have its values shown (DICOM PS3.3, section C.11.2).

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Voi {
    /// As the file calls it; empty where it does not.
    pub name: String,
    pub curve: Curve,
}

/// Brightness by value.
#[derive(Debug, Clone, PartialEq)]
pub enum Curve {
    /// A line from black to white, which are finite, black below white.
    Linear { black: f32, white: f32 },
    /// 1 / (1 + exp(−4 (value − centre) / width)); both are finite, and the width is above 0.
    Sigmoid { centre: f32, width: f32 },
    /// The brightness, 0..=1, of the values from `first` on in steps of 1; there are at least two.
    Lut { first: f32, brightness: Vec<f32> },
}

/// How many widths around its centre a sigmoid changes by a gray of 16 bits.
const SIGMOID_REACH: f32 = 3.0;

impl Curve {
    /// The brightness of `value`, 0..=1.
    pub fn brightness(&self, value: f64) -> f64 {
        match self {
            Curve::Linear { black, white } => {
                let (black, white) = (f64::from(*black), f64::from(*white));
                ((value - black) / (white - black)).clamp(0.0, 1.0)
            }
            Curve::Sigmoid { centre, width } => {
                let widths = (value - f64::from(*centre)) / f64::from(*width);
                1.0 / (1.0 + (-4.0 * widths).exp())
            }
            Curve::Lut { first, brightness } => {
                let at = (value - f64::from(*first)).round().max(0.0) as usize;
                let found = brightness.get(at).or(brightness.last());
                f64::from(found.copied().unwrap_or(0.0))
            }
        }
    }

    /// Black and white of the window that is most like it.
    pub fn window(&self) -> [f32; 2] {
        match self {
            Curve::Linear { black, white } => [*black, *white],
            Curve::Sigmoid { centre, width } => [centre - width / 2.0, centre + width / 2.0],
            Curve::Lut { first, brightness } => {
                // What lies before and behind the part that changes is black or white anyway.
                let start = brightness.chunk_by(|a, b| a == b).next();
                let end = brightness.chunk_by(|a, b| a == b).next_back();
                let black = start.map_or(0, |same| same.len() - 1);
                let white = end.map_or(0, |same| brightness.len() - same.len());
                let ends = if black < white {
                    [black, white]
                } else {
                    [0, brightness.len().max(2) - 1]
                };
                ends.map(|at| first + at as f32)
            }
        }
    }

    /// The values between which brightness changes, first and last.
    pub fn reach(&self) -> [f32; 2] {
        match self {
            Curve::Linear { black, white } => [*black, *white],
            Curve::Sigmoid { centre, width } => {
                [-SIGMOID_REACH, SIGMOID_REACH].map(|widths| centre + widths * width)
            }
            Curve::Lut { first, brightness } => {
                [*first, first + (brightness.len().max(2) - 1) as f32]
            }
        }
    }
}
