//! Options that several commands have, and how values are read.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use burn::tensor::Device;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use graysam::device::{self, DeviceChoice, OpenDevice};
use graysam::image::decode::{self, Page, Rgb};
use graysam::image::display::{self, Display, Window};
use graysam::image::labels::Labels;
use graysam::image::planes::ChannelChoice;
use graysam::model::{Precision, SamConfig};
use graysam::predictor::Predictor;
use graysam::settings::SettingRange;
use graysam::tile_choice::TileChoice;
use graysam::training::decoder_file::{self, Base};
use graysam::weights::digest;
use graysam::{Error, Result};

use super::files::{file_error, in_file, open, read};

/// A model and where it runs.
#[derive(Args)]
pub struct ModelOptions {
    /// Checkpoint of SAM or MobileSAM, .safetensors or .pth
    #[arg(long)]
    pub model: PathBuf,
    /// Where the model runs; auto takes the GPU where there is a real one
    #[arg(long, default_value = "cpu", value_parser = one_of(&["cpu", "gpu", "auto"], DeviceChoice::parse))]
    device: DeviceChoice,
    /// Numbers in which a GPU that has float16 holds the image encoder's weights
    #[arg(long, default_value = "f16", value_parser = one_of(&["f16", "f32"], Precision::parse))]
    precision: Precision,
}

impl ModelOptions {
    pub fn open_device(&self) -> Result<OpenDevice> {
        device::block_on(device::open(self.device))
    }

    /// The model on `device`.
    pub fn open_on(&self, device: &Device) -> Result<Predictor> {
        let file = open(&self.model)?;
        Predictor::open(file, device, self.precision, &mut |_| ()).map_err(in_file(&self.model))
    }

    /// The model on the chosen device.
    pub fn open(&self) -> Result<Predictor> {
        self.open_on(&self.open_device()?.device)
    }

    /// What tells decoders of this model, which has `config`, from others.
    pub fn base(&self, config: &SamConfig) -> Result<Base> {
        let sha256 = digest(open(&self.model)?);
        Ok(Base {
            name: config.name(),
            sha256: sha256.map_err(|error| file_error("read", &self.model, error))?,
        })
    }
}

/// A model whose decoder may be another.
#[derive(Args)]
pub struct TunedModelOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// Fine-tuned mask decoder in the place of the model's own
    #[arg(long)]
    decoder: Option<PathBuf>,
    /// micro-sam's decoder of instances, where the model's file has none
    #[arg(long, value_name = "FILE")]
    instance_decoder: Option<PathBuf>,
}

impl TunedModelOptions {
    /// The model on the chosen device, with the decoder.
    pub fn open(&self) -> Result<Predictor> {
        let device = self.model.open_device()?.device;
        let mut predictor = self.model.open_on(&device)?;
        if let Some(path) = &self.decoder {
            let base = self.model.base(predictor.config())?;
            let opened = decoder_file::open(open(path)?, &base, predictor.config(), &device);
            let (decoder, info) = opened.map_err(in_file(path))?;
            predictor.set_fine_tuned(Some(decoder));
            predictor.set_thresholds(info.thresholds);
        }
        if let Some(path) = &self.instance_decoder {
            predictor
                .open_instances(open(path)?)
                .map_err(in_file(path))?;
        }
        Ok(predictor)
    }

    /// What tells files that were made with the model from others.
    pub fn base(&self, predictor: &Predictor) -> Result<Base> {
        self.model.base(predictor.config())
    }
}

/// One image.
#[derive(Args)]
pub struct ImageOption {
    /// PNG, JPEG, TIFF, DICOM, BMP or WebP file
    #[arg(long)]
    pub image: PathBuf,
}

/// Images with their labels.
#[derive(Args)]
pub struct LabelledImageOptions {
    /// Image file; may be repeated
    #[arg(long = "image", value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Label image of the --image at the same place; may be repeated
    #[arg(long, required = true)]
    labels: Vec<PathBuf>,
}

