use std::sync::Arc;

use super::*;
use crate::image::shapes::Shape;
use crate::random::Random;
use crate::weights::source::NoiseSource;

fn tiny() -> Predictor {
    let (source, device) = (&mut NoiseSource::default(), Device::flex());
    Predictor::load(source, SamConfig::tiny(), &device, Precision::F32).unwrap()
}

fn image(shade: u8) -> Rgb {
    Rgb {
        width: 40,
        height: 30,
        pixels: (0..40 * 30 * 3).map(|i| (i % 251) as u8 ^ shade).collect(),
    }
}

fn encoded() -> Predictor {
    let mut predictor = tiny();
    device::block_on(predictor.set_image(&image(0))).unwrap();
    predictor
}

fn point(x: f32, y: f32, positive: bool) -> PromptRound {
    Prompt::Point { x, y, positive }.into()
}

fn corners(x0: f32, y0: f32, x1: f32, y1: f32) -> PromptRound {
    Prompt::Box { x0, y0, x1, y1 }.into()
}

fn filled(width: usize, inside: fn(usize) -> bool) -> PromptRound {
    let bits = (0..width * 8).map(inside).collect();
    Prompt::Mask(Shape::trimmed(4, 6, width, bits).unwrap().into()).into()
}

/// The answer to `rounds`, which are some, on what is encoded.
fn answer(predictor: &mut Predictor, rounds: &[PromptRound]) -> Answer {
    answered(device::block_on(predictor.predict(rounds)).unwrap())
}

