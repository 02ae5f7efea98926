//! `graysam check-gpu`: whether the GPU computes rightly.

use std::time::Instant;

use clap::Args;
use graysam::device::{self, Capabilities};
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
}

impl CheckGpu {
    pub fn run(&self) -> Result<()> {
        let capabilities = match self.guaranteed {
            true => Capabilities::Guaranteed,
            false => Capabilities::Adapter,
        };
        let opened = device::block_on(device::open_gpu(capabilities))?;
        println!("{}", opened.name);
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
            println!("All is right ({time}, {seconds:.2} s).");
        }
        Ok(())
    }
}
