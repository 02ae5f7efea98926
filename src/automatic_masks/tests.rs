//! What follows the last tile, against every mask compared with every other.

use std::collections::BTreeSet;
use std::time::Instant;

use burn::tensor::Device;

use super::finish::{Finish, Found};
use super::joining::Comparison;
use super::proposals::{Mask, Proposal, bounds, box_iou, suppress};
use super::{AutomaticMaskSettings, tiles};
use crate::device;
use crate::error::Result;
use crate::image::labels::Labels;
use crate::image::part::Part;
use crate::image::shapes::Shape;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::{Precision, SamConfig};
use crate::predictor::Predictor;
use crate::random::Random;
use crate::training::decoder_file;
use crate::weights::decoder_info::Thresholds;
use crate::weights::source::{NoiseSource, ParameterSource};

/// The middle and the radii of an ellipse.
type Ellipse = [f64; 4];

/// What a tile sees of an ellipse.
fn seen(tile: Part, place: usize, ellipse: Ellipse, size: (usize, usize)) -> Option<Proposal> {
    let [cx, cy, rx, ry] = ellipse;
    let inside = |x: usize, y: usize| {
        let (dx, dy) = ((x as f64 - cx) / rx, (y as f64 - cy) / ry);
        dx * dx + dy * dy < 1.0
    };
    let between = |middle: f64, radius: f64, start: usize, length: usize| {
        let first = (middle - radius).max(start as f64) as usize;
        first..((middle + radius + 1.0).max(0.0) as usize).min(start + length)
    };
    let columns = between(cx, rx, tile.x, tile.width);
    let rows = between(cy, ry, tile.y, tile.height);
    if columns.is_empty() || rows.is_empty() {
        return None;
    }
    let bits = rows
        .clone()
        .flat_map(|y| columns.clone().map(move |x| inside(x, y)));
    let shape = Shape::trimmed(columns.start, rows.start, columns.len(), bits.collect())?;
    Some(Proposal {
        cut: tiles::cuts(&tile, &shape, size),
        shape,
        iou: 0.9,
        stability: 1.0,
        tile: place,
    })
}

fn whole(size: (usize, usize)) -> Part {
    Part {
        x: 0,
        y: 0,
        width: size.0,
        height: size.1,
    }
}

/// Ellipses of two to `radius` pixels at random places, those after the first half near others, and
/// what each tile sees of them with scores of its own.
fn scene(
    seed: u64,
    count: usize,
    radius: f64,
    size: (usize, usize),
    tiles: &[Part],
) -> Vec<Proposal> {
    let mut random = Random::new(seed);
    let mut ellipses: Vec<Ellipse> = Vec::new();
    for i in 0..count {
        let mut ellipse = [size.0, size.1].map(|side| random.between(0.0, side as f64));
        if i > count / 2 {
            let near = ellipses[random.below(i)];
            ellipse = [near[0], near[1]].map(|at| at + random.between(-9.0, 9.0));
        }
        let [cx, cy] = ellipse;
        // Most are small.
        let mut side = || 2.0 + (radius - 2.0) * random.between(0.0, 1.0).powi(3);
        ellipses.push([cx, cy, side(), side()]);
    }
    let all = ellipses.iter().flat_map(|&ellipse| {
        let tiles = tiles.iter().enumerate();
        tiles.filter_map(move |(place, &tile)| seen(tile, place, ellipse, size))
    });
    let scored = all.map(|proposal| Proposal {
        // Some are equal.
        iou: 0.9 + 0.01 * random.below(8) as f32,
        stability: random.uniform(),
        ..proposal
    });
    let mut scored: Vec<Proposal> = scored.collect();
    scored.sort_by_key(|proposal| proposal.tile);
    scored
}

