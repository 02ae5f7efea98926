//! Label images as other programs write them (`fixtures/make_label_files.py`).

use std::path::Path;

use graysam::image::labels::Labels;

const WIDTH: usize = 20;
const HEIGHT: usize = 18;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new("tests/fixtures/files").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The script's blocks of objects, through `number`.
fn pattern(page: usize, number: impl Fn(u32) -> u32) -> Vec<u32> {
    let block = |at: usize| (at % WIDTH / 5 + 4 * (at / WIDTH / 6) + page) % 12;
    let all = (0..WIDTH * HEIGHT).map(block);
    all.map(|block| number(block as u32)).collect()
}

fn labels(name: &str) -> Labels {
    let labels = Labels::decode(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((labels.width, labels.height), (WIDTH, HEIGHT), "{name}");
    labels
}

fn told(read: graysam::Result<Labels>) -> String {
    let text = read.unwrap_err().to_string();
    assert!(text.ends_with('.') && text.len() > 30, "{text}");
    text
}

#[test]
fn labels_are_the_numbers_that_are_stored() {
    for name in [
        "label_palette.png",
        "label_palette.tif",
        "label_4_bits.png",
        "label_equal_channels.png",
        "label_white_is_zero.tif",
        "label_white_is_zero_big.tif",
    ] {
        let labels = labels(name);
        assert_eq!(labels.ids, pattern(0, |id| id), "{name}");
        assert!(labels.unknown.is_empty(), "{name}");
    }
    assert_eq!(labels("label_2_bits.png").ids, pattern(0, |id| id % 4));
}

#[test]
fn integers_are_exact_to_32_bits() {
    let wide = |id| if id == 0 { 0 } else { id + (1 << 24) };
    for name in ["label_wide.tif", "label_wide_64.tif"] {
        assert_eq!(labels(name).ids, pattern(0, wide), "{name}");
    }
}

#[test]
fn minus_one_is_not_annotated() {
    for name in ["label_signed.tif", "label_float.tif"] {
        let labels = labels(name);
        assert_eq!(
            labels.ids,
            pattern(0, |id| if id == 5 { 0 } else { id }),
            "{name}"
        );
        let five = pattern(0, |id| id)
            .into_iter()
            .enumerate()
            .filter(|(_, id)| *id == 5);
        let places: Vec<usize> = five.map(|(place, _)| place).collect();
        assert_eq!(
            labels.unknown.places().collect::<Vec<_>>(),
            places,
            "{name}"
        );
    }
}

#[test]
fn jpeg_is_refused() {
    for name in ["label.jpg", "jpeg.tif"] {
        let text = told(Labels::decode(&file(name)));
        assert!(
            text.starts_with("JPEG cannot hold labels"),
            "{name}: {text}"
        );
    }
}

#[test]
fn each_page_of_an_image_has_its_own_page_of_labels() {
    let stack = file("label_stack.tif");
    for page in 0..3 {
        let labels = Labels::for_page(&stack, page, 3).unwrap();
        assert_eq!(labels.ids, pattern(page, |id| id), "{page}");
    }
    let single = file("label_4_bits.png");
    let labels = Labels::for_page(&single, 2, 3).unwrap();
    assert_eq!(labels.ids, pattern(0, |id| id));
    for (page, pages, said) in [(0, 1, "3 pages but the image has one"), (3, 4, "has 4")] {
        let text = told(Labels::for_page(&stack, page, pages));
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_mask_of_several_parts_is_known_as_one() {
    assert_eq!(labels("label_mask.png").mask_parts(), Some(6));
    let parted = labels("label_mask.png").parted();
    assert_eq!(parted.objects(1).len(), 6);
    assert_eq!(labels("label_palette.png").mask_parts(), None);
}
