//! The command line: segment an image, evaluate a model on labelled images.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use graysam::device::DeviceChoice;
use graysam::everything;
use graysam::image::display::Window;
use graysam::image::sample::Scene;
use graysam::model::Precision;
use graysam::predictor::Prompt;
use graysam::training::trainer::Settings;
use graysam::weights::Naming;
use graysam::{Error, Result};
use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
graysam: the Segment Anything Model for grayscale images

  graysam segment --model M --image I [--point x,y[,+|-]]... [--box x0,y0,x1,y1] --out mask.png
      Writes the mask of the prompted object, in the image's own size.
  graysam evaluate --model M --image I --labels L
      Prints {\"objects\":N,\"point_iou\":...,\"box_iou\":...}: the mean IoU over the labels of at least 50
      pixels, prompted with a point and with a box. L is a 16-bit TIFF or PNG in which 0 is background.
  graysam finetune --model M --image I --labels L [--image I2 --labels L2]... [--steps N] [--lr X]
          [--batch B] [--rounds R] [--points PART] [--seed S] [--held-out FRACTION] --out decoder.safetensors
          [--merged model.safetensors] [--names segment_anything|hugging_face]
      Trains the mask decoder on the labelled objects, writes the best by the held-out ones, and prints
      their scores before and after as JSON. --merged also writes the whole model with that decoder.
  graysam everything --model M --image I --out labels.tif [--points-per-side N] [--iou-threshold X]
          [--stability-threshold X] [--nms-threshold X] [--min-area PIXELS] [--max-share PART]
          [--tile PIXELS] [--overlap PART]
      Finds all objects without a prompt, writes them as a label image and prints their scores as JSON.
      Large images have more detail in tiles, such as --tile 1024.
  graysam export --format F --image I --labels L [--image I2 --labels L2]... [--objects J] --out file
      Writes labelled objects as tiff, png, coco, coco-polygons, geojson (QuPath), imagej, csv (measurements)
      or everything (a zip). J is JSON: {\"classes\":[{name,colour}],\"objects\":[{id,name,class,iou}]}.
  graysam import --coco C --image I --out labels.png
      Writes the objects that a COCO file has for an image as a 16-bit label image.
  graysam sample [--scene nuclei|vesicles] --image I --labels L
      Writes a bundled sample and its labels as 16-bit PNG files.
  graysam noise --config vit_b|vit_l|vit_h|mobile_sam|two_blocks|tiny --out noise.safetensors
      Writes a checkpoint of noise, for tests and measurements.
  graysam measure --model M [--runs N]
      Prints the medians of N runs as JSON: seconds of an encoding, of a click and of a training step,
      the rate of a large matrix product, and the memory that the GPU's allocator holds in the end.

  --model M     a checkpoint of SAM or MobileSAM, .safetensors or .pth
  --decoder D   a fine-tuned mask decoder in the place of the model's own, for segment and evaluate
  --image I     PNG, JPEG, TIFF, DICOM, BMP or WebP
  --page N      which page of a TIFF or frame of a DICOM, from 1 (the default)
  --window W    full, minmax, percentile or LOW,HIGH: the gray values shown as black and white (default: what
                the file asks for, or else percentile)
  --device D    cpu (the default), gpu, or auto: the GPU where there is a real one
  --precision P f16 (the default) or f32: whether a GPU that has float16 holds the image encoder's weights in it
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("graysam: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    model: Option<PathBuf>,
    decoder: Option<PathBuf>,
    images: Vec<PathBuf>,
    labels: Vec<PathBuf>,
    out: Option<PathBuf>,
    config: Option<String>,
    prompts: Vec<Prompt>,
    window: Option<Window>,
    page: Option<usize>,
    device: Option<DeviceChoice>,
    precision: Precision,
    training: Settings,
    everything: everything::Settings,
    runs: Option<usize>,
    names: Naming,
    merged: Option<PathBuf>,
    format: Option<String>,
    objects: Option<PathBuf>,
    coco: Option<PathBuf>,
    scene: Scene,
}

fn run() -> Result<()> {
    let mut parser = Parser::from_env();
    let command = match parser.next().map_err(usage)? {
        Some(Arg::Value(command)) => command.string().map_err(usage)?,
        Some(Arg::Long("help") | Arg::Short('h')) | None => "help".into(),
        Some(argument) => return Err(usage(argument.unexpected())),
    };
    let options = parse(parser)?;
    match command.as_str() {
        "segment" => commands::segment(&options),
        "evaluate" => commands::evaluate(&options),
        "finetune" => commands::finetune(&options),
        "everything" => commands::everything(&options),
        "export" => commands::export(&options),
        "import" => commands::import(&options),
        "sample" => commands::sample(&options),
        "noise" => commands::noise(&options),
        "measure" => commands::measure(&options),
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Error::new(format!(
            "There is no command \u{201c}{other}\u{201d}: graysam --help lists them."
        ))),
    }
}

fn parse(mut parser: Parser) -> Result<Options> {
    let mut options = Options::default();
    while let Some(argument) = parser.next().map_err(usage)? {
        let Arg::Long(name) = argument else {
            return Err(usage(argument.unexpected()));
        };
        let name = name.to_owned();
        let value = parser.value().map_err(usage)?;
        let text = || value.clone().string().map_err(usage);
        match name.as_str() {
            "model" => options.model = Some(value.into()),
            "decoder" => options.decoder = Some(value.into()),
            "image" => options.images.push(value.into()),
            "labels" => options.labels.push(value.into()),
            "out" => options.out = Some(value.into()),
            "config" => options.config = Some(text()?),
            "point" => options.prompts.push(parse_point(&text()?)?),
            "box" => options.prompts.push(parse_box(&text()?)?),
            "window" => options.window = Some(Window::parse(&text()?)?),
            "page" => options.page = Some(number(&name, &text()?, 1..=usize::MAX)?),
            "runs" => options.runs = Some(number(&name, &text()?, 1..=1000)?),
            "steps" => options.training.steps = number(&name, &text()?, 1..=100_000)?,
            "batch" => options.training.batch = number(&name, &text()?, 1..=64)?,
            "rounds" => options.training.rounds = number(&name, &text()?, 1..=8)?,
            "points" => options.training.points = number(&name, &text()?, 0.0..=1.0)?,
            "names" => options.names = Naming::parse(&text()?)?,
            "merged" => options.merged = Some(value.into()),
            "points-per-side" => {
                options.everything.points_per_side = number(&name, &text()?, 1..=128)?;
            }
            "iou-threshold" => {
                options.everything.iou_threshold = number(&name, &text()?, 0.0..=1.0)?;
            }
            "stability-threshold" => {
                options.everything.stability_threshold = number(&name, &text()?, 0.0..=1.0)?;
            }
            "nms-threshold" => {
                options.everything.nms_threshold = number(&name, &text()?, 0.0..=1.0)?;
            }
            "min-area" => options.everything.min_area = number(&name, &text()?, 0..=usize::MAX)?,
            "max-share" => options.everything.max_share = number(&name, &text()?, 0.0..=1.0)?,
            "tile" => options.everything.tile = number(&name, &text()?, 0..=32_768)?,
            "overlap" => options.everything.overlap = number(&name, &text()?, 0.0..=0.5)?,
            "format" => options.format = Some(text()?),
            "objects" => options.objects = Some(value.into()),
            "coco" => options.coco = Some(value.into()),
            "scene" => options.scene = Scene::parse(&text()?)?,
            "seed" => options.training.seed = number(&name, &text()?, 0..=u64::MAX)?,
            "lr" => options.training.learning_rate = number(&name, &text()?, 1e-9..=1.0)?,
            "held-out" => options.training.held_out = number(&name, &text()?, 0.01..=0.99)?,
            "device" => options.device = Some(DeviceChoice::parse(&text()?)?),
            "precision" => options.precision = Precision::parse(&text()?)?,
            _ => {
                return Err(Error::new(format!(
                    "There is no option --{name}: graysam --help lists them."
                )));
            }
        }
    }
    Ok(options)
}

fn usage(error: impl std::fmt::Display) -> Error {
    Error::new(format!("{error}; graysam --help shows how it is used."))
}

fn parse_point(text: &str) -> Result<Prompt> {
    let (numbers, positive) = match text.strip_suffix(",-") {
        Some(numbers) => (numbers, false),
        None => (text.strip_suffix(",+").unwrap_or(text), true),
    };
    match numbers_of(numbers).as_deref() {
        Some(&[x, y]) => Ok(Prompt::Point { x, y, positive }),
        _ => Err(Error::new(format!(
            "The point \u{201c}{text}\u{201d} is not of the form x,y or x,y,+ or x,y,-."
        ))),
    }
}

fn parse_box(text: &str) -> Result<Prompt> {
    match numbers_of(text).as_deref() {
        Some(&[x0, y0, x1, y1]) => Ok(Prompt::Box { x0, y0, x1, y1 }),
        _ => Err(Error::new(format!(
            "The box \u{201c}{text}\u{201d} is not of the form x0,y0,x1,y1."
        ))),
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T> {
    let parsed = text.parse().ok();
    parsed.filter(|n| range.contains(n)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        Error::new(format!(
            "--{name} is \u{201c}{text}\u{201d}, which is no number from {least} to {most}."
        ))
    })
}

fn numbers_of(text: &str) -> Option<Vec<f32>> {
    let finite = |part: &str| part.trim().parse().ok().filter(|x: &f32| x.is_finite());
    text.split(',').map(finite).collect()
}