/// Joins the groups of any two cut masks that agree, and gives each as one piece; but for those
/// that agree with a whole mask in whose tile they lie.
fn joined_by_brute_force(proposals: &[Proposal], tiles: &[Part]) -> Vec<Mask> {
    let (mut cut, whole): (Vec<_>, Vec<_>) = proposals.iter().partition(|proposal| proposal.cut);
    let part_of = |cut: &Proposal, whole: &Proposal| {
        let (tile, shape) = (&tiles[whole.tile], &cut.shape);
        let in_tile = tile.x <= shape.x
            && tile.y <= shape.y
            && shape.x + shape.width <= tile.x + tile.width
            && shape.y + shape.height <= tile.y + tile.height;
        in_tile && agree(whole, cut, tiles)
    };
    cut.retain(|cut| !whole.iter().any(|whole| part_of(cut, whole)));
    let mut masks: Vec<Mask> = whole.into_iter().cloned().map(Mask::from).collect();
    let mut groups: Vec<usize> = (0..cut.len()).collect();
    for b in 0..cut.len() {
        for a in 0..b {
            if agree(cut[a], cut[b], tiles) {
                let (from, to) = (groups[b], groups[a]);
                let all = groups.iter_mut().filter(|group| **group == from);
                all.for_each(|group| *group = to);
            }
        }
    }
    for group in 0..cut.len() {
        let members: Vec<_> = (0..cut.len()).filter(|&i| groups[i] == group).collect();
        let members: Vec<&Proposal> = members.into_iter().map(|i| cut[i]).collect();
        if members.len() > 1 {
            masks.push(union(&members));
        }
    }
    masks
}

/// Whether the masks, of two tiles, have an IoU over a half where these overlap.
fn agree(a: &Proposal, b: &Proposal, tiles: &[Part]) -> bool {
    let [left, top, right, bottom] = tiles::common(&tiles[a.tile], &tiles[b.tile]);
    let (mut both, mut either) = (0, 0);
    for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
        let (a, b) = (a.shape.contains(x, y), b.shape.contains(x, y));
        both += u32::from(a && b);
        either += u32::from(a || b);
    }
    a.tile != b.tile && 2 * both > either
}

fn union(members: &[&Proposal]) -> Mask {
    let boxes: Vec<_> = members.iter().map(|c| bounds(&c.shape)).collect();
    let least = |side: usize| boxes.iter().map(|b| b[side]).min().unwrap();
    let most = |side: usize| boxes.iter().map(|b| b[side]).max().unwrap();
    let (x, y, width) = (least(0), least(1), most(2) - least(0));
    let covered = |i: usize| {
        let (x, y) = (x + i % width, y + i / width);
        members.iter().any(|c| c.shape.contains(x, y))
    };
    let bits = (0..width * (most(3) - y)).map(covered);
    let shape = Shape::trimmed(x, y, width, bits.collect()).unwrap();
    let mean = |score: fn(&Proposal) -> f32| {
        members.iter().map(|c| score(c)).sum::<f32>() / members.len() as f32
    };
    let (iou, stability) = (mean(|c| c.iou), mean(|c| c.stability));
    Mask {
        iou,
        stability,
        ..Mask::from(Proposal {
            shape,
            ..members[0].clone()
        })
    }
}

fn suppressed_by_brute_force(mut masks: Vec<Mask>, threshold: f32) -> Vec<Mask> {
    masks.sort_by(|a, b| b.iou.total_cmp(&a.iou));
    let mut kept: Vec<Mask> = Vec::new();
    for mask in masks {
        let same = |other: &Mask| box_iou(other.bounds, mask.bounds) > threshold;
        if !kept.iter().any(same) {
            kept.push(mask);
        }
    }
    kept
}

fn joined(proposals: Vec<Proposal>, tiles: &[Part]) -> Vec<Mask> {
    let mut comparison = Comparison::new(proposals, tiles.to_vec());
    while comparison.step().is_some() {}
    let mut merging = comparison.merge();
    while merging.step().is_some() {}
    merging.masks()
}

