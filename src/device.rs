//! The device on which the model runs; what differs between the browser and a native program
//! stands here.

mod adapter;

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use burn::tensor::wgpu::{WgpuSetup, wgpu};
use burn::tensor::{Device, Tensor};
use gemm::Parallelism;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;
use serde::Deserialize;
use tsify::Tsify;

use crate::choice::named;
use crate::error::{Error, Result};

pub use adapter::{Capabilities, has_timestamps, largest_tensor, runs_units, supports_half};

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
    pub fn is_cpu(&self) -> bool {
        self.gpu.is_none()
    }

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
    match (adapter::open(Capabilities::Adapter).await, choice) {
        (Ok((_, setup)), DeviceChoice::Auto) if is_software(&setup) => Ok(cpu(Some(
            "the only GPU adapter here is software, which is slower than the CPU device",
        ))),
        (Ok((device, setup)), _) => Ok(gpu(device, setup)),
        (Err(_), DeviceChoice::Auto) => Ok(cpu(Some("no GPU adapter is available here"))),
        (Err(error), _) => Err(Error::new(format!(
            "The GPU cannot be used ({error}); choose the CPU device instead."
        ))),
    }
}

/// Opens the GPU with those capabilities, software or not.
///
/// # Errors
/// When there is none.
pub async fn open_gpu(capabilities: Capabilities) -> Result<OpenDevice> {
    let (device, setup) = adapter::open(capabilities).await.map_err(Error::new)?;
    Ok(gpu(device, setup))
}

fn is_software(setup: &WgpuSetup) -> bool {
    setup.adapter.get_info().device_type == wgpu::DeviceType::Cpu
}

fn gpu(device: Device, setup: WgpuSetup) -> OpenDevice {
    let software = is_software(&setup);
    let name = match (setup.adapter.get_info().name.as_str(), software) {
        ("", false) => "WebGPU".into(),
        ("", true) => "WebGPU (software adapter)".into(),
        (name, _) => format!("WebGPU ({name})"),
    };
    OpenDevice {
        device,
        name,
        is_gpu: !software,
        note: None,
        gpu: Some(setup.device),
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
    let _wait = (tensor.device() != Device::flex()).then(Wait::begin);
    let data = tensor.into_data_async().await.map_err(device_failed)?;
    data.try_into_vec().map_err(device_failed)
}

/// Waits for something that the GPU is to tell.
pub async fn awaited<T>(told: impl Future<Output = T>) -> T {
    let _wait = Wait::begin();
    told.await
}

/// A wait for the GPU, while this lives.
struct Wait;

static WAITS: AtomicU32 = AtomicU32::new(0);
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

impl Wait {
    fn begin() -> Self {
        WAITS.fetch_add(1, Ordering::Relaxed);
        UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of the last wait for the GPU, where one is under way: when that stays the same, the GPU has stopped.
pub fn wait() -> Option<u32> {
    (UNDER_WAY.load(Ordering::Relaxed) > 0).then(|| WAITS.load(Ordering::Relaxed))
}

/// Waits until the device has computed `tensor`.
pub async fn settle<const D: usize>(tensor: &Tensor<D>) -> Result<()> {
    let first = tensor.clone().slice([const { 0..1 }; D]);
    read(first).await.map(drop)
}

/// What a GPU has done after which only another device helps, as part of a sentence.
pub fn fault() -> Option<&'static str> {
    match FAULT.load(Ordering::Relaxed) {
        LOST => Some("the GPU was lost"),
        SENSELESS => Some("the GPU computed numbers that make no sense"),
        _ => None,
    }
}

/// Takes a GPU for faulty, because what it computed cannot be.
pub fn distrust() {
    FAULT.store(SENSELESS, Ordering::Relaxed);
}

static FAULT: AtomicU8 = AtomicU8::new(0);
const LOST: u8 = 1;
const SENSELESS: u8 = 2;

fn device_failed(error: impl std::fmt::Debug) -> Error {
    FAULT.store(LOST, Ordering::Relaxed);
    let error = format!("{error:?}");
    Error::new(format!(
        "The device failed while computing ({}); start again, or choose the CPU device.",
        error.lines().next().unwrap_or_default()
    ))
}

/// How many threads multiply matrices with so many products.
pub fn threads(products: usize) -> Parallelism {
    // To wake others takes as long as this many.
    match products < LEAST_PRODUCTS {
        true => Parallelism::None,
        false => Parallelism::Rayon(0),
    }
}

#[cfg(not(target_arch = "wasm32"))]
const LEAST_PRODUCTS: usize = 192_usize.pow(3);
#[cfg(target_arch = "wasm32")]
const LEAST_PRODUCTS: usize = 64_usize.pow(3);

/// How many threads the CPU device has.
pub fn pool_size() -> usize {
    rayon::current_num_threads()
}

/// Does the work on chunks of so many values, by all threads where there is enough to do.
pub fn for_each_chunk(values: &mut [f32], length: usize, work: impl Fn(&mut [f32]) + Send + Sync) {
    match values.len() < LEAST_VALUES {
        true => values.chunks_mut(length).for_each(work),
        false => {
            // As many chunks at a time as make the way to another thread worth while.
            let together = (LEAST_VALUES / 4).div_ceil(length) * length;
            values
                .par_chunks_mut(together)
                .for_each(|values| values.chunks_mut(length).for_each(&work));
        }
    }
}

/// Fewer values are not shared out.
pub const LEAST_VALUES: usize = 1 << 14;

/// Runs a future to its end on this thread, which in the page must wait for nothing but the CPU device.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

/// Both results, computed on `device`: on the CPU at the same time where there are threads.
pub async fn both<A: Send, B: Send>(
    device: &Device,
    a: impl Future<Output = A> + Send,
    b: impl Future<Output = B> + Send,
) -> (A, B) {
    match *device == Device::flex() && pool_size() > 1 {
        true => rayon::join(|| block_on(a), || block_on(b)),
        false => (a.await, b.await),
    }
}
