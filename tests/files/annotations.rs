//! Objects as files of other tools, and back again.

use std::collections::BTreeMap;

use graysam::annotation::export::{Export, ExportFormat};
use graysam::annotation::source::ImageSource;
use graysam::annotation::{self, ClassRecord, ObjectRecord, Read, is_annotation};
use graysam::image::labels::Labels;
use graysam::image::unknown::Unknown;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Objects that lie over each other, with holes, several parts and single pixels.
fn labels(random: &mut Random, size: (usize, usize), largest: usize) -> Labels {
    let mut ids = vec![0; size.0 * size.1];
    for _ in 0..1 + random.below(8) {
        let id = 1 + random.below(largest) as u32;
        let (x, y) = (random.below(size.0), random.below(size.1));
        let (w, h) = (1 + random.below(size.0), 1 + random.below(size.1));
        let noisy = random.below(3) == 0;
        for (at, number) in ids.iter_mut().enumerate() {
            let inside = (x..x + w).contains(&(at % size.0)) && (y..y + h).contains(&(at / size.0));
            if inside && !(noisy && random.below(2) == 0) {
                *number = if random.below(40) == 0 { 0 } else { id };
            }
        }
    }
    ids[0] = ids[0].max(1);
    Labels::new(size.0, size.1, ids)
}

fn classes() -> Vec<ClassRecord> {
    let class = |name: &str, colour: &str| ClassRecord {
        name: name.to_owned(),
        colour: colour.to_owned(),
    };
    vec![
        class("object", "#010203"),
        class("  two: \\ words\n= \u{1f52c}", "#ff8000"),
        class("cell", "#0040ff"),
    ]
}

fn objects(random: &mut Random, labels: &Labels) -> Vec<ObjectRecord> {
    let mut ids: Vec<u32> = labels.ids.iter().copied().filter(|id| *id > 0).collect();
    ids.sort_unstable();
    ids.dedup();
    let names = [
        "",
        "a \"ring\"",
        "Zelle 1/2",
        "=1+1",
        "Object 3",
        "\u{e9}\u{1f600}",
    ];
    let record = |id| ObjectRecord {
        id,
        name: random.pick(&names).to_owned(),
        class: random.pick(&[None, Some(0), Some(1), Some(2)]),
        iou: random.pick(&[None, Some(0.875), Some(0.1), Some(1.0 / 3.0)]),
    };
    ids.into_iter().map(record).collect()
}

fn source(page: usize, pages: usize) -> ImageSource {
    ImageSource {
        folder: "plate 1/well".to_owned(),
        page,
        pages,
        ..ImageSource::only("stack.ome.tif")
    }
}

fn exported(
    format: ExportFormat,
    images: &[(ImageSource, Labels, Vec<ObjectRecord>)],
) -> (String, Vec<u8>) {
    let mut export = Export::new(format, classes());
    for (source, labels, objects) in images {
        export
            .add(source, labels, objects, None)
            .expect("it can be written");
    }
    let file = export.finish().expect("it can be written");
    (file.name, file.bytes)
}

/// What is known of objects, by number, with their classes' names.
fn known(
    objects: &[ObjectRecord],
    classes: &[ClassRecord],
) -> BTreeMap<u32, (String, String, Option<f32>)> {
    let class = |object: &ObjectRecord| {
        object
            .class(classes)
            .map_or("", |class| &class.name)
            .to_owned()
    };
    let of = |object: &ObjectRecord| (object.id, (object.title(), class(object), object.iou));
    objects.iter().map(of).collect()
}

fn assert_read(read: &Read, labels: &Labels, objects: &[ObjectRecord]) {
    assert_eq!(read.left_out, "");
    assert_eq!(read.labels, *labels);
    assert_eq!(
        known(&read.objects, &read.classes),
        known(objects, &classes())
    );
}

#[test]
fn what_was_exported_comes_back() {
    use ExportFormat::{Coco, CocoPolygons, Everything, GeoJson, ImageJ};
    let mut random = Random(1);
    for _ in 0..60 {
        let size = (2 + random.below(30), 2 + random.below(30));
        let largest = random.pick(&[3, 40, 65_535]);
        let labels = labels(&mut random, size, largest);
        let objects = objects(&mut random, &labels);
        let (page, pages) = random.pick(&[(0, 1), (0, 3), (2, 3)]);
        let image = [(source(page, pages), labels, objects)];
        for format in [Coco, CocoPolygons, GeoJson, ImageJ, Everything] {
            let (_, bytes) = exported(format, &image);
            assert!(is_annotation(&bytes));
            let read = annotation::read(&bytes, &image[0].0, size).expect("it is read");
            assert_read(&read, &image[0].1, &image[0].2);
        }
        for format in [ExportFormat::LabelTiff, ExportFormat::LabelPng] {
            let (_, bytes) = exported(format, &image);
            assert!(!is_annotation(&bytes));
            assert_eq!(Labels::decode(&bytes).as_ref(), Ok(&image[0].1));
        }
    }
}

