//! Objects that reach over the seams of tiles.

use std::collections::HashMap;
use std::vec::IntoIter;

use super::box_index::{BoxIndex, PixelBox};
use super::proposals::{Mask, Proposal, bounds};
use super::tiles::common;
use crate::image::part::Part;
use crate::image::shapes::Shape;

/// Two cut masks are of one object if they agree by this IoU where their tiles overlap.
const AGREEMENT: f64 = 0.5;

/// Finds out which of the masks that tiles cut are of one object.
pub struct Comparison {
    tiles: Vec<Part>,
    proposals: Vec<Proposal>,
    /// The places of the cut ones.
    cut: Vec<usize>,
    groups: Groups,
    /// All whole masks, and the cut ones that were compared and are whole nowhere.
    index: BoxIndex,
    compared: usize,
    /// How many pixels a mask has in what its tile shares with another.
    shared: HashMap<(usize, usize), usize>,
}

impl Comparison {
    /// Of proposals whose tiles are places in `tiles`.
    pub fn new(proposals: Vec<Proposal>, tiles: Vec<Part>) -> Self {
        let places = 0..proposals.len();
        let (cut, whole): (Vec<_>, Vec<_>) = places.partition(|&i| proposals[i].cut);
        let mut index = BoxIndex::default();
        for i in whole {
            index.insert(i, bounds(&proposals[i].shape));
        }
        Self {
            tiles,
            groups: Groups::of_one_each(proposals.len()),
            proposals,
            cut,
            index,
            compared: 0,
            shared: HashMap::new(),
        }
    }

    /// Masks, of which some are parts of one object.
    pub fn found(&self) -> usize {
        self.proposals.len()
    }

    /// The share, 0..1, of the cut masks that were compared.
    pub fn share(&self) -> f64 {
        self.compared as f64 / self.cut.len().max(1) as f64
    }

    /// Compares the next cut mask with the whole ones, and, if it is a part of none of them, with
    /// the cut ones before: the pixels that were looked at; nothing when none is left.
    pub fn step(&mut self) -> Option<usize> {
        let b = *self.cut.get(self.compared)?;
        self.compared += 1;
        let bounds = bounds(&self.proposals[b].shape);
        let mut near = self.index.sharing(bounds, 0);
        // The order decides which group's place the joined one takes.
        near.sort_unstable();
        let (cut, whole): (Vec<_>, Vec<_>) = near.into_iter().partition(|&a| self.proposals[a].cut);
        let mut pixels = 0;
        for a in whole {
            if self.is_in_tile_of(b, a) && self.agree(a, b, &mut pixels) {
                return Some(pixels);
            }
        }
        for a in cut {
            if self.agree(a, b, &mut pixels) {
                self.groups.join(b, a);
            }
        }
        self.index.insert(b, bounds);
        Some(pixels)
    }

    /// Whether a mask lies in the tile of another, which then shows all of it.
    fn is_in_tile_of(&self, i: usize, other: usize) -> bool {
        let bounds = bounds(&self.proposals[i].shape);
        let tile = &self.tiles[self.proposals[other].tile];
        let (right, bottom) = (tile.x + tile.width, tile.y + tile.height);
        meet(bounds, [tile.x, tile.y, right, bottom]) == bounds
    }

    /// Whether two masks, of two tiles, are of one object: counts the pixels that are looked at.
    fn agree(&mut self, a: usize, b: usize, pixels: &mut usize) -> bool {
        let [tile_a, tile_b] = [a, b].map(|i| self.proposals[i].tile);
        if tile_a == tile_b {
            return false;
        }
        let seam = common(&self.tiles[tile_a], &self.tiles[tile_b]);
        let in_both = meet(seam, bounds(&self.proposals[a].shape));
        let in_both = meet(in_both, bounds(&self.proposals[b].shape));
        let in_a = self.within(a, tile_b, seam, pixels);
        let in_b = self.within(b, tile_a, seam, pixels);
        let agrees = |both: usize| both as f64 > AGREEMENT * (in_a + in_b - both) as f64;
        // Most have too few pixels to be the other.
        if !agrees(area(in_both).min(in_a).min(in_b)) {
            return false;
        }
        *pixels += area(in_both);
        let rows = |i: usize| rows(&self.proposals[i].shape, in_both);
        let both = rows(a).zip(rows(b)).map(|(a, b)| {
            let pairs = a.iter().zip(b);
            pairs.filter(|(a, b)| **a && **b).count()
        });
        agrees(both.sum())
    }

    /// The pixels of a mask in the `seam` that its tile shares with another one.
    fn within(&mut self, i: usize, tile: usize, seam: PixelBox, pixels: &mut usize) -> usize {
        let shape = &self.proposals[i].shape;
        *self.shared.entry((i, tile)).or_insert_with(|| {
            let seam = meet(seam, bounds(shape));
            *pixels += area(seam);
            rows(shape, seam).map(count).sum()
        })
    }

