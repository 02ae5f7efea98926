//! Large images, of which the model sees parts as finely as a person does.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use burn::tensor::Device;
use graysam::device::block_on;
use graysam::evaluate::{Scores, evaluate};
use graysam::image::decode::{Gray, Picture, Rgb};
use graysam::image::display::{Display, to_rgb};
use graysam::image::labels::Labels;
use graysam::image::part::{Part, Pyramid};
use graysam::image::sample::{mosaic, nuclei};
use graysam::image::shapes::{self, Shape};
use graysam::model::Precision;
use graysam::predictor::{Answer, Predictor, Prompt, PromptRound, Reply};
use graysam::tile_choice::TileChoice;

use crate::common::part_of;

fn mobile_sam() -> Predictor {
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    let model = File::open(model).expect("the tests' models are made first");
    let (device, precision) = (Device::flex(), Precision::F32);
    Predictor::open(BufReader::new(model), &device, precision, &mut |_| ()).expect("it is whole")
}

fn shown(gray: Gray) -> Rgb {
    to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown")
}

fn click(x: f32, y: f32, side: usize) -> PromptRound {
    let positive = true;
    PromptRound {
        side,
        ..Prompt::Point { x, y, positive }.into()
    }
}

fn answer(predictor: &mut Predictor, image: &Rgb, rounds: &[PromptRound]) -> Answer {
    let answer = block_on(predictor.predict_on(image, rounds)).expect("the device works");
    answer.expect("there is a prompt")
}

/// What `part` alone makes of `round`.
fn seen_in(
    predictor: &mut Predictor,
    image: &Rgb,
    part: Part,
    round: &PromptRound,
) -> Option<Shape> {
    let rows = part_of(image, part);
    let prompt = match round.prompt {
        Prompt::Point { x, y, positive } => Prompt::Point {
            x: x - part.x as f32,
            y: y - part.y as f32,
            positive,
        },
        _ => panic!("points only"),
    };
    predictor.open_image((part.width, part.height));
    let mask = answer(predictor, &rows, &[prompt.into()]).mask;
    mask.map(|shape| Shape {
        x: shape.x + part.x,
        y: shape.y + part.y,
        ..Shape::clone(&shape)
    })
}

fn scores(image: &Rgb, labels: &Labels, tile: TileChoice) -> Scores {
    block_on(evaluate(&mut mobile_sam(), image, labels, tile)).expect("it can be evaluated")
}

#[test]
fn small_images_are_seen_as_a_whole() {
    let (gray, mut labels) = nuclei();
    labels
        .ids
        .iter_mut()
        .filter(|id| **id > 12)
        .for_each(|id| *id = 0);
    let image = shown(gray);
    let [auto, whole] = [TileChoice::Auto, TileChoice::Whole].map(|t| scores(&image, &labels, t));
    println!("auto {auto:?}, whole {whole:?}");
    assert_eq!(auto, whole);
    assert!(auto.box_iou > 0.8);
}

#[test]
fn objects_of_a_large_image_are_found_as_in_a_small_one() {
    let scene = nuclei();
    let (large, labels) = mosaic(&scene, 2048);
    let (small, large) = (shown(scene.0), shown(large));
    let whole = scores(&small, &scene.1, TileChoice::Whole);
    let found = scores(&large, &labels, TileChoice::Auto);
    println!("{found:?}, in the small image {whole:?}");
    assert!(found.point_iou >= whole.point_iou - 0.02);
    assert!(found.box_iou >= whole.box_iou - 0.02);
}

/// A bright ellipse with a soft edge on noise.
fn ellipse((width, height): (usize, usize), (cx, cy): (f32, f32), (rx, ry): (f32, f32)) -> Rgb {
    let mut state = 1u32;
    let pixels = (0..width * height).flat_map(|i| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 24) as f32 / 16.0;
        let (x, y) = ((i % width) as f32 - cx, (i / width) as f32 - cy);
        let distance = ((x / rx).powi(2) + (y / ry).powi(2)).sqrt();
        let edge = ((1.0 - distance) * rx.min(ry) / 3.0).clamp(0.0, 1.0);
        [(20.0 + noise + 170.0 * edge) as u8; 3]
    });
    Rgb {
        width,
        height,
        pixels: pixels.collect(),
    }
}

