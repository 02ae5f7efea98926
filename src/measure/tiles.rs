//! Which tiles of linear layers are the fastest on a GPU.

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::f16;

use super::timing::{self, Clock};
use crate::device;
use crate::error::Result;
use crate::model::kernels::{Activation, Tile, Tiles, linear_in};
use crate::weights::noise::noise;

/// Rows, inputs and outputs: of a vision transformer, with a third of its inputs to take less time.
const SIZES: [usize; 3] = [4096, 256, 2304];
/// A tile is taken instead of the usual one where it takes less of its time than this: below that it may be chance.
const GAIN: f64 = 0.95;

/// How often they are measured in turn: a GPU at rest is slow at first.
const ROUNDS: usize = 2;

/// Measures them; a third of a second at 0.4 TFLOP/s, by calculation.
///
/// # Errors
/// When the device fails.
pub async fn fastest_tiles(device: &Device) -> Result<Tiles> {
    let [rows, inputs, outputs] = SIZES;
    let tensor = |name: &str, shape: [usize; 2]| TensorData::new(noise(name, &shape), shape);
    let x: Tensor<2> = Tensor::from_data(tensor("input.weight", [rows, inputs]), device);
    let bias: Tensor<1> = Tensor::zeros([outputs], device);
    let weight = tensor("weight", [inputs, outputs]);
    let time = async |weight: &Tensor<2>, tile| {
        let work = || {
            let (x, weight, bias) = (x.clone(), weight.clone(), bias.clone());
            linear_in(tile, x, weight, bias, Activation::None)
        };
        timing::seconds(device, Clock::Wall, work).await
    };
    let weights = Tensor::from_data(weight.clone(), device);
    let single = fastest(device, async |tile| time(&weights, tile).await).await?;
    if !device::supports_half(device) {
        return Ok(Tiles {
            single,
            half: Tile::default(),
        });
    }
    let weights = Tensor::from_data(weight.convert::<f16>(), (device, DType::F16));
    let half = fastest(device, async |tile| time(&weights, tile).await).await?;
    Ok(Tiles { single, half })
}

async fn fastest(device: &Device, seconds: impl AsyncFn(Tile) -> Result<f64>) -> Result<Tile> {
    let mut least = Tile::ALL.map(|tile| (tile, f64::INFINITY));
    for _ in 0..ROUNDS {
        for (tile, least) in &mut least {
            if device::runs_units(device, tile.layout().units()) {
                *least = least.min(seconds(*tile).await?);
            }
        }
    }
    let usual = Tile::default();
    if least.iter().any(|(_, seconds)| *seconds <= 0.0) {
        // Too short for the clock.
        return Ok(usual);
    }
    for (tile, seconds) in &mut least {
        if *tile == usual {
            *seconds *= GAIN;
        }
    }
    let best = least.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or(usual, |(tile, _)| tile))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen([tall, small, large]: [f64; 3]) -> Tile {
        let seconds = async |tile| {
            Ok(match tile {
                Tile::Tall => tall,
                Tile::Small => small,
                Tile::Large => large,
            })
        };
        device::block_on(fastest(&Device::flex(), seconds)).unwrap()
    }

    #[test]
    fn the_fastest_tile_is_taken_and_the_usual_one_where_that_may_be_chance() {
        assert_eq!(chosen([1.0, 2.0, 0.5]), Tile::Large);
        assert_eq!(chosen([1.0, 0.6, 0.7]), Tile::Small);
        assert_eq!(chosen([1.0, 0.97, 0.96]), Tile::Tall);
        assert_eq!(chosen([1.0, 1.5, 1.2]), Tile::Tall);
        assert_eq!(chosen([1.0, 0.0, 0.0]), Tile::Tall);
    }
}
