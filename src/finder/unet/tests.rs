use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    width: usize,
    height: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

#[test]
fn the_network_computes_what_pytorch_does() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../../../tests/fixtures/finder_unet.json"))
            .expect("it is whole");
    let unet = UNet::shipped().expect("it is in the program");
    let mut passing = UNet::begin(Maps {
        width: fixture.width,
        height: fixture.height,
        channels: INPUTS,
        values: fixture.input,
    });
    let out = loop {
        if let Some(maps) = unet.go_on(&mut passing) {
            break maps;
        }
    };
    assert_eq!(out.values.len(), fixture.output.len());
    let pairs = out.values.iter().zip(&fixture.output);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn another_number_of_weights_is_refused() {
    for damaged in [&SHIPPED[1..], &SHIPPED[2..], &[]] {
        assert!(UNet::read(damaged).is_err());
    }
}
