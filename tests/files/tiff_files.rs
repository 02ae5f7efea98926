//! TIFF files by the specification, as other programs and `fixtures/make_image_files.py` write them.

use std::io::{Cursor, Read, Seek, SeekFrom};

use graysam::image::decode::{Page, Picture, Rgb, Samples, open, open_channels};
use graysam::image::planes::ChannelChoice;
use graysam::image::tiff::{self, Values};

use crate::pattern::{
    HEIGHT, WIDTH, colour, f32s, file, gray, page, pattern, samples, sentence, u8s, u16s,
};

#[test]
fn bits_may_lie_in_the_opposite_order() {
    assert_eq!(samples("fill_order.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("fill_order_lzw.tif"), u8s(0, |v| v));
}

#[test]
fn runs_of_bytes_may_be_of_differences() {
    assert_eq!(samples("packbits_predictor.tif"), u16s(0, |v| v * 257));
}

#[test]
fn a_jpeg_that_ends_early_is_told() {
    let whole = file("jpeg.tif");
    let scan = whole
        .windows(2)
        .position(|two| two == [0xff, 0xda])
        .unwrap();
    let end = whole
        .windows(2)
        .rposition(|two| two == [0xff, 0xd9])
        .unwrap();
    let mut damaged = whole.clone();
    let middle = (scan + end) / 2;
    damaged[middle..middle + 2].copy_from_slice(&[0xff, 0xd9]);
    let told = open(Cursor::new(damaged), 0).unwrap_err().to_string();
    assert!(told.starts_with("The TIFF file is damaged"), "{told}");
}

#[test]
fn white_is_zero_tells_how_values_are_shown() {
    let float = page("float_white_is_zero.tif", 0);
    assert!(float.invert);
    assert_eq!(gray(float).2, f32s(0, |v| v / 8.0 - 3.0));
    let integer = page("white_is_zero.tif", 0);
    assert!(integer.invert);
    assert_eq!(gray(integer).2, u16s(0, |v| v));
}

#[test]
fn tiles_that_are_left_out_are_empty() {
    let filled = |left_out: fn(usize, usize) -> bool, fill: f32| {
        move |(i, value): (usize, f32)| {
            if left_out(i % WIDTH, i / WIDTH) {
                fill
            } else {
                value
            }
        }
    };
    let Samples::F32(all) = f32s(0, |v| v * 257.0) else {
        panic!()
    };
    let wanted = all
        .into_iter()
        .enumerate()
        .map(filled(|x, y| x >= 16 && y < 16, 0.0));
    let wanted = wanted.map(|v| v as u16).collect();
    assert_eq!(samples("sparse_tiles.tif"), Samples::U16(wanted));
    let stored = tiff::stored(&mut Cursor::new(file("sparse_nodata.tif")), 0).unwrap();
    let Samples::F32(all) = f32s(0, |v| v - 9.0) else {
        panic!()
    };
    let wanted = all
        .into_iter()
        .enumerate()
        .map(filled(|_, y| y >= 15, -9999.0));
    let wanted = Values::I32(wanted.map(|v| v as i32).collect());
    assert_eq!(stored.values, wanted);
}

#[test]
fn palettes_are_gray_or_colour() {
    assert_eq!(samples("gray_palette.tif"), u8s(0, |v| v));
    let colours = |last: u16| {
        let of = |v: u16| [v as u8, (255 - v) as u8, 7];
        let pixels = pattern(0, (WIDTH, HEIGHT), |v| of(v % last)).concat();
        let (width, height) = (WIDTH, HEIGHT);
        Picture::Rgb(Rgb {
            width,
            height,
            pixels,
        })
    };
    assert_eq!(page("palette.tif", 0).picture, colours(256));
    assert_eq!(page("palette_4_bits.tif", 0).picture, colours(16));
}

#[test]
fn stored_numbers_are_neither_turned_round_nor_scaled() {
    let stored = |name: &str| tiff::stored(&mut Cursor::new(file(name)), 0).unwrap();
    let white = stored("white_is_zero.tif");
    assert_eq!(
        (white.width, white.height, white.channels, white.pages),
        (WIDTH, HEIGHT, 1, 1)
    );
    let all = |value: fn(u16) -> u16| Values::U16(pattern(0, (WIDTH, HEIGHT), value));
    assert_eq!(white.values, all(|v| v));
    let bytes = |value: fn(u16) -> u8| Values::U8(pattern(0, (WIDTH, HEIGHT), value));
    assert_eq!(
        stored("palette_4_bits.tif").values,
        bytes(|v| (v % 16) as u8)
    );
    assert_eq!(stored("gray_palette.tif").values, bytes(|v| 255 - v as u8));
    assert_eq!(stored("packed_3.tif").values, bytes(|v| (v % 8) as u8));
    let wide = pattern(0, (WIDTH, HEIGHT), |v| u32::from(v) * 65537);
    assert_eq!(stored("packbits.tif").values, Values::U32(wide));
    let signed = pattern(0, (WIDTH, HEIGHT), |v| i32::from(v) * 65537 - 9);
    assert_eq!(
        stored("big_endian_predictor.tif").values,
        Values::I32(signed)
    );
    let doubles = pattern(0, (WIDTH, HEIGHT), |v| f64::from(v) / 8.0 - 3.0);
    assert_eq!(stored("float64_predictor.tif").values, Values::F64(doubles));
}

#[test]
fn samples_of_any_width() {
    assert_eq!(samples("packed_10.tif"), u16s(0, |v| v * 4 + v % 4));
    assert_eq!(samples("packed_12.tif"), u16s(0, |v| v * 16 + v % 16));
    assert_eq!(samples("packed_14.tif"), u16s(0, |v| v * 64 + v % 64));
    // 7 is white: 255 · v / 7, rounded.
    let wanted = u8s(0, |v| (f64::from(v % 8) * 255.0 / 7.0).round() as u8);
    assert_eq!(samples("packed_3.tif"), wanted);
}

#[test]
fn compressions_and_predictors() {
    assert_eq!(samples("old_lzw.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("zstd.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("lzma.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("jpeg_2000.tif"), u16s(0, |v| v * 257));
    assert_eq!(samples("float16_predictor.tif"), f32s(0, |v| v / 8.0 - 3.0));
    assert_eq!(samples("float64_predictor.tif"), f32s(0, |v| v / 8.0 - 3.0));
    let signed = f32s(0, |v| (f64::from(v) * 65537.0 - 9.0) as f32);
    assert_eq!(samples("big_endian_predictor.tif"), signed);
    assert_eq!(page("tiles_of_planes.tif", 0).picture, colour());
    for name in ["group3.tif", "group4.tif"] {
        assert_eq!(
            samples(name),
            u8s(0, |v| if v % 5 < 2 { 255 } else { 0 }),
            "{name}"
        );
    }
}

#[test]
fn chroma_of_less_resolution_in_jpeg_with_tables_and_in_blocks() {
    let Picture::Rgb(rgb) = page("chroma_tables.tif", 0).picture else {
        panic!("gray")
    };
    // ITU-R BT.601 of luma, 90 and 180.
    let lumas = pattern(0, (WIDTH, HEIGHT), |v| f64::from(v / 4 + 96));
    let wanted = lumas.iter().map(|y| {
        let [b, r] = [90.0 - 128.0, 180.0 - 128.0];
        [
            y + 1.402 * r,
            y - 0.344_136 * b - 0.714_136 * r,
            y + 1.772 * b,
        ]
    });
    for (pixel, wanted) in rgb.pixels.chunks_exact(3).zip(wanted) {
        let far = |(is, wanted): (&u8, f64)| (f64::from(*is) - wanted).abs() > 12.0;
        assert!(
            !pixel.iter().zip(wanted).any(far),
            "{pixel:?} is near {wanted:?}"
        );
    }
    assert_eq!(samples("chroma_blocks.tif"), u8s(0, |v| v));
}

#[test]
fn pages_are_those_of_full_size_that_come_once() {
    let once = page("loop.tif", 0);
    assert_eq!(once.pages, 1);
    assert_eq!(gray(once).2, u8s(0, |v| v));
    for number in [0, 1] {
        let page = page("reduced.tif", number);
        assert_eq!(page.pages, 2);
        assert_eq!(gray(page).2, u8s(number, |v| v));
    }
    assert!(sentence(&file("reduced.tif"), 2).contains("2 pages, so there is no page 3"));
    for number in 0..4 {
        let page = page("imagej_large.tif", number);
        assert_eq!(page.pages, 4);
        assert_eq!(gray(page).2, u8s(number, |v| v));
    }
}

#[test]
fn only_alpha_is_alpha() {
    assert_eq!(page("alpha.tif", 0).picture, colour());
    assert_eq!(page("near_infrared.tif", 0).picture, colour());
    let four = tiff::stored(&mut Cursor::new(file("near_infrared.tif")), 0).unwrap();
    let Values::U8(values) = &four.values else {
        panic!("depth")
    };
    assert_eq!(four.channels, 4);
    let last: Vec<u8> = values.iter().skip(3).step_by(4).copied().collect();
    assert_eq!(Samples::U8(last), u8s(3, |v| v));
    let three = tiff::stored(&mut Cursor::new(file("alpha.tif")), 0).unwrap();
    assert_eq!(three.channels, 3);
}

#[test]
fn tiles_may_be_whole_images_of_other_formats() {
    assert_eq!(page("webp.tif", 0).picture, colour());
    // Luma and chroma, whatever the file says; without chroma all three channels are equal.
    assert_eq!(samples("jpeg_2000_chroma.tif"), u8s(0, |v| v));
    for (name, magic) in [
        ("webp.tif", &b"VP8L"[..]),
        ("jpeg_2000.tif", b"\xff\x4f\xff\x51"),
    ] {
        let mut damaged = file(name);
        let found = damaged.windows(4).position(|four| four == magic);
        let at = found.expect("it is there") + 8;
        damaged[at..at + 24].fill(0xff);
        assert!(sentence(&damaged, 0).contains("damaged"), "{name}");
    }
}

#[test]
fn only_damaged_files_are_called_damaged() {
    let whole = file("zstd.tif");
    let mut changed = whole.clone();
    // Its first tile lies behind the directory and begins with Zstandard's number.
    let at = changed
        .windows(4)
        .position(|bytes| bytes == [0x28, 0xb5, 0x2f, 0xfd])
        .unwrap();
    changed[at + 6..at + 40].fill(0xff);
    assert!(sentence(&changed, 0).contains("damaged"));
    let strips = file("strips.tif");
    assert!(sentence(&strips[..strips.len() - 1], 0).contains("ends before its image does"));
    let mut jpeg_xl = file("strips.tif");
    let entry = [3, 1, 3, 0, 1, 0, 0, 0, 1, 0];
    let at = jpeg_xl
        .windows(10)
        .position(|bytes| bytes == entry)
        .unwrap();
    jpeg_xl[at + 8..at + 10].copy_from_slice(&50002_u16.to_le_bytes());
    let text = sentence(&jpeg_xl, 0);
    assert!(
        text.contains("JPEG XL") && text.contains("is not read"),
        "{text}"
    );
}

#[test]
fn colour_of_more_than_eight_bits_keeps_its_depth() {
    let planes = |name: &str| {
        let Picture::Composite(composite) = page(name, 0).picture else {
            panic!("{name}")
        };
        assert!(composite.together);
        composite
            .channels
            .map(|plane| plane.map(|plane| plane.samples))
    };
    let sixteen = [0, 1, 2].map(|page| Some(u16s(page, |v| v * 257)));
    assert_eq!(planes("colour16_predictor.tif"), sixteen);
    let float = [0, 1, 2].map(|page| Some(f32s(page, |v| v / 8.0 - 3.0)));
    assert_eq!(planes("float_colour.tif"), float);
}

#[test]
fn channels_can_be_chosen() {
    let chosen = |name: &str, number, choice| {
        open_channels(Cursor::new(file(name)), number, &choice).unwrap()
    };
    let one = ChannelChoice::One;
    let infrared = chosen("near_infrared.tif", 0, one(3));
    assert_eq!(infrared.channels, ["red", "green", "blue", ""]);
    assert_eq!(gray(infrared).2, u8s(3, |v| v));
    assert_eq!(
        gray(chosen("colour16_predictor.tif", 0, one(1))).2,
        u16s(1, |v| v * 257)
    );
    assert_eq!(gray(chosen("palette.tif", 0, one(0))).2, u8s(0, |v| v));
    let text = open_channels(Cursor::new(file("near_infrared.tif")), 0, &one(4));
    assert!(
        text.unwrap_err()
            .to_string()
            .contains("4 channels, so there is no channel 5")
    );
    // Pages of two channels, three slices and two frames.
    for name in ["hyperstack_imagej.tif", "hyperstack_ome.tif"] {
        let first = chosen(name, 0, ChannelChoice::Own);
        let axes = first.axes.unwrap();
        assert_eq!(
            (axes.channels, axes.slices, axes.frames),
            (2, 3, 2),
            "{name}"
        );
        assert_eq!(first.channels.len(), 2);
        for number in 0..12 {
            let [channel, slice, frame] = axes.place(number);
            let own = gray(chosen(name, number, ChannelChoice::Own)).2;
            let value = |c: usize| u16s(c + 2 * slice + 6 * frame, |v| v * 9);
            assert_eq!(own, value(channel), "{name}, page {number}");
            for other in [0, 1] {
                assert_eq!(gray(chosen(name, number, one(other))).2, value(other));
            }
            let both = ChannelChoice::Composite([Some(1), None, Some(0)]);
            let Picture::Composite(both) = chosen(name, number, both).picture else {
                panic!()
            };
            let planes = both.channels.map(|plane| plane.map(|plane| plane.samples));
            assert_eq!(planes, [Some(value(1)), None, Some(value(0))]);
        }
    }
    let ome = page("hyperstack_ome.tif", 0);
    assert_eq!(ome.channels, ["DAPI", "actin"]);
    let size = ome.pixel_size.unwrap();
    assert_eq!((size.size, size.unit), ([250.0, 500.0], "nm"));
}

#[test]
fn what_has_no_value_does_not_count() {
    let page = page("sparse_nodata.tif", 0);
    assert_eq!(page.absent, Some([-9999.0; 2]));
    let Samples::F32(values) = gray(page).2 else {
        panic!("depth")
    };
    let Samples::F32(all) = f32s(0, |v| v - 9.0) else {
        panic!()
    };
    assert_eq!(values[..15 * WIDTH], all[..15 * WIDTH]);
    assert!(values[15 * WIDTH..].iter().all(|value| value.is_nan()));
}

/// A file of zeros but for some pieces, which counts what is read of it.
struct Sparse {
    length: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    position: u64,
    read: u64,
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min((self.length - self.position) as usize);
        let end = self.position + n as u64;
        out[..n].fill(0);
        for (start, bytes) in &self.pieces {
            if *start >= end || start + bytes.len() as u64 <= self.position {
                continue;
            }
            for (at, byte) in (*start..).zip(bytes) {
                if (self.position..end).contains(&at) {
                    out[(at - self.position) as usize] = *byte;
                }
            }
        }
        self.position = end;
        self.read += n as u64;
        Ok(n)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(place) => place,
            SeekFrom::End(back) => self.length.checked_add_signed(back).unwrap(),
            SeekFrom::Current(on) => self.position.checked_add_signed(on).unwrap(),
        };
        self.position = self.position.min(self.length);
        Ok(self.position)
    }
}

const SIDE: u64 = 1024;
const PAGES: u64 = 3000;

/// A BigTIFF of so many pages of 16 bits, each behind its directory, of 6 GB; the first pixel of a page is
/// its number.
fn huge() -> Sparse {
    let page = 512 + 2 * SIDE * SIDE;
    let start = |i: u64| 16 + i * page;
    let mut pieces = vec![
        (0, b"II+\0\x08\0\0\0".to_vec()),
        (8, start(0).to_le_bytes().to_vec()),
    ];
    for i in 0..PAGES {
        let data = start(i) + 512;
        let fields: [(u16, u64); 10] = [
            (254, 2),
            (256, SIDE),
            (257, SIDE),
            (258, 16),
            (259, 1),
            (262, 1),
            (273, data),
            (277, 1),
            (278, SIDE),
            (279, 2 * SIDE * SIDE),
        ];
        let mut directory = (fields.len() as u64).to_le_bytes().to_vec();
        for (tag, value) in fields {
            directory.extend(tag.to_le_bytes());
            directory.extend(16_u16.to_le_bytes());
            directory.extend(1_u64.to_le_bytes());
            directory.extend(value.to_le_bytes());
        }
        let next = if i + 1 < PAGES { start(i + 1) } else { 0 };
        directory.extend(next.to_le_bytes());
        pieces.push((start(i), directory));
        pieces.push((data, (i as u16 + 1).to_le_bytes().to_vec()));
    }
    Sparse {
        length: start(PAGES),
        pieces,
        position: 0,
        read: 0,
    }
}

#[test]
fn a_page_of_six_gigabytes_is_read_alone() {
    let mut file = huge();
    assert!(file.length > 6_000_000_000);
    for number in [0, PAGES as usize - 1] {
        file.read = 0;
        let Page { picture, pages, .. } = open(&mut file, number).unwrap();
        assert_eq!(pages, PAGES as usize);
        let Picture::Gray(gray) = picture else {
            panic!("colour")
        };
        let Samples::U16(values) = gray.samples else {
            panic!("depth")
        };
        assert_eq!(values[..2], [number as u16 + 1, 0]);
        let beside = file.read - 2 * SIDE * SIDE;
        // The chain of pages is walked once.
        let most = if number == 0 { 300_000 } else { 10_000 };
        assert!(beside < most, "{beside} bytes besides the pixels");
    }
}
