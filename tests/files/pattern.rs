//! What `fixtures/make_image_files.py` draws, and how its files are opened.

#![allow(dead_code)]

use std::io::Cursor;
use std::path::Path;

use graysam::image::decode::{Page, Picture, Rgb, Samples, open};

pub const WIDTH: usize = 20;
pub const HEIGHT: usize = 18;

pub fn file(name: &str) -> Vec<u8> {
    let path = Path::new("tests/fixtures/files").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn page(name: &str, page: usize) -> Page {
    open(Cursor::new(file(name)), page).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn gray(page: Page) -> (usize, usize, Samples) {
    match page.picture {
        Picture::Gray(gray) => (gray.width, gray.height, gray.samples),
        _ => panic!("colour"),
    }
}

pub fn samples(name: &str) -> Samples {
    let (width, height, samples) = gray(page(name, 0));
    assert_eq!((width, height), (WIDTH, HEIGHT), "{name}");
    samples
}

pub fn sentence(bytes: &[u8], page: usize) -> String {
    let text = open(Cursor::new(bytes), page).unwrap_err().to_string();
    assert!(text.ends_with('.') && text.len() > 30, "{text}");
    text
}

/// The pattern of the script, 0 to 250, through `value`.
pub fn pattern<T>(
    page: usize,
    (width, height): (usize, usize),
    value: impl Fn(u16) -> T,
) -> Vec<T> {
    let at = |i: usize| (7 * (i % width) + 13 * (i / width).pow(2) + 31 * page) % 251;
    (0..width * height).map(|i| value(at(i) as u16)).collect()
}

pub fn u8s(page: usize, value: impl Fn(u8) -> u8) -> Samples {
    Samples::U8(pattern(page, (WIDTH, HEIGHT), |v| value(v as u8)))
}

pub fn u16s(page: usize, value: impl Fn(u16) -> u16) -> Samples {
    Samples::U16(pattern(page, (WIDTH, HEIGHT), value))
}

pub fn f32s(page: usize, value: impl Fn(f32) -> f32) -> Samples {
    Samples::F32(pattern(page, (WIDTH, HEIGHT), |v| value(v.into())))
}

pub fn colour() -> Picture {
    let channels = [0, 1, 2].map(|page| pattern(page, (WIDTH, HEIGHT), |v| v as u8));
    let pixel = |i: usize| [channels[0][i], channels[1][i], channels[2][i]];
    Picture::Rgb(Rgb {
        width: WIDTH,
        height: HEIGHT,
        pixels: (0..WIDTH * HEIGHT).flat_map(pixel).collect(),
    })
}
