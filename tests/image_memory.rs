//! Image files take the memory that their pixels need, whatever they claim. Alone in its program, as it
//! counts every byte that the program holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use graysam::image::decode::{Picture, Samples, decode, open};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use tiff::encoder::{Compression, TiffEncoder, colortype};

/// Bytes held now, and the most that were held since this was set.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEGABYTE: usize = 1 << 20;

/// What `work` gives, and how many bytes it held at most.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let made = work();
    (made, PEAK.load(Ordering::Relaxed) - before)
}

/// A 4 × 3 PNG with a colour profile of so many bytes, which are nearly nothing when compressed.
fn png_with_profile(bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder
        .set_icc_profile(vec![0; bytes])
        .expect("PNG has profiles");
    let pixels: Vec<u8> = (0..12).collect();
    encoder
        .write_image(&pixels, 4, 3, ExtendedColorType::L8)
        .expect("the PNG can be written");
    file
}

const SIDE: u32 = 3000;

fn ramp() -> Vec<u16> {
    (0..SIDE * SIDE).map(|i| (i % 60_000) as u16).collect()
}

fn tiff(compression: Compression) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file)
        .expect("memory can be written")
        .with_compression(compression)
        .write_image::<colortype::Gray16>(SIDE, SIDE, &ramp())
        .expect("the TIFF can be written");
    file.into_inner()
}

fn png() -> Vec<u8> {
    let bytes: Vec<u8> = ramp().iter().flat_map(|v| v.to_ne_bytes()).collect();
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&bytes, SIDE, SIDE, ExtendedColorType::L16)
        .expect("the PNG can be written");
    file
}

/// A DICOM of the fixtures whose own rows and columns are `side` by `side`.
fn dicom(name: &str, side: u16) -> Vec<u8> {
    let path = Path::new("tests/fixtures/files").join(name);
    let mut file = std::fs::read(&path).expect("the fixture is there");
    for element in [0x10, 0x11] {
        let header = [0x28, 0, element, 0, b'U', b'S', 2, 0];
        let at = file.windows(8).rposition(|bytes| bytes == header);
        let at = at.expect("the file has a size") + 8;
        file[at..at + 2].copy_from_slice(&side.to_le_bytes());
    }
    file
}

/// One test, as another at the same time would be counted too.
#[test]
fn images_take_the_memory_that_their_pixels_need() {
    let samples = 2 * (SIDE * SIDE) as usize;
    for file in [
        tiff(Compression::Uncompressed),
        tiff(Compression::Lzw),
        png(),
    ] {
        let (picture, bytes) = peak(|| decode(&file));
        let Ok(Picture::Gray(gray)) = picture else {
            panic!("it is read as gray")
        };
        assert_eq!(gray.samples, Samples::U16(ramp()));
        // A TIFF is read where it lies, a PNG whole.
        let held = if file.starts_with(b"II") {
            0
        } else {
            file.len()
        };
        assert!(
            bytes < samples + held + 2 * MEGABYTE,
            "{bytes} for {samples}"
        );
    }
    let profile = 100 * MEGABYTE;
    let file = png_with_profile(profile);
    assert!(file.len() < MEGABYTE);
    let (picture, bytes) = peak(|| decode(&file));
    assert!(picture.is_ok());
    assert!(bytes < 40 * MEGABYTE, "{bytes} for a profile of {profile}");
    // 11,000 × 11,000 pixels are within the limits, but not in these files.
    for name in ["ct.dcm", "rle.dcm", "lossless.dcm", "rgb.dcm"] {
        let (page, bytes) = peak(|| open(Cursor::new(dicom(name, 11_000)), 0));
        assert!(page.is_err(), "{name}");
        assert!(bytes < MEGABYTE, "{bytes} for {name}");
    }
}
