use burn::tensor::{Device, Tensor};
use burn_cubecl::cubecl;
use cubecl::profile::Instant;

use super::timing::{self, Clock, median};
use crate::device::{self, block_on};
use crate::gpu_check::tests::gpu;
use crate::model::kernels::Stopwatch;

#[test]
fn medians_are_of_odd_and_even_counts() {
    assert_eq!(median(&[3.0, 1.0, 2.0]).unwrap(), 2.0);
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]).unwrap(), 2.5);
    assert!(median(&[]).is_err());
}

/// Some work that takes a device longer than its clock's steps.
fn work(device: &Device) -> Tensor<2> {
    let x = Tensor::<2>::ones([384, 384], device);
    x.clone().matmul(x)
}

#[test]
fn a_gpu_with_a_clock_tells_how_long_it_was_at_something_and_no_more_than_passed() {
    let gpu = gpu();
    assert!(device::has_timestamps(&gpu) && !device::has_timestamps(&Device::flex()));
    block_on(device::settle(&work(&gpu))).unwrap();
    let start = Instant::now();
    let watch = Stopwatch::start(Tensor::zeros([1], &gpu));
    let product = work(&gpu);
    let told = block_on(watch.stop()).expect("it has a clock");
    block_on(device::settle(&product)).unwrap();
    let passed = start.elapsed().as_secs_f64();
    assert!(0.0 < told && told <= passed, "{told} of {passed} s");
}

#[test]
fn work_is_timed_on_devices_with_a_clock_and_without() {
    for device in [gpu(), Device::flex()] {
        let start = Instant::now();
        let once = block_on(timing::seconds(&device, Clock::Device, || work(&device))).unwrap();
        assert!(0.0 < once && once < start.elapsed().as_secs_f64());
    }
}
