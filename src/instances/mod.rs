//! Instances from the three maps of a decoder: foreground, distance to an object's centre and to its
//! border, as micro-sam makes them (`InstanceSegmentationWithDecoder.generate`,
//! `torch_em.util.segmentation.watershed_from_center_and_boundary_distances`).

pub mod prompts;
#[cfg(feature = "model")]
pub mod search;
mod smoothing;
mod watershed;

use crate::image::labels::Labels;

/// Standard deviations by which the foreground and the distances are smoothed, in pixels.
const FOREGROUND_SMOOTHING: f64 = 1.0;
const DISTANCE_SMOOTHING: f64 = 1.6;

/// What the maps of an image say of each of its pixels, row-major.
#[derive(Clone)]
pub struct Maps {
    pub width: usize,
    pub height: usize,
    /// How sure it is that a pixel belongs to an object, 0..1.
    pub foreground: Vec<f32>,
    /// How far it is from its object's centre, 0..1, and how near to its border, 0..1.
    pub centre: Vec<f32>,
    pub border: Vec<f32>,
}

/// From where on maps mean something, as micro-sam has it by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Pixels above it are foreground.
    pub foreground: f32,
    /// Foreground below both is a seed.
    pub centre: f32,
    pub border: f32,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            foreground: 0.5,
            centre: 0.5,
            border: 0.5,
        }
    }
}

/// The objects that the maps show: seeds are where centre and border are both near, and grow over the
/// foreground in the order of the distance to the border. Objects of less than `min_size` pixels are
/// left out; the others are numbered from 1 in the order of their seeds.
///
/// # Panics
/// If a map has not `width × height` values.
pub fn segment(maps: Maps, levels: Levels, min_size: usize) -> Labels {
    let Maps { width, height, .. } = maps;
    let pixels = width * height;
    assert!(
        [&maps.foreground, &maps.centre, &maps.border]
            .iter()
            .all(|map| map.len() == pixels),
        "maps of one size"
    );
    let foreground = smoothing::smooth(&maps.foreground, width, FOREGROUND_SMOOTHING);
    let inside: Vec<bool> = foreground.iter().map(|&x| x > levels.foreground).collect();
    drop((foreground, maps.foreground));
    let centre = smoothing::smooth(&maps.centre, width, DISTANCE_SMOOTHING);
    let border = smoothing::smooth(&maps.border, width, DISTANCE_SMOOTHING);
    drop((maps.centre, maps.border));
    let near = centre.iter().zip(&border).zip(&inside);
    let near: Vec<bool> = near
        .map(|((&centre, &border), &inside)| {
            inside && centre < levels.centre && border < levels.border
        })
        .collect();
    drop(centre);
    let mut ids = components(&near, width);
    watershed::grow(&mut ids, &border, &inside, width);
    leave_out_small(&mut ids, min_size);
    Labels::new(width, height, ids)
}

/// The number of each pixel's part, from 1 in the order of their first pixels, and 0 outside. Parts
/// hang together at sides and corners.
pub(crate) fn components(inside: &[bool], width: usize) -> Vec<u32> {
    let mut ids = vec![0; inside.len()];
    let mut count = 0;
    let mut waiting = Vec::new();
    for start in 0..inside.len() {
        if !inside[start] || ids[start] != 0 {
            continue;
        }
        count += 1;
        ids[start] = count;
        waiting.push(start);
        while let Some(at) = waiting.pop() {
            let (x, y) = (at % width, at / width);
            for row in y.saturating_sub(1)..(y + 2).min(inside.len() / width) {
                for there in row * width + x.saturating_sub(1)..row * width + (x + 2).min(width) {
                    if inside[there] && ids[there] == 0 {
                        ids[there] = count;
                        waiting.push(there);
                    }
                }
            }
        }
    }
    ids
}

/// The number of each part of equal numbers, from 1 in the order of their first pixels, and 0 where
/// they are. Parts hang together at sides.
pub(crate) fn parts(numbers: &[u32], width: usize) -> Vec<u32> {
    let mut ids = vec![0; numbers.len()];
    let mut count = 0;
    let mut waiting = Vec::new();
    for start in 0..numbers.len() {
        if numbers[start] == 0 || ids[start] != 0 {
            continue;
        }
        count += 1;
        ids[start] = count;
        waiting.push(start);
        while let Some(at) = waiting.pop() {
            let x = at % width;
            let beside = [
                at.checked_sub(width),
                (x > 0).then(|| at - 1),
                (x + 1 < width).then_some(at + 1),
                Some(at + width).filter(|&below| below < numbers.len()),
            ];
            for there in beside.into_iter().flatten() {
                if ids[there] == 0 && numbers[there] == numbers[at] {
                    ids[there] = count;
                    waiting.push(there);
                }
            }
        }
    }
    ids
}

/// Takes away objects of less than `min_size` pixels, and numbers the others from 1 without gaps.
fn leave_out_small(ids: &mut [u32], min_size: usize) {
    let count = ids.iter().copied().max().unwrap_or(0) as usize;
    let mut sizes = vec![0_usize; count + 1];
    for &id in ids.iter() {
        sizes[id as usize] += 1;
    }
    let mut next = 0;
    let numbers: Vec<u32> = sizes
        .iter()
        .enumerate()
        .map(|(id, &size)| {
            let kept = id > 0 && size > 0 && size >= min_size;
            next += u32::from(kept);
            if kept { next } else { 0 }
        })
        .collect();
    for id in ids {
        *id = numbers[*id as usize];
    }
}

#[cfg(test)]
mod tests;