/// The mask with one piece.
fn in_one(mask: &Mask) -> Mask {
    let [left, top, right, bottom] = mask.bounds;
    let inside = |y: usize| (left..right).map(move |x| mask.contains(x, y));
    let bits: Vec<bool> = (top..bottom).flat_map(inside).collect();
    assert_eq!(bits.iter().filter(|bit| **bit).count(), mask.area);
    let areas: usize = mask.pieces.iter().map(|piece| piece.area).sum();
    assert_eq!(areas, mask.area, "no two pieces share a pixel");
    let shape = Shape::trimmed(left, top, right - left, bits).unwrap();
    Mask {
        pieces: vec![shape],
        ..mask.clone()
    }
}

/// Does all that follows the last tile: the pieces of work, and what was found.
fn finished(
    proposals: Vec<Proposal>,
    tiles: &[Part],
    settings: &AutomaticMaskSettings,
    size: (usize, usize),
) -> (Vec<f64>, Found) {
    let mut finish = Finish::new(proposals, tiles.to_vec());
    let mut seconds = Vec::new();
    let mut progress = finish.progress();
    while !finish.is_done() {
        assert!((0.0..1.0).contains(&progress));
        let start = Instant::now();
        finish = finish.advance(settings, size);
        seconds.push(start.elapsed().as_secs_f64());
        assert!(finish.progress() >= progress);
        progress = finish.progress();
    }
    assert_eq!(progress, 1.0);
    (seconds, finish.found_objects().unwrap())
}

#[test]
fn objects_on_seams_come_out_whole_and_once() {
    let size = (700, 400);
    let tiles = tiles::layout(size, 400, 0.25);
    assert_eq!(tiles.len(), 2);
    // Within the first tile; whole in the overlap of both; across it, whole in none; whole in
    // the second and cut by the first; cut by the image's own edge.
    let discs = [
        [100.0, 100.0, 30.0, 30.0],
        [350.0, 60.0, 20.0, 20.0],
        [350.0, 250.0, 90.0, 90.0],
        [420.0, 350.0, 40.0, 40.0],
        [690.0, 60.0, 30.0, 30.0],
    ];
    let all = discs
        .iter()
        .flat_map(|disc| (0..2).filter_map(|place| seen(tiles[place], place, *disc, size)));
    let found = suppress(joined(all.collect(), &tiles), 0.7);
    assert_eq!(found.len(), discs.len());
    for disc in discs {
        let expected = seen(whole(size), 0, disc, size).unwrap().shape;
        let found = found.iter().any(|mask| in_one(mask).pieces[0] == expected);
        assert!(found, "the disc at {}, {}", disc[0], disc[1]);
    }
}

#[test]
fn masks_are_joined_and_suppressed_as_if_all_were_compared() {
    let size = (700, 600);
    for (seed, side, overlap) in [(1, 256, 0.5), (2, 200, 0.25), (3, 300, 0.1), (4, 700, 0.0)] {
        let tiles = tiles::layout(size, side, overlap);
        let proposals = scene(seed, 60, 150.0, size, &tiles);
        let expected = joined_by_brute_force(&proposals, &tiles);
        let found = joined(proposals.clone(), &tiles);
        let found: Vec<Mask> = found.iter().map(in_one).collect();
        assert_eq!(found, expected, "tiles of {side}");
        let cut = proposals.iter().filter(|proposal| proposal.cut).count();
        let uncut = proposals.len() - cut;
        // Something was joined, and something was only cut.
        assert!(tiles.len() == 1 || (uncut < found.len() && found.len() < proposals.len()));

        for threshold in [0.0, 0.3, 0.7, 1.0] {
            let expected = suppressed_by_brute_force(expected.clone(), threshold);
            assert_eq!(suppress(found.clone(), threshold), expected, "{threshold}");
        }
    }
}

