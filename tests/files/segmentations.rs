//! DICOM's segmentations as label images (`fixtures/make_segmentation_files.py`).

use std::path::Path;

use graysam::image::labels::Labels;

const WIDTH: usize = 19;
const HEIGHT: usize = 17;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new("tests/fixtures/files").join(format!("segmentation_{name}.dcm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The numbers of a cell and of the nucleus in it, row by row.
fn drawn(cell: u32, nucleus: u32) -> Vec<u32> {
    let number = |at: usize| match (at % WIDTH, at / WIDTH) {
        (5..9, 4..9) => nucleus,
        (2..15, 2..14) => cell,
        _ => 0,
    };
    (0..WIDTH * HEIGHT).map(number).collect()
}

fn ids(labels: graysam::Result<Labels>) -> Vec<u32> {
    let labels = labels.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((labels.width, labels.height), (WIDTH, HEIGHT));
    labels.ids
}

#[test]
fn segments_of_a_plane_are_objects_and_the_smaller_lies_above() {
    let binary = file("binary");
    let plane = |number| Labels::open(&binary, number).map(|(labels, _)| labels);
    assert_eq!(ids(plane(0)), drawn(1, 2));
    assert_eq!(ids(plane(1)), drawn(0, 2));
    let other = Labels::for_page(&binary, 0, 1).unwrap_err().to_string();
    assert!(
        other.contains("has 2 pages but the image has one"),
        "{other}"
    );
}

#[test]
fn planes_are_not_guessed_to_be_pages() {
    for name in ["binary", "label_map"] {
        let told = Labels::for_page(&file(name), 0, 2).unwrap_err().to_string();
        assert!(told.contains("has 2 planes and does not tell"), "{told}");
    }
    // A single plane is taken for the page that is open.
    assert_eq!(
        ids(Labels::for_page(&file("fractional"), 3, 5)),
        drawn(0, 5)
    );
}

#[test]
fn frames_belong_to_the_images_frames_that_they_name() {
    let frames = file("frames");
    let pages: Vec<_> = (0..4)
        .map(|page| ids(Labels::for_page(&frames, page, 4)))
        .collect();
    assert_eq!(pages, [drawn(0, 0), drawn(0, 2), drawn(0, 0), drawn(1, 2)]);
}

#[test]
fn half_of_the_largest_fraction_is_inside() {
    assert_eq!(ids(Labels::decode(&file("fractional"))), drawn(0, 5));
}

#[test]
fn a_label_map_holds_the_numbers_of_its_segments() {
    let map = file("label_map");
    let first = drawn(2, 300);
    let plane = |number| Labels::open(&map, number).map(|(labels, _)| labels);
    assert_eq!(ids(plane(0)), first);
    let rows: Vec<u32> = first.chunks(WIDTH).rev().flatten().copied().collect();
    assert_eq!(ids(plane(1)), rows);
}

#[test]
fn cut_and_corrupted_segmentations_do_not_panic() {
    for name in ["binary", "frames", "fractional", "label_map"] {
        let whole = file(name);
        for length in (0..whole.len()).step_by(3) {
            let _ = Labels::decode(&whole[..length]);
        }
        for at in 128..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let _ = Labels::decode(&bytes);
        }
    }
}

#[test]
fn an_image_is_not_taken_for_labels() {
    // Numbers of 16 bits without order, as the noise of a camera is.
    let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 16) % 60_000;
    let image = Labels::new(300, 200, (0..60_000).map(noise).collect());
    let told = Labels::decode(&image.to_tiff(None).unwrap()).unwrap_err();
    assert!(
        told.to_string()
            .contains("looks like an image and not like labels")
    );
    // As many objects of five pixels are odd, but possible.
    let objects = Labels::new(300, 200, (0..60_000).map(|i| i / 5).collect());
    assert!(Labels::decode(&objects.to_tiff(None).unwrap()).is_ok());
}