/// The IoU of the answer to a click with the one from a part centred on the object, for a border of
/// parts at three places through the object: its left end, its middle and its right end.
fn across_borders(radius: (f32, f32), side: usize, clicked: f32) {
    let size = (1600, 1200);
    let mut predictor = mobile_sam();
    // A border of parts lies at every multiple of half a side.
    let border = (side + side / 2) as f32;
    for offset in [-radius.0, 0.0, radius.0] {
        let centre = (border + offset, 600.0);
        let image = ellipse(size, centre, radius);
        let round = click(centre.0 + clicked * radius.0, centre.1, side);
        predictor.open_image(size);
        let found = answer(&mut predictor, &image, std::slice::from_ref(&round));
        let half = found.part.side() / 2;
        let start =
            |at: f32, length: usize| (at as usize).saturating_sub(half).min(length - 2 * half);
        let centred = match found.part == Part::whole(size) {
            true => found.part,
            false => Part {
                x: start(centre.0, size.0),
                y: start(centre.1, size.1),
                width: 2 * half,
                height: 2 * half,
            },
        };
        let wanted = seen_in(&mut predictor, &image, centred, &round);
        let iou = shapes::iou(found.mask.as_deref(), wanted.as_ref());
        println!("offset {offset:6.1}: in {:?}, IoU {iou:.4}", found.part);
        assert!(iou >= 0.97, "{iou} at {offset}");
    }
}

#[test]
fn a_border_through_an_object_does_not_show() {
    across_borders((40.0, 28.0), 512, 0.0);
}

#[test]
fn a_border_through_an_object_that_is_clicked_at_its_end_does_not_show() {
    across_borders((110.0, 60.0), 512, -0.8);
}

#[test]
fn an_object_larger_than_its_part_is_seen_in_a_coarser_one() {
    across_borders((300.0, 200.0), 512, 0.5);
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn the_same_prompts_have_the_same_answer_whatever_was_asked_before() {
    let size = (1600, 1200);
    let image = ellipse(size, (800.0, 600.0), (180.0, 120.0));
    let mut predictor = mobile_sam();
    predictor.open_image(size);
    let mut dice = Dice(3);
    let mut rounds: Vec<PromptRound> = Vec::new();
    let mut sides = BTreeSet::new();
    for _ in 0..40 {
        match dice.below(5) {
            0 => rounds.truncate(dice.below(rounds.len() + 1)),
            1 if !rounds.is_empty() => {
                rounds[0].candidate = [None, Some(0), Some(1), Some(2)][dice.below(4)];
            }
            _ => {
                let (x, y) = (640 + dice.below(320), 500 + dice.below(200));
                let positive = rounds.is_empty() || dice.below(3) > 0;
                let (x, y) = (x as f32, y as f32);
                let side = [256, 256, 512, 1024, 0][dice.below(5)];
                rounds.push(PromptRound {
                    side,
                    ..Prompt::Point { x, y, positive }.into()
                });
            }
        }
        rounds.truncate(3);
        if rounds.is_empty() {
            continue;
        }
        let asked = answer(&mut predictor, &image, &rounds);
        sides.insert(asked.part.side());
        block_on(predictor.predict(&[])).expect("nothing is asked");
        assert_eq!(answer(&mut predictor, &image, &rounds), asked, "{rounds:?}");
    }
    println!("sides of the parts that answered: {sides:?}");
    assert!(sides.len() >= 3);
}

#[test]
fn prompts_that_do_not_fit_one_part_go_to_a_coarser_one() {
    let size = (4096, 3000);
    let mut predictor = mobile_sam();
    predictor.open_image(size);
    let far = [click(1000.0, 1000.0, 512), click(1900.0, 1000.0, 512)];
    let Ok(Some(Reply::Needs(first))) = block_on(predictor.predict(&far[..1])) else {
        panic!("nothing is encoded yet");
    };
    let pyramid = Pyramid { size };
    assert_eq!(first.side(), 512);
    assert!(pyramid.holds(&first, [1000.0, 1000.0, 1000.0, 1000.0]));
    let box_round = PromptRound {
        side: 512,
        ..Prompt::Box {
            x0: 900.0,
            y0: 900.0,
            x1: 1900.0,
            y1: 1200.0,
        }
        .into()
    };
    let Ok(Some(Reply::Needs(part))) = block_on(predictor.predict(&[box_round])) else {
        panic!("nothing is encoded yet");
    };
    assert_eq!(part.side(), 2048);
}
