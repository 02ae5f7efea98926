//! The GPU as it is asked for: adapter, features and limits by name.

use std::sync::{Mutex, Once, PoisonError};

use burn::tensor::wgpu::{MemoryConfiguration, WgpuSetup, wgpu};
use burn::tensor::{DType, Device};
use wgpu::{Features, Limits};

/// What a GPU is to be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capabilities {
    /// What of the adapter's is used here.
    Adapter,
    /// WebGPU's guaranteed limits, and no feature that is used here.
    Guaranteed,
}

/// For weights of half the size.
const USED: Features = Features::SHADER_F16;

/// CubeCL takes them to be there where the adapter has them: for measuring, for operations of subgroups, and types of
/// numbers. Browsers have the first alone.
const ASSUMED: [Features; 5] = [
    Features::TIMESTAMP_QUERY,
    Features::SUBGROUP,
    Features::SHADER_INT64,
    Features::SHADER_F64,
    Features::SHADER_FLOAT32_ATOMIC,
];

/// What a device was given.
#[derive(Clone, Copy)]
struct Given {
    half: bool,
    timestamps: bool,
    /// Of a workgroup.
    units: u32,
    /// Bytes of a tensor.
    largest: u64,
}

/// The GPUs that were opened; CubeCL looks at the adapter alone.
static OPENED: Mutex<Vec<(Device, Given)>> = Mutex::new(Vec::new());

/// `None` for the CPU.
fn given(device: &Device) -> Option<Given> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut of_device = opened.iter().filter(|(known, _)| known == device);
    of_device.next().map(|(_, given)| *given)
}

/// Whether `device` computes in float16.
pub fn supports_half(device: &Device) -> bool {
    device.supports_dtype(DType::F16) && given(device).is_none_or(|given| given.half)
}

/// Whether `device` is a GPU with a clock of its own.
pub fn has_timestamps(device: &Device) -> bool {
    given(device).is_some_and(|given| given.timestamps)
}

/// Whether workgroups of so many units can run on `device`: of 256 wherever it gives what WebGPU guarantees.
pub fn runs_units(device: &Device, units: usize) -> bool {
    given(device).is_none_or(|given| given.units as usize >= units)
}

/// How many bytes a tensor may have on `device`; without a limit on the CPU.
pub fn largest_tensor(device: &Device) -> Option<u64> {
    given(device).map(|given| given.largest)
}

#[cfg(target_arch = "wasm32")]
unsafe extern "C" {
    /// Runs the constructors of all crates. If nothing called it, the linker would have each call from
    /// JavaScript run them again.
    fn __wasm_call_ctors();
}

/// Runs the constructors of all crates, which other systems do before the program begins. There are thousands, all of
/// the GPU's compiler, and a browser compiles each when it is called: a start on the CPU does without.
fn construct() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_arch = "wasm32")]
        // SAFETY: once, and before what they are for is used.
        unsafe {
            __wasm_call_ctors();
        }
    });
}

/// Opens the fastest adapter and has Burn compute on it.
///
/// # Errors
/// What the graphics API or Burn says, where there is no adapter, or it does not give what is asked for.
pub async fn open(capabilities: Capabilities) -> Result<(Device, WgpuSetup), String> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        .map_err(|error| error.to_string())?;
    construct();
    let (used, required_limits) = match capabilities {
        Capabilities::Adapter => (USED, limits(&adapter.limits())),
        Capabilities::Guaranteed => (Features::empty(), Limits::default()),
    };
    let required_features = adapter.features() & ASSUMED.into_iter().fold(used, Features::union);
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("GraySAM"),
            required_features,
            required_limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        })
        .await
        .map_err(|error| error.to_string())?;
    let setup = WgpuSetup {
        backend: adapter.get_info().backend,
        instance,
        adapter,
        device,
        queue,
    };
    // As in browsers, where there is no other: it also takes the least memory.
    let device = Device::wgpu_options()
        .memory_config(MemoryConfiguration::ExclusivePages)
        .setup(setup.clone())
        .init()
        .map_err(|error| error.to_string())?;
    let limits = setup.device.limits();
    let given = Given {
        half: required_features.contains(Features::SHADER_F16),
        timestamps: required_features.contains(Features::TIMESTAMP_QUERY),
        units: limits.max_compute_invocations_per_workgroup,
        largest: limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size),
    };
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.push((device.clone(), given));
    drop(opened);
    Ok((device, setup))
}

/// WebGPU's guaranteed limits, and beyond them those of the adapter that are used: the sizes of buffers by the scores of
/// global attention in training and by batches of prompts, which are cut to them; the others by CubeCL's own kernels
/// (products, sums, convolutions), which are made for the adapter. The kernels of this crate need none of them.
fn limits(adapter: &Limits) -> Limits {
    Limits {
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_storage_buffers_per_shader_stage: adapter.max_storage_buffers_per_shader_stage,
        max_compute_workgroup_storage_size: adapter.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: adapter.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: adapter.max_compute_workgroup_size_x,
        max_compute_workgroup_size_y: adapter.max_compute_workgroup_size_y,
        max_compute_workgroup_size_z: adapter.max_compute_workgroup_size_z,
        max_compute_workgroups_per_dimension: adapter.max_compute_workgroups_per_dimension,
        // What an adapter has less of than WebGPU guarantees, as in compatibility mode, is not asked for.
        ..Limits::default().or_worse_values_from(adapter)
    }
}
