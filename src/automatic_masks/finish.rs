//! What is to be done after the last tile: joining, suppressing and painting, in pieces between
//! which clicks are answered.

use super::joining::{Comparison, Merging};
use super::painting::Painting;
use super::proposals::{Mask, Proposal, Suppression};
use super::{AutomaticMaskSettings, FoundObject};
use crate::image::part::Part;

/// A piece has no more masks, and ends with the one that brings it to as many pixels.
const MASKS: usize = 250;
const PIXELS: usize = 2_000_000;

/// Of a mask that is an object one of so many parts is seen, or more: where less shows, it holds
/// other objects, and what is left are their rims.
const MOST_PARTS: usize = 3;

/// How many kinds of pieces there are.
const KINDS: f64 = 4.0;

/// All objects of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Labels, the larger masks below the smaller ones, as
    /// [`crate::image::labels::Labels::runs`].
    pub runs: Vec<u32>,
    /// Those of which at least a third shows.
    pub objects: Vec<FoundObject>,
}

/// The kind of work at hand.
pub enum Finish {
    /// Which of the masks that tiles cut are of one object.
    Compare(Comparison),
    /// To one mask each.
    Merge(Merging),
    /// What several tiles show whole.
    Suppress(Suppression<Mask>),
    Paint(Painting),
    Done(Painting),
}

impl Finish {
    /// Begins with the proposals of all tiles.
    pub fn new(proposals: Vec<Proposal>, tiles: Vec<Part>) -> Self {
        Self::Compare(Comparison::new(proposals, tiles))
    }

    /// Does the next piece of work, in an image of `size`.
    pub fn advance(self, settings: &AutomaticMaskSettings, size: (usize, usize)) -> Self {
        match self {
            Self::Compare(mut comparison) => match piece(|| comparison.step()) {
                true => Self::Merge(comparison.merge()),
                false => Self::Compare(comparison),
            },
            Self::Merge(mut merging) => match piece(|| merging.step()) {
                true => {
                    let threshold = settings.nms_threshold;
                    Self::Suppress(Suppression::new(merging.masks(), threshold))
                }
                false => Self::Merge(merging),
            },
            // It looks at boxes alone.
            Self::Suppress(mut suppression) => match piece(|| suppression.step().map(|()| 0)) {
                true => {
                    let masks = right_sized(suppression.kept, settings, size);
                    Self::Paint(Painting::new(masks, size))
                }
                false => Self::Suppress(suppression),
            },
            Self::Paint(mut painting) => match piece(|| painting.step()) {
                true => Self::Done(painting),
                false => Self::Paint(painting),
            },
            Self::Done(painting) => Self::Done(painting),
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// How far it is, 0..1.
    pub fn progress(&self) -> f64 {
        let (done, share) = match self {
            Self::Compare(comparison) => (0.0, comparison.share()),
            Self::Merge(merging) => (1.0, merging.share()),
            Self::Suppress(suppression) => (2.0, suppression.share()),
            Self::Paint(painting) => (3.0, painting.share()),
            Self::Done(_) => return 1.0,
        };
        // Less than 1 while a piece is left.
        (done + 0.99 * share) / KINDS
    }

    /// Masks that are kept so far.
    pub fn found(&self) -> usize {
        match self {
            Self::Compare(comparison) => comparison.found(),
            Self::Merge(merging) => merging.found(),
            Self::Suppress(suppression) => suppression.found(),
            Self::Paint(painting) | Self::Done(painting) => painting.masks.len(),
        }
    }

    /// The masks that are kept, in descending order of size, and none before they are known.
    pub fn masks(&self) -> &[Mask] {
        match self {
            Self::Paint(painting) | Self::Done(painting) => &painting.masks,
            Self::Compare(_) | Self::Merge(_) | Self::Suppress(_) => &[],
        }
    }

    /// What was found, once nothing is left to do.
    pub fn found_objects(self) -> Option<Found> {
        let Self::Done(painting) = self else {
            return None;
        };
        let Painting {
            masks, runs, shown, ..
        } = painting;
        let is_object = |id: u32| {
            let i = id as usize - 1;
            MOST_PARTS * shown[i] >= masks[i].area
        };
        let mut objects_alone: Vec<u32> = Vec::with_capacity(runs.len());
        for &[count, id] in runs.as_chunks::<2>().0 {
            let id = if id > 0 && is_object(id) { id } else { 0 };
            match &mut *objects_alone {
                [.., length, last] if *last == id => *length += count,
                _ => objects_alone.extend([count, id]),
            }
        }
        let objects = (1..).zip(&masks).filter(|(id, _)| is_object(*id));
        let objects = objects.map(|(id, mask)| FoundObject {
            id,
            iou: mask.iou,
            stability: mask.stability,
            area: mask.area,
        });
        let objects = objects.collect();
        let runs = objects_alone;
        Some(Found { runs, objects })
    }
}

/// Does steps of work, each of which tells the pixels that it looked at, up to a piece's measure:
/// whether none is left.
fn piece(mut step: impl FnMut() -> Option<usize>) -> bool {
    let mut pixels = 0;
    for _ in 0..MASKS {
        match step() {
            Some(looked_at) => pixels += looked_at,
            None => return true,
        }
        if pixels >= PIXELS {
            break;
        }
    }
    false
}

/// Those that are neither too small nor the background, in descending order of size.
fn right_sized(
    mut masks: Vec<Mask>,
    settings: &AutomaticMaskSettings,
    (width, height): (usize, usize),
) -> Vec<Mask> {
    let most = f64::from(settings.max_share) * (width * height) as f64;
    masks.retain(|mask| mask.area >= settings.min_area && mask.area as f64 <= most);
    masks.sort_by_key(|mask| std::cmp::Reverse(mask.area));
    masks
}
