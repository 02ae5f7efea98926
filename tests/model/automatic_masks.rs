//! Automatic masks of the bundled sample against SamAutomaticMaskGenerator in PyTorch
//! (`tests/fixtures/make_automatic_masks_fixture.py`), and against the sample's own labels.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use burn::tensor::Device;
use graysam::annotation::rle;
use graysam::automatic_masks::{AutomaticMaskSettings, AutomaticMasks, Found, Mask};
use graysam::device;
use graysam::image::decode::{Picture, Rgb};
use graysam::image::display::{Display, to_rgb};
use graysam::image::labels::Labels;
use graysam::image::mask;
use graysam::image::sample::nuclei;
use graysam::model::Precision;
use graysam::predictor::Predictor;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    settings: ReferenceSettings,
    masks: Vec<ReferenceMask>,
}

#[derive(Deserialize)]
struct ReferenceSettings {
    points_per_side: usize,
    pred_iou_thresh: f32,
    stability_score_thresh: f32,
    box_nms_thresh: f32,
}

#[derive(Deserialize)]
struct ReferenceMask {
    counts: String,
    area: usize,
    iou: f32,
    stability: f32,
}

fn predictor() -> Predictor {
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    let model = File::open(model).expect("the tests' models are made first");
    let opened = Predictor::open(
        BufReader::new(model),
        &Device::flex(),
        Precision::F32,
        &mut |_| (),
    );
    opened.expect("it is a checkpoint")
}

fn sample() -> (Rgb, Labels) {
    let (gray, labels) = nuclei();
    let shown = to_rgb(&Picture::Gray(gray), &Display::default());
    (shown.expect("it can be shown"), labels)
}

fn run(predictor: &Predictor, image: &Rgb, settings: AutomaticMaskSettings) -> AutomaticMasks {
    let size = (image.width, image.height);
    let mut search =
        AutomaticMasks::new(size, settings, None, None).expect("the settings are right");
    let mut progress = 0.0;
    while device::block_on(search.advance(predictor, image)).expect("the device works") {
        assert!((progress..1.0).contains(&search.progress()));
        progress = search.progress();
    }
    assert_eq!(search.progress(), 1.0);
    search
}

fn plane(mask: &Mask, (width, height): (usize, usize)) -> Vec<bool> {
    let at = |i: usize| mask.contains(i % width, i / width);
    (0..width * height).map(at).collect()
}

#[test]
fn masks_are_those_of_pytorch() {
    let reference: Reference =
        serde_json::from_str(include_str!("../fixtures/automatic_masks.json")).expect("it is JSON");
    let given = reference.settings;
    let settings = AutomaticMaskSettings {
        points_per_side: given.points_per_side,
        iou_threshold: given.pred_iou_thresh,
        stability_threshold: given.stability_score_thresh,
        nms_threshold: given.box_nms_thresh,
        min_area: 0,
        max_share: 1.0,
        all_points: 1,
        ..AutomaticMaskSettings::default()
    };
    let (image, _) = sample();
    let size = (image.width, image.height);
    let predictor = predictor();
    let search = run(&predictor, &image, settings);
    let found = search.masks();
    let found: Vec<_> = found.iter().map(|mask| (plane(mask, size), mask)).collect();

    println!(
        "{} masks, in PyTorch {}",
        found.len(),
        reference.masks.len()
    );
    assert!(found.len().abs_diff(reference.masks.len()) <= 3);
    let mut unmatched = 0;
    for wanted in &reference.masks {
        let mut bits = vec![false; size.0 * size.1];
        let counts = rle::decompress(&wanted.counts).expect("they are run lengths");
        rle::visit(&counts, size, |i| bits[i] = true).expect("they fit");
        assert_eq!(bits.iter().filter(|bit| **bit).count(), wanted.area);
        let ious = found
            .iter()
            .map(|(own, mask)| (mask::iou(own, &bits), mask));
        let (iou, mask) = ious
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("there are some");
        if iou < 0.95 {
            println!(
                "a mask of {} pixels has no counterpart, IoU {iou:.3}",
                wanted.area
            );
            unmatched += 1;
            continue;
        }
        assert!(
            (mask.iou - wanted.iou).abs() < 0.01,
            "{} for {}",
            mask.iou,
            wanted.iou
        );
        assert!((mask.stability - wanted.stability).abs() < 0.01);
    }
    assert!(unmatched <= 3, "{unmatched} masks are missing");
}

#[test]
fn tiles_find_the_labelled_objects() {
    let (image, labels) = sample();
    let size = (image.width, image.height);
    let predictor = predictor();
    let settings = AutomaticMaskSettings {
        points_per_side: 9,
        tile: 400,
        max_share: 0.05,
        ..AutomaticMaskSettings::default()
    };
    let search = run(&predictor, &image, settings);
    // A twentieth of a tile.
    let pieces = || search.masks().iter().flat_map(|mask| &mask.pieces);
    assert!(pieces().all(|piece| piece.area <= 400 * 400 / 20));
    let found = search.finish();
    let Found { runs, objects } = found.expect("it is done");
    let found = Labels::from_runs(&runs, size).expect("they cover the image");
    let masks: Vec<_> = objects.iter().map(|object| found.mask(object.id)).collect();
    let labelled = labels.objects(50);
    let is_found = |id: u32| {
        let truth = labels.mask(id);
        masks.iter().any(|mask| mask::iou(mask, &truth) > 0.7)
    };
    let hits = labelled.iter().filter(|object| is_found(object.id)).count();
    println!(
        "{hits} of {} nuclei, {} objects",
        labelled.len(),
        objects.len()
    );
    assert!(hits * 10 >= labelled.len() * 8);
}

#[test]
fn settings_out_of_range_are_told() {
    let bad = [
        AutomaticMaskSettings {
            points_per_side: 0,
            ..AutomaticMaskSettings::default()
        },
        AutomaticMaskSettings {
            iou_threshold: f32::NAN,
            ..AutomaticMaskSettings::default()
        },
        AutomaticMaskSettings {
            tile: 10,
            ..AutomaticMaskSettings::default()
        },
        AutomaticMaskSettings {
            overlap: 0.9,
            ..AutomaticMaskSettings::default()
        },
    ];
    for settings in bad {
        let told = AutomaticMasks::new((8, 8), settings, None, None).err();
        assert!(told.is_some_and(|error| error.to_string().contains("must be")));
    }
    let settings = AutomaticMaskSettings::default();
    let told = AutomaticMasks::new((8, 8), settings, Some(40_000), None).err();
    assert!(told.is_some_and(|error| error.to_string().contains("40000, but must be")));
}
