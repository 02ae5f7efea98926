//! JPEGs that are whole, cut and damaged (`fixtures/make_jpeg_files.py`).

use std::io::Cursor;

use crate::pattern::{file, page};
use graysam::image::decode::{Picture, open};

const SEQUENTIAL: [&str; 4] = ["gray", "gray_restarts", "colour", "colour_full"];
const PROGRESSIVE: [&str; 2] = ["gray_progressive", "colour_progressive"];
const END: [u8; 2] = [0xff, 0xd9];

fn jpeg(name: &str) -> Vec<u8> {
    file(&format!("jpeg_{name}.jpg"))
}

fn picture(bytes: Vec<u8>) -> Option<Picture> {
    let page = open(Cursor::new(bytes), 0);
    match page {
        Ok(page) => Some(page.picture),
        Err(error) => {
            let told = error.to_string();
            assert!(
                told.contains("ends before") || told.contains("damaged"),
                "{told}"
            );
            None
        }
    }
}

/// Where the codes of the last scan begin, and where they end.
fn last_scan(bytes: &[u8]) -> (usize, usize) {
    let marker = |at: &[u8]| at == [0xff, 0xda];
    let header = bytes.windows(2).rposition(marker).unwrap();
    let length = usize::from(u16::from_be_bytes([bytes[header + 2], bytes[header + 3]]));
    assert!(bytes.ends_with(&END));
    (header + 2 + length, bytes.len() - 2)
}

#[test]
fn whole_files_are_read_with_bytes_behind_them_too() {
    for name in SEQUENTIAL.iter().chain(&PROGRESSIVE) {
        let whole = page(&format!("jpeg_{name}.jpg"), 0).picture;
        assert_eq!(whole.size(), (53, 37), "{name}");
        let behind = [jpeg(name), b"a trailer".to_vec()].concat();
        assert_eq!(picture(behind), Some(whole), "{name}");
    }
}

#[test]
fn a_few_bytes_that_fill_up_a_scan_do_no_harm() {
    for name in SEQUENTIAL {
        let whole = jpeg(name);
        let filled = [&whole[..whole.len() - 2], &[0; 7], &END].concat();
        assert_eq!(picture(filled), picture(whole), "{name}");
    }
}

#[test]
fn of_cut_codes_no_pixels_are_made() {
    for name in SEQUENTIAL.iter().chain(&PROGRESSIVE) {
        let whole = jpeg(name);
        let (start, end) = last_scan(&whole);
        for cut in start..end {
            // With an end marker behind it, and without.
            assert_eq!(
                picture([&whole[..cut], &END].concat()),
                None,
                "{name} at {cut}"
            );
            assert_eq!(picture(whole[..cut].to_vec()), None, "{name} at {cut}");
        }
    }
}

#[test]
fn a_file_that_has_its_end_is_damaged_and_does_not_end_early() {
    let whole = jpeg("colour");
    let (start, end) = last_scan(&whole);
    let middle = (start + end) / 2;
    let told = |bytes: Vec<u8>| open(Cursor::new(bytes), 0).unwrap_err().to_string();
    assert!(told([&whole[..middle], &END].concat()).contains("is damaged"));
    assert!(told(whole[..middle].to_vec()).contains("ends before its image does"));
}

#[test]
fn a_hole_in_the_codes_is_told() {
    for name in SEQUENTIAL {
        let whole = jpeg(name);
        let (start, end) = last_scan(&whole);
        let middle = (start + end) / 2;
        let hole = [&whole[..middle - 60], &whole[middle + 60..]].concat();
        assert_eq!(picture(hole), None, "{name}");
    }
}

#[test]
fn corrupted_files_do_not_panic() {
    for name in SEQUENTIAL.iter().chain(&PROGRESSIVE) {
        let whole = jpeg(name);
        for at in 2..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let _ = open(Cursor::new(bytes), 0);
        }
    }
}
