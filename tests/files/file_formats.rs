//! TIFF and DICOM files as other programs write them (`fixtures/make_image_files.py`).

use std::io::Cursor;

use graysam::image::decode::{Page, Samples, open};
use graysam::image::display::{Display, Window, to_rgb};

use crate::pattern::{
    HEIGHT, WIDTH, colour, f32s, file, gray, page, pattern, samples, sentence, u8s, u16s,
};

#[test]
fn tiff_strips_tiles_and_compressions() {
    assert_eq!(samples("strips.tif"), u8s(0, |v| v));
    assert_eq!(samples("tiles_lzw.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("big_endian.tif"), u16s(0, |v| v * 257));
    for name in ["float_deflate.tif", "bigtiff_tiles.tif"] {
        assert_eq!(samples(name), f32s(0, |v| v / 8.0 - 3.0), "{name}");
    }
    // Integers beyond 2²⁴ are rounded as `as` rounds them.
    let wide = pattern(0, (WIDTH, HEIGHT), |v| (u32::from(v) * 65537) as f32);
    assert_eq!(samples("packbits.tif"), Samples::F32(wide));
    assert_eq!(samples("signed.tif"), f32s(0, |v| v - 100.0));
    assert_eq!(samples("signed16_lzw.tif"), f32s(0, |v| v * 100.0 - 9000.0));
    assert_eq!(page("planes.tif", 0).picture, colour());
}

#[test]
fn every_page_of_a_tiff() {
    for number in 0..5 {
        let page = page("imagej_stack.tif", number);
        assert_eq!((page.page, page.pages), (number, 5));
        assert_eq!(gray(page).2, u16s(number, |v| v * 257));
    }
    let first = gray(page("pages.tif", 0));
    assert_eq!(first, (WIDTH, HEIGHT, u8s(0, |v| v)));
    let values = pattern(1, (9, 7), |v| f32::from(v) / 8.0 - 3.0);
    assert_eq!(gray(page("pages.tif", 1)), (9, 7, Samples::F32(values)));
    let values = pattern(2, (11, 5), |v| v * 257);
    assert_eq!(gray(page("pages.tif", 2)), (11, 5, Samples::U16(values)));
    let text = sentence(&file("pages.tif"), 3);
    assert!(text.contains("3 pages, so there is no page 4"), "{text}");
    assert!(sentence(&file("strips.tif"), 1).contains("one image, so there is no page 2"));
}

#[test]
fn an_empty_page_is_opened_where_there_are_others() {
    let mut stack = file("frames.dcm");
    let (start, frame) = (stack.len() - 3 * WIDTH * HEIGHT, WIDTH * HEIGHT);
    stack[start..start + frame].fill(9);
    let empty = gray(open(Cursor::new(&stack), 0).unwrap()).2;
    assert_eq!(empty, Samples::U8(vec![9; frame]));
    assert_eq!(gray(open(Cursor::new(&stack), 1).unwrap()).2, u8s(1, |v| v));
}

/// Where the directory at `at` has the place of the next one, in a little-endian file.
fn next_directory(file: &[u8], at: usize) -> usize {
    let entries = u16::from_le_bytes(file[at..][..2].try_into().unwrap());
    at + 2 + 12 * usize::from(entries)
}

fn number(file: &[u8], at: usize) -> usize {
    u32::from_le_bytes(file[at..][..4].try_into().unwrap()) as usize
}

#[test]
fn pages_of_a_tiff_that_form_a_circle_are_counted_once() {
    let mut circle = file("pages.tif");
    let second = number(&circle, next_directory(&circle, number(&circle, 4)));
    let third = number(&circle, next_directory(&circle, second));
    let end = next_directory(&circle, third);
    assert_eq!(number(&circle, end), 0, "the last page");
    circle[end..end + 4].copy_from_slice(&(second as u32).to_le_bytes());
    let page = open(Cursor::new(&circle), 0).unwrap();
    assert_eq!(page.pages, 3);
    assert_eq!(gray(page).2, u8s(0, |v| v));
}

#[test]
fn dicom_values_are_rescaled() {
    assert_eq!(samples("ct.dcm"), f32s(0, |v| v * 9.0 + 5.0 - 1024.0));
    assert_eq!(samples("pet.dcm"), f32s(0, |v| v / 4.0 - 1.5));
    assert_eq!(samples("float.dcm"), f32s(0, |v| v / 8.0 - 3.0));
    let wide = pattern(0, (WIDTH, HEIGHT), |v| (i64::from(v) * 65537 - 9) as f32);
    assert_eq!(samples("wide.dcm"), Samples::F32(wide));
}

#[test]
fn dicom_bits_lie_where_the_file_says() {
    assert_eq!(samples("twelve_bits.dcm"), u16s(0, |v| v * 16));
    assert_eq!(samples("high_bits.dcm"), u8s(0, |v| v));
    assert_eq!(
        samples("signed_twelve_bits.dcm"),
        f32s(0, |v| v * 16.0 - 2000.0)
    );
    assert_eq!(samples("big_endian.dcm"), u16s(0, |v| v * 257));
}

#[test]
fn dicom_frames_are_pages() {
    for number in 0..3 {
        let native = page("frames.dcm", number);
        assert_eq!((native.page, native.pages), (number, 3));
        assert_eq!(gray(native).2, u8s(number, |v| v));
        let packed = gray(page("rle.dcm", number)).2;
        assert_eq!(packed, u16s(number, |v| v * 257));
    }
    assert!(sentence(&file("frames.dcm"), 3).contains("3 pages"));
}

#[test]
fn dicom_frames_have_values_of_their_own() {
    let frame = |number| page("enhanced.dcm", number);
    assert_eq!(gray(frame(0)).2, u16s(0, |v| v));
    assert_eq!(gray(frame(1)).2, f32s(1, |v| v * 2.0 - 3.0));
    assert_eq!(gray(frame(2)).2, f32s(2, |v| v * 0.5 + 7.0));
    // Centers 100, 200 and 50, and a width of 50 grays: 49 from the first to the last.
    assert_eq!(frame(0).window, Some([75.0, 124.0]));
    assert_eq!(frame(1).window, Some([175.0, 224.0]));
    assert_eq!(frame(2).window, Some([25.0, 74.0]));
}

#[test]
fn dicom_colour() {
    assert_eq!(page("rgb.dcm", 0).picture, colour());
    assert_eq!(page("rgb_planes.dcm", 0).picture, colour());
    // Luma without chroma is gray.
    assert_eq!(samples("luma.dcm"), u8s(0, |v| v));
}

#[test]
fn tiff_and_dicom_in_jpeg_are_close() {
    let close = |page: Page, number| {
        let (Samples::U8(values), Samples::U8(wanted)) =
            (gray(page).2, u8s(number, |v| v / 2 + 60))
        else {
            panic!("depth");
        };
        let far = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 12;
        assert_eq!(
            values.iter().zip(&wanted).filter(|&pair| far(pair)).count(),
            0
        );
    };
    close(page("jpeg.tif", 0), 0);
    close(page("jpeg.dcm", 0), 0);
    close(page("jpeg_frames.dcm", 0), 0);
    close(page("jpeg_frames.dcm", 1), 1);
}

#[test]
fn dicom_in_lossless_jpeg_is_exact() {
    assert_eq!(samples("lossless.dcm"), u16s(0, |v| v * 257));
    assert_eq!(samples("lossless_8.dcm"), u8s(0, |v| v));
    // Each frame has another of the seven predictors.
    for number in 0..3 {
        let words = gray(page("lossless_frames.dcm", number)).2;
        assert_eq!(words, u16s(number, |v| v * 257));
        let twelve_bits = gray(page("lossless_more_frames.dcm", number)).2;
        assert_eq!(twelve_bits, u16s(number, |v| v * 16));
    }
    assert_eq!(
        samples("lossless_restarts.dcm"),
        u16s(0, |v| v * 257 / 8 * 8)
    );
}

#[test]
fn dicom_says_how_it_is_shown() {
    let ct = page("ct.dcm", 0);
    // PS3.3, C.11.2.1.2: from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2.
    assert_eq!(ct.window, Some([-160.0, 239.0]));
    let shown = to_rgb(&ct.picture, &Display::of(&ct)).unwrap();
    let window = Window::Range {
        black: -160.0,
        white: 239.0,
    };
    let wanted = Display {
        window,
        ..Display::default()
    };
    assert_eq!(shown, to_rgb(&ct.picture, &wanted).unwrap());
    assert_eq!(page("pet.dcm", 0).window, Some([0.0, 20.0]));
    let negative = page("twelve_bits.dcm", 0);
    assert!(negative.invert && negative.window.is_none());
    let shown = to_rgb(&negative.picture, &Display::of(&negative)).unwrap();
    // The first pixel holds 0, which MONOCHROME1 shows white.
    assert_eq!(shown.pixels[..3], [255; 3]);
    assert!(!ct.invert);
}

#[test]
fn dicom_that_is_not_read() {
    // Of its JPEG 2000 there are four bytes.
    assert!(sentence(&file("jpeg_2000.dcm"), 0).contains("ends before its image"));
    assert!(sentence(&file("report.dcm"), 0).contains("holds no image"));
    assert!(sentence(&file("palette.dcm"), 0).contains("palette is missing"));
    let whole = file("ct.dcm");
    for length in [140, 300, 400, whole.len() - 1] {
        let text = sentence(&whole[..length], 0);
        assert!(text.contains("DICOM file"), "{length}: {text}");
    }
    let cut = sentence(&whole[..whole.len() - 1], 0);
    assert!(cut.contains("ends before its image"), "{cut}");
}

#[test]
fn dicom_of_a_size_beyond_all_limits_is_refused_by_its_header() {
    let mut huge = file("frames.dcm");
    for tag in [[0x28, 0, 0x10, 0], [0x28, 0, 0x11, 0]] {
        let element: Vec<u8> = tag.iter().chain(b"US\x02\0").copied().collect();
        // The last one is the image's own; another is an icon's.
        let at = huge.windows(8).rposition(|bytes| bytes == element).unwrap();
        huge[at + 8..at + 10].copy_from_slice(&30_000u16.to_le_bytes());
    }
    let text = sentence(&huge, 0);
    assert!(
        text.contains("30000 × 30000") && text.contains("128 megapixels"),
        "{text}"
    );
}
