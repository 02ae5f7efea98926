//! What each command does.

mod annotations;
mod everything;
mod measure;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use graysam::device::{self, DeviceChoice, OpenDevice};
use graysam::evaluate::{self, Scores};
use graysam::image::decode::{self, Page, Rgb};
use graysam::image::display::{self, Display};
use graysam::image::labels::Labels;
use graysam::image::{mask, sample};
use graysam::model::{Precision, Sam, SamConfig};
use graysam::predictor::Predictor;
use graysam::training::dataset::{HeldOut, LabelledImage};
use graysam::training::decoder_file::{self, Base, Info};
use graysam::training::trainer::{Judgement, Report, Trainer};
use graysam::weights::digest;
use graysam::weights::source::NoiseSource;
use graysam::weights::{Checkpoint, Dtype, noise, safetensors};
use graysam::{Error, Result};
use serde::Serialize;

pub use self::annotations::{export, import};
pub use self::everything::everything;
pub use self::measure::measure;
use crate::Options;

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
            predictor.add(prompt.clone()).await?;
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
    /// Median over the training steps, without judging.
    seconds_per_step: f64,
}

/// `graysam finetune`.
pub fn finetune(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    if options.images.is_empty() || options.images.len() != options.labels.len() {
        return Err(Error::new(
            "Every --image needs its --labels, in the same order, and at least one of each.",
        ));
    }
    let predictor = open_predictor(options)?;
    let images = device::block_on(encode_all(&predictor, options))?;
    let mut trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, options.training)?;
    let seconds_per_step = device::block_on(train(&mut trainer))?;
    let before = trainer.judgements()[0].scores;
    let after = trainer.best().map_or(before, |best| best.judgement.scores);
    write_decoder(&predictor, &trainer, out, options)?;
    print_json(&Finetuned {
        before,
        after,
        improved: trainer.best().is_some(),
        seconds_per_step,
    })
}

async fn encode_all(predictor: &Predictor, options: &Options) -> Result<Vec<LabelledImage>> {
    let mut images = Vec::new();
    for (image, labels) in options.images.iter().zip(&options.labels) {
        eprintln!("Encoding {}.", image.display());
        let embedding = predictor.encode(&open_image(image, options)?).await?;
        let labelled = LabelledImage::new(embedding, open_labels(labels)?);
        images.push(labelled.map_err(in_file(labels))?);
    }
    Ok(images)
}

/// Trains to the end; the median seconds of a step.
async fn train(trainer: &mut Trainer) -> Result<f64> {
    let mut seconds = Vec::new();
    while !trainer.finished() {
        let start = Instant::now();
        match trainer.advance().await {
            Ok(report) => {
                if report.loss.is_some() {
                    seconds.push(start.elapsed().as_secs_f64());
                }
                tell(&report);
            }
            // Without the untouched decoder's scores there is nothing to write.
            Err(error) if trainer.judgements().is_empty() => return Err(error),
            Err(error) => {
                eprintln!("{error}");
                break;
            }
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied().unwrap_or(0.0))
}

fn tell(report: &Report) {
    match report.loss {
        Some(Some(loss)) => eprintln!("Step {}: loss {loss:.4}", report.step),
        Some(None) => eprintln!("Step {}: the loss is no number; skipped.", report.step),
        None => {}
    }
    if let Some(Judgement { step, scores }) = report.scores {
        eprintln!(
            "Held out after step {step}: {} objects, point IoU {:.3}, box IoU {:.3}.",
            scores.objects, scores.point_iou, scores.box_iou
        );
    }
}

/// Writes the best decoder, and the whole model with it where that is asked for.
fn write_decoder(
    predictor: &Predictor,
    trainer: &Trainer,
    out: &Path,
    options: &Options,
) -> Result<()> {
    if trainer.best().is_none() {
        eprintln!("Nothing beat the untouched decoder, so it is what is written.");
    }
    let model = needed(&options.model, "model")?;
    let base = base(model, predictor.config())?;
    let info = Info::of(trainer, &base);
    let best = trainer.best().map(|best| &best.decoder);
    let best = best.unwrap_or(&predictor.model().mask_decoder);
    let named = device::block_on(decoder_file::parameters(best))?;
    decoder_file::write(create(out)?, &named, options.names, &base, &info)?;
    let Some(merged) = &options.merged else {
        return Ok(());
    };
    let checkpoint = Checkpoint::open(open(model)?)?;
    let file = create(merged)?;
    decoder_file::write_merged(file, checkpoint, &named, options.names, &base, &info)
}

/// `graysam sample`.
pub fn sample(options: &Options) -> Result<()> {
    let (image, labels) = sample::files_of(options.scene)?;
    write(single(&options.images, "image")?, &image)?;
    write(single(&options.labels, "labels")?, &labels)
}

/// `graysam noise`.
pub fn noise(options: &Options) -> Result<()> {
    let out = needed(&options.out, "out")?;
    let config = SamConfig::named(options.config.as_deref().unwrap_or("vit_b"))?;
    let mut source = NoiseSource::default();
    Sam::load(&mut source, &config, &Device::flex(), Precision::F32)?;
    let tensors: Vec<_> = source
        .parameters
        .into_iter()
        .map(|(name, shape)| (name, shape, Dtype::F32))
        .collect();
    safetensors::write(create(out)?, &tensors, &Default::default(), |i| {
        Ok(noise::noise(&tensors[i].0, &tensors[i].1))
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

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|error| file_error("written", path, error))?;
    Ok(BufWriter::new(file))
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

/// The page of an image file that is asked for.
fn open_page(path: &Path, options: &Options) -> Result<Page> {
    let page = options.page.map_or(0, |page| page - 1);
    decode::open(&read(path)?, page).map_err(in_file(path))
}

/// The image as the model sees it.
fn open_image(path: &Path, options: &Options) -> Result<Rgb> {
    let page = open_page(path, options)?;
    let mut display = Display::of(&page);
    display.window = options.window.unwrap_or(display.window);
    display::to_rgb(&page.picture, &display)
}

fn open_labels(path: &Path) -> Result<Labels> {
    Labels::decode(&read(path)?).map_err(in_file(path))
}

fn open_predictor(options: &Options) -> Result<Predictor> {
    let device = open_device(options)?.device;
    let mut predictor = open_model(options, &device)?;
    if let Some(decoder_path) = &options.decoder {
        let path = needed(&options.model, "model")?;
        let base = base(path, predictor.config())?;
        let file = open(decoder_path)?;
        let opened = decoder_file::open(file, &base, predictor.config(), &device);
        let (decoder, _) = opened.map_err(in_file(decoder_path))?;
        predictor.set_fine_tuned(Some(decoder));
    }
    Ok(predictor)
}

fn open_model(options: &Options, device: &Device) -> Result<Predictor> {
    let path = needed(&options.model, "model")?;
    Predictor::open(open(path)?, device, options.precision, &mut |_| ()).map_err(in_file(path))
}

fn base(path: &Path, config: &SamConfig) -> Result<Base> {
    Ok(Base {
        name: config.name(),
        sha256: file_digest(path)?,
    })
}

fn open_device(options: &Options) -> Result<OpenDevice> {
    device::block_on(device::open(options.device.unwrap_or(DeviceChoice::Cpu)))
}

/// SHA-256 of a file, in hexadecimal.
fn file_digest(path: &Path) -> Result<String> {
    digest(open(path)?).map_err(|error| file_error("read", path, error))
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(error.to_string()))
}

fn print_json(value: &impl Serialize) -> Result<()> {
    println!("{}", to_json(value)?);
    Ok(())
}
