//! `graysam segment`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use graysam::image::part::Pyramid;
use graysam::image::{mask, shapes};
use graysam::predictor::{Prompt, PromptRound};
use graysam::{Error, Result, device};

use super::files::write;
use super::options::{DisplayOptions, ImageOption, TileOption, TunedModelOptions};

/// Write the mask of a prompted object, in the image's own size
#[derive(Args)]
pub struct Segment {
    #[command(flatten)]
    model: TunedModelOptions,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    display: DisplayOptions,
    #[command(flatten)]
    tile: TileOption,
    #[command(flatten)]
    prompts: Prompts,
    /// PNG file to write: 255 inside the object and 0 outside
    #[arg(long)]
    out: PathBuf,
}

impl Segment {
    pub fn run(&self) -> Result<()> {
        let Prompts(prompts) = &self.prompts;
        if prompts.is_empty() {
            return Err(Error::new(
                "There is no prompt: give the object with --point x,y or --box x0,y0,x1,y1.",
            ));
        }
        let image = self.display.open(&self.image.image)?;
        let mut predictor = self.model.open()?;
        let side = self.side((image.width, image.height));
        let rounds = prompts.iter().map(|prompt| PromptRound {
            side,
            ..prompt.clone().into()
        });
        let rounds: Vec<PromptRound> = rounds.collect();
        let answer = device::block_on(predictor.predict_on(&image, &rounds))?;
        let mask = answer.and_then(|answer| answer.mask);
        let inside = shapes::plane(mask.as_deref(), (image.width, image.height));
        write(
            &self.out,
            &mask::to_png(&inside, image.width, image.height)?,
        )
    }

    /// The side of the parts in which the object is looked for, which the box tells.
    fn side(&self, size: (usize, usize)) -> usize {
        let Prompts(prompts) = &self.prompts;
        let last = prompts.iter().rev().find_map(|prompt| match *prompt {
            Prompt::Box { x0, y0, x1, y1 } => Some([x0, y0, x1, y1]),
            _ => None,
        });
        match last {
            Some(bounds) => self.tile.tile.side_for(&Pyramid { size }, bounds),
            None => self.tile.tile.side_for_points(),
        }
    }
}

/// The boxes, then the points, each a round after the one before: another box after a point would be
/// another object.
struct Prompts(Vec<Prompt>);

const POINT: &str = "point";
const BOX: &str = "box";

// Derived, each option would have a list of its own.
impl Args for Prompts {
    fn augment_args(command: Command) -> Command {
        let prompt = |name: &'static str, form: &'static str, help: &'static str| {
            let arg = Arg::new(name).long(name).value_name(form).help(help);
            arg.action(ArgAction::Append).allow_hyphen_values(true)
        };
        command
            .arg(prompt(POINT, "X,Y[,+|-]", "Point inside (+, the default) or outside (-) the object, in pixels; may be repeated").value_parser(parse_point))
            .arg(prompt(BOX, "X0,Y0,X1,Y1", "Box around the object, in pixels; of several the last counts").value_parser(parse_box))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Prompts {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let given = |name| matches.get_many::<Prompt>(name).into_iter().flatten();
        Ok(Self(given(BOX).chain(given(POINT)).cloned().collect()))
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
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

/// Finite numbers between commas.
fn numbers_of(text: &str) -> Option<Vec<f32>> {
    let finite = |part: &str| part.trim().parse().ok().filter(|x: &f32| x.is_finite());
    text.split(',').map(finite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_refine_a_box_wherever_it_is_given() {
        let command = Prompts::augment_args(Command::new("segment"));
        let line = "segment --point 1,2 --box 0,0,9,9 --point=-3,4,-";
        let matches = command
            .try_get_matches_from(line.split(' '))
            .expect("they are valid");
        let Prompts(prompts) = Prompts::from_arg_matches(&matches).expect("they are valid");
        let point = |x, y, positive| Prompt::Point { x, y, positive };
        let (x0, y0, x1, y1) = (0.0, 0.0, 9.0, 9.0);
        assert_eq!(
            prompts,
            [
                Prompt::Box { x0, y0, x1, y1 },
                point(1.0, 2.0, true),
                point(-3.0, 4.0, false)
            ]
        );
    }
}
