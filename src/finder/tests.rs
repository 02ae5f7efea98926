use super::choose::{Terms, choose};
use super::evidence::{self, Rated};
use super::network::Network;
use super::numbers::{self, weighted_median};
use super::plane::{Order, Plane};
use super::second_look::SecondLook;
use super::view::{Shades, Tiling, View};
use super::watershed::components;
use crate::image::decode::Rgb;
use crate::image::distance::squared;
use crate::image::part::Part;
use crate::image::shapes::{Shape, iou};
use crate::random::Random;

fn square(x: usize, y: usize, side: usize) -> Shape {
    Shape::trimmed(x, y, side, vec![true; side * side]).expect("it has pixels")
}

fn rated(shape: Shape, score: f32) -> Rated {
    let numbers = [0.0; evidence::COUNT];
    Rated {
        shape,
        numbers,
        score,
    }
}

#[test]
fn distances_are_those_of_all_pairs() {
    let mut random = Random::new(1);
    let (width, height) = (13, 9);
    for _ in 0..50 {
        let inside: Vec<bool> = (0..width * height).map(|_| random.below(9) == 0).collect();
        let at = |i: usize| ((i % width) as f32, (i / width) as f32);
        let brute = |i: usize| {
            let ends = (0..inside.len()).filter(|&j| inside[j]);
            let square = |j: usize| (at(i).0 - at(j).0).powi(2) + (at(i).1 - at(j).1).powi(2);
            ends.map(square).fold(f32::INFINITY, f32::min)
        };
        let wanted: Vec<f32> = (0..inside.len()).map(brute).collect();
        assert_eq!(squared(width, &inside), wanted);
    }
}

#[test]
fn derivatives_are_those_of_a_parabola() {
    let values = (0..900).map(|i| ((i % 30) as f32 - 15.0).powi(2));
    let plane = Plane::new((30, 30), values.collect());
    let at = |plane: &Plane, x: usize| plane.values[15 * 30 + x];
    let slope = plane.derivative(1.5, Order::First, Order::Smooth);
    assert!(
        (at(&slope, 18).abs() - 6.0).abs() < 0.3,
        "{}",
        at(&slope, 18)
    );
    let curve = plane.derivative(1.5, Order::Second, Order::Smooth);
    assert!((at(&curve, 15) - 2.0).abs() < 0.2, "{}", at(&curve, 15));
}

#[test]
fn connected_pixels_touch_at_sides() {
    // Two that touch at a corner only are two.
    let inside = [true, false, false, true];
    assert_eq!(components(2, |i| inside[i], 4).count, 2);
}

#[test]
fn a_median_weighs() {
    let pairs = vec![(3.0, 1.0), (1.0, 1.0), (2.0, 5.0)];
    assert_eq!(weighted_median(pairs), Some(2.0));
    assert_eq!(weighted_median(Vec::new()), None);
}

#[test]
fn tiles_lie_side_by_side_and_each_shape_is_of_one() {
    let tiling = Tiling::new((1900, 700), 20.0);
    let cores = tiling.cores();
    let area: usize = cores.iter().map(|core| core.width * core.height).sum();
    assert_eq!(area, 1900 * 700);
    let image = Rgb {
        width: 1900,
        height: 700,
        pixels: vec![0; 1900 * 700 * 3],
    };
    let shades = Shades::of(&image);
    let mut random = Random::new(2);
    let views: Vec<(Part, View)> = cores
        .into_iter()
        .map(|core| {
            (
                core,
                View::new(&image, tiling.with_margins(&core), shades, 1.0),
            )
        })
        .collect();
    for _ in 0..200 {
        let shape = square(random.below(1870), random.below(670), 2 + random.below(28));
        let owns = |(core, view): &&(Part, View)| {
            let seen = view.seen(&shape);
            seen.is_some_and(|seen| view.owns(core, &seen))
        };
        assert_eq!(
            views.iter().filter(owns).count(),
            1,
            "{} {}",
            shape.x,
            shape.y
        );
    }
}

#[test]
fn a_shape_comes_back_from_a_smaller_view() {
    let image = Rgb {
        width: 300,
        height: 200,
        pixels: vec![0; 300 * 200 * 3],
    };
    let part = Part {
        x: 40,
        y: 10,
        width: 200,
        height: 150,
    };
    let view = View::new(&image, part, Shades::of(&image), 0.4);
    let disc = (0..60 * 60).map(|i| {
        let (x, y) = ((i % 60) as f32 - 29.5, (i / 60) as f32 - 29.5);
        x * x + y * y < 29.0 * 29.0
    });
    let disc = Shape::trimmed(100, 50, 60, disc.collect()).expect("it has pixels");
    let back = view.seen(&disc).and_then(|seen| view.in_image(&seen));
    assert!(iou(Some(&disc), back.as_ref()) > 0.93);
}

