//! Display, resizing, masks, labels and the sample against Pillow, PyTorch and hand arithmetic.

use graysam::image::decode::{Composite, Gray, Picture, Rgb, Samples, decode};
use graysam::image::display::{Colormap, Display, Shown, Window, to_grays, to_rgb};
use graysam::image::labels::Labels;
use graysam::image::levels::{levels, levels_rgb};
use graysam::image::mask::THRESHOLD;
use graysam::image::resize::Rows;
use graysam::image::{mask, resize, sample};
use serde_json::Value;

fn sentence<T: std::fmt::Debug>(result: graysam::error::Result<T>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(text.ends_with('.') && text.len() > 30, "{text}");
    text
}

/// 0..=1000 in a scattered order, as 8 and 1001 share no factor.
fn thousand() -> Vec<u16> {
    (0..=1000u32).map(|i| (i * 8 % 1001) as u16).collect()
}

fn row(samples: Samples, width: usize) -> Gray {
    Gray {
        width,
        height: 1,
        samples,
    }
}

#[test]
fn levels_by_hand() {
    let float = thousand().iter().map(|&v| f32::from(v)).collect();
    for samples in [Samples::U16(thousand()), Samples::F32(float)] {
        let float = matches!(samples, Samples::F32(_));
        let levels = levels(&row(samples, 1001));
        assert_eq!((levels.min, levels.max), (0.0, 1000.0));
        // Of 1001 values in order the second is the 0.1st percentile.
        assert_eq!((levels.low, levels.high), (1.0, 999.0));
        assert_eq!(levels.full_max, if float { 1000.0 } else { 65535.0 });
        // Bins are 1000 / 256 = 3.90625 wide: 0..=3, and from 996.09375 on.
        assert_eq!((levels.histogram[0], levels.histogram[255]), (4, 4));
        assert_eq!(levels.histogram.iter().sum::<u32>(), 1001);
    }
    let unit = levels(&row(Samples::F32(vec![0.25, 0.5]), 2));
    assert_eq!((unit.full_min, unit.full_max), (0.0, 1.0));
    let colour = levels_rgb(&Rgb {
        width: 2,
        height: 1,
        pixels: vec![255, 0, 0, 0, 255, 0],
    });
    // 0.299 · 255 = 76.2 and 0.587 · 255 = 149.7
    assert_eq!((colour.histogram[76], colour.histogram[150]), (1, 1));
    assert_eq!((colour.min, colour.max), (0.0, 255.0));
}

#[test]
fn collapsed_percentiles_fall_back_to_min_and_max() {
    let mut values = vec![5u8; 10_000];
    values[3] = 9;
    let levels = levels(&row(Samples::U8(values), 10_000));
    assert_eq!((levels.low, levels.high), (5.0, 9.0));
}

#[test]
fn white_is_where_small_bright_objects_reach() {
    const SIDE: usize = 200;
    let field = |objects: &[(usize, usize, u16)]| {
        // Noise up to 100, and squares of pixels that grow brighter to the right.
        let mut values: Vec<u16> = (0..SIDE * SIDE).map(|i| (i * 7919 % 101) as u16).collect();
        for &(x, side, value) in objects {
            for i in 0..side * side {
                let bright = value + 10 * (i % side) as u16;
                values[(50 + i / side) * SIDE + x + i % side] = bright;
            }
        }
        Gray {
            width: SIDE,
            height: SIDE,
            samples: Samples::U16(values),
        }
    };
    // 25 of 40,000 pixels; the brightest column is one pixel wide, the one before it makes squares.
    let objects = levels(&field(&[(20, 5, 900)]));
    assert_eq!((objects.low, objects.high), (0.0, 930.0));
    let dead_pixels = levels(&field(&[(20, 1, 60_000), (90, 1, 50_000)]));
    assert_eq!(dead_pixels.high, 100.0);
    // A mark drawn in white counts for nothing; most of the bright pixels are its own.
    let mut marked = field(&[(20, 3, 900)]);
    let Samples::U16(values) = &mut marked.samples else {
        panic!()
    };
    values[SIDE * 190 + 100..][..15].fill(65_535);
    values[SIDE * 191 + 100..][..15].fill(65_535);
    assert_eq!(levels(&marked).high, 910.0);
}

