//! A shape's numbers relative to those of the examples, so that a ranking that was learned on other
//! images holds for this one.

use super::prior;
use super::region::Region;

/// Numbers of a shape that are relative to the examples' ones.
const OWN: usize = 25;
/// All numbers of a shape, with those of what the U-Net sees.
pub const COUNT: usize = OWN + prior::COUNT;

/// By how much the logarithm of examples' areas is taken to spread before they are known, and
/// how many examples that counts for.
const SPREAD: f64 = 0.5;
const PRIOR: f64 = 2.0;

/// What the examples are like: weighted medians, of which large, round ones weigh more.
#[derive(Debug, Clone, PartialEq)]
pub struct Typical {
    /// 1 where objects are brighter than what is around them, else -1.
    pub sign: f32,
    area: f64,
    spread: f64,
    solidity: f64,
    fall: f64,
    contrast: f64,
    step: f64,
    gradient: f64,
    texture: f64,
    axes: f64,
}

impl Typical {
    /// Of regions in which the image is as it is; nothing where there is none.
    pub fn of(examples: &[Region]) -> Option<Self> {
        let weight = |r: &Region| f64::from(r.area).sqrt() * f64::from(r.solidity).powi(2);
        let median = |number: &dyn Fn(&Region) -> f64| {
            weighted_median(examples.iter().map(|r| (number(r), weight(r))).collect())
        };
        let area = median(&|r| f64::from(r.area).ln())?;
        let bright = |r: &Region| f64::from(r.contrast * r.area * r.solidity);
        let sign = if examples.iter().map(bright).sum::<f64>() < 0.0 {
            -1.0
        } else {
            1.0
        };
        let weights: f64 = examples.iter().map(weight).sum();
        let square = |r: &Region| weight(r) * (f64::from(r.area).ln() - area).powi(2);
        let variance = examples.iter().map(square).sum::<f64>() / weights;
        let count = examples.len() as f64;
        let spread = (variance * count + SPREAD * SPREAD * PRIOR) / (count + PRIOR);
        let signed = |x: f32| f64::from(x) * sign;
        Some(Self {
            sign: sign as f32,
            area,
            spread: spread.sqrt(),
            solidity: median(&|r| f64::from(r.solidity))?,
            fall: median(&|r| f64::from(r.inside - r.rim))?,
            contrast: median(&|r| signed(r.contrast))?.max(1e-4),
            step: median(&|r| signed(r.step))?.max(1e-4),
            gradient: median(&|r| f64::from(r.gradient))?.max(1e-4),
            texture: median(&|r| f64::from(r.texture))?.max(1e-4),
            axes: median(&|r| f64::from(r.axes))?,
        })
    }

    /// For objects whose areas are larger by this factor.
    pub fn scaled(self, area: f64) -> Self {
        Self {
            area: self.area + area.ln(),
            ..self
        }
    }

    /// What the ranking looks at besides what the U-Net sees.
    pub fn numbers(&self, region: &Region) -> [f32; OWN] {
        let signed = |x: f32| f64::from(x * self.sign);
        let z = (f64::from(region.area).ln() - self.area) / self.spread;
        let solidity = f64::from(region.solidity);
        let [inside, rim, around] = [region.inside, region.rim, region.around].map(f64::from);
        let contrast = signed(region.contrast) / self.contrast;
        let step = signed(region.step) / self.step;
        let gradient = f64::from(region.gradient) / self.gradient;
        let texture = (f64::from(region.texture) / self.texture)
            .clamp(0.1, 10.0)
            .ln();
        let axes = f64::from(region.axes);
        let cut = f64::from(u8::from(region.cut));
        let (even, log) = (
            |x: f64| x.clamp(-1.0, 2.0),
            |x: f64| x.clamp(0.05, 4.0).ln(),
        );
        [
            z.clamp(-4.0, 4.0),
            (z.clamp(-5.0, 0.0) + 1.0).min(0.0),
            (z.clamp(0.0, 5.0) - 1.0).max(0.0),
            solidity,
            (solidity - self.solidity).min(0.0),
            inside,
            rim,
            around,
            f64::from(region.open),
            f64::from(region.tenth),
            inside - rim,
            inside - around,
            (inside - rim - self.fall).min(0.0),
            even(contrast),
            log(contrast),
            even(step),
            log(step),
            even(gradient),
            log(gradient),
            texture,
            texture.abs(),
            axes,
            (axes - self.axes).min(0.0),
            cut,
            cut * z.min(0.0),
        ]
        .map(|x| x as f32)
    }
}

/// The value with at least half of the weight up to it, of pairs of value and weight.
pub fn weighted_median(mut pairs: Vec<(f64, f64)>) -> Option<f64> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let reaches = |pair: &&(f64, f64)| {
        sum += pair.1;
        sum >= half
    };
    let found = pairs.iter().find(reaches).or(pairs.last());
    found.map(|pair| pair.0)
}
