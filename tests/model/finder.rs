//! Finds the other objects of the drawn sample from three of them, with the whole model.

use std::path::Path;
use std::process::Command;

use graysam::agreement::agreement;
use graysam::device::{self, DeviceChoice};
use graysam::finder::choose::THRESHOLD;
use graysam::finder::finding::Given;
use graysam::finder::{Finder, Finding};
use graysam::image::decode::{Picture, Rgb};
use graysam::image::display::{self, Display};
use graysam::image::labels::Labels;
use graysam::image::part::Part;
use graysam::image::sample;
use graysam::model::Precision;
use graysam::predictor::Predictor;
use graysam::weights::decoder_info::Base;

use crate::common::part_of;

fn predictor() -> Option<Predictor> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let device = device::block_on(device::open(DeviceChoice::Cpu))
        .ok()?
        .device;
    Predictor::open(file, &device, Precision::default(), &mut |_| ()).ok()
}

/// The sample as it is shown, its labels and those of three objects.
fn drawn() -> (Rgb, Labels, Labels) {
    let (gray, truth) = sample::nuclei();
    let shown = display::to_rgb(&Picture::Gray(gray), &Display::default()).unwrap();
    let kept = |id: &u32| if [7, 21, 41].contains(id) { *id } else { 0 };
    let ids = truth.ids.iter().map(kept).collect();
    let few = Labels {
        ids,
        ..truth.clone()
    };
    (shown, truth, few)
}

/// The sample's upper left quarter, with the labels of three objects that lie in it.
fn corner() -> (Rgb, Labels) {
    let (image, truth, _) = drawn();
    let (width, height) = (image.width / 2, image.height / 2);
    let inside = |bbox: [f32; 4]| bbox[2] < width as f32 && bbox[3] < height as f32;
    let objects = truth.objects(1).into_iter();
    let kept: Vec<u32> = objects
        .filter(|object| inside(object.bbox))
        .map(|object| object.id)
        .take(3)
        .collect();
    let rows = truth.ids.chunks(truth.width).take(height);
    let ids = rows.flat_map(|row| &row[..width]);
    let few = Labels {
        ids: ids
            .map(|id| if kept.contains(id) { *id } else { 0 })
            .collect(),
        ..Labels::empty((width, height))
    };
    let part = Part {
        x: 0,
        y: 0,
        width,
        height,
    };
    (part_of(&image, part), few)
}

fn given(labels: &Labels) -> Given {
    Given {
        labels: labels.clone(),
        rejected: Vec::new(),
        embeddings: Vec::new(),
        instances: None,
    }
}

fn found(mut finding: Finding, predictor: &Predictor, image: &Rgb) -> (Labels, Finder) {
    while device::block_on(finding.advance(predictor, image))
        .unwrap()
        .is_some()
    {}
    let (suggestions, finder) = finding.finish().unwrap();
    let mut labels = Labels::empty((image.width, image.height));
    let sure = suggestions.iter().filter(|one| one.sureness >= THRESHOLD);
    for (suggestion, id) in sure.zip(1..) {
        let shape = &suggestion.shape;
        for (i, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
            let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
            let own = &mut labels.ids[y * labels.width + x];
            assert_eq!(*own, 0, "no pixel is of two suggestions");
            *own = id;
        }
    }
    (labels, finder)
}

#[test]
fn three_nuclei_teach_to_find_the_others_and_what_was_learned_comes_back_from_its_file() {
    let Some(predictor) = predictor() else {
        eprintln!("skipped: there is no model");
        return;
    };
    let (image, truth, few) = drawn();
    let mut finding = Finding::learn(Finder::default(), "sample".into(), given(&few)).unwrap();
    while finding.quality().is_none() && finding.step().is_some() {
        device::block_on(finding.advance(&predictor, &image)).unwrap();
    }
    // All three are held out in turn, although their numbers are all odd.
    assert_eq!(finding.quality().map(|quality| quality.examples), Some(3));
    let (labels, finder) = found(finding, &predictor, &image);
    let score = agreement(&truth, &labels, Some(&few)).unwrap();
    assert!(score.ap50 >= 0.85, "{score:?}");
    let touches = |(found, example): (&u32, &u32)| *found > 0 && *example > 0;
    let mut pixels = labels.ids.iter().zip(&few.ids);
    assert!(!pixels.any(touches), "labelled objects are left alone");

    let base = |sha256: &str| Base {
        name: "MobileSAM".into(),
        sha256: sha256.into(),
    };
    let mut file = Vec::new();
    finder.write(&mut file, &base("a")).unwrap();
    let read = Finder::read(std::io::Cursor::new(&file), &base("a")).unwrap();
    assert_eq!(read, finder);
    let told = Finder::read(std::io::Cursor::new(&file), &base("b")).unwrap_err();
    assert!(
        told.to_string().contains("made from another model"),
        "{told}"
    );
    let again = Finding::find(read, given(&few)).unwrap();
    assert_eq!(found(again, &predictor, &image).0, labels);
}

