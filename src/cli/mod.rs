//! The command line. Each command is a structure of its options, read by clap, with a method `run`.

mod automatic;
mod check_gpu;
mod evaluate;
mod export;
mod files;
mod find;
mod finetune;
mod import;
mod inspect;
mod instances;
mod measure;
mod noise;
mod options;
mod sample;
mod segment;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use graysam::Result;

/// The Segment Anything Model for grayscale images.
#[derive(Parser)]
#[command(name = "graysam", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Segment(segment::Segment),
    Evaluate(evaluate::Evaluate),
    Finetune(finetune::Finetune),
    Find(find::Find),
    Export(export::Export),
    Import(import::Import),
    Inspect(inspect::Inspect),
    Sample(sample::Sample),
    Noise(noise::Noise),
    Measure(measure::Measure),
    CheckGpu(check_gpu::CheckGpu),
}

/// Does what the program's arguments ask for. What goes wrong is told in one sentence on stderr.
pub fn main() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => cli.command.run().map_err(|error| error.to_string()),
        Err(error) => usage(&error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("graysam: {sentence}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(&self) -> Result<()> {
        match self {
            Self::Segment(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Finetune(command) => command.run(),
            Self::Find(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Sample(command) => command.run(),
            Self::Noise(command) => command.run(),
            Self::Measure(command) => command.run(),
            Self::CheckGpu(command) => command.run(),
        }
    }
}

/// Prints the help that was asked for, or gives what clap says of wrong arguments as one line.
fn usage(error: &clap::Error) -> std::result::Result<(), String> {
    use ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, ValueValidation,
    };
    match error.kind() {
        DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand => {
            print!("{}", error.render());
            return Ok(());
        }
        // The sentence of the value's own parser.
        ValueValidation if let Some(source) = std::error::Error::source(error) => {
            return Err(source.to_string());
        }
        _ => {}
    }
    let text = error.render().to_string();
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let said = lines.next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let listed: Vec<&str> = lines.map(str::trim).collect();
    let space = if listed.is_empty() { "" } else { " " };
    Err(format!(
        "{said}{space}{}; graysam COMMAND --help lists a command's options.",
        listed.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_value_that_help_lists_is_read() {
        let cli = Cli::command();
        let mut listed = 0;
        for command in cli.get_subcommands() {
            for arg in command
                .get_arguments()
                .filter(|arg| arg.get_action().takes_values())
            {
                let Some(long) = arg.get_long() else {
                    continue;
                };
                for value in arg.get_possible_values() {
                    let option = format!("--{long}={}", value.get_name());
                    let read = command.clone().try_get_matches_from(["graysam", &option]);
                    // What else is needed is told of after values that make no sense.
                    let refused = read.err().map(|error| error.kind());
                    let missing = Some(ErrorKind::MissingRequiredArgument);
                    assert!(refused.is_none() || refused == missing, "{option}");
                    listed += 1;
                }
            }
        }
        assert!(listed > 20, "{listed}");
    }

    #[test]
    fn what_clap_says_is_one_line() {
        let said = |arguments: &[&str]| {
            let error = Cli::try_parse_from(arguments).err().expect("it is refused");
            usage(&error).expect_err("it is no help")
        };
        let missing = said(&["graysam", "evaluate", "--model", "m"]);
        assert!(missing.starts_with(
            "the following required arguments were not provided: --labels <LABELS>, --image <IMAGE>; "
        ), "{missing}");
        assert!(said(&["graysam", "noise", "--out", "n", "--points", "1"]).contains("'--points'"));
        assert!(said(&["graysam", "dance"]).contains("'dance'"));
    }
}
