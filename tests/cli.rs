//! The command line as a person calls it, on the default model and the bundled sample.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use graysam::image::decode::{Picture, Samples, decode};

fn graysam(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_graysam"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// What the program says of a failure: one line on stderr, and a non-zero exit.
fn failure(arguments: &[&str]) -> String {
    let output = graysam(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?} fails");
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
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON on stdout");
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
    let figures: serde_json::Value = serde_json::from_slice(&trained.stdout).expect("JSON");
    assert_eq!(figures["improved"], true, "{figures}");
    assert_eq!(figures["after"]["objects"], 6);

    let evaluate = |model: &str, decoder: &[&str]| {
        let base = [
            "evaluate", "--model", model, "--image", &image, "--labels", &labels,
        ];
        graysam(&[&base[..], decoder].concat())
    };
    let point_iou = |output: Output| {
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["point_iou"].as_f64().expect("a number")
    };
    let before = point_iou(evaluate(&FILES.model, &[]));
    let after = point_iou(evaluate(&FILES.model, &["--decoder", &decoder]));
    assert!(after > before + 0.1, "{before} became {after}");

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
