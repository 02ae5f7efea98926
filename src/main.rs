//! The command line: segment an image, evaluate a model on labelled images.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::tensor::Device;
use graysam::device::{self, DeviceChoice};
use graysam::evaluate::evaluate;
use graysam::image::decode::{self, Picture, Rgb};
use graysam::image::display::{self, Display, Window};
use graysam::image::labels::Labels;
use graysam::image::{mask, sample};
use graysam::model::{Sam, SamConfig};
use graysam::predictor::{Predictor, Prompt};
use graysam::weights::source::NoiseSource;
use graysam::weights::{Dtype, noise::noise, safetensors};
use graysam::{Error, Result};
use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
graysam: the Segment Anything Model for grayscale images

  graysam segment --model M --image I [--point x,y[,+|-]]... [--box x0,y0,x1,y1] --out mask.png
      Writes the mask of the prompted object, in the image's own size.
  graysam evaluate --model M --image I --labels L
      Prints {\"objects\":N,\"point_iou\":...,\"box_iou\":...}: the mean IoU over the labels of at least 50
      pixels, prompted with a point and with a box. L is a 16-bit TIFF or PNG in which 0 is background.
  graysam sample --image I --labels L
      Writes the bundled sample and its labels as 16-bit PNG files.
  graysam noise --config vit_b|vit_l|vit_h|mobile_sam|tiny --out noise.safetensors
      Writes a checkpoint of noise, for tests and measurements.

  --model M     a checkpoint of SAM or MobileSAM, .safetensors or .pth
  --image I     PNG, JPEG, TIFF, BMP or WebP
  --window W    full, minmax, percentile (the default) or LOW,HIGH: the gray values shown as black and white
  --device D    cpu (the default) or gpu
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
    image: Option<PathBuf>,
    labels: Option<PathBuf>,
    out: Option<PathBuf>,
    config: Option<String>,
    prompts: Vec<Prompt>,
    window: Window,
    device: Option<DeviceChoice>,
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
        "segment" => segment(&options),
        "evaluate" => evaluate_labels(&options),
        "sample" => write_sample(&options),
        "noise" => write_noise(&options),
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
            "image" => options.image = Some(value.into()),
            "labels" => options.labels = Some(value.into()),
            "out" => options.out = Some(value.into()),
            "config" => options.config = Some(text()?),
            "point" => options.prompts.push(parse_point(&text()?)?),
            "box" => options.prompts.push(parse_box(&text()?)?),
            "window" => options.window = Window::parse(&text()?)?,
            "device" => options.device = Some(DeviceChoice::parse(&text()?)?),
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

fn numbers_of(text: &str) -> Option<Vec<f32>> {
    let finite = |part: &str| part.trim().parse().ok().filter(|x: &f32| x.is_finite());
    text.split(',').map(finite).collect()
}

fn needed<'a>(option: &'a Option<PathBuf>, name: &str) -> Result<&'a Path> {
    option.as_deref().ok_or_else(|| {
        Error::new(format!(
            "The option --{name} is missing: graysam --help shows how it is used."
        ))
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| file_error("read", path, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| file_error("written", path, error))
}

fn file_error(done: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(format!("{} cannot be {done}: {error}.", path.display()))
}

fn in_file(path: &Path) -> impl FnOnce(Error) -> Error {
    move |error| Error::new(format!("{}: {error}", path.display()))
}

fn open_picture(options: &Options) -> Result<Picture> {
    let path = needed(&options.image, "image")?;
    decode::decode(&read(path)?).map_err(in_file(path))
}

fn displayed(picture: &Picture, options: &Options) -> Result<Rgb> {
    let display = Display {
        window: options.window,
        ..Display::default()
    };
    display::to_rgb(picture, &display)
}

fn open_predictor(options: &Options) -> Result<Predictor> {
    let path = needed(&options.model, "model")?;
    let file = File::open(path).map_err(|error| file_error("read", path, error))?;
    let device = open_device(options)?;
    Predictor::open(BufReader::new(file), &device, &mut |_| ()).map_err(in_file(path))
}

fn open_device(options: &Options) -> Result<Device> {
    let choice = options.device.unwrap_or(DeviceChoice::Cpu);
    Ok(device::block_on(device::open(choice))?.device)
}

fn segment(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    if options.prompts.is_empty() {
        return Err(Error::new(
            "There is no prompt: give the object with --point x,y or --box x0,y0,x1,y1.",
        ));
    }
    let picture = open_picture(options)?;
    let image = displayed(&picture, options)?;
    let mut predictor = open_predictor(options)?;
    let mask = device::block_on(async {
        predictor.set_image(&image).await?;
        for prompt in &options.prompts {
            predictor.add(*prompt).await?;
        }
        predictor.mask()
    })?;
    write(out, &mask::to_png(&mask, image.width, image.height)?)
}

fn evaluate_labels(options: &Options) -> Result<()> {
    let picture = open_picture(options)?;
    let path = needed(&options.labels, "labels")?;
    let labels = Labels::decode(&read(path)?).map_err(in_file(path))?;
    let image = displayed(&picture, options)?;
    let mut predictor = open_predictor(options)?;
    let scores = device::block_on(evaluate(&mut predictor, &image, &labels))?;
    let json = serde_json::to_string(&scores).map_err(|error| Error::new(error.to_string()))?;
    println!("{json}");
    Ok(())
}

fn write_sample(options: &Options) -> Result<()> {
    let (image, labels) = sample::files()?;
    write(needed(&options.image, "image")?, &image)?;
    write(needed(&options.labels, "labels")?, &labels)
}

fn write_noise(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    let config = SamConfig::named(options.config.as_deref().unwrap_or("vit_b"))?;
    let mut source = NoiseSource::default();
    Sam::load(&mut source, &config, &Device::flex())?;
    let tensors: Vec<_> = source
        .parameters
        .into_iter()
        .map(|(name, shape)| (name, shape, Dtype::F32))
        .collect();
    let file = File::create(out).map_err(|error| file_error("written", out, error))?;
    safetensors::write(BufWriter::new(file), &tensors, &Default::default(), |i| {
        noise(&tensors[i].0, &tensors[i].1)
    })
}