#[test]
fn of_overlapping_shapes_the_likeliest_stays_and_no_pixel_is_of_two() {
    let all = vec![
        rated(square(0, 0, 10), 0.6),
        rated(square(2, 0, 10), 0.9),
        // Shares a fifth of itself.
        rated(square(10, 0, 10), 0.8),
        rated(square(30, 0, 10), 0.95),
        rated(square(50, 0, 10), 0.9),
        rated(square(70, 0, 10), 0.1),
    ];
    let labelled = [square(30, 1, 10)];
    let refused = [square(51, 0, 10)];
    let terms = Terms {
        taken: &labelled,
        refused: &refused,
        large: None,
    };
    let chosen = choose(&all, terms);
    let boxes: Vec<_> = chosen
        .iter()
        .map(|one| (one.shape.x, one.shape.width))
        .collect();
    assert_eq!(boxes, [(2, 10), (12, 8)]);
    assert!(chosen[0].sureness > chosen[1].sureness);
}

#[test]
fn a_shape_larger_than_any_example_gives_way_to_objects_that_make_it_up() {
    let rectangle = |x, width, score| {
        let shape = Shape::trimmed(x, 0, width, vec![true; width * 10]).expect("it has pixels");
        rated(shape, score)
    };
    // Two that touch and what they make up; the halves of one; two objects with a fragment of each.
    let all = [
        rectangle(0, 20, 0.8),
        rectangle(0, 10, 0.75),
        rectangle(10, 10, 0.75),
        rectangle(40, 20, 0.8),
        rectangle(40, 10, 0.65),
        rectangle(50, 10, 0.75),
        rectangle(80, 20, 0.8),
        rectangle(80, 5, 0.75),
        rectangle(95, 5, 0.75),
    ];
    let found = |large| {
        let terms = Terms {
            taken: &[],
            refused: &[],
            large,
        };
        let chosen = choose(&all, terms);
        let mut boxes: Vec<_> = chosen
            .iter()
            .map(|one| (one.shape.x, one.shape.width))
            .collect();
        boxes.sort_unstable();
        boxes
    };
    let whole = [(0, 20), (40, 20), (80, 20)];
    assert_eq!(found(None), whole);
    assert_eq!(found(Some(180.0)), whole);
    assert_eq!(found(Some(120.0)), [(0, 10), (10, 10), (40, 20), (80, 20)]);
}

/// Shapes far apart, of which each has this score and this number beside zeros.
fn far_apart(looks: &[(f32, f32)]) -> Vec<Rated> {
    let one = |(i, &(score, number)): (usize, &(f32, f32))| {
        let mut one = rated(square(20 * i, 0, 10), score);
        one.numbers[3] = number;
        one
    };
    looks.iter().enumerate().map(one).collect()
}

fn looked_again(rated: Vec<Rated>, taken: &[Shape], refused: &[Shape]) -> Vec<f32> {
    let mut look = SecondLook::new(rated);
    let large = None;
    while look.go_on(Terms {
        taken,
        refused,
        large,
    }) {}
    look.rated().iter().map(|rated| rated.score).collect()
}

#[test]
fn what_looks_like_the_surest_rises_and_what_looks_like_the_least_sure_falls() {
    let mut looks = vec![(0.9, 1.0); 8];
    looks.extend([(0.35, -1.0); 8]);
    looks.extend([(0.6, 1.0), (0.6, -1.0)]);
    let scores = looked_again(far_apart(&looks), &[], &[]);
    assert!(scores[16] > 0.6 && scores[17] < 0.6, "{scores:?}");
    // Of a few nothing is learned.
    let few = &looks[6..10];
    let before: Vec<f32> = few.iter().map(|look| look.0).collect();
    assert_eq!(looked_again(far_apart(few), &[], &[]), before);
}

#[test]
fn what_looks_like_what_was_thrown_away_falls() {
    let mut looks = vec![(0.7, 1.0); 8];
    looks.extend([(0.7, -1.0); 8]);
    let thrown: Vec<Shape> = (8..12).map(|i| square(20 * i, 0, 10)).collect();
    let scores = looked_again(far_apart(&looks), &[], &[]);
    assert!((scores[0] - scores[15]).abs() < 1e-4, "{scores:?}");
    let scores = looked_again(far_apart(&looks), &[], &thrown);
    assert!(scores[0] > scores[15] + 0.01, "{scores:?}");
}

#[test]
fn networks_are_averaged() {
    // All zero but the last bias.
    let zeros = 2 * numbers::COUNT + (numbers::COUNT + 1) * 24 + 25 * 12 + 12;
    let one = |bias: f32| {
        let mut values = vec![0.0; zeros];
        values.push(bias);
        values
    };
    let values = [one(0.25), one(0.75)].concat();
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let network = Network::read(&bytes).expect("it is whole");
    assert_eq!(network.of(&[1.0; numbers::COUNT]), 0.5);
    for damaged in [&bytes[1..], &bytes[4..], &[]] {
        assert!(Network::read(damaged).is_err());
    }
}
