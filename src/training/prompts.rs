//! Prompts simulated from labels (section A of the paper, "Training algorithm").

use crate::image::labels::{LabelledObject, Labels};
use crate::predictor::Prompt;
use crate::random::Random;

/// A random pixel of `object` as a positive point.
pub fn point_inside(labels: &Labels, object: &LabelledObject, random: &mut Random) -> Prompt {
    let [left, top, right, bottom] = object.bbox.map(|side| side as usize);
    let mut wanted = random.below(object.area);
    for y in top..bottom {
        for x in left..right {
            if labels.ids[y * labels.width + x] != object.id {
                continue;
            }
            if wanted == 0 {
                return point(x as f32, y as f32, true);
            }
            wanted -= 1;
        }
    }
    point(object.point.0, object.point.1, true)
}

/// How far a corner of a simulated box may lie from the true one, in parts of the box's sides.
const JITTER: f32 = 0.1;
/// The same in pixels.
const MOST_JITTER: f32 = 20.0;

/// The box of `object` with its sides moved at random.
pub fn jittered_box(labels: &Labels, object: &LabelledObject, random: &mut Random) -> Prompt {
    let [left, top, right, bottom] = object.bbox;
    let (width, height) = (labels.width as f32, labels.height as f32);
    let mut moved = |side: f32, length: f32, most: f32| {
        let reach = (JITTER * length).min(MOST_JITTER);
        (side + (2.0 * random.uniform() - 1.0) * reach).clamp(0.0, most)
    };
    Prompt::Box {
        x0: moved(left, right - left, width - 1.0),
        y0: moved(top, bottom - top, height - 1.0),
        x1: moved(right, right - left, width),
        y1: moved(bottom, bottom - top, height),
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