    /// Goes on to make each group one mask.
    pub fn merge(mut self) -> Merging {
        let count = self.proposals.len();
        let groups: Vec<usize> = (0..count).map(|i| self.groups.group(i)).collect();
        let mut members = vec![0usize; count];
        groups.iter().for_each(|&group| members[group] += 1);
        let all = groups.into_iter().zip(self.proposals);
        let (mut cut, whole): (Vec<_>, Vec<_>) = all.partition(|(_, proposal)| proposal.cut);
        // Others are whole in a neighbour's overlap.
        cut.retain(|(group, _)| members[*group] > 1);
        cut.sort_by_key(|(group, _)| *group);
        let whole = whole.into_iter().map(|(_, proposal)| proposal.into());
        Merging {
            members: cut.len(),
            left: cut.into_iter(),
            whole: whole.collect(),
            current: None,
        }
    }
}

/// Makes masks of the groups of cut ones.
pub struct Merging {
    /// Group by group, with the group.
    left: IntoIter<(usize, Proposal)>,
    members: usize,
    whole: Vec<Mask>,
    current: Option<(usize, Union)>,
}

impl Merging {
    pub fn found(&self) -> usize {
        self.whole.len()
    }

    /// The share, 0..1, of the cut masks that are in a mask.
    pub fn share(&self) -> f64 {
        1.0 - self.left.len() as f64 / self.members.max(1) as f64
    }

    /// Puts the next cut mask to its group: the pixels that were looked at; nothing when none is
    /// left.
    pub fn step(&mut self) -> Option<usize> {
        let (group, proposal) = self.left.next()?;
        match &mut self.current {
            Some((current, union)) if *current == group => Some(union.add(proposal)),
            _ => {
                let pixels = proposal.shape.bits.len();
                let ended = self.current.replace((group, Union::new(proposal)));
                self.whole.extend(ended.map(|(_, union)| union.mask()));
                Some(pixels)
            }
        }
    }

    /// All masks without those that tiles cut.
    pub fn masks(mut self) -> Vec<Mask> {
        let last = self.current.take().map(|(_, union)| union.mask());
        self.whole.extend(last);
        self.whole
    }
}

/// A mask that covers the pixels of all its members and has the mean of their scores.
struct Union {
    mask: Mask,
    index: BoxIndex,
    members: usize,
}

impl Union {
    fn new(first: Proposal) -> Self {
        let mut index = BoxIndex::default();
        index.insert(0, bounds(&first.shape));
        Self {
            mask: first.into(),
            index,
            members: 1,
        }
    }

    /// Adds what no other member covers: the pixels that were looked at.
    fn add(&mut self, member: Proposal) -> usize {
        let mut shape = member.shape;
        let bounds = bounds(&shape);
        let mut pixels = shape.bits.len();
        for i in self.index.sharing(bounds, 0) {
            pixels += subtract(&mut shape, &self.mask.pieces[i]);
        }
        shape.area = count(&shape.bits);
        let mask = &mut self.mask;
        let [left, top, right, bottom] = mask.bounds;
        mask.bounds = [
            left.min(bounds[0]),
            top.min(bounds[1]),
            right.max(bounds[2]),
            bottom.max(bounds[3]),
        ];
        mask.area += shape.area;
        mask.iou += member.iou;
        mask.stability += member.stability;
        self.members += 1;
        if shape.area > 0 {
            self.index.insert(mask.pieces.len(), bounds);
            mask.pieces.push(shape);
        }
        pixels
    }

    fn mask(mut self) -> Mask {
        self.mask.iou /= self.members as f32;
        self.mask.stability /= self.members as f32;
        self.mask
    }
}

/// Takes from `shape` the pixels of another one: the pixels that were looked at.
fn subtract(shape: &mut Shape, other: &Shape) -> usize {
    let both = meet(bounds(shape), bounds(other));
    let [left, top, right, _] = both;
    let (x, y, width) = (shape.x, shape.y, shape.width);
    for (taken, row) in rows(other, both).zip(top - y..) {
        let kept = &mut shape.bits[row * width..][left - x..right - x];
        kept.iter_mut()
            .zip(taken)
            .for_each(|(kept, taken)| *kept &= !taken);
    }
    area(both)
}

/// What is numbered from 0, each in the group of the member that its parents lead to.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn of_one_each(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    fn group(&mut self, mut i: usize) -> usize {
        while self.parents[i] != i {
            // Halves the way for the next time.
            self.parents[i] = self.parents[self.parents[i]];
            i = self.parents[i];
        }
        i
    }

    /// Puts the group of `from` into that of `to`.
    fn join(&mut self, from: usize, to: usize) {
        let (from, to) = (self.group(from), self.group(to));
        self.parents[from] = to;
    }
}

fn meet(a: PixelBox, b: PixelBox) -> PixelBox {
    let [left, top] = [0, 1].map(|side| a[side].max(b[side]));
    let [right, bottom] = [2, 3].map(|side| a[side].min(b[side]));
    [left, top, right.max(left), bottom.max(top)]
}

fn area([left, top, right, bottom]: PixelBox) -> usize {
    (right - left) * (bottom - top)
}

/// The rows of a shape between bounds that lie in its box.
fn rows(shape: &Shape, [left, top, right, bottom]: PixelBox) -> impl Iterator<Item = &[bool]> {
    let rows = match left < right {
        true => top..bottom,
        false => top..top,
    };
    rows.map(move |y| &shape.bits[(y - shape.y) * shape.width..][left - shape.x..right - shape.x])
}

fn count(bits: &[bool]) -> usize {
    bits.iter().filter(|inside| **inside).count()
}
