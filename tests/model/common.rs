//! Devices, parts of images, and what the fixtures' scripts make by formula, made again.

use std::sync::LazyLock;

use burn::tensor::{Device, Int, Tensor, TensorData};
use graysam::device::{self, Capabilities};
use graysam::image::decode::Rgb;
use graysam::image::part::Part;
use graysam::weights::noise::noise;

/// The GPU with all that is used of it.
pub fn webgpu() -> Device {
    static WEBGPU: LazyLock<Device> = LazyLock::new(|| opened(Capabilities::Adapter));
    WEBGPU.clone()
}

/// The GPU with what WebGPU guarantees, and no more.
pub fn guaranteed_webgpu() -> Device {
    static WEBGPU: LazyLock<Device> = LazyLock::new(|| opened(Capabilities::Guaranteed));
    WEBGPU.clone()
}

fn opened(capabilities: Capabilities) -> Device {
    device::block_on(device::open_gpu(capabilities))
        .expect("a Vulkan driver, at least a software one, is installed")
        .device
}

/// An input tensor by formula, uniform in -1..1: noise gives a bias 0.02 of that.
pub fn input<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = noise(name, &[shape.iter().product()]);
    let values = values.into_iter().map(|value| 50.0 * value).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}

/// The `i`-th value that a fixture holds of a tensor of these `values`.
pub fn sampled(values: &[f32], i: usize) -> f32 {
    values[(i as u64 * 2_654_435_761 % values.len() as u64) as usize]
}

/// The prompts of `make_model_fixtures.py`, in a batch of two.
pub struct Prompts {
    pub points: Tensor<3>,
    pub labels: Tensor<2, Int>,
    pub boxes: Tensor<3>,
    pub mask: Tensor<4>,
}

impl Prompts {
    pub fn new(side: usize, device: &Device) -> Self {
        let corners = (input("input.boxes", [2, 4], device) + 1.0) * (side as f64 / 4.0);
        let far = corners.clone().narrow(1, 2, 2) + side as f64 / 2.0;
        Self {
            points: (input("input.points", [2, 3, 2], device) + 1.0) * (side as f64 / 2.0),
            labels: Tensor::from_data([[1, 0, 1], [0, 1, -1]], device),
            boxes: Tensor::cat(vec![corners.narrow(1, 0, 2), far], 1).unsqueeze_dim(1),
            mask: input("input.mask", [2, 1, side / 4, side / 4], device) * 8.0,
        }
    }
}

pub fn part_of(image: &Rgb, part: Part) -> Rgb {
    let row = |y: usize| &image.pixels[(y * image.width + part.x) * 3..][..part.width * 3];
    Rgb {
        width: part.width,
        height: part.height,
        pixels: (part.y..part.y + part.height)
            .flat_map(row)
            .copied()
            .collect(),
    }
}
