//! Times of a device.

use burn::tensor::{Device, Tensor};
use burn_cubecl::cubecl;
use cubecl::profile::Instant;

use crate::device;
use crate::error::{Error, Result};
use crate::model::kernels::Stopwatch;

/// What is timed takes so many seconds at least, as browsers round a GPU's clock to a tenth of a millisecond.
const LEAST: f64 = 0.01;
const MOST_TIMES: usize = 50;

/// By what time is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The device's own where it has one.
    Device,
    /// The one on the wall, which every browser has.
    Wall,
}

/// Seconds that `device` is at `work` once; 0 where that is too short for the clock. The first time does not count, as
/// programs are compiled in it.
///
/// # Errors
/// When the device fails, or its clock tells no time.
pub async fn seconds<const D: usize>(
    device: &Device,
    clock: Clock,
    work: impl Fn() -> Tensor<D>,
) -> Result<f64> {
    device::settle(&work()).await?;
    let mut times = 1;
    loop {
        let seconds = timed(device, clock, &work, times).await?;
        if seconds * times as f64 >= LEAST || times >= MOST_TIMES {
            return Ok(seconds);
        }
        // The wait for the GPU's answer counts for less each time.
        let wanted = (LEAST / seconds).ceil() as usize;
        times = wanted.max(2 * times).min(MOST_TIMES);
    }
}

/// How fast something is that takes so many multiplications and additions, in 10¹² of them in a second.
///
/// # Errors
/// When it was too short for the clock.
pub fn tflops(flop: f64, seconds: f64) -> Result<f64> {
    if seconds <= 0.0 {
        return Err(Error::new(
            "This browser's clock is too coarse to measure the GPU.",
        ));
    }
    Ok(flop / seconds / 1e12)
}

async fn timed<const D: usize>(
    device: &Device,
    clock: Clock,
    work: &impl Fn() -> Tensor<D>,
    times: usize,
) -> Result<f64> {
    let watch = (clock == Clock::Device && device::has_timestamps(device))
        .then(|| Stopwatch::start(Tensor::zeros([1], device)));
    let start = Instant::now();
    let mut result = work();
    for _ in 1..times {
        result = work();
    }
    let by_gpu = match watch {
        Some(watch) => device::awaited(watch.stop()).await,
        None => None,
    };
    device::settle(&result).await?;
    let seconds = match (by_gpu, clock) {
        (Some(seconds), _) => seconds,
        (None, Clock::Device) if device::has_timestamps(device) => {
            return Err(Error::new("The GPU's clock told no time; try it again."));
        }
        _ => start.elapsed().as_secs_f64(),
    };
    Ok(seconds / times as f64)
}

/// # Errors
/// Where there are none.
pub fn median(seconds: &[f64]) -> Result<f64> {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => Err(Error::new("There is nothing to take a median of.")),
        (Some(upper), 0) => Ok((sorted[middle - 1] + upper) / 2.0),
        (Some(middle), _) => Ok(*middle),
    }
}
