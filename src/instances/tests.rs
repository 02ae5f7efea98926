//! Against micro-sam's instances, on the fixture of `make_instance_fixtures.py`.

use std::collections::HashMap;

use serde::Deserialize;

use super::*;
use crate::image::shapes::Shape;
use crate::weights::noise::noise;

/// Runs of numbers, row by row: a length and a number in turn.
#[derive(Deserialize)]
struct Fixture {
    width: usize,
    height: usize,
    /// For each least size of an object.
    runs: Vec<(usize, Vec<u32>)>,
    /// The points that micro-sam derives from the maps.
    points: Vec<(usize, usize)>,
    /// What it leaves of overlapping discs, in runs.
    suppressed: Vec<u32>,
}

fn from_runs(runs: &[u32]) -> Vec<u32> {
    let runs = runs.as_chunks::<2>().0.iter();
    runs.flat_map(|&[length, id]| std::iter::repeat_n(id, length as usize))
        .collect()
}

/// Places and radii of discs, as the script has them.
fn discs(width: usize, height: usize) -> Vec<[f64; 3]> {
    let discs = noise("discs", &[180]);
    let discs = discs.as_chunks::<3>().0.iter().map(|disc| {
        let [x, y, r] = disc.map(|v| f64::from(v) * 25.0 + 0.5);
        [x * width as f64, y * height as f64, 5.0 + 14.0 * r]
    });
    discs.collect()
}

fn fixture() -> Fixture {
    let text = include_str!("../../tests/fixtures/instances.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

/// The maps of discs that lie on each other, with noise, as the script makes them.
fn maps(width: usize, height: usize) -> Maps {
    let discs = discs(width, height);
    let texture = noise("texture", &[3 * width * height]);
    let mut planes = [const { Vec::new() }; 3];
    for at in 0..width * height {
        let (x, y) = ((at % width) as f64, (at / width) as f64);
        let away = |&[cx, cy, r]: &[f64; 3]| ((x - cx) * (x - cx) + (y - cy) * (y - cy)).sqrt() / r;
        let mut nearest = [f64::INFINITY; 2];
        for d in discs.iter().map(away) {
            nearest = match d < nearest[0] {
                true => [d, nearest[0]],
                false => [nearest[0], nearest[1].min(d)],
            };
        }
        let [d, other] = nearest;
        let inwards = (1.0 - d).min((other - d) * 0.5);
        let values = [1.5 - d, d, 1.0 - 1.4 * inwards];
        for (i, (plane, value)) in planes.iter_mut().zip(values).enumerate() {
            let grain = f64::from(texture[3 * at + i]) * 10.0;
            plane.push((value + grain).clamp(0.0, 1.0) as f32);
        }
    }
    let [foreground, centre, border] = planes;
    Maps {
        width,
        height,
        foreground,
        centre,
        border,
    }
}

/// How well two labellings agree, by pairs of pixels; 1 where they are the same but for numbers.
fn adjusted_rand_index(a: &[u32], b: &[u32]) -> f64 {
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let (mut of_a, mut of_b, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (&a, &b) in a.iter().zip(b) {
        *of_a.entry(a).or_insert(0) += 1;
        *of_b.entry(b).or_insert(0) += 1;
        *both.entry((a, b)).or_insert(0) += 1;
    }
    let in_a: f64 = of_a.values().map(|&n| pairs(n)).sum();
    let in_b: f64 = of_b.values().map(|&n| pairs(n)).sum();
    let in_both: f64 = both.values().map(|&n| pairs(n)).sum();
    let chance = in_a * in_b / pairs(a.len());
    (in_both - chance) / ((in_a + in_b) / 2.0 - chance)
}

#[test]
fn instances_are_those_of_micro_sam() {
    let Fixture {
        width,
        height,
        runs,
        ..
    } = fixture();
    for (min_size, runs) in runs {
        let expected = from_runs(&runs);
        let found = segment(maps(width, height), Levels::default(), min_size);
        let index = adjusted_rand_index(&found.ids, &expected);
        let differ = found.ids.iter().zip(&expected).filter(|(a, b)| a != b);
        println!(
            "at least {min_size} pixels: adjusted Rand index {index:.6}, {} pixels differ",
            differ.count()
        );
        assert_eq!(found.ids.iter().max(), expected.iter().max());
        assert!(index >= 0.999, "{index}");
    }
}

#[test]
fn points_are_those_of_micro_sam() {
    let Fixture {
        width,
        height,
        points,
        ..
    } = fixture();
    let found = prompts::points(&maps(width, height), Levels::default());
    println!("{} points", points.len());
    assert_eq!(found, points);
}

#[test]
fn masks_are_suppressed_and_painted_as_by_micro_sam() {
    let fixture = fixture();
    let (width, height) = (fixture.width, fixture.height);
    let scores = noise("scores", &[120]);
    let masks = scores.iter().enumerate().filter_map(|(i, &score)| {
        let [cx, cy, r] = discs(width, height)[i / 2];
        let cx = cx + (i % 2) as f64;
        let inside = |at: usize| {
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            (x - cx) * (x - cx) + (y - cy) * (y - cy) < r * r
        };
        let bits = (0..width * height).map(inside).collect();
        let shape = Shape::trimmed(0, 0, width, bits)?;
        let score = score * 25.0 + 0.5;
        Some(prompts::Mask { shape, score })
    });
    let kept = prompts::suppress(masks.collect(), 200);
    let ids = prompts::painted(&kept, (width, height), 200);
    let expected = from_runs(&fixture.suppressed);
    assert!(ids.iter().max() > Some(&10));
    assert!((adjusted_rand_index(&ids, &expected) - 1.0).abs() < 1e-12);
}

#[test]
fn the_index_is_that_of_its_definition() {
    // Of ten pairs, four are together in the one, two in the other and one in both.
    let index = adjusted_rand_index(&[1, 1, 1, 2, 2], &[1, 1, 2, 2, 3]);
    let chance = 4.0 * 2.0 / 10.0;
    assert!((index - (1.0 - chance) / (3.0 - chance)).abs() < 1e-12);
}
