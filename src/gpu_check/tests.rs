use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::*;
use crate::device::{DeviceChoice, block_on, open};
use crate::model::kernels::Tile;
use crate::model::{Precision, Sam, SamConfig};
use crate::weights::source::NoiseSource;

/// The GPU, which a process can open only once; where there is no other, software stands for one.
pub(crate) fn gpu() -> Device {
    static GPU: LazyLock<Device> = LazyLock::new(|| {
        let opened = block_on(open(DeviceChoice::Gpu));
        opened.expect("a Vulkan driver is installed").device
    });
    GPU.clone()
}

/// The tiles that are in use hold for all tests of the process.
static TILES_IN_USE: Mutex<()> = Mutex::new(());

fn with_tiles_in_use() -> MutexGuard<'static, ()> {
    TILES_IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the check finds of these kernels.
fn faults_of(kernels: &Kernels) -> Vec<Fault> {
    let _tiles = with_tiles_in_use();
    faults_in_use(kernels)
}

fn faults_in_use(kernels: &Kernels) -> Vec<Fault> {
    let mut check = Check {
        device: &gpu(),
        faults: Vec::new(),
    };
    block_on(check_kernels(&mut check, kernels)).expect("the device computes");
    check.faults
}

fn found(kernels: &Kernels) -> Vec<Option<Kernel>> {
    let mut found: Vec<_> = faults_of(kernels)
        .into_iter()
        .map(|fault| fault.kernel)
        .collect();
    found.dedup();
    found
}

#[test]
fn a_gpu_that_computes_rightly_has_no_faults() {
    let faults = block_on(check(&gpu())).expect("the device computes");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(sentence(&faults), None);
}

/// `x` with one more in one of each 64 places.
fn wrong_in_one_lane<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let count: usize = shape.iter().product();
    let wrong: Vec<f32> = (0..count).map(|i| f32::from(i % 64 == 7)).collect();
    x + tensor(&wrong, shape, &device)
}

#[test]
fn a_kernel_that_is_wrong_in_one_lane_is_found() {
    let linear = Kernels {
        linear: |x, w, b, then| wrong_in_one_lane(kernels::linear(x, w, b, then)),
        ..KERNELS
    };
    let both = [Kernel::Linear, Kernel::HalfLinear].map(Some);
    let half = device::supports_half(&gpu());
    assert_eq!(faulty(&faults_of(&linear)).len(), if half { 2 } else { 1 });
    assert!(found(&linear).iter().all(|kernel| both.contains(kernel)));
    let attention = Kernels {
        attention: |qkv, h, w, grid| wrong_in_one_lane(kernels::attention(qkv, h, w, grid)),
        ..KERNELS
    };
    assert_eq!(found(&attention), [Some(Kernel::Attention)]);
    let table = Kernels {
        table_attention: |qkv, table| wrong_in_one_lane(kernels::table_attention(qkv, table)),
        ..KERNELS
    };
    assert_eq!(found(&table), [Some(Kernel::TableAttention)]);
}

#[test]
fn a_kernel_that_is_wrong_in_float16_only_is_found_where_there_is_float16() {
    let half = Kernels {
        linear: |x, weight, bias, then| {
            let wrong = weight.dtype() == DType::F16;
            let out = kernels::linear(x, weight, bias, then);
            if wrong { out * 1.5 } else { out }
        },
        ..KERNELS
    };
    let expected: &[_] = match device::supports_half(&gpu()) {
        true => &[Kernel::HalfLinear],
        false => &[],
    };
    let faults = faults_of(&half);
    assert_eq!(faulty(&faults), expected);
    if let Some(told) = sentence(&faults) {
        assert!(
            told.contains("in float16") && told.contains("float32"),
            "{told}"
        );
    }
}

#[test]
fn a_kernel_that_is_wrong_at_one_size_only_is_found_with_its_size() {
    let wide = Kernels {
        linear: |x, weight, bias, then| {
            let wrong = weight.dims()[0] == 3072;
            let out = kernels::linear(x, weight, bias, then);
            if wrong { -out } else { out }
        },
        ..KERNELS
    };
    let faults = faults_of(&wide);
    assert!(
        faults
            .iter()
            .all(|fault| fault.shape.contains("97 × 3072 by 768"))
    );
    assert_eq!(faulty(&faults)[0], Kernel::Linear);
    let whole = Kernels {
        attention: |qkv, h, w, grid| {
            let out = kernels::attention(qkv, h, w, grid);
            if grid.width == 64 { out * 0.9 } else { out }
        },
        ..KERNELS
    };
    let faults = faults_of(&whole);
    assert_eq!(faulty(&faults), [Kernel::Attention]);
    let told = sentence(&faults).expect("there is something to tell");
    assert!(
        told.contains("attention over 64 × 64") && told.contains("slower operations"),
        "{told}"
    );
}