impl LabelledImageOptions {
    /// Each image with its labels.
    ///
    /// # Errors
    /// When there are not as many of the ones as of the others.
    pub fn pairs(&self) -> Result<impl Iterator<Item = (&PathBuf, &PathBuf)>> {
        if self.images.len() != self.labels.len() {
            return Err(Error::new(
                "Every --image needs its --labels, in the same order, and at least one of each.",
            ));
        }
        Ok(self.images.iter().zip(&self.labels))
    }
}

/// What is made of a mask that has several parts.
#[derive(Args)]
pub struct MaskOptions {
    /// Make an object of each connected part of a 0/255 or 0/1 mask
    #[arg(long)]
    parts: bool,
    /// Make one object of all that is inside of a 0/255 or 0/1 mask
    #[arg(long, conflicts_with = "parts")]
    one_object: bool,
}

impl MaskOptions {
    /// The labels of a file for page `page`, from 0, of an image that has `pages`.
    ///
    /// # Errors
    /// Those of [`Labels::for_page`]; and for a mask of several parts, when nothing says whether they
    /// are one object.
    pub fn open_labels(&self, path: &Path, page: usize, pages: usize) -> Result<Labels> {
        let labels = Labels::for_page(&read(path)?, page, pages).map_err(in_file(path))?;
        match labels.mask_parts() {
            Some(_) if self.parts => Ok(labels.parted()),
            Some(parts) if !self.one_object => Err(Error::new(format!(
                "{}: this is a mask of one value with {parts} separate parts; give --parts to make \
                 an object of each, or --one-object if they are one.",
                path.display()
            ))),
            _ => Ok(labels),
        }
    }
}

/// Which image of a file.
#[derive(Args)]
pub struct PageOption {
    /// Page of a TIFF or frame of a DICOM, from 1
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = page_number)]
    page: usize,
    /// Channel shown as gray, from 1, of an image that has several
    #[arg(long, value_name = "N", conflicts_with = "channels", value_parser = channel_number)]
    channel: Option<usize>,
    /// Channels shown as red, green and blue, from 1, each in a window of its own; one may be left
    /// out, as in 2,,1
    #[arg(long, value_name = "R,G,B", value_parser = channel_numbers)]
    channels: Option<ChannelChoice>,
}

impl PageOption {
    /// From 0.
    pub fn index(&self) -> usize {
        self.page - 1
    }

    pub fn open(&self, path: &Path) -> Result<Page> {
        let own = self.channel.map_or(ChannelChoice::Own, ChannelChoice::One);
        let choice = self.channels.unwrap_or(own);
        decode::open_channels(open(path)?, self.index(), &choice).map_err(in_file(path))
    }
}

fn channel_number(text: &str) -> Result<usize> {
    let channel = text
        .trim()
        .parse()
        .ok()
        .filter(|channel: &usize| *channel > 0);
    let channel = channel.ok_or_else(|| {
        Error::new(format!(
            "The channel is \u{201c}{text}\u{201d}, but channels are numbered from 1."
        ))
    })?;
    Ok(channel - 1)
}

fn channel_numbers(text: &str) -> Result<ChannelChoice> {
    let mut chosen = [None; 3];
    let mut parts = text.split(',');
    for (channel, part) in chosen.iter_mut().zip(&mut parts) {
        if !part.trim().is_empty() {
            *channel = Some(channel_number(part)?);
        }
    }
    if parts.next().is_some() || chosen == [None; 3] {
        return Err(Error::new(format!(
            "The channels are \u{201c}{text}\u{201d}, but must be up to three numbers as R,G,B, for example 3,1 \
             or 2,,1."
        )));
    }
    Ok(ChannelChoice::Composite(chosen))
}

fn page_number(text: &str) -> Result<usize> {
    let page = text.parse().ok().filter(|page| *page > 0);
    page.ok_or_else(|| {
        Error::new(format!(
            "--page is \u{201c}{text}\u{201d}, but pages are numbered from 1."
        ))
    })
}