#[test]
fn a_page_of_one_value_is_black() {
    for samples in [
        Samples::U8(vec![7; 9]),
        Samples::U16(vec![700; 9]),
        Samples::F32(vec![0.5; 9]),
    ] {
        let page = row(samples, 9);
        let window = Window::Percentile.fixed(&levels(&page));
        let display = Display {
            window,
            ..Display::default()
        };
        assert_eq!(to_grays(&page, &display), Ok(vec![0; 9]));
    }
}

#[test]
fn channels_have_windows_of_their_own_or_of_all() {
    let plane = |values: [u16; 4]| Some(row(Samples::U16(values.to_vec()), 4));
    let picture = |together| {
        Picture::Composite(Composite {
            channels: [plane([0, 100, 50, 0]), None, plane([1000, 0, 500, 200])],
            together,
        })
    };
    let display = Display {
        window: Window::MinMax,
        ..Display::default()
    };
    let shown = |together| to_rgb(&picture(together), &display).unwrap().pixels;
    assert_eq!(shown(false), [0, 0, 255, 255, 0, 0, 128, 0, 128, 0, 0, 51]);
    // 100 of 1000 is 25.5 of 255, 50 is 12.75.
    assert_eq!(shown(true), [0, 0, 255, 26, 0, 0, 13, 0, 128, 0, 0, 51]);
    let together = picture(true);
    let all = Shown::new(&together, &display).unwrap();
    assert_eq!(all.row(0, 1..3).into_owned(), shown(true)[3..9]);
}

