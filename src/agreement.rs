//! How well found objects agree with the true ones: AP50, and mSA, the mean of AP over ten IoUs
//! (as StarDist, Cellpose and micro-sam report them).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::labels::Labels;

/// How many IoUs the mean is taken over: 0.5, 0.55, … 0.95.
const IOUS: usize = 10;

/// Counts and scores of found objects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// True objects.
    pub objects: usize,
    /// TP / (TP + FP + FN) where those count as found, one to one, whose IoU reaches 0.5. 0..1.
    pub ap50: f64,
    /// The mean of that over the IoUs 0.5, 0.55, … 0.95. 0..1.
    pub msa: f64,
    /// True objects that were found at an IoU of 0.5, and those that were not.
    pub found: usize,
    pub missed: usize,
    /// Found objects that are none.
    #[serde(rename = "false")]
    pub wrong: usize,
}

/// Compares `found` with the true `labels`. Where `given` are the objects that were handed over as
/// examples, those and what was found on them are left out: of a found object more than half.
///
/// # Errors
/// When the label images differ in size.
pub fn agreement(labels: &Labels, found: &Labels, given: Option<&Labels>) -> Result<Agreement> {
    same_size(labels, found, "found objects")?;
    given.map_or(Ok(()), |given| same_size(labels, given, "examples"))?;
    let left_out = given.map(|given| on_examples(found, given));
    let mut overlaps = Overlaps::default();
    for (i, (&truth, &id)) in labels.ids.iter().zip(&found.ids).enumerate() {
        let truth = match given {
            Some(given) if given.ids[i] > 0 => 0,
            _ => truth,
        };
        let id = match &left_out {
            Some(left_out) if left_out.contains(&id) => 0,
            _ => id,
        };
        overlaps.add(truth, id);
    }
    Ok(overlaps.agreement())
}

fn same_size(labels: &Labels, other: &Labels, what: &str) -> Result<()> {
    if (labels.width, labels.height) == (other.width, other.height) {
        return Ok(());
    }
    Err(Error::new(format!(
        "The label images differ in size: the true objects have {} × {} pixels, the {what} {} × {}.",
        labels.width, labels.height, other.width, other.height
    )))
}

/// The objects of which more than half lies on examples.
fn on_examples(found: &Labels, given: &Labels) -> BTreeSet<u32> {
    let mut counts = BTreeMap::<u32, [usize; 2]>::new();
    for (&id, &example) in found.ids.iter().zip(&given.ids) {
        if id > 0 {
            let [all, on] = counts.entry(id).or_default();
            *all += 1;
            *on += usize::from(example > 0);
        }
    }
    counts.retain(|_, [all, on]| 2 * *on > *all);
    counts.into_keys().collect()
}

/// Pixels of objects and of what they have in common.
#[derive(Default)]
struct Overlaps {
    truths: BTreeMap<u32, usize>,
    found: BTreeMap<u32, usize>,
    common: BTreeMap<(u32, u32), usize>,
}

impl Overlaps {
    fn add(&mut self, truth: u32, id: u32) {
        if truth > 0 {
            *self.truths.entry(truth).or_default() += 1;
        }
        if id > 0 {
            *self.found.entry(id).or_default() += 1;
        }
        if truth > 0 && id > 0 {
            *self.common.entry((truth, id)).or_default() += 1;
        }
    }

    fn agreement(&self) -> Agreement {
        let objects = self.truths.len();
        // As numpy's arange(0.5, 0.96, 0.05) rounds them.
        let step = (0.5 + 0.05) - 0.5;
        let hits: Vec<usize> = (0..IOUS)
            .map(|i| self.hits(0.5 + i as f64 * step))
            .collect();
        let precision = |hits: usize| match objects + self.found.len() - hits {
            0 => 0.0,
            all => hits as f64 / all as f64,
        };
        let sum: f64 = hits.iter().map(|&hits| precision(hits)).sum();
        Agreement {
            objects,
            ap50: precision(hits[0]),
            msa: sum / IOUS as f64,
            found: hits[0],
            missed: objects - hits[0],
            wrong: self.found.len() - hits[0],
        }
    }

