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

impl Voi {
    /// What to call it, if it is the one at `index`, from 0: its name, or else what it is.
    pub fn title(&self, index: usize) -> String {
        let number = index.saturating_add(1);
        let name = self.name.trim();
        match &self.curve {
            _ if !name.is_empty() => name.to_owned(),
            Curve::Linear { black, white } => format!("window {number} ({black} to {white})"),
            Curve::Sigmoid { centre, width } => {
                format!("sigmoid {number} (centre {centre}, width {width})")
            }
            Curve::Lut { .. } => format!("table {number}"),
        }
    }

    /// Whether a window says all of it.
    pub fn is_window(&self) -> bool {
        matches!(self.curve, Curve::Linear { .. })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_without_a_name_are_called_by_what_they_are() {
        let way = |name: &str, curve| Voi {
            name: name.to_owned(),
            curve,
        };
        let (black, white) = (-160.0, 239.5);
        let window = way("", Curve::Linear { black, white });
        assert_eq!(window.title(1), "window 2 (-160 to 239.5)");
        let named = way(" NORMAL ", Curve::Linear { black, white });
        assert_eq!(named.title(1), "NORMAL");
        let (centre, width) = (120.0, 60.0);
        let sigmoid = way("", Curve::Sigmoid { centre, width });
        assert_eq!(sigmoid.title(0), "sigmoid 1 (centre 120, width 60)");
        assert!(window.is_window() && !sigmoid.is_window());
    }
}
