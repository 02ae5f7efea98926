//! The device on which the model runs; what differs between the browser and a native program
//! stands here.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::wgpu::{MemoryConfiguration, wgpu};
use burn::tensor::{Device, Tensor};
use gemm::Parallelism;
use serde::Deserialize;
use tsify::Tsify;

use crate::choice::named;
use crate::error::{Error, Result};

/// Which device is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The GPU where there is a real one, else the CPU.
    Auto,
    Cpu,
    #[serde(rename = "webgpu", alias = "gpu")]
    Gpu,
}

impl DeviceChoice {
    /// `auto`, `cpu`, and `gpu` or `webgpu`.
    pub fn parse(text: &str) -> Result<Self> {
        named(text).ok_or_else(|| {
            Error::new(format!(
                "There is no device \u{201c}{text}\u{201d}: choose auto, cpu or gpu."
            ))
        })
    }
}

/// A device that is ready for tensors.
pub struct OpenDevice {
    pub device: Device,
    /// What to call it, for the user.
    pub name: String,
    /// Whether it is a GPU, and no software that stands for one.
    pub is_gpu: bool,
    /// Why the GPU was not taken although it was allowed.
    pub note: Option<String>,
    gpu: Option<wgpu::Device>,
}

impl OpenDevice {
    /// Bytes that the GPU's allocator holds at this moment, where it can tell.
    pub fn reserved_bytes(&self) -> Option<u64> {
        let report = self.gpu.as_ref()?.generate_allocator_report()?;
        Some(report.total_reserved_bytes)
    }
}

/// Opens the device of that choice.
///
/// # Errors
/// When the GPU is asked for by name and there is none.
pub async fn open(choice: DeviceChoice) -> Result<OpenDevice> {
    if choice == DeviceChoice::Cpu {
        return Ok(cpu(None));
    }
    // As in browsers, where there is no other: it also takes the least memory.
    let options = Device::wgpu_options().memory_config(MemoryConfiguration::ExclusivePages);
    let opened = options.init_with_setup_async().await;
    match (opened, choice) {
        (Ok((device, setup)), _) => {
            let info = setup.adapter.get_info();
            let software = info.device_type == wgpu::DeviceType::Cpu;
            if software && choice == DeviceChoice::Auto {
                return Ok(cpu(Some(
                    "the only GPU adapter here is software, which is slower than the CPU device",
                )));
            }
            let name = match (info.name.as_str(), software) {
                ("", false) => "WebGPU".into(),
                ("", true) => "WebGPU (software adapter)".into(),
                (name, _) => format!("WebGPU ({name})"),
            };
            Ok(OpenDevice {
                device,
                name,
                is_gpu: !software,
                note: None,
                gpu: Some(setup.device),
            })
        }
        (Err(_), DeviceChoice::Auto) => Ok(cpu(Some("no GPU adapter is available here"))),
        (Err(error), _) => Err(Error::new(format!(
            "The GPU cannot be used ({error}); choose the CPU device instead."
        ))),
    }
}

fn cpu(note: Option<&str>) -> OpenDevice {
    OpenDevice {
        device: Device::flex(),
        name: "CPU".into(),
        is_gpu: false,
        note: note.map(Into::into),
        gpu: None,
    }
}

/// The values of a tensor, row-major, once the device has computed them.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await.map_err(device_failed)?;
    data.try_into_vec().map_err(device_failed)
}

/// Waits until the device has computed `tensor`.
pub async fn settle<const D: usize>(tensor: &Tensor<D>) -> Result<()> {
    let first = tensor.clone().slice([const { 0..1 }; D]);
    read(first).await.map(drop)
}

/// Whether a device has failed; a lost GPU does not come back by itself.
pub fn failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

static FAILED: AtomicBool = AtomicBool::new(false);

fn device_failed(error: impl std::fmt::Debug) -> Error {
    FAILED.store(true, Ordering::Relaxed);
    let error = format!("{error:?}");
    Error::new(format!(
        "The device failed while computing ({}); start again, or choose the CPU device.",
        error.lines().next().unwrap_or_default()
    ))
}

/// How many threads multiply matrices with so many products.
#[cfg(not(target_arch = "wasm32"))]
pub fn threads(products: usize) -> Parallelism {
    // To wake others takes as long as this many.
    match products < 192_usize.pow(3) {
        true => Parallelism::None,
        false => Parallelism::Rayon(0),
    }
}

/// The page's worker is one.
#[cfg(target_arch = "wasm32")]
pub fn threads(_products: usize) -> Parallelism {
    Parallelism::None
}

/// Runs a future to its end on this thread.
#[cfg(not(target_arch = "wasm32"))]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

/// Both results, computed at the same time where there are threads.
#[cfg(not(target_arch = "wasm32"))]
pub async fn both<A: Send, B>(
    a: impl Future<Output = A> + Send,
    b: impl Future<Output = B>,
) -> (A, B) {
    std::thread::scope(|scope| {
        let a = scope.spawn(|| block_on(a));
        let b = block_on(b);
        match a.join() {
            Ok(a) => (a, b),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Both results, one after the other.
#[cfg(target_arch = "wasm32")]
pub async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    (a.await, b.await)
}