    /// How many pairs of a true and a found object have at least this IoU, one to one.
    fn hits(&self, least: f64) -> usize {
        let mut near = BTreeMap::<u32, Vec<u32>>::new();
        for (&(truth, id), &common) in &self.common {
            let either = self.truths[&truth] + self.found[&id] - common;
            if common as f64 / either as f64 >= least {
                near.entry(truth).or_default().push(id);
            }
        }
        let mut taken = BTreeMap::new();
        let hit = |truth: &&u32| augment(**truth, &near, &mut taken, &mut Vec::new());
        near.keys().filter(hit).count()
    }
}

/// Finds a partner for `truth`, whose earlier ones may have to take others. No object has more than
/// two partners of an IoU of 0.5, so the way is short.
fn augment(
    truth: u32,
    near: &BTreeMap<u32, Vec<u32>>,
    taken: &mut BTreeMap<u32, u32>,
    tried: &mut Vec<u32>,
) -> bool {
    for &id in &near[&truth] {
        if tried.contains(&id) {
            continue;
        }
        tried.push(id);
        let free = match taken.get(&id).copied() {
            None => true,
            Some(other) => augment(other, near, taken, tried),
        };
        if free {
            taken.insert(id, truth);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ids: &[u32]) -> Labels {
        Labels::new(ids.len(), 1, ids.to_vec())
    }

    #[test]
    fn objects_are_found_one_to_one() {
        // 1 is found with an IoU of 3/4; of 2 each half is one object, of which one counts.
        let truth = labels(&[1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3]);
        let found = labels(&[5, 5, 5, 0, 0, 6, 6, 7, 7, 0, 0]);
        let agreement = agreement(&truth, &found, None).expect("they are of one size");
        assert_eq!(
            (agreement.found, agreement.missed, agreement.wrong),
            (2, 1, 1)
        );
        assert_eq!(agreement.ap50, 2.0 / 4.0);
        // From 0.55 to 0.7 one of them; 3/4 lies below numpy's 0.75.
        let wanted = (2.0 / 4.0 + 4.0 * (1.0 / 5.0)) / 10.0;
        assert!((agreement.msa - wanted).abs() < 1e-12, "{agreement:?}");
    }

    #[test]
    fn a_second_partner_frees_the_first() {
        // 1 could take either of the halves, 2 only the second.
        let truth = labels(&[1, 1, 2]);
        let found = labels(&[8, 9, 9]);
        let agreement = agreement(&truth, &found, None).expect("they are of one size");
        assert_eq!(agreement.found, 2);
    }

    #[test]
    fn examples_and_what_lies_on_them_do_not_count() {
        let truth = labels(&[1, 1, 0, 2, 2, 2, 0, 0]);
        let found = labels(&[4, 4, 0, 5, 5, 5, 6, 0]);
        let given = labels(&[1, 1, 0, 0, 0, 0, 0, 0]);
        let agreement = agreement(&truth, &found, Some(&given)).expect("they are of one size");
        assert_eq!(
            (agreement.objects, agreement.found, agreement.wrong),
            (1, 1, 1)
        );
    }

    #[test]
    fn nothing_agrees_with_nothing_to_no_degree() {
        let empty = labels(&[0, 0]);
        let agreement = agreement(&empty, &empty, None).expect("they are of one size");
        assert_eq!((agreement.ap50, agreement.msa), (0.0, 0.0));
    }

    #[test]
    fn other_sizes_are_told() {
        let told = agreement(&labels(&[1]), &labels(&[1, 1]), None).unwrap_err();
        assert_eq!(
            told.to_string(),
            "The label images differ in size: the true objects have 1 × 1 pixels, the found objects 2 × 1."
        );
    }
}