#[test]
fn lines_and_points_are_suppressed_as_if_all_were_compared() {
    let mut random = Random::new(5);
    let masks: Vec<Mask> = (0..500)
        .map(|_| {
            let (width, height) = (1 + random.below(3), 1 + random.below(3));
            let bits = vec![true; width * height];
            let shape = Shape::trimmed(random.below(20), random.below(20), width, bits);
            Mask::from(Proposal {
                shape: shape.unwrap(),
                iou: random.uniform(),
                stability: 1.0,
                tile: 0,
                cut: false,
            })
        })
        .collect();
    for threshold in [0.0, 0.2, 0.7] {
        let expected = suppressed_by_brute_force(masks.clone(), threshold);
        assert!(expected.len() < masks.len());
        assert_eq!(suppress(masks.clone(), threshold), expected, "{threshold}");
    }
}

#[test]
fn labels_show_smaller_masks_over_larger_ones_if_enough_of_these_is_seen() {
    // Rows that are longer than a band, and bands of several rows.
    for size in [(600_000, 3), (900, 1300)] {
        let tiles = tiles::layout(size, 400, 0.25);
        let mut proposals = scene(6, 150, 70.0, size, &tiles);
        // One under another of its size is not seen.
        let first = proposals[0].clone();
        proposals.push(Proposal { iou: 0.5, ..first });
        let settings = AutomaticMaskSettings {
            nms_threshold: 1.0,
            min_area: 30,
            max_share: 0.9,
            ..AutomaticMaskSettings::default()
        };
        let mut masks = suppressed_by_brute_force(joined(proposals.clone(), &tiles), 1.0);
        masks.retain(|mask| mask.area >= 30);
        masks.sort_by_key(|mask| std::cmp::Reverse(mask.area));
        let mut ids = vec![0; size.0 * size.1];
        for (id, mask) in (1..).zip(&masks) {
            let [left, top, right, bottom] = mask.bounds;
            for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
                if mask.contains(x, y) {
                    ids[y * size.0 + x] = id;
                }
            }
        }
        let mut seen = vec![0; masks.len() + 1];
        ids.iter().for_each(|id| seen[*id as usize] += 1);
        for id in ids.iter_mut().filter(|id| **id > 0) {
            let (seen, area) = (seen[*id as usize], masks[*id as usize - 1].area);
            if 3 * seen < area {
                *id = 0;
            }
        }
        let (_, found) = finished(proposals, &tiles, &settings, size);
        let labels = Labels::from_runs(&found.runs, size).unwrap();
        assert_eq!(found.runs, labels.runs(), "no run could be longer");
        assert!(labels.ids == ids);
        let shown: BTreeSet<u32> = ids.into_iter().filter(|id| *id > 0).collect();
        assert!(shown.len() < masks.len() || size.1 == 3);
        let told: BTreeSet<u32> = found.objects.iter().map(|object| object.id).collect();
        assert_eq!(told, shown);
        for object in &found.objects {
            let mask = &masks[object.id as usize - 1];
            assert_eq!((object.area, object.iou), (mask.area, mask.iou));
        }
    }
}

#[test]
fn background_is_left_out() {
    let size = (100, 100);
    let square = |x: usize, side: usize| Proposal {
        shape: Shape::trimmed(x, 0, side, vec![true; side * side]).unwrap(),
        iou: 0.9,
        stability: 1.0,
        tile: 0,
        cut: false,
    };
    let settings = AutomaticMaskSettings::default();
    let masks = vec![square(0, 71), square(20, 70), square(90, 4)];
    let (_, found) = finished(masks, &[whole(size)], &settings, size);
    let areas: Vec<usize> = found.objects.iter().map(|object| object.area).collect();
    // 71² is over a half of the pixels, and 4² under the least area.
    assert_eq!(areas, [4900]);
}

