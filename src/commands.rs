//! What each command does.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use graysam::device::{self, DeviceChoice};
use graysam::evaluate::{self, Scores};
use graysam::image::decode::{self, Rgb};
use graysam::image::display::{self, Display};
use graysam::image::labels::Labels;
use graysam::image::{mask, sample};
use graysam::model::{Sam, SamConfig};
use graysam::predictor::{Predictor, hex};
use graysam::training::dataset::LabelledImage;
use graysam::training::decoder_file;
use graysam::training::trainer::{StepReport, Trainer};
use graysam::weights::source::NoiseSource;
use graysam::weights::{Checkpoint, Dtype, noise, safetensors};
use graysam::{Error, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Options;

/// Metadata of a decoder's file: the model it was made from, and that model's SHA-256.
const BASE: &str = "base_model";
const BASE_SHA256: &str = "base_sha256";

/// `graysam segment`.
pub fn segment(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    if options.prompts.is_empty() {
        return Err(Error::new(
            "There is no prompt: give the object with --point x,y or --box x0,y0,x1,y1.",
        ));
    }
    let image = open_image(single(&options.images, "image")?, options)?;
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

/// `graysam evaluate`.
pub fn evaluate(options: &Options) -> Result<()> {
    let image = single(&options.images, "image")?;
    let labels = open_labels(single(&options.labels, "labels")?)?;
    let image = open_image(image, options)?;
    let mut predictor = open_predictor(options)?;
    print_json(&device::block_on(evaluate::evaluate(
        &mut predictor,
        &image,
        &labels,
    ))?)
}

/// The figures of a fine-tuning, on the held-out objects.
#[derive(Serialize)]
struct Finetuned {
    before: Scores,
    after: Scores,
    improved: bool,
}

/// `graysam finetune`.
pub fn finetune(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    if options.images.is_empty() || options.images.len() != options.labels.len() {
        return Err(Error::new(
            "Every --image needs its --labels, in the same order, and at least one of each.",
        ));
    }
    let mut predictor = open_predictor(options)?;
    let images = device::block_on(encode_all(&mut predictor, options))?;
    let (figures, named) = device::block_on(train(&predictor, &images, options))?;
    let file = File::create(out).map_err(|error| file_error("written", out, error))?;
    let metadata = metadata(&predictor, options, &figures)?;
    decoder_file::write(BufWriter::new(file), named, &metadata)?;
    print_json(&figures)
}

async fn encode_all(predictor: &mut Predictor, options: &Options) -> Result<Vec<LabelledImage>> {
    let mut images = Vec::new();
    for (image, labels) in options.images.iter().zip(&options.labels) {
        eprintln!("Encoding {}.", image.display());
        predictor.set_image(&open_image(image, options)?).await?;
        let embedding = predictor.embedding()?.clone();
        let labelled = LabelledImage::new(embedding, open_labels(labels)?, evaluate::MIN_AREA);
        images.push(labelled.map_err(in_file(labels))?);
    }
    Ok(images)
}

/// Trains to the end and gives the figures and the best decoder's parameters.
async fn train(
    predictor: &Predictor,
    images: &[LabelledImage],
    options: &Options,
) -> Result<(Finetuned, Vec<decoder_file::Named>)> {
    let mut trainer = Trainer::new(predictor.model(), images, options.training).await?;
    let before = trainer.before();
    eprintln!("Held out: {} objects, {}.", before.objects, ious(&before));
    while !trainer.finished() {
        match trainer.step().await {
            Ok(report) => tell(&report),
            Err(error) => {
                eprintln!("{error}");
                break;
            }
        }
    }
    let (after, decoder) = trainer.best();
    let improved = after.mean() > before.mean();
    if !improved {
        eprintln!("Nothing beat the untouched decoder, so it is what is written.");
    }
    let figures = Finetuned {
        before,
        after,
        improved,
    };
    Ok((figures, decoder_file::parameters(decoder).await?))
}

fn tell(report: &StepReport) {
    match (report.loss, report.scores) {
        (None, _) => eprintln!("Step {}: the loss is no number; skipped.", report.step),
        (Some(loss), Some(scores)) => {
            eprintln!("Step {}: loss {loss:.4}; {}.", report.step, ious(&scores));
        }
        (Some(loss), None) => eprintln!("Step {}: loss {loss:.4}", report.step),
    }
}

fn ious(scores: &Scores) -> String {
    format!(
        "point IoU {:.3}, box IoU {:.3}",
        scores.point_iou, scores.box_iou
    )
}

fn metadata(
    predictor: &Predictor,
    options: &Options,
    figures: &Finetuned,
) -> Result<BTreeMap<String, String>> {
    let model = needed(&options.model, "model")?;
    Ok(BTreeMap::from([
        (BASE.into(), predictor.config().name()),
        (BASE_SHA256.into(), file_digest(model)?),
        ("figures".into(), to_json(figures)?),
        ("settings".into(), to_json(&options.training)?),
    ]))
}

/// `graysam sample`.
pub fn sample(options: &Options) -> Result<()> {
    let (image, labels) = sample::files()?;
    write(single(&options.images, "image")?, &image)?;
    write(single(&options.labels, "labels")?, &labels)
}

/// `graysam noise`.
pub fn noise(options: &Options) -> Result<()> {
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
        noise::noise(&tensors[i].0, &tensors[i].1)
    })
}

