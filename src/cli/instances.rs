//! What `graysam find` does with a decoder of instances.

use std::path::Path;

use clap::Args;
use graysam::image::decode::Rgb;
use graysam::image::labels::Labels;
use graysam::instances::search::{self, InstanceSearch, InstanceSettings};
use graysam::predictor::Predictor;
use graysam::{Error, Result, device};
use serde::Serialize;

use super::options::{one_of, ranged, setting};

/// Declares options for the settings, as `search_options!` does.
macro_rules! instance_options {
    ($($field:ident: $type:ty, $option:literal, $value:literal, $help:literal;)+) => {
        #[derive(Args)]
        #[command(next_help_heading = "Search by a decoder of instances")]
        pub struct InstanceOptions {
            /// How to search without examples: at a grid of points (automatic), or by micro-sam's decoder of
            /// instances and a watershed (ais), or by masks of the points that it gives (apg)
            /// [default: ais where the model has one]
            #[arg(long, value_parser = one_of(&["automatic", "ais", "apg"], Method::parse))]
            pub method: Option<Method>,
            $(#[arg(
                long = $option,
                value_name = $value,
                allow_negative_numbers = true,
                help = format!(
                    "{} [default: {}]",
                    ranged($help, InstanceSettings::RANGES.$field),
                    InstanceSettings::RANGES.$field.default
                ),
                value_parser = setting::<$type>($option, InstanceSettings::RANGES.$field),
            )]
            $field: Option<$type>,)+
        }

        impl InstanceOptions {
            /// The first option that was given, with its dashes.
            pub fn given(&self) -> Option<&'static str> {
                let given = self.method.map(|_| "--method");
                given.or(self.settings_given())
            }

            /// The same without the method.
            pub fn settings_given(&self) -> Option<&'static str> {
                let given: Option<&'static str> = None;
                $(let given = given.or(self.$field.map(|_| concat!("--", $option)));)+
                given
            }

            pub fn settings(&self) -> InstanceSettings {
                let usual = InstanceSettings::default();
                InstanceSettings {
                    $($field: self.$field.unwrap_or(usual.$field),)+
                }
            }
        }
    };
}

instance_options! {
    foreground_threshold: f32, "foreground-threshold", "X", "Foreground above which a pixel belongs to an object";
    center_distance_threshold: f32, "center-distance-threshold", "X", "Distance to an object's centre below which seeds are";
    boundary_distance_threshold: f32, "boundary-distance-threshold", "X", "Distance to an object's border below which seeds are";
    min_size: usize, "min-size", "PIXELS", "Least area of an object";
}

/// How objects are searched for without examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Automatic,
    Ais,
    Apg,
}

impl Method {
    /// `automatic`, `ais` or `apg`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "automatic" => Ok(Self::Automatic),
            "ais" => Ok(Self::Ais),
            "apg" => Ok(Self::Apg),
            _ => Err(Error::new(format!(
                "There is no method \u{201c}{text}\u{201d}: choose automatic, ais or apg."
            ))),
        }
    }

    /// What is made of the maps of a decoder of instances; nothing of a search without.
    pub fn of_instances(self) -> Option<search::Method> {
        match self {
            Self::Automatic => None,
            Self::Ais => Some(search::Method::Watershed),
            Self::Apg => Some(search::Method::Prompts),
        }
    }

    /// The method that is asked for, or else the one that suits the model. `of_grid` is an option that
    /// was given for the search at a grid of points.
    ///
    /// # Errors
    /// When the model has not what the method needs, or an option would change nothing.
    pub fn chosen(
        options: &InstanceOptions,
        predictor: &Predictor,
        of_grid: Option<&str>,
    ) -> Result<Self> {
        let of_grid = of_grid.filter(|option| *option != "--tile");
        let usual = match (predictor.instances(), of_grid) {
            (Some(_), None) => Self::Ais,
            _ => Self::Automatic,
        };
        let method = options.method.unwrap_or(usual);
        match (
            method,
            predictor.instances(),
            of_grid,
            options.settings_given(),
        ) {
            (Self::Ais | Self::Apg, None, _, _) => Err(Error::new(
                "The model has no decoder of instances for --method ais or apg: give one with --instance-decoder, or take \
                 --method automatic.",
            )),
            (Self::Ais | Self::Apg, _, Some(option), _) => Err(Error::new(format!(
                "{option} is for a search at a grid of points: give --method automatic with it."
            ))),
            (Self::Automatic, _, _, Some(option)) => Err(Error::new(format!(
                "{option} is for a search by a decoder of instances, which this one is not: leave it out, or give \
                 --method ais or apg and a model that has one."
            ))),
            _ => Ok(method),
        }
    }
}

/// What was found in an image.
#[derive(Serialize)]
pub struct Found {
    image: String,
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    /// Its number in the labels.
    id: u32,
    /// Pixels.
    area: usize,
}

impl Found {
    pub fn of(path: &Path, labels: &Labels) -> Self {
        let objects = labels.objects(0).into_iter();
        Self {
            image: path.display().to_string(),
            objects: objects
                .map(|object| Object {
                    id: object.id,
                    area: object.area,
                })
                .collect(),
        }
    }
}

/// Finds the instances of `image`, which the model sees in parts of `side`.
pub fn find(
    predictor: &Predictor,
    image: &Rgb,
    method: search::Method,
    side: Option<usize>,
    settings: InstanceSettings,
) -> Result<Labels> {
    let size = (image.width, image.height);
    let mut search = InstanceSearch::new(size, side, method, settings, None)?;
    let mut told = 0;
    while device::block_on(search.advance(predictor, image))? {
        let percent = (100.0 * search.progress()) as u32;
        if percent >= told + 5 {
            told = percent;
            eprintln!("{percent} %");
        }
    }
    search.finish()
}
