//! The decoder of instances against micro-sam's, on the fixture of `make_instance_fixtures.py`.

use std::time::Instant;

use burn::tensor::Device;
use graysam::Result;
use graysam::device;
use graysam::model::SamConfig;
use graysam::model::instance_decoder::InstanceDecoder;
use graysam::weights::noise::noise;
use graysam::weights::source::ParameterSource;

use crate::common::{input, webgpu};
use crate::parity::Fixture;

/// Noise, with samplers of one layout.
struct Layout {
    transposed: bool,
}

impl ParameterSource for Layout {
    fn has(&self, name: &str) -> bool {
        !name.ends_with("block.weight") || self.transposed
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(noise(name, shape))
    }
}

fn decoder(transposed: bool, device: &Device) -> InstanceDecoder {
    let mut source = Layout { transposed };
    InstanceDecoder::open(&mut source, &SamConfig::mobile_sam(), device)
        .expect("noise has every parameter")
}

fn at_full_size(device: &Device, tolerance: f64) {
    let mut fixture = Fixture::read("instance_decoder.json", tolerance);
    let embedding = input("input.embedding", [1, 256, 64, 64], device);
    for (name, transposed) in [("bilinear", false), ("transposed", true)] {
        let decoder = decoder(transposed, device);
        let start = Instant::now();
        let maps = device::block_on(decoder.forward(embedding.clone()));
        let seconds = start.elapsed().as_secs_f64();
        println!("{name}: {seconds:.1} s");
        fixture.compare(name, maps.expect("the device does not fail"));
    }
    fixture.finish();
}

#[test]
fn the_decoder_of_instances_on_the_cpu() {
    at_full_size(&Device::flex(), 1e-4);
}

#[test]
#[ignore = "a software adapter takes a quarter of an hour for it"]
fn the_decoder_of_instances_on_webgpu_at_full_size() {
    at_full_size(&webgpu(), 1e-3);
}

#[test]
fn the_decoder_of_instances_on_webgpu() {
    for transposed in [false, true] {
        let on = |device: &Device| {
            let embedding = input("input.embedding", [1, 256, 8, 8], device);
            let maps = device::block_on(decoder(transposed, device).forward(embedding));
            let maps = maps.expect("the device does not fail");
            device::block_on(device::read(maps)).expect("the maps are readable")
        };
        let (expected, actual) = (on(&Device::flex()), on(&webgpu()));
        assert_eq!(
            (expected.len(), actual.len()),
            (3 * 128 * 128, 3 * 128 * 128)
        );
        let square = |values: &mut dyn Iterator<Item = f32>| {
            values.map(|value| f64::from(value).powi(2)).sum::<f64>()
        };
        let differences = &mut expected.iter().zip(&actual).map(|(a, b)| a - b);
        let error = (square(differences) / square(&mut expected.iter().copied())).sqrt();
        println!("relative error {error:.1e}");
        assert!(error < 1e-3, "off by {error:.1e}");
    }
}
