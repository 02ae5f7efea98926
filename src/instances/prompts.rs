//! Instances by prompts that the maps give, as micro-sam's `AutomaticPromptGenerator` makes them: a
//! point in the midst of each seed, and of the masks that overlap the surer one.

use super::{Levels, Maps, parts};
use crate::image::distance;
use crate::image::shapes::{self, Shape};

/// Of two masks with a larger IoU one is left out.
const NMS_IOU: f64 = 0.9;

/// The masks of points, and how sure they are.
pub struct Mask {
    pub shape: Shape,
    /// Predicted IoU times stability.
    pub score: f32,
}

/// The pixel in the midst of each seed, x and y, in the order of the seeds. The maps are taken as they
/// are.
pub fn points(maps: &Maps, levels: Levels) -> Vec<(usize, usize)> {
    let (width, height) = (maps.width, maps.height);
    let near = maps.centre.iter().zip(&maps.border).zip(&maps.foreground);
    let near = near.map(|((&centre, &border), &foreground)| {
        foreground >= levels.foreground && centre < levels.centre && border < levels.border
    });
    let ids = parts(&near.map(u32::from).collect::<Vec<_>>(), width);
    let at_border = |at: usize| {
        let (x, y) = (at % width, at / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let outside: Vec<bool> = (0..ids.len())
        .map(|at| ids[at] == 0 || at_border(at) || meets_another(&ids, at, width))
        .collect();
    let distances = distance::squared(width, &outside);
    let count = ids.iter().copied().max().unwrap_or(0) as usize;
    let mut deepest = vec![(0.0, 0); count];
    let mut corners = vec![(usize::MAX, usize::MAX); count];
    for (at, &id) in ids.iter().enumerate().filter(|(_, id)| **id > 0) {
        let i = id as usize - 1;
        corners[i] = (corners[i].0.min(at % width), corners[i].1.min(at / width));
        if distances[at] > deepest[i].0 {
            deepest[i] = (distances[at], at);
        }
    }
    let midst = |(&(distance, at), &corner)| match distance > 0.0 {
        true => (at % width, at / width),
        // All of it lies at the image's border.
        false => corner,
    };
    deepest.iter().zip(&corners).map(midst).collect()
}

/// Whether a seed's pixel touches another seed at a corner.
fn meets_another(ids: &[u32], at: usize, width: usize) -> bool {
    let (x, y, id) = (at % width, at / width, ids[at]);
    let rows = y.saturating_sub(1)..(y + 2).min(ids.len() / width);
    let mut around = rows.flat_map(|y| {
        let columns = x.saturating_sub(1)..(x + 2).min(width);
        columns.map(move |x| y * width + x)
    });
    around.any(|there| ids[there] != 0 && ids[there] != id)
}

/// Of masks that overlap by more than an IoU of 0.9 the one of the highest score, of those over
/// `min_size` pixels; the largest first.
pub fn suppress(mut masks: Vec<Mask>, min_size: usize) -> Vec<Shape> {
    masks.retain(|mask| min_size == 0 || mask.shape.area > min_size);
    masks.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Shape> = Vec::new();
    for Mask { shape, .. } in masks {
        let same = |other: &Shape| shapes::iou(Some(other), Some(&shape)) > NMS_IOU;
        if !kept.iter().any(same) {
            kept.push(shape);
        }
    }
    kept.sort_by_key(|shape| std::cmp::Reverse(shape.area));
    kept
}

/// Object numbers of masks, the first of which take the pixels that they share with others; each part
/// that hangs together at sides is an object. Those of less than `min_size` pixels are left out.
pub fn painted(masks: &[Shape], (width, height): (usize, usize), min_size: usize) -> Vec<u32> {
    let mut ids = vec![0; width * height];
    for (i, shape) in masks.iter().enumerate() {
        for (at, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
            let (x, y) = (shape.x + at % shape.width, shape.y + at / shape.width);
            let id = &mut ids[y * width + x];
            if *id == 0 {
                *id = i as u32 + 1;
            }
        }
    }
    let mut ids = parts(&ids, width);
    super::leave_out_small(&mut ids, min_size);
    ids
}
