//! DICOM files as archives hold them (`fixtures/make_dicom_files.py`).

use std::io::Cursor;
use std::path::Path;

use graysam::Result;
use graysam::image::decode::{self, Page, Picture, Samples};
use graysam::image::display::{Display, Window, to_rgb};
use graysam::image::voi::Curve;

const WIDTH: usize = 20;
const HEIGHT: usize = 18;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new("tests/fixtures/files").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn open(bytes: &[u8], page: usize) -> Result<Page> {
    decode::open(Cursor::new(bytes), page)
}

fn page(name: &str, page: usize) -> Page {
    open(&file(name), page).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn samples(name: &str, number: usize) -> Samples {
    match page(name, number).picture {
        Picture::Gray(gray) => gray.samples,
        _ => panic!("{name}: colour"),
    }
}

fn colours(name: &str) -> Vec<[u8; 3]> {
    match page(name, 0).picture {
        Picture::Rgb(rgb) => rgb.pixels.as_chunks().0.to_vec(),
        _ => panic!("{name}: gray"),
    }
}

/// The pattern of the script, 0 to 250.
fn pattern(page: usize, (width, height): (usize, usize)) -> Vec<u16> {
    let at = |i: usize| (7 * (i % width) + 13 * (i / width).pow(2) + 31 * page) % 251;
    (0..width * height).map(|i| at(i) as u16).collect()
}

fn whole() -> Vec<u16> {
    pattern(0, (WIDTH, HEIGHT))
}

fn u8s(page: usize) -> Samples {
    let values = pattern(page, (WIDTH, HEIGHT));
    Samples::U8(values.into_iter().map(|v| v as u8).collect())
}

fn u16s(value: impl Fn(u16) -> u16) -> Samples {
    Samples::U16(whole().into_iter().map(value).collect())
}

fn f32s(value: impl Fn(f32) -> f32) -> Samples {
    Samples::F32(whole().into_iter().map(|v| value(v.into())).collect())
}

fn bytes(samples: Samples) -> Vec<u8> {
    match samples {
        Samples::U8(values) => values,
        other => panic!("{other:?}"),
    }
}

/// The colours of the script's JPEGs in colour.
fn smooth() -> Vec<[u8; 3]> {
    let value = |i: usize, c: usize| (i / WIDTH * 3 + i % WIDTH * 5 + 40 * c) as u8;
    (0..WIDTH * HEIGHT)
        .map(|i| [0, 1, 2].map(|c| value(i, c)))
        .collect()
}

fn close(found: &[[u8; 3]], wanted: &[[u8; 3]], most: u8, name: &str) {
    let far = found.iter().zip(wanted).find(|(found, wanted)| {
        found
            .iter()
            .zip(wanted.iter())
            .any(|(a, b)| a.abs_diff(*b) > most)
    });
    assert_eq!((far, found.len()), (None, wanted.len()), "{name}");
}

#[test]
fn elements_are_read_as_they_are_whatever_the_file_says() {
    let names = [
        "no_preamble.dcm",
        "no_preamble_implicit.dcm",
        "implicit_said_explicit.dcm",
        "explicit_said_implicit.dcm",
        "deflated.dcm",
    ];
    for name in names {
        assert_eq!(samples(name, 0), u16s(|v| v * 257), "{name}");
    }
    // Cut out of a file, with the end of what was before.
    let cut = [b" ", &file("no_preamble.dcm")[..]].concat();
    assert_eq!(open(&cut, 0).unwrap(), page("no_preamble.dcm", 0));
}

#[test]
fn what_only_begins_like_a_data_set_is_no_dicom() {
    let not = ["PNG", "\u{8}\0\u{5}\0", "\u{8}\0\u{5}\0CS\u{a}\0ISO"];
    for text in not {
        let error = open(text.as_bytes(), 0).unwrap_err().to_string();
        assert!(!error.contains("damaged"), "{text:?}: {error}");
    }
}

#[test]
fn jpeg_ls_is_exact() {
    assert_eq!(samples("jpeg_ls.dcm", 0), u16s(|v| v * 257));
    assert_eq!(samples("jpeg_ls_8.dcm", 0), u8s(0));
    let runs = whole()
        .into_iter()
        .map(|v| if v > 200 { v as u8 } else { 7 });
    assert_eq!(samples("jpeg_ls_runs.dcm", 0), Samples::U8(runs.collect()));
    let [red, green, blue] = [0, 1, 2].map(|page| bytes(u8s(page)));
    let wanted = red
        .into_iter()
        .zip(green)
        .zip(blue)
        .map(|((r, g), b)| [r, g, b]);
    assert_eq!(colours("jpeg_ls_rgb.dcm"), wanted.collect::<Vec<_>>());
    assert_eq!(colours("jpeg_ls_planes.dcm"), colours("jpeg_ls_rgb.dcm"));
}

#[test]
fn near_lossless_jpeg_ls_is_as_near_as_it_says() {
    let values = bytes(samples("jpeg_ls_near.dcm", 0));
    let far = values
        .iter()
        .zip(whole())
        .find(|(a, b)| u16::from(**a).abs_diff(*b) > 3);
    assert_eq!(far, None);
    let Samples::U16(values) = samples("jpeg_ls_near_16.dcm", 0) else {
        panic!("depth");
    };
    let far = values
        .iter()
        .zip(whole())
        .find(|(a, b)| a.abs_diff(*b * 257) > 100);
    assert_eq!(far, None);
}

#[test]
fn jpeg_2000_is_exact() {
    assert_eq!(samples("jpeg_2000_16.dcm", 0), u16s(|v| v * 257));
    assert_eq!(samples("jpeg_2000_boxes.dcm", 0), u16s(|v| v * 257));
    assert_eq!(
        samples("jpeg_2000_signed.dcm", 0),
        f32s(|v| v * 100.0 - 9000.0)
    );
    assert_eq!(colours("jpeg_2000_rgb.dcm"), colours("jpeg_ls_rgb.dcm"));
}

#[test]
fn the_file_says_what_the_colours_of_a_jpeg_are() {
    close(&colours("jpeg_rgb_unmarked.dcm"), &smooth(), 4, "RGB");
    close(&colours("jpeg_ybr.dcm"), &smooth(), 4, "YBR");
    assert_eq!(colours("lossless_rgb.dcm"), colours("jpeg_ls_rgb.dcm"));
}

#[test]
fn jpeg_of_twelve_bits() {
    let Samples::U16(values) = samples("jpeg_12.dcm", 0) else {
        panic!("depth");
    };
    let wanted = smooth().into_iter().map(|pixel| u16::from(pixel[0]) * 16);
    let far = values.iter().zip(wanted).find(|(a, b)| a.abs_diff(*b) > 8);
    assert_eq!(far, None);
}

#[test]
fn frames_in_pieces_are_told_apart() {
    for number in 0..3 {
        let values = bytes(samples("jpeg_pieces.dcm", number));
        let wanted = pattern(number, (WIDTH, HEIGHT));
        let far = values
            .iter()
            .zip(wanted)
            .find(|(a, b)| a.abs_diff((b / 2 + 60) as u8) > 12);
        assert_eq!(far, None, "{number}");
        assert_eq!(samples("extended_offsets.dcm", number), u8s(number));
    }
}

#[test]
fn tables_make_values() {
    let squares = u16s(|v| v * v);
    assert_eq!(samples("modality_lut.dcm", 0), squares);
    assert_eq!(samples("modality_lut_signed.dcm", 0), squares);
}

/// The grays of the displayed page.
fn shown(page: &Page, display: &Display) -> Vec<u8> {
    let rgb = to_rgb(&page.picture, display).unwrap();
    rgb.pixels.iter().step_by(3).copied().collect()
}

#[test]
fn a_table_for_display_is_heeded() {
    let page = page("voi_lut.dcm", 0);
    assert_eq!(page.voi[0].name, "NORMAL");
    // The table is 0 up to 50 and rises to the last gray at 150.
    assert_eq!(page.window, Some([50.0, 150.0]));
    let ramp = |v: u16| ((f64::from(v) - 50.0) / 100.0).clamp(0.0, 1.0);
    let wanted = whole().into_iter().map(|v| (ramp(v) * 255.0).round() as u8);
    let far = shown(&page, &Display::of(&page)).into_iter().zip(wanted);
    assert_eq!(far.clone().find(|(a, b)| a.abs_diff(*b) > 1), None);
    // A window of the person's own replaces it.
    let window = Window::Range {
        black: 0.0,
        white: 250.0,
    };
    let display = Display {
        window,
        ..Display::default()
    };
    assert_eq!(shown(&page, &display)[1], 7);
}

#[test]
fn a_sigmoid_is_heeded() {
    let page = page("sigmoid.dcm", 0);
    let sigmoid = |v: u16| 1.0 / (1.0 + (-4.0 * (f64::from(v) - 120.0) / 60.0).exp());
    let wanted: Vec<u8> = whole()
        .into_iter()
        .map(|v| (sigmoid(v) * 255.0).round() as u8)
        .collect();
    assert_eq!(shown(&page, &Display::of(&page)), wanted);
    assert_eq!(page.window, Some([90.0, 150.0]));
}

#[test]
fn each_window_of_a_file_can_be_chosen() {
    let page = page("windows.dcm", 0);
    let names: Vec<&str> = page.voi.iter().map(|voi| voi.name.as_str()).collect();
    // The third one has no width.
    assert_eq!(names, ["SOFT", "BONE"]);
    let bone = Curve::Linear {
        black: 90.0,
        white: 149.0,
    };
    assert_eq!(page.voi[1].curve, bone);
    let display = Display::of(&page).through(&page.voi[1]);
    let gray = |v: u16| ((f64::from(v) - 90.0) / 59.0).clamp(0.0, 1.0) * 255.0;
    let wanted: Vec<u8> = whole().into_iter().map(|v| gray(v).round() as u8).collect();
    assert_eq!(shown(&page, &display), wanted);
}

#[test]
fn what_was_not_measured_is_named_in_values() {
    assert_eq!(page("padding.dcm", 0).absent, Some([-90.0, -72.0]));
    assert_eq!(page("windows.dcm", 0).absent, None);
}

#[test]
fn all_frames_share_what_stands_once() {
    for number in 0..2 {
        let page = page("shared_groups.dcm", number);
        // The distance of rows comes first in the file, and the width here.
        assert_eq!(page.pixel_size.unwrap().size, [0.25, 0.5]);
        assert_eq!(page.window, Some([75.0, 124.0]));
        assert_eq!(page.voi[0].name, "LUNG");
    }
    assert_eq!(page("film.dcm", 0).pixel_size.unwrap().size, [0.1, 0.2]);
}

#[test]
fn palettes_give_colours_or_grays() {
    let wanted = whole().into_iter().map(|v| [v as u8, 255 - v as u8, 128]);
    assert_eq!(colours("palette_colour.dcm"), wanted.collect::<Vec<_>>());
    assert_eq!(samples("palette_gray.dcm", 0), u16s(|v| v * 100));
    let line: Vec<u16> = [10, 20, 30, 4].into_iter().chain(5..=100).collect();
    let table: Vec<u16> = [&line[..], &line, &Vec::from_iter(0..56)].concat();
    let segments = u16s(|v| table[usize::from(v)]);
    assert_eq!(samples("palette_segments.dcm", 0), segments);
}

#[test]
fn deep_colour_coarse_chroma_and_single_bits() {
    assert_eq!(colours("rgb_16.dcm"), colours("jpeg_ls_rgb.dcm"));
    assert_eq!(samples("ybr_422.dcm", 0), u8s(0));
    for number in 0..2 {
        let wanted = pattern(number, (19, 17))
            .into_iter()
            .map(|v| u8::from(v > 120));
        assert_eq!(samples("bits.dcm", number), Samples::U8(wanted.collect()));
    }
}

#[test]
fn what_is_not_read_is_named() {
    let file = file("jpeg_2000_16.dcm");
    let uid = b"1.2.840.10008.1.2.4.90";
    let at = file
        .windows(uid.len())
        .position(|part| part == uid)
        .unwrap();
    let said = |other: &[u8; 22]| {
        let mut file = file.clone();
        file[at..at + uid.len()].copy_from_slice(other);
        open(&file, 0)
            .map(|page| page.pages)
            .map_err(|e| e.to_string())
    };
    let names: [(&[u8; 22], &str); 4] = [
        (b"1.2.840.10008.1.2.4.20", "High-Throughput JPEG 2000"),
        (b"1.2.840.10008.1.2.4.11", "JPEG XL"),
        (b"1.2.840.10008.1.2.4.10", "MPEG"),
        (b"1.2.840.10008.1.2.4.94", "on a server"),
    ];
    for (syntax, name) in names {
        let error = said(syntax).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
    // Another kind of JPEG than it says is read by what it is.
    assert_eq!(said(b"1.2.840.10008.1.2.4.80"), Ok(1));
}

#[test]
fn a_cut_file_ends_early_and_a_longer_one_does_not() {
    for name in [
        "jpeg_ls.dcm",
        "jpeg_2000_16.dcm",
        "jpeg_12.dcm",
        "deflated.dcm",
    ] {
        let whole = file(name);
        let error = open(&whole[..whole.len() - 200], 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("DICOM file"), "{name}: {error}");
        let longer = [&whole[..], &[0; 9]].concat();
        assert_eq!(open(&longer, 0).unwrap(), page(name, 0), "{name}");
    }
}