#[test]
fn windows_by_hand() {
    let shown = |samples, display: Display| {
        let picture = Picture::Gray(row(samples, 4));
        let pixels = to_rgb(&picture, &display).unwrap().pixels;
        assert!(pixels.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        pixels.into_iter().step_by(3).collect::<Vec<u8>>()
    };
    let range = Window::Range {
        black: 100.0,
        white: 200.0,
    };
    let base = Display {
        window: range,
        ..Display::default()
    };
    for samples in [
        Samples::U8(vec![50, 100, 125, 220]),
        Samples::U16(vec![50, 100, 125, 9000]),
        Samples::F32(vec![-1e30, 100.0, 125.0, 3e38]),
    ] {
        // A quarter of the way: 63.75; squared 15.94; inverted 255 − 15.94.
        assert_eq!(shown(samples.clone(), base.clone()), [0, 0, 64, 255]);
        let squared = Display {
            gamma: 2.0,
            ..base.clone()
        };
        assert_eq!(shown(samples.clone(), squared.clone()), [0, 0, 16, 255]);
        let inverted = Display {
            invert: true,
            ..squared
        };
        assert_eq!(shown(samples, inverted), [255, 255, 239, 0]);
    }
    let with = |window| Display {
        window,
        ..Display::default()
    };
    let values = || Samples::U16(vec![1000, 2000, 3000, 5000]);
    assert_eq!(shown(values(), with(Window::MinMax)), [0, 64, 128, 255]);
    // 257 values a step
    assert_eq!(shown(values(), with(Window::Full)), [4, 8, 12, 19]);
}

#[test]
fn colormaps_are_near_matplotlib() {
    // Entries 0, 51, 100, 147 and 255 of matplotlib 3's tables.
    let viridis = [
        68, 1, 84, 65, 68, 135, 42, 118, 142, 31, 162, 135, 253, 231, 37,
    ];
    let inferno = [
        0, 0, 4, 66, 10, 104, 144, 37, 104, 213, 74, 65, 252, 255, 164,
    ];
    let picture = Picture::Gray(row(Samples::U8(vec![0, 51, 100, 147, 255]), 5));
    for (colormap, expected) in [(Colormap::Viridis, viridis), (Colormap::Inferno, inferno)] {
        let display = Display {
            window: Window::Full,
            colormap,
            ..Display::default()
        };
        let pixels = to_rgb(&picture, &display).unwrap().pixels;
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 6;
        assert!(pixels.iter().zip(&expected).all(near), "{pixels:?}");
    }
}

#[test]
fn colour_passes_through() {
    let picture = Picture::Rgb(Rgb {
        width: 2,
        height: 1,
        pixels: vec![1, 2, 3, 4, 5, 6],
    });
    let display = Display {
        invert: true,
        gamma: 3.0,
        ..Display::default()
    };
    assert_eq!(Picture::Rgb(to_rgb(&picture, &display).unwrap()), picture);
}

#[test]
fn rows_are_those_of_the_whole_picture() {
    let thousand = thousand();
    let gray = |samples| {
        Picture::Gray(Gray {
            width: 143,
            height: 7,
            samples,
        })
    };
    let floats = thousand.iter().map(|&v| f32::from(v) / 7.0).collect();
    let bytes: Vec<u8> = thousand.iter().map(|&v| (v % 251) as u8).collect();
    let pictures = [
        gray(Samples::U8(bytes.clone())),
        gray(Samples::U16(thousand)),
        gray(Samples::F32(floats)),
        Picture::Rgb(Rgb {
            width: 13,
            height: 11,
            pixels: bytes[..429].to_vec(),
        }),
    ];
    let display = Display {
        gamma: 0.5,
        colormap: Colormap::Viridis,
        ..Display::default()
    };
    for picture in pictures {
        let shown = Shown::new(&picture, &display).unwrap();
        let whole = to_rgb(&picture, &display).unwrap();
        assert_eq!(shown.size(), picture.size());
        let rows: Vec<u8> = (0..whole.height)
            .flat_map(|y| shown.row(y, 0..whole.width).into_owned())
            .collect();
        assert_eq!(rows, whole.pixels);
    }
}

#[test]
fn grays_are_those_that_the_colours_are_of() {
    let picture = row(Samples::U16(vec![0, 100, 200, 300, 400]), 5);
    let display = Display {
        window: Window::Range {
            black: 100.0,
            white: 300.0,
        },
        colormap: Colormap::Inferno,
        invert: true,
        ..Display::default()
    };
    let grays = to_grays(&picture, &display).unwrap();
    assert_eq!(grays, [255, 255, 128, 0, 0]);
    let colours = Colormap::Inferno.colours();
    let rgb = to_rgb(&Picture::Gray(picture), &display).unwrap();
    assert_eq!(
        rgb.pixels,
        grays
            .iter()
            .flat_map(|&gray| colours[usize::from(gray)])
            .collect::<Vec<u8>>()
    );
}

#[test]
fn a_fixed_window_shows_the_same() {
    let gray = row(Samples::U16(thousand()), 1001);
    let levels = levels(&gray);
    for window in [
        Window::Full,
        Window::MinMax,
        Window::Percentile,
        Window::Range {
            black: 3.0,
            white: 9.0,
        },
    ] {
        let display = |window| Display {
            window,
            ..Display::default()
        };
        let fixed = window.fixed(&levels);
        assert!(matches!(fixed, Window::Range { .. }));
        assert_eq!(
            to_grays(&gray, &display(fixed)).unwrap(),
            to_grays(&gray, &display(window)).unwrap()
        );
    }
}

#[test]
fn displays_that_are_refused() {
    for gamma in [0.0, 0.09, 10.1, f32::NAN, f32::INFINITY] {
        let display = Display {
            gamma,
            ..Display::default()
        };
        assert!(sentence(display.validate()).contains("Gamma"));
    }
    for (black, white) in [
        (2.0, 1.0),
        (1.0, 1.0),
        (0.0, f32::INFINITY),
        (f32::NAN, 1.0),
    ] {
        let window = Window::Range { black, white };
        let display = Display {
            window,
            ..Display::default()
        };
        assert!(sentence(display.validate()).contains("black must be below white"));
    }
    assert_eq!(Window::parse("minmax"), Ok(Window::MinMax));
    let range = Window::Range {
        black: -1.5,
        white: 9000.0,
    };
    assert_eq!(Window::parse("-1.5, 9000"), Ok(range));
    for text in ["", "auto", "1", "1,2,3", "9,3", "nan,4"] {
        sentence(Window::parse(text));
    }
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn pair(value: &Value) -> (usize, usize) {
    let side = |at: usize| value[at].as_u64().unwrap() as usize;
    (side(0), side(1))
}

fn pattern(width: usize, height: usize) -> Rgb {
    let value = |y: usize, x: usize, c: usize| 3 * x * x + 5 * y * y + 7 * x * y + 11 * x + 91 * c;
    let pixels = (0..width * height * 3)
        .map(|i| value(i / 3 / width, i / 3 % width, i % 3) as u8)
        .collect();
    Rgb {
        width,
        height,
        pixels,
    }
}

fn fnv1a(bytes: &[u8]) -> String {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[test]
fn resizing_equals_pillow() {
    let fixture = fixture(include_str!("../fixtures/image_resize.json"));
    for case in fixture["longest_side"].as_array().unwrap() {
        let (width, height) = pair(&case["from"]);
        assert_eq!(resize::longest_side(width, height, 1024), pair(&case["to"]));
    }
    for case in fixture["bilinear"].as_array().unwrap() {
        let ((width, height), to) = (pair(&case["from"]), pair(&case["to"]));
        let resized = resize::bilinear_antialias(&pattern(width, height), to.0, to.1);
        assert_eq!((resized.width, resized.height), to);
        assert_eq!(fnv1a(&resized.pixels), case["fnv1a"], "{case}");
    }
}

#[test]
fn a_side_is_never_lost() {
    assert_eq!(resize::longest_side(32_768, 2, 1024), (1024, 1));
}

#[test]
fn postprocessing_equals_pytorch() {
    let fixture = fixture(include_str!("../fixtures/image_masks.json"));
    for case in fixture["postprocess"].as_array().unwrap() {
        let size = |name: &str| case[name].as_u64().unwrap() as usize;
        let side = size("side");
        let logit = |x: usize, y: usize| (37 * x + 101 * y + 13 * x * y) % 211;
        let logits: Vec<f32> = (0..side * side)
            .map(|i| logit(i % side, i / side) as f32 / 8.0 - 13.0)
            .collect();
        let original = pair(&case["original"]);
        let input = pair(&case["input"]);
        let enlarge =
            |above| mask::enlarge(&logits, above, size("image_size"), input, original).unwrap();
        let masks = enlarge(f32::NEG_INFINITY).logits;
        assert_eq!(masks.len(), original.0 * original.1);
        let shape = enlarge(THRESHOLD).shape().unwrap();
        for (i, inside) in mask::threshold(&masks).into_iter().enumerate() {
            assert_eq!(shape.contains(i % original.0, i / original.0), inside);
        }
        let expected = case["values"].as_array().unwrap();
        let sampled: Vec<_> = masks.iter().step_by(size("step")).collect();
        assert_eq!(sampled.len(), expected.len());
        for (value, expected) in sampled.into_iter().zip(expected) {
            let expected = expected.as_f64().unwrap();
            assert!(
                (f64::from(*value) - expected).abs() < 2e-5,
                "{value} {expected}"
            );
        }
    }
}

#[test]
fn masks_by_hand() {
    let a = mask::threshold(&[-1.0, 0.0, 0.1, 5.0]);
    assert_eq!(a, [false, false, true, true]);
    assert_eq!(mask::iou(&a, &[false, true, true, false]), 1.0 / 3.0);
    assert_eq!(mask::iou(&a, &a), 1.0);
    assert_eq!(mask::iou(&[false; 4], &[false; 4]), 1.0);
    let png = mask::to_png(&a, 2, 2).unwrap();
    let Picture::Gray(decoded) = decode(&png).unwrap() else {
        panic!("colour");
    };
    assert_eq!(decoded.samples, Samples::U8(vec![0, 0, 255, 255]));
    assert!(sentence(mask::to_png(&a, 3, 2)).contains("4 pixels"));
}

#[test]
fn objects_by_hand() {
    #[rustfmt::skip]
    let ids = [
        7, 7, 7, 0, 2,
        7, 0, 7, 0, 2,
        7, 7, 7, 9, 0,
    ];
    let labels = Labels::new(5, 3, ids.to_vec());
    let objects = labels.objects(2);
    assert_eq!(objects.iter().map(|o| o.id).collect::<Vec<_>>(), [2, 7]);
    // Two pixels equally near: the upper one.
    assert_eq!((objects[0].area, objects[0].point), (2, (4.0, 0.0)));
    assert_eq!(objects[0].bbox, [4.0, 0.0, 5.0, 2.0]);
    // A ring, whose centroid is no pixel of its own: of its four nearest the first.
    assert_eq!((objects[1].area, objects[1].point), (8, (1.0, 0.0)));
    assert_eq!(objects[1].bbox, [0.0, 0.0, 3.0, 3.0]);
    assert_eq!(labels.mask(9).iter().position(|&inside| inside), Some(13));
    assert_eq!(labels.objects(1).len(), 3);
}

/// Centroid and nearest distance of an object, from every one of its pixels.
fn nearest_distance(labels: &Labels, id: u32) -> (f64, f64, f64) {
    let pixels: Vec<(f64, f64)> = (0..labels.ids.len())
        .filter(|&i| labels.ids[i] == id)
        .map(|i| ((i % labels.width) as f64, (i / labels.width) as f64))
        .collect();
    let n = pixels.len() as f64;
    let x = pixels.iter().map(|p| p.0).sum::<f64>() / n;
    let y = pixels.iter().map(|p| p.1).sum::<f64>() / n;
    let distance = |p: &(f64, f64)| (p.0 - x).hypot(p.1 - y);
    (
        x,
        y,
        pixels.iter().map(distance).fold(f64::INFINITY, f64::min),
    )
}

#[test]
fn points_of_the_sample_are_nearest() {
    let labels = sample::nuclei().1;
    for object in labels.objects(1) {
        let (x, y, nearest) = nearest_distance(&labels, object.id);
        let (px, py) = (f64::from(object.point.0), f64::from(object.point.1));
        assert!(((px - x).hypot(py - y) - nearest).abs() < 1e-9);
        let at = object.point.1 as usize * labels.width + object.point.0 as usize;
        assert_eq!(labels.ids[at], object.id);
    }
}

#[test]
fn the_sample_is_a_plausible_frame() {
    let (gray, labels) = sample::nuclei();
    assert_eq!(sample::nuclei(), (gray.clone(), labels.clone()));
    assert_eq!((labels.width, labels.height), (gray.width, gray.height));
    let ids: Vec<u32> = labels.objects(100).iter().map(|o| o.id).collect();
    assert_eq!(ids, (1..=60).collect::<Vec<_>>());
    let levels = levels(&gray);
    assert!(levels.min > 100.0 && levels.max < 16_000.0 && levels.high > 10.0 * levels.low);
}

/// Nuclei that lie alone, cut at half of their height above the background.
#[test]
fn labels_of_the_sample_follow_the_half_maximum() {
    let (gray, labels) = sample::nuclei();
    let Samples::U16(values) = gray.samples else {
        panic!("depth");
    };
    let median = |mut values: Vec<u16>| {
        values.sort_unstable();
        f64::from(values[values.len() / 2])
    };
    let mut alone = 0;
    for object in labels.objects(1) {
        let [left, top, right, bottom] = object.bbox.map(|side| side as usize);
        let rows = top.saturating_sub(6)..(bottom + 6).min(labels.height);
        let columns = left.saturating_sub(6)..(right + 6).min(labels.width);
        let at: Vec<usize> = rows
            .flat_map(|y| columns.clone().map(move |x| y * 640 + x))
            .collect();
        if at.iter().any(|&i| ![0, object.id].contains(&labels.ids[i])) {
            continue;
        }
        alone += 1;
        let truth: Vec<bool> = at.iter().map(|&i| labels.ids[i] == object.id).collect();
        let level = |inside| {
            let chosen = at.iter().zip(&truth).filter(|(_, t)| **t == inside);
            median(chosen.map(|(&i, _)| values[i]).collect())
        };
        let half = (level(true) + level(false)) / 2.0;
        let cut: Vec<bool> = at.iter().map(|&i| f64::from(values[i]) > half).collect();
        let iou = mask::iou(&truth, &cut);
        assert!(iou > 0.9, "object {} has IoU {iou}", object.id);
    }
    assert!(alone >= 15, "{alone} nuclei lie alone");
}
