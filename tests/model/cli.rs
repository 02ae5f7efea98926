//! The command line as a person calls it, on the default model and the bundled sample.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use graysam::image::decode::{Picture, Samples, decode};
use serde_json::{Value, json};
use tiff::encoder::{Rational, TiffEncoder, colortype};
use tiff::tags::{ResolutionUnit, Tag};

fn graysam(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_graysam"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// What the program says of a failure: one line on stderr, and exit code 1.
fn failure(arguments: &[&str]) -> String {
    let output = graysam(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?} fails");
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line: {stderr}");
    assert!(!stderr.contains("panicked"), "no panic: {stderr}");
    stderr
}

/// `command` with the default model on the sample, and further `arguments`.
fn on_sample(command: &str, arguments: &[&str]) -> Output {
    let image = FILES.path("sample.png");
    let common = [command, "--model", &FILES.model, "--image", &image];
    graysam(&[&common[..], arguments].concat())
}

struct Files {
    folder: PathBuf,
    model: String,
}

impl Files {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

/// The sample, its labels and the default model.
static FILES: LazyLock<Files> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be made");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam.safetensors");
    assert!(model.exists(), "`cargo xtask test` converts the model");
    let files = Files {
        folder,
        model: model.to_string_lossy().into_owned(),
    };
    let (image, labels) = (files.path("sample.png"), files.path("labels.png"));
    let output = graysam(&["sample", "--image", &image, "--labels", &labels]);
    assert!(output.status.success());
    files
});

