//! Image files of every kind, good and bad.

use std::io::Cursor;

use graysam::image::decode::{Gray, Picture, Rgb, Samples, decode};
use graysam::image::display::{Display, to_grays};
use graysam::image::labels::Labels;
use graysam::image::levels::levels;
use image::{ColorType, ImageFormat};
use tiff::encoder::{Compression, TiffEncoder, colortype};

fn encode(format: ImageFormat, color: ColorType, size: (u32, u32), bytes: &[u8]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, bytes, size.0, size.1, color, format).unwrap();
    file.into_inner()
}

fn encode_tiff<C: colortype::ColorType>(size: (u32, u32), data: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new_big(&mut file)
        .unwrap()
        .with_compression(Compression::Lzw)
        .write_image::<C>(size.0, size.1, data)
        .unwrap();
    file.into_inner()
}

/// A little-endian TIFF of one uncompressed strip, or one a plane, with 16-bit fields.
struct RawTiff<'a> {
    size: (u16, u16),
    bits: u16,
    photometric: u16,
    planes: u16,
    data: &'a [u8],
}

impl RawTiff<'_> {
    fn bytes(&self) -> Vec<u8> {
        let planes = usize::from(self.planes);
        let strip = self.data.len() / planes;
        let bits = vec![u32::from(self.bits); planes];
        let offsets: Vec<u32> = (0..planes).map(|i| (200 + i * strip) as u32).collect();
        let fields = [
            (256, vec![u32::from(self.size.0)]),
            (257, vec![u32::from(self.size.1)]),
            (258, bits),
            (259, vec![1]),
            (262, vec![u32::from(self.photometric)]),
            (273, offsets),
            (277, vec![u32::from(self.planes)]),
            (278, vec![u32::from(self.size.1)]),
            (279, vec![strip as u32; planes]),
            (284, vec![if planes > 1 { 2 } else { 1 }]),
        ];
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        file.extend((fields.len() as u16).to_le_bytes());
        let mut overflow = Vec::new();
        for (tag, values) in &fields {
            file.extend((*tag as u16).to_le_bytes());
            file.extend(4u16.to_le_bytes());
            file.extend((values.len() as u32).to_le_bytes());
            if let [value] = values[..] {
                file.extend(value.to_le_bytes());
            } else {
                file.extend((134 + overflow.len() as u32).to_le_bytes());
                overflow.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            }
        }
        file.extend([0; 4]);
        assert_eq!(file.len(), 134, "the overflow follows the directory");
        file.extend(overflow);
        file.resize(200, 0);
        file.extend(self.data);
        file
    }
}

fn gray(bytes: &[u8]) -> Gray {
    match decode(bytes).unwrap() {
        Picture::Gray(gray) => gray,
        _ => panic!("colour"),
    }
}

fn sentence<T: std::fmt::Debug>(result: graysam::error::Result<T>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(text.ends_with('.') && text.len() > 30, "{text}");
    text
}

const RAMP: [u8; 12] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 255];

#[test]
fn lossless_formats_keep_gray_values() {
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        let image = gray(&encode(format, ColorType::L8, (4, 3), &RAMP));
        assert_eq!((image.width, image.height), (4, 3));
        assert_eq!(image.samples, Samples::U8(RAMP.to_vec()), "{format:?}");
    }
    let colour: Vec<u8> = RAMP.iter().flat_map(|&v| [v, v, v]).collect();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
        let image = gray(&encode(format, ColorType::Rgb8, (4, 3), &colour));
        assert_eq!(image.samples, Samples::U8(RAMP.to_vec()), "{format:?}");
    }
}

#[test]
fn sixteen_bit_png_keeps_its_depth() {
    let values: Vec<u16> = RAMP
        .iter()
        .map(|&v| u16::from(v) * 257 + 1)
        .take(8)
        .collect();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let image = gray(&encode(ImageFormat::Png, ColorType::L16, (4, 2), &bytes));
    assert_eq!(image.samples, Samples::U16(values));
}

#[test]
fn jpeg_is_close() {
    let values: Vec<u8> = (0..=255).collect();
    let image = gray(&encode(ImageFormat::Jpeg, ColorType::L8, (16, 16), &values));
    let Samples::U8(decoded) = image.samples else {
        panic!("depth");
    };
    assert!(
        decoded
            .iter()
            .zip(&values)
            .all(|(a, b)| a.abs_diff(*b) < 24)
    );
}

