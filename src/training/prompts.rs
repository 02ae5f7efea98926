//! Prompts simulated from labels (section A of the paper, "Training algorithm").

use crate::image::part::{Bounds, Part};
use crate::image::shapes::Shape;
use crate::predictor::Prompt;
use crate::random::Random;

/// A random pixel of an object as a positive point.
pub fn point_inside(shape: &Shape, random: &mut Random) -> Prompt {
    let mut inside = (0..shape.bits.len()).filter(|&i| shape.bits[i]);
    let i = inside.nth(random.below(shape.area)).unwrap_or_default();
    let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
    point(x as f32, y as f32, true)
}

/// How far a corner of a simulated box may lie from the true one, in parts of the box's sides.
const JITTER: f32 = 0.1;
/// The same in pixels.
const MOST_JITTER: f32 = 20.0;

/// The box of an object, seen in `part` of its image, with its sides moved at random.
pub fn jittered_box(
    [left, top, right, bottom]: Bounds,
    part: &Part,
    random: &mut Random,
) -> Prompt {
    let (x, y) = (part.x as f32, part.y as f32);
    let (width, height) = (x + part.width as f32, y + part.height as f32);
    let mut moved = |side: f32, length: f32, least: f32, most: f32| {
        let reach = (JITTER * length).min(MOST_JITTER);
        (side + (2.0 * random.uniform() - 1.0) * reach).clamp(least, most)
    };
    Prompt::Box {
        x0: moved(left, right - left, x, width - 1.0),
        y0: moved(top, bottom - top, y, height - 1.0),
        x1: moved(right, right - left, x, width),
        y1: moved(bottom, bottom - top, y, height),
    }
}

/// A point where `mask` and `target`, both `side × side`, disagree: positive where the mask
/// misses the object, negative where it spills over, with its index; `None` if they agree.
pub fn error_point(mask: &[bool], target: &[bool], random: &mut Random) -> Option<(usize, bool)> {
    let wrong = |i: &usize| mask[*i] != target[*i];
    let count = (0..mask.len()).filter(wrong).count();
    if count == 0 {
        return None;
    }
    let index = (0..mask.len()).filter(wrong).nth(random.below(count))?;
    Some((index, target[index]))
}

fn point(x: f32, y: f32, positive: bool) -> Prompt {
    Prompt::Point { x, y, positive }
}