#[test]
fn evaluate_prints_the_means_as_json() {
    let labels = FILES.path("labels.png");
    let output = on_sample("evaluate", &["--labels", &labels]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
    assert_eq!(json["objects"], 60);
    // MobileSAM on nuclei: a box says more than a point.
    let (point, bounding_box) = (json["point_iou"].as_f64(), json["box_iou"].as_f64());
    assert!(point > Some(0.7), "{json}");
    assert!(bounding_box > Some(0.85), "{json}");
}

#[test]
fn segment_writes_the_prompted_objects_mask() {
    let out = FILES.path("mask.png");
    let output = on_sample(
        "segment",
        &["--point", "246,158", "--point", "246,210,-", "--out", &out],
    );
    assert!(output.status.success(), "{output:?}");
    let mask = decode(&std::fs::read(&out).expect("the mask is there")).expect("it is a PNG");
    let Picture::Gray(mask) = mask else {
        panic!("the mask is gray")
    };
    assert_eq!((mask.width, mask.height), (640, 512));
    let Samples::U8(values) = mask.samples else {
        panic!("the mask has 8 bits")
    };
    assert!(values.iter().all(|value| [0, 255].contains(value)));
    assert_eq!(
        values[210 * 640 + 246],
        0,
        "the negative point lies outside"
    );
}

#[test]
fn the_window_decides_what_the_model_sees() {
    let masks = ["percentile", "full", "300,5000"].map(|window| {
        let out = FILES.path(&format!("{window}.png"));
        let output = on_sample(
            "segment",
            &[
                "--box",
                "200,110,280,200",
                "--window",
                window,
                "--out",
                &out,
            ],
        );
        assert!(output.status.success(), "{output:?}");
        std::fs::read(out).expect("the mask is there")
    });
    assert_ne!(masks[0], masks[1]);
    assert_ne!(masks[1], masks[2]);
}

#[test]
fn a_page_of_several_is_segmented() {
    let image = format!(
        "{}/tests/fixtures/files/pages.tif",
        env!("CARGO_MANIFEST_DIR")
    );
    let out = FILES.path("page.png");
    let arguments = |page| {
        let common = [
            "segment",
            "--model",
            &FILES.model,
            "--image",
            &image,
            "--out",
            &out,
        ];
        [&common[..], &["--box", "1,1,7,5", "--page", page]].concat()
    };
    assert!(graysam(&arguments("2")).status.success());
    let mask = decode(&std::fs::read(&out).expect("the mask is there")).expect("it is a PNG");
    assert_eq!(mask.size(), (9, 7));
    assert!(failure(&arguments("4")).contains("holds 3 pages, so there is no page 4"));
    assert!(failure(&arguments("0")).contains("--page is"));
}

#[test]
fn a_finetuned_decoder_is_used_on_its_own_base_only() {
    let (image, labels) = (FILES.path("sample.png"), FILES.path("labels.png"));
    let decoder = FILES.path("decoder.safetensors");
    let trained = on_sample(
        "finetune",
        &[
            "--labels",
            &labels,
            "--steps",
            "25",
            "--held-out",
            "0.1",
            "--out",
            &decoder,
        ],
    );
    let figures: Value = serde_json::from_slice(&trained.stdout).expect("JSON");
    assert_eq!(figures["improved"], true, "{figures}");
    assert_eq!(figures["after"]["objects"], 6);

    let evaluate = |model: &str, decoder: &[&str]| {
        let base = [
            "evaluate", "--model", model, "--image", &image, "--labels", &labels,
        ];
        graysam(&[&base[..], decoder].concat())
    };
    let point_iou = |output: Output| {
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["point_iou"].as_f64().expect("a number")
    };
    let before = point_iou(evaluate(&FILES.model, &[]));
    let after = point_iou(evaluate(&FILES.model, &["--decoder", &decoder]));
    assert!(after > before + 0.05, "{before} became {after}");

    // It predicts lower IoUs than the untouched decoder, by whose thresholds nothing would be found.
    // Of the grid's points 18 lie in nuclei, each in another one.
    let found = FILES.path("found_by_decoder.png");
    let grid = ["--points-per-side", "10", "--max-share", "0.05"];
    let search = ["--decoder", &decoder, "--out", &found];
    let output = on_sample("find", &[&search[..], &grid].concat());
    assert!(output.status.success(), "{output:?}");
    let text = printed(&["evaluate", "--labels", &labels, "--found", &found]);
    let scores: Value = serde_json::from_str(&text).expect("JSON on stdout");
    let (hits, wrong) = (scores["found"].as_u64(), scores["false"].as_u64());
    assert!(hits > Some(15) && wrong < Some(3), "{scores}");

    let other =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/models/mobile_sam_f32.safetensors");
    let said = failure(&[
        "evaluate",
        "--model",
        &other.to_string_lossy(),
        "--image",
        &image,
        "--labels",
        &labels,
        "--decoder",
        &decoder,
    ]);
    assert!(said.contains("another model"), "{said}");
}

#[test]
fn bad_input_gives_one_sentence_and_a_failure() {
    let sample = FILES.path("sample.png");
    let out = FILES.path("none.png");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(FILES.path(name), bytes).expect("the file can be written");
        FILES.path(name)
    };
    let whole = std::fs::read(&sample).expect("the sample is there");
    for (name, bytes, word) in [
        ("empty.png", &[][..], "empty"),
        ("truncated.png", &whole[..whole.len() / 2], "ends before"),
        ("text.png", b"no image at all", "not"),
    ] {
        let image = write(name, bytes);
        let said = failure(&[
            "segment",
            "--model",
            &FILES.model,
            "--image",
            &image,
            "--point",
            "1,1",
            "--out",
            &out,
        ]);
        assert!(said.contains(word), "{name}: {said}");
    }
    let checkpoint = std::fs::read(&FILES.model).expect("the model is there");
    let hostile = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    for (name, bytes, word) in [
        (
            "truncated.safetensors",
            &checkpoint[..checkpoint.len() / 2],
            "cut short",
        ),
        ("hostile.safetensors", &hostile[..], "header"),
        ("text.pth", b"no checkpoint at all", "not a checkpoint"),
    ] {
        let model = write(name, bytes);
        let said = failure(&[
            "segment", "--model", &model, "--image", &sample, "--point", "1,1", "--out", &out,
        ]);
        assert!(said.contains(word), "{name}: {said}");
    }
    assert!(!Path::new(&out).exists(), "no mask is written");
}

#[test]
fn misuse_is_told() {
    let sample = FILES.path("sample.png");
    let model = FILES.model.as_str();
    let image = [
        "--model",
        model,
        "--image",
        sample.as_str(),
        "--out",
        "x.png",
    ];
    for (command, arguments, word) in [
        ("segment", vec![], "--out"),
        ("segment", image.to_vec(), "prompt"),
        ("segment", [&image[..], &["--point", "9"]].concat(), "x,y"),
        (
            "segment",
            [&image[..], &["--point", "900,1"]].concat(),
            "outside",
        ),
        (
            "segment",
            [&image[..], &["--box", "9,9,3,3"]].concat(),
            "empty",
        ),
        (
            "segment",
            [&image[..], &["--window", "bright"]].concat(),
            "bright",
        ),
        (
            "segment",
            [&image[..], &["--device", "tpu"]].concat(),
            "tpu",
        ),
        ("evaluate", image[..4].to_vec(), "--labels"),
        ("dance", vec![], "dance"),
    ] {
        let said = failure(&[&[command], &arguments[..]].concat());
        assert!(said.contains(word), "{command} {arguments:?}: {said}");
    }
}

