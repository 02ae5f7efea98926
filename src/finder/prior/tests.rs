use super::*;
use crate::image::shapes::iou;
use crate::random::Random;

/// Discs of this radius on noise, brighter towards their middles, and whether a pixel is in one.
fn discs(size: (usize, usize), middles: &[(f32, f32)], radius: f32) -> (Plane, Vec<bool>) {
    let mut random = Random::new(3);
    let depth = |i: usize| {
        let (x, y) = ((i % size.0) as f32, (i / size.0) as f32);
        let away = middles.iter().map(|(a, b)| (x - a).hypot(y - b));
        1.0 - away.fold(f32::INFINITY, f32::min) / radius
    };
    let depths: Vec<f32> = (0..size.0 * size.1).map(depth).collect();
    let light = depths.iter().map(|depth| {
        let noise = random.below(100) as f32 / 1000.0;
        noise + if *depth > 0.0 { 0.5 + 0.3 * depth } else { 0.1 }
    });
    let plane = Plane::new(size, light.collect());
    (plane, depths.iter().map(|depth| *depth > 0.0).collect())
}

fn seen(image: &Plane, inside: &[bool], diameter: f32) -> Prior {
    let foreground = inside.iter().map(|inside| if *inside { 0.9 } else { 0.1 });
    let foreground = Plane::new(image.size(), foreground.collect());
    let unet = UNet::shipped().expect("it is in the program");
    seen_by(Foreseeing::new(image, &foreground, diameter), &unet)
}

fn seen_by(mut foreseeing: Foreseeing, unet: &UNet) -> Prior {
    loop {
        if let Some(prior) = foreseeing.go_on(unet) {
            return prior;
        }
    }
}

fn disc(middle: (usize, usize), radius: usize) -> Shape {
    let side = 2 * radius + 1;
    let inside = |i: usize| (i % side).abs_diff(radius).pow(2) + (i / side).abs_diff(radius).pow(2);
    let bits = (0..side * side).map(|i| inside(i) < radius * radius);
    Shape::trimmed(middle.0 - radius, middle.1 - radius, side, bits.collect())
        .expect("it has pixels")
}

#[test]
fn two_objects_that_touch_are_told_apart() {
    let (image, inside) = discs((120, 80), &[(42.0, 40.0), (64.0, 40.0)], 12.0);
    let prior = seen(&image, &inside, 24.0);
    let (one, other) = (disc((42, 40), 12), disc((64, 40), 12));
    for wanted in [&one, &other] {
        let best = prior
            .shapes((50, 2000))
            .map(|shape| iou(Some(&shape), Some(wanted)));
        assert!(best.fold(0.0, f64::max) > 0.75);
    }
    let bits = (0..47 * 25).map(|i| {
        let (x, y) = (30 + i % 47, 28 + i / 47);
        one.contains(x, y) || other.contains(x, y)
    });
    let both = Shape::trimmed(30, 28, 47, bits.collect()).expect("it has pixels");
    let [of_one, of_both] = [&one, &both].map(|shape| prior.numbers(shape));
    assert!(of_one[1] > of_both[1] + 0.2, "{of_one:?} {of_both:?}");
}

#[test]
fn an_image_of_several_blocks_is_seen_as_a_whole() {
    // Of the network's own scale, so that nothing is resized.
    let middles: Vec<(f32, f32)> = (0..30).map(|i| (20.0 + 18.0 * i as f32, 30.0)).collect();
    let (image, inside) = discs((560, 64), &middles, 8.0);
    let foreground = Plane::new(
        image.size(),
        inside.iter().map(|i| f32::from(u8::from(*i))).collect(),
    );
    let foreseeing = Foreseeing::new(&image, &foreground, DIAMETER);
    assert_eq!(foreseeing.blocks.len(), 2);
    let unet = UNet::shipped().expect("it is in the program");
    let mut passing = UNet::begin(foreseeing.inputs.clone());
    let whole = loop {
        if let Some(maps) = unet.go_on(&mut passing) {
            break maps;
        }
    };
    let seen = seen_by(foreseeing, &unet);
    let outputs: Vec<f32> = seen
        .planes
        .iter()
        .flatten()
        .flat_map(|plane| &plane.values)
        .copied()
        .collect();
    let logits = |channel: usize| whole.values.iter().skip(channel).step_by(OUTPUTS);
    let wanted = logits(0).chain(logits(1)).map(|x| 1.0 / (1.0 + (-x).exp()));
    let worst = wanted
        .zip(&outputs)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 0.02, "{worst}");
}

#[test]
fn where_nothing_was_seen_numbers_are_zero() {
    assert_eq!(Prior::default().numbers(&disc((20, 20), 5)), [0.0; COUNT]);
}