/// Prints how long it takes: nothing of it is asserted.
#[test]
fn thousands_of_masks_on_many_tiles_come_out_once() {
    let size = (10_000, 10_000);
    let tiles = tiles::layout(size, 1024, 0.25);
    // On a grid of 71 by 71, so that none touches another.
    let mut random = Random::new(8);
    let ellipses = (0..5_000).map(|i| {
        let [cx, cy] = [i % 71, i / 71].map(|at| 75.0 + 140.0 * f64::from(at));
        let mut radius = || random.between(10.0, 65.0);
        [cx, cy, radius(), radius()]
    });
    let ellipses: Vec<Ellipse> = ellipses.collect();
    let proposals = ellipses.iter().flat_map(|&ellipse| {
        let tiles = tiles.iter().enumerate();
        tiles.filter_map(move |(place, &tile)| seen(tile, place, ellipse, size))
    });
    let proposals: Vec<Proposal> = proposals.collect();
    let (cut, all) = (proposals.iter().filter(|c| c.cut).count(), proposals.len());
    let settings = AutomaticMaskSettings::default();
    let (seconds, found) = finished(proposals, &tiles, &settings, size);
    println!(
        "{all} masks on {} tiles, {cut} cut: {:.3} s in {} pieces of up to {:.0} ms",
        tiles.len(),
        seconds.iter().sum::<f64>(),
        seconds.len(),
        1e3 * seconds.iter().copied().fold(0.0, f64::max),
    );
    assert_eq!(found.objects.len(), ellipses.len());
    let expected = ellipses
        .iter()
        .map(|&ellipse| seen(whole(size), 0, ellipse, size).unwrap().shape.area);
    let mut expected: Vec<usize> = expected.collect();
    expected.sort_unstable_by_key(|area| std::cmp::Reverse(*area));
    let areas: Vec<usize> = found.objects.iter().map(|object| object.area).collect();
    assert_eq!(areas, expected);
    let covered: u64 = found
        .runs
        .as_chunks()
        .0
        .iter()
        .map(|[n, _]: &[u32; 2]| u64::from(*n))
        .sum();
    assert_eq!(covered, 100_000_000);
}

#[test]
fn a_tile_that_is_not_given_suits_the_image_and_what_is_looked_at() {
    let side = |tile: usize, longest: usize, seen: Option<usize>| {
        let settings = AutomaticMaskSettings {
            tile,
            ..AutomaticMaskSettings::default()
        };
        settings.side(longest, seen)
    };
    assert_eq!(side(0, 1024, Some(256)), 1024);
    assert_eq!(side(0, 1025, None), 1024);
    assert_eq!(side(0, 5000, Some(256)), 256);
    assert_eq!(side(300, 1024, None), 300);
    assert_eq!(side(8192, 5000, Some(256)), 8192);
}

/// Parameters that are all 0.
struct Zeros;

impl ParameterSource for Zeros {
    fn has(&self, _: &str) -> bool {
        true
    }

    fn read(&mut self, _: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(vec![0.0; shape.iter().product()])
    }
}

#[test]
fn a_fine_tuned_decoder_that_tells_its_thresholds_is_asked_halfway() {
    let (config, device) = (SamConfig::tiny(), Device::flex());
    let mut noise = NoiseSource::default();
    let mut predictor =
        Predictor::load(&mut noise, config.clone(), &device, Precision::F32).unwrap();
    let tuned = MaskDecoder::open(&mut Zeros, &config, &device).unwrap();
    let values = |decoder: &MaskDecoder| -> Vec<f32> {
        let named = device::block_on(decoder_file::parameters(decoder)).unwrap();
        named.into_iter().flat_map(|named| named.values).collect()
    };
    let halves: Vec<f32> = values(&predictor.model().mask_decoder)
        .iter()
        .map(|value| value / 2.0)
        .collect();
    let settings = AutomaticMaskSettings::default();
    predictor.set_fine_tuned(Some(tuned));
    let (decoder, least) = settings.asked(&predictor);
    assert!(values(&decoder).iter().all(|value| *value == 0.0));
    assert_eq!(least, settings.thresholds());

    let (iou, stability) = (0.5, 0.75);
    predictor.set_thresholds(Some(Thresholds { iou, stability }));
    let (decoder, least) = settings.asked(&predictor);
    assert_eq!(values(&decoder), halves);
    assert!((least.iou - 0.69).abs() < 1e-6 && (least.stability - 0.85).abs() < 1e-6);
}
