//! `graysam measure`: how fast a model is on a device.

use clap::Args;
use graysam::device;
use graysam::measure::{self, Measured, Rates};
use graysam::settings::SettingRange;
use graysam::{Result, model::kernels};
use serde::Serialize;

use super::files::print_json;
use super::options::{ModelOptions, ranged, setting};

const RUNS: SettingRange = SettingRange {
    default: 5.0,
    min: 1.0,
    max: 1000.0,
    integer: true,
};

/// Print how fast a model is on a device, as JSON
///
/// These are medians: seconds of an encoding, of a click and of a training step, and the rate of a
/// large matrix product; and the memory that the GPU's allocator holds. On a GPU that is no software its kernels are
/// measured, too.
#[derive(Args)]
pub struct Measure {
    #[command(flatten)]
    model: ModelOptions,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = ranged("Runs of each", RUNS),
        default_value_t = RUNS.default as usize, value_parser = setting::<usize>("runs", RUNS))]
    runs: usize,
}

#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    model: Measured,
    /// On a GPU.
    kernels: Option<Rates>,
}

impl Measure {
    pub fn run(&self) -> Result<()> {
        let opened = self.model.open_device()?;
        if opened.is_gpu {
            kernels::use_tiles(device::block_on(measure::fastest_tiles(&opened.device))?);
            // What that took is no part of the model's memory.
            opened.device.memory_cleanup();
        }
        let mut predictor = self.model.open_on(&opened.device)?;
        let model = measure::measured(&opened, &mut predictor, self.runs);
        let model = device::block_on(model)?;
        let kernels = match opened.is_gpu {
            true => Some(device::block_on(measure::rates(&opened.device))?),
            false => None,
        };
        print_json(&Printed { model, kernels })
    }
}