/// How an image is shown to the model.
#[derive(Args)]
pub struct DisplayOptions {
    #[command(flatten)]
    page: PageOption,
    /// Gray values shown as black and white: full, minmax, percentile or LOW,HIGH [default: what the
    /// file asks for, or else percentile]
    #[arg(long, allow_hyphen_values = true, value_parser = Window::parse)]
    window: Option<Window>,
}

impl DisplayOptions {
    /// The image as the model sees it.
    pub fn open(&self, path: &Path) -> Result<Rgb> {
        Ok(self.open_page(path)?.0)
    }

    /// The image as the model sees it, which page of its file it is, from 0, and how many there are.
    pub fn open_page(&self, path: &Path) -> Result<(Rgb, usize, usize)> {
        let page = self.page.open(path)?;
        let mut display = Display::of(&page);
        if let Some(window) = self.window {
            display = Display {
                window,
                voi: None,
                ..display
            };
        }
        let shown = display::to_rgb(&page.picture, &display)?;
        Ok((shown, page.page, page.pages))
    }
}

pub const TILE_HELP: &str = "What the model sees at a time: the whole image, squares of so many PIXELS \
    of it, or auto: the whole image up to 1024 pixels a side, above that squares that suit the objects' \
    size where it is known, else of 1024 pixels";

/// In which parts of an image the model sees it.
#[derive(Args)]
pub struct TileOption {
    /// What the model sees at a time
    #[arg(long, value_name = "auto|whole|PIXELS", help = TILE_HELP, default_value = "auto", value_parser = TileChoice::parse)]
    pub tile: TileChoice,
}

/// Reads one of `values`, which `parse` understands.
pub fn one_of<T: Clone + Send + Sync + 'static>(
    values: &'static [&'static str],
    parse: fn(&str) -> Result<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(values).try_map(move |value| parse(&value))
}

/// Reads a number in `range`, which is given as --`name`.
pub fn setting<T: FromStr>(
    name: &'static str,
    range: SettingRange,
) -> impl Fn(&str) -> Result<T> + Clone {
    move |text| {
        let name = format!("--{name}");
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        if let Some(number) = number {
            range.check(&name, number)?;
        }
        let value = number.and_then(|_| text.parse().ok());
        value.ok_or_else(|| {
            Error::new(format!(
                "{name} is \u{201c}{text}\u{201d}, which is no {}.",
                if range.integer {
                    "whole number"
                } else {
                    "number"
                }
            ))
        })
    }
}

/// Declares options for fields of settings, with the defaults and ranges of the settings' own
/// declaration: `field: type, "option", "VALUE", "help";`.
macro_rules! setting_options {
    (
        struct $name:ident for $settings:ident under $heading:literal {
            $($field:ident: $type:ty, $option:literal, $value:literal, $help:literal;)+
        }
    ) => {
        #[derive(clap::Args)]
        #[command(next_help_heading = $heading)]
        struct $name {
            $(#[arg(
                long = $option,
                value_name = $value,
                allow_negative_numbers = true,
                help = $crate::cli::options::ranged($help, $settings::RANGES.$field),
                default_value_t = $settings::default().$field,
                value_parser = $crate::cli::options::setting::<$type>($option, $settings::RANGES.$field),
            )]
            $field: $type,)+
        }

        impl $name {
            fn settings(&self) -> $settings {
                $settings {
                    $($field: self.$field,)+
                    ..Default::default()
                }
            }
        }
    };
}

pub(crate) use setting_options;

/// The help of an option whose value is in `range`.
pub fn ranged(help: &str, range: SettingRange) -> String {
    // The shorter of 1e-9 and 0.000000001.
    let text = |number: f64| format!("{number:?}").trim_end_matches(".0").to_owned();
    format!("{help}, {} to {}", text(range.min), text(range.max))
}