#[test]
fn nothing_is_found_without_labelled_objects() {
    let (_, truth, _) = drawn();
    let empty = Labels::empty((truth.width, truth.height));
    let told = |finding: graysam::Result<Finding>| finding.err().unwrap().to_string();
    let learn = Finding::learn(Finder::default(), String::new(), given(&empty));
    assert!(told(learn).contains("label one"));
    assert!(told(Finding::find(Finder::default(), given(&empty))).contains("learned"));
}

#[test]
fn a_fine_tuned_decoder_outlines_what_is_proposed_too() {
    let Some(mut predictor) = predictor() else {
        eprintln!("skipped: there is no model");
        return;
    };
    let (image, few) = corner();
    let find = |predictor: &Predictor| {
        let mut finding = Finding::learn(Finder::default(), "sample".into(), given(&few)).unwrap();
        while device::block_on(finding.advance(predictor, &image))
            .unwrap()
            .is_some()
        {}
        (finding.rated().len(), finding.finish().unwrap().0)
    };
    let (outlines, suggestions) = find(&predictor);
    // The untouched decoder in its own place outlines all again, which changes nothing.
    predictor.set_fine_tuned(Some(predictor.model().mask_decoder.clone()));
    let (more, again) = find(&predictor);
    assert!(
        more > outlines && more < 2 * outlines,
        "{outlines} and {more}"
    );
    assert_eq!(again, suggestions);
}

#[test]
fn another_search_takes_the_embeddings_of_the_one_before() {
    let Some(predictor) = predictor() else {
        eprintln!("skipped: there is no model");
        return;
    };
    let (image, few) = corner();
    let find = |embeddings| {
        let given = Given {
            embeddings,
            ..given(&few)
        };
        let mut finding = Finding::learn(Finder::default(), "sample".into(), given).unwrap();
        let mut pieces = 0;
        while device::block_on(finding.advance(&predictor, &image))
            .unwrap()
            .is_some()
        {
            pieces += 1;
        }
        let embeddings = finding.embeddings().to_vec();
        (pieces, embeddings, finding.finish().unwrap().0)
    };
    let (pieces, embeddings, suggestions) = find(Vec::new());
    let encoding = embeddings.len() * predictor.encoding_steps();
    assert!(encoding > 0);
    let (again, kept, same) = find(embeddings.clone());
    assert_eq!(again, pieces - encoding);
    assert_eq!((kept.len(), same), (embeddings.len(), suggestions));
}

#[test]
fn the_models_decoder_of_instances_is_asked_once_for_an_image() {
    let Some(mut predictor) = predictor() else {
        eprintln!("skipped: there is no model");
        return;
    };
    let decoder = std::env::temp_dir().join("graysam-finder-instances.safetensors");
    let mut graysam = Command::new(env!("CARGO_BIN_EXE_graysam"));
    graysam.args(["noise", "--config", "instance_decoder", "--out"]);
    assert!(graysam.arg(&decoder).status().unwrap().success());
    let file = std::io::BufReader::new(std::fs::File::open(decoder).unwrap());
    predictor.open_instances(file).unwrap();
    let (image, _, few) = drawn();
    let begun = |instances| {
        let given = Given {
            instances,
            ..given(&few)
        };
        Finding::learn(Finder::default(), "sample".into(), given).unwrap()
    };
    let step = |finding: &mut Finding| {
        let step = device::block_on(finding.advance(&predictor, &image)).unwrap();
        step.expect("there is more to do").step
    };
    let (mut finding, mut done) = (begun(None), Vec::new());
    while finding.instances().is_none() {
        done.push(step(&mut finding));
    }
    assert!(done.is_sorted() && done.len() > 100, "{done:?}");
    assert!(step(&mut finding) >= 400);
    // They are as good as what was found before.
    let mut again = begun(finding.instances().cloned());
    let learned = (0..10).any(|_| step(&mut again) > 0 && again.finder().objects() > 0);
    assert!(learned, "it learns at once");
}