#[test]
fn alpha_is_dropped_and_colour_stays_colour() {
    let gray_alpha = [1, 9, 2, 9, 3, 9, 4, 0];
    let image = gray(&encode(
        ImageFormat::Png,
        ColorType::La8,
        (2, 2),
        &gray_alpha,
    ));
    assert_eq!(image.samples, Samples::U8(vec![1, 2, 3, 4]));
    let rgba = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0];
    let file = encode(ImageFormat::Png, ColorType::Rgba8, (2, 2), &rgba);
    let pixels: Vec<u8> = (1..=12).collect();
    assert_eq!(
        decode(&file).unwrap(),
        Picture::Rgb(Rgb {
            width: 2,
            height: 2,
            pixels
        })
    );
}

#[test]
fn sixteen_bit_colour_keeps_its_depth() {
    let values = [0u16, 128, 129, 257, 65535, 65407, 65406, 0, 0, 1, 2, 3];
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let file = encode(ImageFormat::Png, ColorType::Rgb16, (2, 2), &bytes);
    let Picture::Composite(composite) = decode(&file).unwrap() else {
        panic!("8 bits");
    };
    assert!(composite.together);
    let planes: Vec<&Samples> = composite.planes().map(|plane| &plane.samples).collect();
    let wanted = [[0, 257, 65406, 1], [128, 65535, 0, 2], [129, 65407, 0, 3]];
    assert_eq!(planes.len(), 3);
    for (plane, wanted) in planes.into_iter().zip(wanted) {
        assert_eq!(*plane, Samples::U16(wanted.to_vec()));
    }
}

#[test]
fn tiff_depths() {
    let eight = encode_tiff::<colortype::Gray8>((4, 3), &RAMP);
    assert_eq!(gray(&eight).samples, Samples::U8(RAMP.to_vec()));
    let sixteen = encode_tiff::<colortype::Gray16>((2, 2), &[0, 300, 9000, 65535]);
    assert_eq!(
        gray(&sixteen).samples,
        Samples::U16(vec![0, 300, 9000, 65535])
    );
    let float = encode_tiff::<colortype::Gray32Float>((2, 2), &[-1.5, 0.0, 1e-9, 7e9]);
    assert_eq!(
        gray(&float).samples,
        Samples::F32(vec![-1.5, 0.0, 1e-9, 7e9])
    );
    let double = encode_tiff::<colortype::Gray64Float>((2, 2), &[-1.5, 0.0, 0.25, 7.0]);
    assert_eq!(
        gray(&double).samples,
        Samples::F32(vec![-1.5, 0.0, 0.25, 7.0])
    );
    let integer = encode_tiff::<colortype::GrayI32>((2, 2), &[-70000, 0, 1, 70000]);
    let values = Samples::F32(vec![-70000.0, 0.0, 1.0, 70000.0]);
    assert_eq!(gray(&integer).samples, values);
    let colour = encode_tiff::<colortype::RGB16>((2, 2), &[7, 7, 7, 9, 9, 9, 0, 0, 0, 1, 1, 1]);
    assert_eq!(gray(&colour).samples, Samples::U16(vec![7, 9, 0, 1]));
}

#[test]
fn tiff_layouts() {
    let white_is_zero = RawTiff {
        size: (2, 2),
        bits: 8,
        photometric: 0,
        planes: 1,
        data: &[0, 1, 2, 255],
    };
    assert_eq!(
        gray(&white_is_zero.bytes()).samples,
        Samples::U8(vec![0, 1, 2, 255])
    );
    let bilevel = RawTiff {
        size: (3, 2),
        bits: 1,
        photometric: 1,
        planes: 1,
        data: &[0b1010_0000, 0b0111_1111],
    };
    assert_eq!(
        gray(&bilevel.bytes()).samples,
        Samples::U8(vec![255, 0, 255, 0, 255, 255])
    );
    let planar = RawTiff {
        size: (2, 2),
        bits: 8,
        photometric: 2,
        planes: 3,
        data: &[1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24],
    };
    let pixels = vec![1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24];
    assert_eq!(
        decode(&planar.bytes()).unwrap(),
        Picture::Rgb(Rgb {
            width: 2,
            height: 2,
            pixels
        })
    );
}