/// What the program prints where it succeeds.
fn printed(arguments: &[&str]) -> String {
    let output = graysam(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text on stdout")
}

#[test]
fn find_without_examples_gives_automatic_masks_of_each_image() {
    let (sample, folder) = (FILES.path("sample.png"), FILES.path("found"));
    let second = FILES.path("second.png");
    std::fs::copy(&sample, &second).expect("the sample can be copied");
    let on = ["find", "--model", &FILES.model, "--image", &sample];
    let grid = ["--points-per-side", "10", "--max-share", "0.05"];
    let both = ["--image", &second, "--out-dir", &folder];
    let text = printed(&[&on[..], &both, &grid].concat());
    let found: Value = serde_json::from_str(&text).expect("JSON on stdout");
    let found = found.as_array().expect("an entry for each image");
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found[0]["image"], &found[1]["image"]),
        (&json!(sample), &json!(second))
    );
    assert_eq!(found[0]["objects"], found[1]["objects"]);
    let objects = found[0]["objects"].as_array().expect("its objects");

    let labels = format!("{folder}/second.tif");
    let told = inspected(&["--labels", &labels]);
    assert_eq!(told["objects"], json!(objects.len()));
    for object in objects {
        assert!(object["iou"].as_f64() > Some(0.88), "{object}");
        assert!(object["stability"].as_f64() >= Some(0.95), "{object}");
    }
    let truth = FILES.path("labels.png");
    let text = printed(&["evaluate", "--labels", &truth, "--found", &labels]);
    let scores: Value = serde_json::from_str(&text).expect("JSON on stdout");
    let (hits, wrong) = (scores["found"].as_u64(), scores["false"].as_u64());
    println!("{scores}");
    assert!(hits > Some(20) && wrong < hits, "{scores}");
}