fn answered(reply: Option<Reply>) -> Answer {
    match reply {
        Some(Reply::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn preview(predictor: &mut Predictor, x: f32, y: f32) -> Option<Arc<Shape>> {
    answered(device::block_on(predictor.preview(x, y, 0)).ok()).mask
}

/// Where the answers of the rounds so far are kept.
fn places(predictor: &Predictor) -> Vec<*const f32> {
    let rounds = predictor.dialogue.answered.iter();
    rounds
        .map(|round| round.candidates[0].logits.as_ptr())
        .collect()
}

#[test]
fn warm_up_leaves_no_trace() {
    let mut predictor = tiny();
    device::block_on(predictor.warm_up()).unwrap();
    assert!(predictor.dialogue.answered.is_empty());
    assert!(predictor.embedding().is_err());
}

#[test]
fn preview_gives_the_mask_of_a_click_and_no_round() {
    let mut predictor = encoded();
    let previewed = preview(&mut predictor, 12.0, 20.0);
    assert!(predictor.dialogue.answered.is_empty());
    let mut rounds = vec![point(12.0, 20.0, true)];
    assert_eq!(answer(&mut predictor, &rounds).mask, previewed);
    assert!(predictor.previewed.is_none(), "it was the answer");

    // Further prompts do not count for it.
    rounds.push(corners(1.0, 1.0, 9.0, 9.0));
    answer(&mut predictor, &rounds);
    assert_eq!(preview(&mut predictor, 12.0, 20.0), previewed);
    assert!(device::block_on(predictor.preview(41.0, 0.0, 0)).is_err());
}

#[test]
fn preview_of_another_image_is_no_answer() {
    let asked = |preview_first: bool| {
        let mut predictor = tiny();
        if preview_first {
            device::block_on(predictor.set_image(&image(0))).unwrap();
            preview(&mut predictor, 12.0, 20.0);
        }
        device::block_on(predictor.set_image(&image(99))).unwrap();
        answer(&mut predictor, &[point(12.0, 20.0, true)])
    };
    assert_eq!(asked(true), asked(false));
}

#[test]
fn what_lists_begin_with_alike_is_answered_once() {
    let mut predictor = encoded();
    let first = point(12.0, 20.0, true);
    let mut rounds = vec![first.clone(), point(30.0, 8.0, false)];
    let two = answer(&mut predictor, &rounds);
    let kept = places(&predictor);
    rounds.push(point(20.0, 25.0, true));
    answer(&mut predictor, &rounds);
    assert_eq!(places(&predictor)[..2], kept);
    rounds.pop();
    assert_eq!(answer(&mut predictor, &rounds), two);
    assert_eq!(places(&predictor), kept);

    // Another candidate is chosen at once, but what refined the one before is answered anew.
    let one = answer(&mut predictor, &rounds[..1]);
    let other = (one.selected + 1) % 3;
    rounds[0].candidate = Some(other);
    let chosen = answer(&mut predictor, &rounds[..1]);
    assert_eq!(chosen.selected, other);
    assert_eq!(places(&predictor), kept[..1]);
    assert_ne!(answer(&mut predictor, &rounds).ious, two.ious);
    // The candidate of the highest IoU is the same by its number.
    rounds[0].candidate = Some(one.selected);
    assert_eq!(answer(&mut predictor, &rounds), two);
    rounds[0] = first;
    let kept = places(&predictor);
    assert_eq!(answer(&mut predictor, &rounds), two);
    assert_eq!(places(&predictor), kept);

    assert_eq!(device::block_on(predictor.predict(&[])), Ok(None));
    assert!(predictor.dialogue.answered.is_empty());
}

#[test]
fn a_box_or_a_mask_begins_another_object() {
    let (before, after) = (
        [point(12.0, 20.0, true), point(30.0, 8.0, false)],
        point(9.0, 12.0, true),
    );
    for begins in [corners(2.0, 3.0, 20.0, 25.0), filled(8, |_| true)] {
        let of_object = [begins, after.clone()];
        for n in 1..=2 {
            let mut fresh = encoded();
            let alone = answer(&mut fresh, &of_object[..n]);
            let mut predictor = encoded();
            let two = answer(&mut predictor, &before);
            let rounds = [&before[..], &of_object[..n]].concat();
            assert_eq!(answer(&mut predictor, &rounds), alone);
            // The prompts of the object before it are answered again when it is taken back.
            assert_eq!(answer(&mut predictor, &before), two);
        }
    }
}

#[test]
fn any_list_is_answered_as_by_a_fresh_predictor() {
    let mut random = Random::new(7);
    let mut predictor = encoded();
    let mut rounds: Vec<PromptRound> = Vec::new();
    for _ in 0..40 {
        match random.below(4) {
            0 => rounds.truncate(random.below(rounds.len() + 1)),
            1 if rounds
                .first()
                .is_some_and(|first| matches!(first.prompt, Prompt::Point { .. })) =>
            {
                rounds[0].candidate = [None, Some(0), Some(1), Some(2)][random.below(4)];
            }
            2 => rounds.push(corners(1.0, 1.0, 9.0 + random.below(20) as f32, 20.0)),
            _ => {
                let (x, y) = (random.below(40) as f32, random.below(30) as f32);
                rounds.push(point(x, y, random.below(2) == 0));
            }
        }
        rounds.truncate(4);
        let asked = device::block_on(predictor.predict(&rounds)).unwrap();
        let kept = std::mem::take(&mut predictor.dialogue);
        assert_eq!(device::block_on(predictor.predict(&rounds)).unwrap(), asked);
        predictor.dialogue = kept;
    }
}

#[test]
fn what_cannot_be_answered_leaves_the_answers_so_far() {
    let mut predictor = encoded();
    let mut rounds = vec![point(12.0, 20.0, true)];
    let one = answer(&mut predictor, &rounds);
    let kept = places(&predictor);
    let told = |predictor: &mut Predictor, rounds: &[PromptRound]| {
        let error = device::block_on(predictor.predict(rounds)).unwrap_err();
        error.to_string()
    };
    rounds.push(point(41.0, 20.0, true));
    assert!(told(&mut predictor, &rounds).contains("outside the image"));
    rounds.pop();
    rounds[0].candidate = Some(3);
    assert!(told(&mut predictor, &rounds).contains("this prompt has 3"));
    rounds[0].candidate = None;
    assert_eq!(answer(&mut predictor, &rounds), one);
    assert_eq!(places(&predictor), kept);

    predictor.drop_embeddings();
    assert!(told(&mut predictor, &rounds).contains("encode it before prompting"));
}

#[test]
fn another_decoder_answers_for_itself() {
    let mut predictor = encoded();
    let (mut source, device) = (Doubled(NoiseSource::default()), Device::flex());
    let other = MaskDecoder::open(&mut source, &SamConfig::tiny(), &device).unwrap();
    let click = [point(12.0, 20.0, true)];
    let own = answer(&mut predictor, &click);
    predictor.set_fine_tuned(Some(other.clone()));
    let tuned = answer(&mut predictor, &click);
    assert_ne!(tuned, own);
    let untouched = device::block_on(predictor.untouched()).unwrap();
    assert_eq!(answered(untouched), own);
    let mut fresh = tiny();
    fresh.set_fine_tuned(Some(other));
    device::block_on(fresh.set_image(&image(0))).unwrap();
    assert_eq!(answer(&mut fresh, &click), tuned);
    predictor.set_fine_tuned(None);
    assert_eq!(answer(&mut predictor, &click), own);
}

/// Parameters twice as large.
struct Doubled(NoiseSource);

impl ParameterSource for Doubled {
    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = self.0.read(name, shape)?;
        values.iter_mut().for_each(|value| *value *= 2.0);
        Ok(values)
    }
}

#[test]
fn a_mask_prompt_counts_besides_its_box() {
    let mut predictor = encoded();
    let logits = [
        corners(4.0, 6.0, 12.0, 14.0),
        filled(8, |_| true),
        filled(8, |i| i % 9 == 0 || i % 7 == 0),
    ]
    .map(|round| {
        let answered = answer(&mut predictor, &[round]);
        assert_eq!(answered.ious.len(), 1);
        predictor.dialogue.answered[0].candidates[0].logits.clone()
    });
    assert_ne!(logits[0], logits[1]);
    assert_ne!(logits[1], logits[2]);

    let outside = [filled(37, |_| true)];
    let error = device::block_on(predictor.predict(&outside)).unwrap_err();
    assert!(error.to_string().contains("mask reaches outside"));
}

#[test]
fn the_embeddings_used_last_are_kept() {
    let image = Rgb::black(1200);
    let mut predictor = tiny();
    predictor.open_image((image.width, image.height));
    let part = |i: usize| Part {
        x: 64 * i,
        y: 0,
        width: 128,
        height: 128,
    };
    let add = |predictor: &mut Predictor, i: usize| {
        let embedding = device::block_on(predictor.encode_part(&image, part(i))).unwrap();
        predictor.add_embedding(embedding);
    };
    for i in 0..16 {
        add(&mut predictor, i);
    }
    predictor.views.used(&part(0));
    add(&mut predictor, 16);
    assert!(predictor.has(&part(0)) && !predictor.has(&part(1)) && predictor.has(&part(2)));
}

/// Noise with one weight in it that is none.
struct Damaged(NoiseSource);

impl ParameterSource for Damaged {
    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = self.0.read(name, shape)?;
        if name == "image_encoder.neck.0.weight" {
            values[0] = f32::NAN;
        }
        Ok(values)
    }
}

#[test]
fn an_embedding_that_no_image_has_is_refused() {
    let (source, device) = (&mut Damaged(NoiseSource::default()), Device::flex());
    let config = SamConfig::tiny();
    let mut predictor = Predictor::load(source, config, &device, Precision::F32).unwrap();
    let error = device::block_on(predictor.set_image(&image(0))).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("its weights are damaged"), "{told}");
    assert_eq!(device::fault(), None, "the device is not to blame");
}