#[test]
fn files_that_are_no_image() {
    assert!(sentence(decode(b"")).contains("empty"));
    let text = sentence(decode(b"x,y,area\n1,2,3\n".repeat(9).as_slice()));
    assert!(
        text.contains("not a PNG, JPEG, TIFF, DICOM, BMP or WebP"),
        "{text}"
    );
    let gif = sentence(decode(b"GIF89a\x01\0\x01\0\0\0\0;"));
    assert!(gif.contains("not a PNG"), "{gif}");
}

#[test]
fn truncated_files() {
    let noise: Vec<u8> = (0..4096u32).map(|i| ((i * i) >> 3) as u8).collect();
    let png = encode(ImageFormat::Png, ColorType::L8, (64, 64), &noise);
    for length in [9, 20, 30, 50, png.len() / 2] {
        let text = sentence(decode(&png[..length]));
        assert!(text.contains("PNG file ends before"), "{length}: {text}");
    }
    let tiff = RawTiff {
        size: (64, 64),
        bits: 8,
        photometric: 1,
        planes: 1,
        data: &noise,
    }
    .bytes();
    let text = sentence(decode(&tiff[..1000]));
    assert!(text.contains("TIFF file ends before"), "{text}");
    let formats = [ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Jpeg];
    for format in formats {
        let file = encode(format, ColorType::Rgb8, (32, 32), &noise[..3072]);
        let text = sentence(decode(&file[..file.len() / 2]));
        assert!(text.contains("export it again"), "{text}");
    }
}

#[test]
fn damaged_png() {
    let mut png = encode(ImageFormat::Png, ColorType::L8, (4, 3), &RAMP);
    let data = png.windows(4).position(|w| w == b"IDAT").unwrap() + 8;
    png[data] ^= 0xff;
    assert!(sentence(decode(&png)).contains("damaged"));
}

#[test]
fn sizes_too_small() {
    for (size, name) in [((1, 12), "1 × 12"), ((12, 1), "12 × 1")] {
        let text = sentence(decode(&encode(
            ImageFormat::Png,
            ColorType::L8,
            size,
            &RAMP,
        )));
        assert!(text.contains(name) && text.contains("at least 2"), "{text}");
    }
    let mut png = encode(ImageFormat::Png, ColorType::L8, (4, 3), &RAMP);
    png[16..20].fill(0);
    assert!(sentence(decode(&png)).contains("0 × 3"));
    let tiff = RawTiff {
        size: (0, 3),
        bits: 8,
        photometric: 1,
        planes: 1,
        data: &[],
    };
    assert!(sentence(decode(&tiff.bytes())).contains("0 × 3"));
}