#[test]
fn find_refuses_options_of_the_other_search() {
    let on = ["find", "--model", "m", "--image", "i", "--out", "o.png"];
    let with = |more: &[&str]| failure(&[&on[..], more].concat());
    for (option, value) in [("--sureness", "0.7"), ("--save-finder", "f")] {
        let said = with(&[option, value]);
        assert!(
            said.contains(&format!("{option} is for a search by examples")),
            "{said}"
        );
    }
    for (option, value) in [
        ("--tile", "512"),
        ("--iou-threshold", "0.9"),
        ("--min-area", "5"),
    ] {
        let said = with(&["--examples", "e.png", option, value]);
        let expected = format!("{option} is for a search without examples");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn help_is_given_for_each_command() {
    let commands = [
        "segment", "evaluate", "finetune", "find", "export", "import", "inspect", "sample",
        "noise", "measure",
    ];
    let all = printed(&["--help"]);
    assert_eq!(printed(&[]), all, "without a command");
    for command in commands {
        assert!(all.contains(&format!("\n  {command} ")), "{command}: {all}");
        let help = printed(&[command, "--help"]);
        assert!(
            help.contains(&format!("Usage: graysam {command}")),
            "{help}"
        );
        assert_eq!(help.contains("--point <"), command == "segment", "{help}");
        assert_eq!(help.contains("--steps"), command == "finetune", "{help}");
    }
    // Defaults and ranges are those of the settings.
    let help = printed(&["finetune", "-h"]);
    assert!(help.contains("1 to 100000 [default: 100]"), "{help}");
    assert!(help.contains("1e-9 to 1 [default: 0.0001]"), "{help}");
    let help = printed(&["find", "-h"]);
    assert!(help.contains("0 to 1 [default: 0.88]"), "{help}");
    assert!(printed(&["--version"]).starts_with("graysam "));
}

#[test]
fn options_of_another_command_are_refused() {
    for (arguments, word) in [
        (&["segment", "--steps", "5"][..], "'--steps'"),
        (&["evaluate", "--point", "1,1"], "'--point'"),
        (&["noise", "--out", "n", "--image", "i.png"], "'--image'"),
        (&["sample", "--model", "m"], "'--model'"),
        (&["export", "--window", "full"], "'--window'"),
        (&["inspect", "--device", "cpu"], "'--device'"),
        (&["measure", "--model", "m", "more"], "'more'"),
    ] {
        let said = failure(arguments);
        assert!(
            said.contains("unexpected argument"),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn values_out_of_range_are_told() {
    let common = [
        "--model", "m", "--image", "i", "--labels", "l", "--out", "o",
    ];
    for (option, value, word) in [
        (
            "--steps",
            "0",
            "--steps is 0, but must be a whole number from 1 to 100000",
        ),
        (
            "--steps",
            "1.5",
            "--steps is 1.5, but must be a whole number",
        ),
        (
            "--lr",
            "-1",
            "--lr is -1, but must be a number from 1e-9 to 1",
        ),
        (
            "--held-out",
            "much",
            "--held-out is \u{201c}much\u{201d}, which is no number",
        ),
        ("--names", "keras", "'keras'"),
        ("--page", "-1", "--page is"),
    ] {
        let said = failure(&[&["finetune"], &common[..], &[option, value]].concat());
        assert!(said.contains(word), "{option} {value}: {said}");
    }
    let search = ["find", "--model", "m", "--image", "i", "--out", "o"];
    let said = failure(&[&search[..], &["--overlap", "0.6"]].concat());
    assert!(
        said.contains("--overlap is 0.6, but must be a number from 0 to 0.5"),
        "{said}"
    );
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/files/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn inspected(arguments: &[&str]) -> Value {
    let text = printed(&[&["inspect"], arguments].concat());
    serde_json::from_str(&text).expect("JSON on stdout")
}

/// The first row of a fixture's page, from 0, as its script writes it.
fn first_row(page: u32) -> impl Iterator<Item = u32> {
    (0..8).map(move |x| (7 * x + 31 * page) % 251)
}

#[test]
fn inspect_tells_what_is_read_of_an_image() {
    let first: Vec<f64> = first_row(0)
        .map(|v| f64::from(v * 9 + 5) - 1024.0)
        .collect();
    let report = inspected(&["--image", &fixture("ct.dcm")]);
    let mean = report["mean"].as_f64().expect("a number");
    assert!((-1019.0..1231.0).contains(&mean), "{mean}");
    let expected = json!({
        "width": 20, "height": 18, "pages": 1, "page": 1, "kind": "32-bit float grayscale",
        "min": -1019.0, "max": 1231.0, "mean": mean, "window": [-160.0, 239.0], "invert": false,
        "voi": [
            {"name": "", "function": "linear", "window": [-160.0, 239.0]},
            {"name": "", "function": "linear", "window": [-150.0, 1349.0]},
        ],
        "pixel_size": null, "unit": null, "channels": [""], "axes": null, "absent": 0, "first": first,
    });
    assert_eq!(report, expected);

    let report = inspected(&["--image", &fixture("twelve_bits.dcm")]);
    assert_eq!(
        (&report["invert"], &report["window"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(report["kind"], "16-bit grayscale");

    let report = inspected(&["--image", &fixture("imagej_stack.tif"), "--page", "3"]);
    let first: Vec<u32> = first_row(2).map(|v| v * 257).collect();
    assert_eq!((&report["pages"], &report["page"]), (&json!(5), &json!(3)));
    assert_eq!(report["first"], json!(first));

    let report = inspected(&["--image", &fixture("rgb.dcm")]);
    let channels = [0, 1, 2].map(|page| first_row(page).collect::<Vec<_>>());
    let pixels: Vec<_> = (0..8).map(|x| channels.each_ref().map(|c| c[x])).collect();
    assert_eq!(report["kind"], "colour");
    assert_eq!(report["first"], json!(pixels));
}

/// A TIFF file with that resolution, and perhaps a description.
fn tiff_with(unit: ResolutionUnit, pixels: [(u32, u32); 2], description: Option<&str>) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("a header");
    let mut image = encoder
        .new_image::<colortype::Gray8>(2, 2)
        .expect("a directory");
    image.resolution_unit(unit);
    let [x, y] = pixels.map(|(n, d)| Rational { n, d });
    image.x_resolution(x);
    image.y_resolution(y);
    if let Some(text) = description {
        let written = image.encoder().write_tag(Tag::ImageDescription, text);
        written.expect("a description");
    }
    image.write_data(&[1, 2, 3, 4]).expect("pixels");
    file.into_inner()
}

#[test]
fn inspect_tells_the_size_of_a_pixel_where_the_file_can_be_trusted() {
    let size = |name: &str, bytes: &[u8]| {
        let path = FILES.path(name);
        std::fs::write(&path, bytes).expect("the file can be written");
        let report = inspected(&["--image", &path]);
        json!([report["pixel_size"], report["unit"]])
    };
    let nothing = json!([null, null]);

    let imagej = Some("ImageJ=1.54f\nunit=micron\n");
    let bytes = tiff_with(ResolutionUnit::None, [(4, 1), (5, 2)], imagej);
    assert_eq!(size("imagej.tif", &bytes), json!([[0.25, 0.4], "µm"]));
    let bytes = tiff_with(ResolutionUnit::None, [(4, 1), (4, 1)], None);
    assert_eq!(size("unitless.tif", &bytes), nothing);
    let bytes = tiff_with(ResolutionUnit::Centimeter, [(40_000, 1), (20_000, 1)], None);
    assert_eq!(size("slide.tif", &bytes), json!([[0.25, 0.5], "µm"]));
    let bytes = tiff_with(ResolutionUnit::Inch, [(300, 1), (300, 1)], None);
    assert_eq!(size("print.tif", &bytes), nothing);
    let bytes = tiff_with(ResolutionUnit::Centimeter, [(0, 0), (1, 0)], imagej);
    assert_eq!(size("broken.tif", &bytes), nothing);

    let ct = std::fs::read(fixture("ct.dcm")).expect("the fixture is there");
    let bits_allocated = b"\x28\0\0\x01US";
    let place = ct.windows(6).position(|bytes| bytes == bits_allocated);
    let (head, tail) = ct.split_at(place.expect("it tells its bits"));
    let spacing = |value: &[u8]| [&b"\x28\0\x30\0DS"[..], &[value.len() as u8, 0], value].concat();
    let with = |value: &[u8]| [head, &spacing(value), tail].concat();
    // Rows come first.
    assert_eq!(
        size("ct.dcm", &with(b"0.7\\0.25")),
        json!([[0.25, 0.7], "mm"])
    );
    assert_eq!(size("one.dcm", &with(b"0.7 ")), nothing);
    assert_eq!(size("negative.dcm", &with(b"-1\\1 ")), nothing);
}

#[test]
fn inspect_tells_what_is_read_of_labels() {
    let report = inspected(&["--labels", &FILES.path("labels.png")]);
    let ids: Vec<u32> = (1..=20).collect();
    let expected = json!({
        "width": 640, "height": 512, "pages": 1, "objects": 60, "ids": ids, "max_id": 60,
    });
    assert_eq!(report, expected);

    let report = inspected(&["--labels", &fixture("pages.tif"), "--page", "3"]);
    assert_eq!(
        (&report["width"], &report["pages"]),
        (&json!(11), &json!(3))
    );

    let mask = inspected(&["--labels", &fixture("label_mask.png")]);
    assert_eq!((&mask["objects"], &mask["parts"]), (&json!(1), &json!(6)));
    let signed = inspected(&["--labels", &fixture("label_signed.tif")]);
    assert_eq!(
        (&signed["objects"], &signed["unknown"]),
        (&json!(10), &json!(30))
    );
}

#[test]
fn inspect_refuses_with_a_sentence() {
    let (image, pages) = (fixture("ct.dcm"), fixture("pages.tif"));
    let text = FILES.path("no-image.txt");
    std::fs::write(&text, "no image").expect("the file can be written");
    for (arguments, word) in [
        (&[][..], "--image <IMAGE>|--labels <LABELS>"),
        (
            &["--image", &image, "--labels", &image],
            "cannot be used with",
        ),
        (&["--image", &pages, "--page", "4"], "no page 4"),
        (&["--labels", &pages, "--page", "9"], "no page 9"),
        (&["--image", &text], "is not a PNG"),
        (&["--image", &fixture("missing.png")], "cannot be read"),
        (&["--labels", &fixture("rgb.dcm")], "in colour"),
    ] {
        let said = failure(&[&["inspect"], arguments].concat());
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}