#[test]
fn a_kernel_that_gives_no_number_is_found() {
    let nan = Kernels {
        table_attention: |qkv, table| {
            let out = kernels::table_attention(qkv, table);
            let [windows, tokens, channels] = out.dims();
            let mut added = vec![0.0; windows * tokens * channels];
            added[5] = f32::NAN;
            let device = out.device();
            out + tensor(&added, [windows, tokens, channels], &device)
        },
        ..KERNELS
    };
    let faults = faults_of(&nan);
    assert_eq!(faulty(&faults), [Kernel::TableAttention]);
    assert_eq!(faults[0].error, f32::INFINITY);
    assert!(sentence(&faults).is_some_and(|told| told.contains("no number")));
}

#[test]
fn errors_are_multiples_of_the_values_and_infinite_where_there_is_no_number() {
    let right = [3.0, -4.0, 3.0, -4.0];
    let scale = 12.5_f32.sqrt();
    assert_eq!(largest_error(&right, &right), 0.0);
    assert_eq!(largest_error(&[3.0, -4.0, 3.0, -3.0], &right), 1.0 / scale);
    assert_eq!(error_of_all(&[3.0, -4.0, 3.0, -3.0], &right), 0.5 / scale);
    for wrong in [f32::NAN, f32::INFINITY] {
        assert_eq!(
            largest_error(&[3.0, wrong, 3.0, -4.0], &right),
            f32::INFINITY
        );
        assert_eq!(
            error_of_all(&[3.0, wrong, 3.0, -4.0], &right),
            f32::INFINITY
        );
    }
    assert_eq!(largest_error(&right[..3], &right), f32::INFINITY);
    assert_eq!(error_of_all(&right[..3], &right), f32::INFINITY);
}

#[test]
fn without_burns_operations_a_gpu_is_of_no_use() {
    let fault = |kernel| Fault {
        kernel,
        shape: "a convolution of 3 × 3".into(),
        error: 0.5,
    };
    let told = sentence(&[fault(Some(Kernel::Linear)), fault(None)]);
    assert_eq!(
        told.as_deref(),
        Some(
            "This GPU or its driver computes wrongly (a convolution of 3 × 3: off by 50 %), so the CPU is used instead."
        )
    );
}

/// The embedding that a tiny encoder of noise makes of noise.
fn embedding(device: &Device) -> Vec<f32> {
    let config = SamConfig::tiny();
    let mut source = NoiseSource::default();
    let sam = Sam::load(&mut source, &config, device, Precision::F16).expect("noise has all");
    let side = config.image_size();
    let image = values("image", 2.0, 3 * side * side);
    let image = tensor(&image, [1, 3, side, side], device);
    block_on(device::read(sam.image_encoder.forward(image))).expect("the device computes")
}

#[test]
fn a_model_does_without_faulty_kernels_and_answers_the_same() {
    let right = embedding(&Device::flex());
    let gpu = gpu();
    kernels::avoid(&[
        Kernel::Linear,
        Kernel::HalfLinear,
        Kernel::Attention,
        Kernel::TableAttention,
    ]);
    let computed = embedding(&gpu);
    assert_eq!(Precision::F16.on(&gpu), Precision::F32);
    kernels::avoid(&[]);
    let error = largest_error(&computed, &right);
    assert!(error < 1e-3, "off by {error:.1e}");
}

#[test]
fn tensors_on_a_gpu_have_a_largest_size() {
    let most = device::largest_tensor(&gpu());
    assert!(most.is_some_and(|bytes| bytes >= 128 << 20), "{most:?}");
    assert_eq!(device::largest_tensor(&Device::flex()), None);
}

fn in_tiles<const N: usize>(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    then: Activation,
) -> Tensor<2> {
    kernels::linear_in(Tile::ALL[N], x, weight, bias, then)
}

#[test]
fn linear_layers_are_right_in_all_tiles() {
    for linear in [in_tiles::<0>, in_tiles::<1>, in_tiles::<2>] {
        let faults = faults_of(&Kernels { linear, ..KERNELS });
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[test]
fn tiles_that_are_computed_wrongly_give_way_to_the_usual_ones() {
    let large = Tiles {
        single: Tile::Large,
        half: Tile::Large,
    };
    let _tiles = with_tiles_in_use();
    kernels::use_tiles(large);
    let wrong_if_large = Kernels {
        linear: |x, weight, bias, then| {
            let out = kernels::linear(x, weight, bias, then);
            let wrong = kernels::tiles().single == Tile::Large;
            if wrong { out * 2.0 } else { out }
        },
        ..KERNELS
    };
    assert!(faults_in_use(&wrong_if_large).is_empty());
    assert_eq!(kernels::tiles(), Tiles::default());
    kernels::use_tiles(large);
    assert!(faults_in_use(&KERNELS).is_empty());
    assert_eq!(kernels::tiles(), large);
    kernels::use_tiles(Tiles::default());
}