#[test]
fn sizes_too_large_are_refused_by_the_header() {
    let tiny = |format| encode(format, ColorType::L8, (4, 3), &RAMP);
    let mut png = tiny(ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let mut bmp = tiny(ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0x30, 0x75, 0, 0, 0x30, 0x75, 0, 0]);
    let mut jpeg = tiny(ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    let tiff = RawTiff {
        size: (30_000, 30_000),
        bits: 8,
        photometric: 1,
        planes: 1,
        data: &[0; 12],
    };
    for file in [png, bmp, jpeg, tiff.bytes()] {
        let text = sentence(decode(&file));
        assert!(
            text.contains("30000 × 30000") && text.contains("128 megapixels"),
            "{text}"
        );
    }
    let long = RawTiff {
        size: (40_000, 2),
        bits: 8,
        photometric: 1,
        planes: 1,
        data: &[0; 12],
    };
    assert!(sentence(decode(&long.bytes())).contains("32768 pixels a side"));
}

#[test]
fn nothing_to_segment() {
    let text = sentence(decode(&encode(
        ImageFormat::Png,
        ColorType::L8,
        (4, 3),
        &[17; 12],
    )));
    assert!(text.contains("same value, 17"), "{text}");
    let colour = encode(
        ImageFormat::Png,
        ColorType::Rgb8,
        (2, 2),
        &[1, 2, 3].repeat(4),
    );
    assert!(sentence(decode(&colour)).contains("[1, 2, 3]"));
    let flat = encode_tiff::<colortype::Gray32Float>((2, 2), &[0.25; 4]);
    assert!(sentence(decode(&flat)).contains("0.25"));
}

#[test]
fn missing_values_do_not_count() {
    let values = [f32::NAN, 0.0, f32::INFINITY, 1.0, f32::NEG_INFINITY, 3.0];
    let file = encode_tiff::<colortype::Gray32Float>((3, 2), &values);
    let image = gray(&file);
    let levels = levels(&image);
    assert_eq!((levels.min, levels.max), (0.0, 3.0));
    assert_eq!(levels.histogram.iter().sum::<u32>(), 3);
    let invert = true;
    for display in [
        Display::default(),
        Display {
            invert,
            ..Display::default()
        },
    ] {
        let shown = to_grays(&image, &display).unwrap();
        // 255 / 3; where there is no number, black whatever the display.
        let wanted =
            [0, 0, 255, 85, 0, 255].map(|gray| if display.invert { 255 - gray } else { gray });
        assert_eq!(shown[1..], wanted[1..]);
        assert_eq!(shown[0], 0);
    }
    let nothing = encode_tiff::<colortype::Gray32Float>((2, 2), &[f32::NAN; 4]);
    assert!(sentence(decode(&nothing)).contains("same value, no number"));
}

#[test]
fn a_jpeg_ends_at_its_end_marker() {
    let noise: Vec<u8> = (0..12_288u32).map(|i| ((i * i) >> 3) as u8).collect();
    let whole = encode(ImageFormat::Jpeg, ColorType::Rgb8, (64, 64), &noise);
    let image = decode(&whole).unwrap();
    // What cameras and editors append: bytes, and a second picture.
    for trailer in [
        &b"\xff\xda\xff\xff trailer \0\0"[..],
        &whole[..whole.len() / 2],
    ] {
        assert_eq!(decode(&[&whole, trailer].concat()).unwrap(), image);
    }
    assert!(whole.ends_with(b"\xff\xd9"));
    assert_eq!(decode(&whole[..whole.len() - 2]).unwrap(), image);
    for length in [whole.len() / 2, whole.len() * 3 / 4] {
        let text = sentence(decode(&whole[..length]));
        assert!(
            text.contains("JPEG file ends before its image does"),
            "{text}"
        );
        let closed = [&whole[..length], b"\xff\xd9"].concat();
        assert!(sentence(decode(&closed)).contains("export it again"));
    }
}

#[test]
fn a_png_may_lack_its_last_chunk() {
    let whole = encode(ImageFormat::Png, ColorType::L8, (4, 3), &RAMP);
    assert_eq!(whole[whole.len() - 8..][..4], *b"IEND");
    let image = gray(&whole[..whole.len() - 12]);
    assert_eq!(image.samples, Samples::U8(RAMP.to_vec()));
    let trailer = [&whole[..], b"trailer"].concat();
    assert_eq!(gray(&trailer).samples, Samples::U8(RAMP.to_vec()));
}

#[test]
fn an_image_is_turned_as_its_exif_data_say() {
    let values: Vec<u8> = (0..512u32)
        .map(|i| if i % 32 < 16 { 20 } else { 220 })
        .collect();
    let whole = encode(ImageFormat::Jpeg, ColorType::L8, (32, 16), &values);
    // Orientation 6: the first row is the right-hand side.
    let mut exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0");
    let turned = gray(&[&whole[..2], &exif, &whole[2..]].concat());
    assert_eq!((turned.width, turned.height), (16, 32));
    let Samples::U8(values) = turned.samples else {
        panic!("depth")
    };
    let row = |y: usize| values[16 * y..][..16].iter().all(|v| *v > 120);
    assert!((0..32).all(|y| row(y) == (y >= 16)));
}

#[test]
fn label_files() {
    let wide = encode_tiff::<colortype::GrayI32>((2, 2), &[0, 1, 70_000, 0]);
    assert_eq!(Labels::decode(&wide).unwrap().ids, [0, 1, 70_000, 0]);
    let one = encode_tiff::<colortype::Gray16>((2, 2), &[300; 4]);
    assert_eq!(Labels::decode(&one).unwrap().objects(4)[0].area, 4);
    let none = encode_tiff::<colortype::Gray16>((2, 2), &[0; 4]);
    assert!(sentence(Labels::decode(&none)).contains("no object"));
    let colour = encode(ImageFormat::Png, ColorType::Rgb8, (2, 2), &RAMP);
    assert!(sentence(Labels::decode(&colour)).contains("in colour"));
    for bad in [0.5, -2.0, f32::NAN, 1e10] {
        let float = encode_tiff::<colortype::Gray32Float>((2, 2), &[0.0, 1.0, 2.0, bad]);
        assert!(sentence(Labels::decode(&float)).contains(&bad.to_string()));
    }
}