#[test]
fn numbers_of_32_bits_and_what_is_not_annotated_come_back() {
    let mut labels = Labels::new(
        3,
        2,
        vec![0, 70_000, 16_777_216, 16_777_217, u32::MAX - 1, 0],
    );
    assert_eq!(
        Labels::decode(&labels.to_tiff(None).unwrap()).as_ref(),
        Ok(&labels)
    );
    assert!(
        labels
            .to_png()
            .unwrap_err()
            .to_string()
            .contains("write a TIFF file")
    );
    labels.unknown = Unknown::of([0, 5].into_iter());
    let told = labels.to_tiff(None).unwrap_err().to_string();
    assert!(told.contains("4294967294 does not fit"), "{told}");
    labels.ids[4] = 3;
    assert_eq!(
        Labels::decode(&labels.to_tiff(None).unwrap()).as_ref(),
        Ok(&labels)
    );
}

#[test]
fn a_file_of_several_pages_gives_each_page_its_own() {
    let mut random = Random(4);
    let size = (20, 17);
    let mut image = |page| {
        let labels = labels(&mut random, size, 30);
        let objects = objects(&mut random, &labels);
        (source(page, 3), labels, objects)
    };
    let images = [image(0), image(1), image(2)];
    for format in [
        ExportFormat::Coco,
        ExportFormat::ImageJ,
        ExportFormat::Everything,
    ] {
        let (name, bytes) = exported(format, &images);
        assert!(name.starts_with("graysam-"), "{name}");
        for (source, labels, objects) in &images {
            let read = annotation::read(&bytes, source, size).expect("it is read");
            assert_read(&read, labels, objects);
        }
    }
    for format in [ExportFormat::Coco, ExportFormat::GeoJson] {
        let (name, bytes) = exported(format, &images[1..2]);
        assert!(name.starts_with("stack.ome-p0002-"), "{name}");
        let told = annotation::read(&bytes, &images[0].0, size)
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("page 2 of stack.ome.tif but this is page 1"),
            "{told}"
        );
    }
}

#[test]
fn files_say_of_which_page_and_folder_they_are() {
    let labels = Labels::new(3, 2, vec![0, 1, 1, 0, 0, 2]);
    let images: Vec<_> = [0, 1]
        .map(|page| (source(page, 2), labels.clone(), Vec::new()))
        .into();
    let (_, table) = exported(ExportFormat::Csv, &images);
    let table = String::from_utf8(table).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[0].starts_with("image,folder,page,pages,object,"),
        "{table}"
    );
    assert!(
        rows[1].starts_with("stack.ome.tif,plate 1/well,1,2,1,"),
        "{table}"
    );
    assert!(
        rows[4].starts_with("stack.ome.tif,plate 1/well,2,2,2,"),
        "{table}"
    );
    let (_, coco) = exported(ExportFormat::Coco, &images);
    let coco: serde_json::Value = serde_json::from_slice(&coco).unwrap();
    assert_eq!(
        coco["images"][1]["file_name"],
        "plate 1/well/stack.ome-p0002.tif"
    );
    assert_eq!(coco["images"][1]["page"], 2);
    assert_eq!(coco["images"][1]["folder"], "plate 1/well");
    let mut same = images[..1].to_vec();
    same.push(images[0].clone());
    let (_, coco) = exported(ExportFormat::Coco, &same);
    let coco: serde_json::Value = serde_json::from_slice(&coco).unwrap();
    assert_eq!(
        coco["images"][1]["file_name"],
        "plate 1/well/stack.ome-p0001 (2).tif"
    );
}

const PLAIN: &str = r#"{"images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 10}],
    "categories": [{"id": 1, "name": "coin"}], "annotations": [
    {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
    {"image_id": 1, "category_id": 1, "segmentation": [[9, 1, 12, 1, 12, 9, 9, 9]], "bbox": [9, 1, 3, 8]}]}"#;

const SIZE: (usize, usize) = (20, 10);

fn read(text: &str) -> graysam::Result<Read> {
    annotation::read(text.as_bytes(), &ImageSource::only("a.png"), SIZE)
}

fn areas(read: &Read) -> Vec<usize> {
    let count = |object: &ObjectRecord| {
        read.labels
            .ids
            .iter()
            .filter(|id| **id == object.id)
            .count()
    };
    read.objects.iter().map(count).collect()
}

