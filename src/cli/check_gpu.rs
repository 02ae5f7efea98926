//! `graysam check-gpu`: whether the GPU computes rightly.

use std::time::Instant;

use clap::Args;
use graysam::device::{self, Capabilities};
use graysam::measure::{self, Rates};
use graysam::model::kernels;
use graysam::{Error, Result, gpu_check};

/// Check on the GPU what the page checks before it trusts one
///
/// Each kernel, in shapes of the models, and a small decoder with its gradients are compared with what the CPU computes.
/// Fails where anything is wrong.
#[derive(Args)]
pub struct CheckGpu {
    /// Use no more of the GPU than WebGPU guarantees
    #[arg(long)]
    guaranteed: bool,
    /// Print how fast the kernels are; minutes on a software adapter
    #[arg(long)]
    rates: bool,
}

impl CheckGpu {
    pub fn run(&self) -> Result<()> {
        let capabilities = match self.guaranteed {
            true => Capabilities::Guaranteed,
            false => Capabilities::Adapter,
        };
        let opened = device::block_on(device::open_gpu(capabilities))?;
        println!("{}", opened.name);
        if self.rates || opened.is_gpu {
            let tiles = device::block_on(measure::fastest_tiles(&opened.device))?;
            kernels::use_tiles(tiles);
            println!("The fastest tiles: {tiles}.");
        }
        let tiles = kernels::tiles();
        // The first time its programs are compiled, which a browser keeps.
        for time in ["the first time", "again"] {
            let start = Instant::now();
            let faults = device::block_on(gpu_check::check(&opened.device))?;
            let seconds = start.elapsed().as_secs_f64();
            if let Some(told) = gpu_check::sentence(&faults) {
                faults
                    .iter()
                    .for_each(|fault| println!("{}: {:.1e}", fault.shape, fault.error));
                return Err(Error::new(told));
            }
            if kernels::tiles() != tiles {
                return Err(Error::new(gpu_check::wrong_tiles(tiles)));
            }
            println!("All is right ({time}, {seconds:.2} s).");
        }
        if self.rates {
            print(&device::block_on(measure::rates(&opened.device))?);
        }
        Ok(())
    }
}

fn print(rates: &Rates) {
    let clock = match rates.by_gpu_clock {
        true => "by the GPU's clock",
        false => "by the clock on the wall",
    };
    println!(
        "A plain product: {:.3} TFLOP/s, {clock}.",
        rates.product_tflops
    );
    println!(
        "{:<28} {:>10} {:>9} {:>11} {:>11}",
        "", "ms", "TFLOP/s", "of product", "of encoder"
    );
    for rate in &rates.kernels {
        let part = rate.of_encoder.map(|part| format!("{part:.0} %"));
        println!(
            "{:<28} {:>10.3} {:>9.3} {:>9.0} % {:>11}",
            rate.name,
            1e3 * rate.seconds,
            rate.tflops,
            rate.of_product,
            part.unwrap_or_default(),
        );
    }
}
