//! Connected pixels, and how those of several objects are told apart: by a watershed from the peaks
//! of a plane.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::plane::Plane;

/// Number of the region of each pixel, from 1, or 0 outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    pub width: usize,
    pub labels: Vec<u32>,
    pub count: usize,
}

/// The pixels beside, above and below pixel `i` of rows of `width`.
fn beside(i: usize, width: usize, pixels: usize) -> impl Iterator<Item = usize> {
    let x = i % width;
    let left = (x > 0).then(|| i - 1);
    let right = (x + 1 < width).then(|| i + 1);
    let above = i.checked_sub(width);
    let below = Some(i + width).filter(|at| *at < pixels);
    [left, right, above, below].into_iter().flatten()
}

/// The regions of pixels inside that touch at sides.
pub fn components(width: usize, inside: impl Fn(usize) -> bool, pixels: usize) -> Regions {
    let mut labels = vec![0; pixels];
    let (mut count, mut open) = (0, Vec::new());
    for start in 0..pixels {
        if labels[start] > 0 || !inside(start) {
            continue;
        }
        count += 1;
        labels[start] = count as u32;
        open.push(start);
        while let Some(i) = open.pop() {
            for next in beside(i, width, pixels) {
                if labels[next] == 0 && inside(next) {
                    labels[next] = count as u32;
                    open.push(next);
                }
            }
        }
    }
    Regions {
        width,
        labels,
        count,
    }
}

impl Regions {
    /// Without the regions that have no pixel in `about`; the others keep their numbers.
    pub fn only(&mut self, about: &[bool]) {
        let mut meets = vec![false; self.count + 1];
        let pixels = self.labels.iter().zip(about);
        pixels.for_each(|(label, about)| meets[*label as usize] |= about);
        let others = self
            .labels
            .iter_mut()
            .filter(|label| !meets[**label as usize]);
        others.for_each(|label| *label = 0);
    }

    /// Divides regions by the peaks of `heights`, of which no two in a region are nearer than
    /// `distance` pixels along both axes: each pixel belongs to the peak from which it is reached
    /// over the highest way.
    pub fn divided(&self, heights: &Plane, distance: usize) -> Self {
        let peaks = self.peaks(&heights.values, distance);
        let mut labels = vec![0; self.labels.len()];
        let mut open = BinaryHeap::new();
        let mut order = 0;
        for (i, &peak) in peaks.iter().enumerate() {
            labels[peak] = i as u32 + 1;
            let height = heights.values[peak];
            open.push(Reached {
                height,
                order,
                place: peak,
            });
            order += 1;
        }
        while let Some(Reached { height, place, .. }) = open.pop() {
            for next in beside(place, self.width, labels.len()) {
                if labels[next] == 0 && self.labels[next] == self.labels[place] {
                    labels[next] = labels[place];
                    open.push(Reached {
                        height: heights.values[next].min(height),
                        order,
                        place: next,
                    });
                    order += 1;
                }
            }
        }
        Self {
            width: self.width,
            labels,
            count: peaks.len(),
        }
    }

    /// The highest pixels among their neighbours of the same region, highest first.
    fn peaks(&self, heights: &[f32], distance: usize) -> Vec<usize> {
        let (width, height) = (self.width, self.labels.len() / self.width.max(1));
        let square = |i: usize, reach: usize| {
            let (x, y) = (i % width, i / width);
            let columns = x.saturating_sub(reach)..(x + reach + 1).min(width);
            let rows = y.saturating_sub(reach)..(y + reach + 1).min(height);
            let label = self.labels[i];
            rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
                .filter(move |&at| self.labels[at] == label)
        };
        let highest = |&i: &usize| {
            self.labels[i] > 0 && square(i, 1).all(|other| heights[other] <= heights[i])
        };
        let mut tops: Vec<usize> = (0..heights.len()).filter(highest).collect();
        tops.sort_by(|&a, &b| heights[b].total_cmp(&heights[a]).then(a.cmp(&b)));
        let mut taken = vec![false; heights.len()];
        tops.retain(|&i| {
            let free = !taken[i];
            if free {
                square(i, distance).for_each(|at| taken[at] = true);
            }
            free
        });
        tops
    }
}

/// A pixel that a region has reached; the highest comes first, of equal ones the earliest.
struct Reached {
    height: f32,
    order: usize,
    place: usize,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        let height = self.height.total_cmp(&other.height);
        height.then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Reached {}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