fn needed<'a>(option: &'a Option<PathBuf>, name: &str) -> Result<&'a Path> {
    option.as_deref().map_or_else(|| missing(name), Ok)
}

fn missing<T>(name: &str) -> Result<T> {
    Err(Error::new(format!(
        "The option --{name} is missing: graysam --help shows how it is used."
    )))
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

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| file_error("read", path, error))?;
    Ok(BufReader::new(file))
}

/// The only one of the paths given for --`name`.
fn single<'a>(paths: &'a [PathBuf], name: &str) -> Result<&'a Path> {
    match paths {
        [] => missing(name),
        [path] => Ok(path),
        _ => Err(Error::new(format!(
            "--{name} is given more than once; give one."
        ))),
    }
}

/// The image as the model sees it.
fn open_image(path: &Path, options: &Options) -> Result<Rgb> {
    let picture = decode::decode(&read(path)?).map_err(in_file(path))?;
    let display = Display {
        window: options.window,
        ..Display::default()
    };
    display::to_rgb(&picture, &display)
}

fn open_labels(path: &Path) -> Result<Labels> {
    Labels::decode(&read(path)?).map_err(in_file(path))
}

fn open_predictor(options: &Options) -> Result<Predictor> {
    let path = needed(&options.model, "model")?;
    let (file, device) = (open(path)?, open_device(options)?);
    let Some(decoder_path) = &options.decoder else {
        return Predictor::open(file, &device, &mut |_| ()).map_err(in_file(path));
    };
    let decoder = Checkpoint::open(open(decoder_path)?).map_err(in_file(decoder_path))?;
    let base = decoder.metadata().get(BASE_SHA256);
    let other = match base {
        Some(base) => *base != file_digest(path)?,
        None => false,
    };
    if other {
        return Err(Error::new(format!(
            "{}: the decoder was made from another model than {}; give the model that it names: {}.",
            decoder_path.display(),
            path.display(),
            decoder.metadata().get(BASE).map_or("none", String::as_str),
        )));
    }
    Predictor::open_with_decoder(file, decoder, &device, &mut |_| ()).map_err(in_file(path))
}

fn open_device(options: &Options) -> Result<Device> {
    let choice = options.device.unwrap_or(DeviceChoice::Cpu);
    Ok(device::block_on(device::open(choice))?.device)
}

/// SHA-256 of a file, in hexadecimal.
fn file_digest(path: &Path) -> Result<String> {
    let mut file = open(path)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let n = file
            .read(&mut piece)
            .map_err(|error| file_error("read", path, error))?;
        if n == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&piece[..n]);
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(error.to_string()))
}

fn print_json(value: &impl Serialize) -> Result<()> {
    println!("{}", to_json(value)?);
    Ok(())
}