#[test]
fn coco_is_read_as_tools_write_it() {
    let plain = read(PLAIN).unwrap();
    assert_eq!(areas(&plain), [12, 24]);
    let second = r#""segmentation": [[9, 1, 12, 1, 12, 9, 9, 9]]"#;
    for (from, to) in [
        (r#""category_id": 1"#, r#""category_id": "1""#),
        (r#""category_id": 1"#, r#""category_id": 1.0"#),
        (r#""id": 1"#, r#""id": "one""#),
        (
            r#"[[9, 1, 12, 1, 12, 9, 9, 9]]"#,
            r#"[9, 1, 12, 1, 12, 9, 9, 9]"#,
        ),
        (
            r#"[[9, 1, 12, 1, 12, 9, 9, 9]]"#,
            r#"[[[9, 1], [12, 1], [12, 9], [9, 9]]]"#,
        ),
        (
            r#""name": "coin""#,
            r#""name": "coin", "color": [220, 20, 60]"#,
        ),
        (r#""width": 20, "height": 10"#, r#""width": null"#),
        (r#""bbox": [9"#, r#""score": NaN, "bbox": [9"#),
    ] {
        let text = PLAIN.replace(from, to).replace(
            r#""image_id": 1"#,
            match to {
                r#""id": "one""# => r#""image_id": "one""#,
                _ => r#""image_id": 1"#,
            },
        );
        let found = read(&text).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(
            (areas(&found), found.left_out.as_str()),
            (vec![12, 24], ""),
            "{to}"
        );
        let coin = found.objects[1].class(&found.classes);
        assert!(
            to.contains("one") || coin.is_some_and(|class| class.name == "coin"),
            "{to}"
        );
    }
    for without in [
        r#""segmentation": null"#,
        r#""segmentation": []"#,
        r#""x": 1"#,
    ] {
        let found = read(&PLAIN.replace(second, without)).unwrap();
        assert_eq!(areas(&found), [12, 24], "{without}");
        assert_eq!(
            found.left_out,
            "1 annotation has only a box, which was taken for its shape."
        );
    }
    let without_class =
        read(&PLAIN.replace(r#""category_id": 1"#, r#""category_id": null"#)).unwrap();
    assert!(
        without_class
            .objects
            .iter()
            .all(|object| object.class.is_none())
    );
    let unlisted = read(&PLAIN.replace(r#"[{"id": 1, "name": "coin"}]"#, "null")).unwrap();
    assert_eq!(unlisted.classes[0].name, "category 1");
    let named = read(&PLAIN.replace(r#""category_id": 1"#, r#""category_id": "penny""#)).unwrap();
    assert_eq!(
        named.objects[0].class(&named.classes).unwrap().name,
        "penny"
    );
}

#[test]
fn one_odd_annotation_leaves_the_others() {
    let more = r#""annotations": [7, {"image_id": 9, "segmentation": [[1, 1, 5, 1, 5, 4]]},
        {"image_id": 1}, {"image_id": 1, "segmentation": {"size": [10, 19], "counts": [0, 190]}},
        {"image_id": 1, "segmentation": [["a"]]}, {"image_id": 1, "segmentation": [[50, 1, 55, 1, 55, 4]]},"#;
    let found = read(&PLAIN.replace(r#""annotations": ["#, more)).unwrap();
    assert_eq!(areas(&found), [12, 24]);
    assert_eq!(
        found.left_out,
        "6 of 8 annotations were left out: 1 has no shape, 2 have shapes that cannot be read, 1 has a \
         mask of another size than the image, 1 lies outside the image, 1 belongs to no image."
    );
    let none = PLAIN.replace(r#""image_id": 1"#, r#""image_id": 3"#);
    let told = read(&none).unwrap_err().to_string();
    assert!(
        told.contains("no object on a.png") && told.contains("2 belong to no image"),
        "{told}"
    );
}

#[test]
fn a_small_object_in_a_large_one_survives() {
    let large = r#"{"image_id": 1, "segmentation": [[0, 0, 20, 0, 20, 10, 0, 10]]},"#;
    let first = read(&PLAIN.replace(
        r#""annotations": ["#,
        &format!(r#""annotations": [{large}"#),
    ));
    assert_eq!(areas(&first.unwrap()), [200 - 36, 12, 24]);
    let twice = read(&PLAIN.replace(
        r#""annotations": ["#,
        &format!(r#""annotations": [{large}{large}"#),
    ));
    let twice = twice.unwrap();
    assert_eq!(areas(&twice), [200 - 36, 12, 24]);
    assert_eq!(
        twice.left_out,
        "1 of 4 annotations was left out: 1 is hidden behind smaller ones."
    );
}

#[test]
fn label_studio_is_read() {
    let region = |kind: &str, value: &str| {
        format!(
            r#"{{"type": "{kind}", "original_width": 20, "original_height": 10, "value": {{{value}, "{kind}": ["cell"]}}}}"#
        )
    };
    let task = format!(
        r#"[{{"data": {{"image": "/data/upload/1/5ab3-b.png"}}, "annotations": []}},
        {{"data": {{"image": "/data/upload/1/5ab3-a.png"}}, "annotations": [{{"result": [{}, {}, {},
        {{"type": "choices", "value": {{}}}}, {}]}}]}}]"#,
        region(
            "polygonlabels",
            r#""points": [[0, 0], [25, 0], [25, 50], [0, 50]]"#
        ),
        region(
            "rectanglelabels",
            r#""x": 50, "y": 50, "width": 10, "height": 20, "rotation": 0"#
        ),
        region("keypointlabels", r#""x": 50, "y": 50, "width": 1"#),
        // From the format's own description: 800 bytes, words of 8 bits, runs of up to 2, 2, 2 and 1024.
        region(
            "brushlabels",
            &format!(r#""format": "rle", "rle": {:?}"#, brush())
        ),
    );
    let found = read(&task).unwrap();
    assert_eq!(areas(&found), [25, 4, 2]);
    assert_eq!(found.classes[0].name, "cell");
    assert_eq!(
        found.left_out,
        "1 of 4 annotations was left out: 1 is a point or a line."
    );
}

/// Alpha of the last two of 200 pixels, packed: a run of 792 zeros, and eight bytes one by one.
fn brush() -> Vec<u8> {
    let mut bits = String::new();
    let mut push = |value: usize, count: usize| bits += &format!("{value:0count$b}");
    push(800, 32);
    push(7, 5);
    [0, 0, 0, 9].iter().for_each(|&size| push(size, 4));
    push(1, 1);
    push(3, 2);
    push(791, 10);
    push(0, 8);
    push(0, 1);
    push(3, 2);
    push(7, 10);
    [255, 255, 255, 255, 0, 0, 0, 255]
        .iter()
        .for_each(|&byte| push(byte, 8));
    bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
    let bytes = bits.as_bytes().chunks(8);
    bytes
        .map(|byte| byte.iter().fold(0, |sum, &bit| sum << 1 | (bit - b'0')))
        .collect()
}

#[test]
fn cvat_is_read() {
    let text = r##"<?xml version="1.0" encoding="utf-8"?>
        <annotations><version>1.1</version><meta><job><labels>
        <label><name>cell</name><color>#aa0011</color></label></labels></job></meta>
        <image id="0" name="set/b.png" width="20" height="10"/>
        <image id="1" name="set/a.png" width="20" height="10">
        <polygon label="cell" points="1.0,1.0;5.0,1.0;5.0,4.0;1.0,4.0"><attribute name="name">one</attribute></polygon>
        <box label="cell" xtl="9" ytl="1" xbr="12" ybr="9"/>
        <mask label="spot" rle="1, 3, 2" left="14" top="2" width="3" height="2"/>
        <polyline label="cell" points="1,1;2,2"/><tag label="good"/></image></annotations>"##;
    let found = read(text).unwrap();
    assert_eq!(areas(&found), [12, 24, 3]);
    assert_eq!(found.objects[0].name, "one");
    assert_eq!(found.classes[0].colour, "#aa0011");
    assert_eq!(
        found.left_out,
        "1 of 4 annotations was left out: 1 is a point or a line."
    );
    let video = r#"<annotations><track id="0" label="cell">
        <box frame="0" outside="0" xtl="9" ytl="1" xbr="12" ybr="9"/>
        <box frame="1" outside="0" xtl="9" ytl="1" xbr="12" ybr="8"/>
        <box frame="2" outside="1" xtl="9" ytl="1" xbr="12" ybr="9"/></track></annotations>"#;
    let page = |page| {
        let source = ImageSource {
            page,
            pages: 3,
            ..ImageSource::only("a.png")
        };
        annotation::read(video.as_bytes(), &source, SIZE)
    };
    assert_eq!(areas(&page(1).unwrap()), [21]);
    assert!(page(2).is_err());
    assert!(
        read("<html></html>")
            .unwrap_err()
            .to_string()
            .contains("it is html")
    );
}

#[test]
fn what_is_no_file_of_annotations_is_told() {
    for (text, said) in [
        ("{", "that can be read (EOF"),
        ("{\"a\": 1}", "neither COCO's images"),
        ("[1, 2]", "neither COCO's images"),
        (
            r#"{"type": "FeatureCollection", "features": []}"#,
            "no object on a.png",
        ),
        (
            r#"{"images": [{"id": 1, "width": 5, "height": 5}], "annotations": []}"#,
            "5 × 5",
        ),
    ] {
        let told = read(text).unwrap_err().to_string();
        assert!(told.contains(said), "{text}: {told}");
    }
}
