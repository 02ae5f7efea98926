//! Comparisons of two programs, as data and as tables.

use anyhow::{Error, Result, anyhow};
use serde_json::{Value, json};

/// Two programs at the same task on one machine.
pub struct Comparison {
    /// The title of one of [`SECTIONS`].
    pub section: &'static str,
    pub task: String,
    pub machine: String,
    /// Such as `s` or `MB`.
    pub unit: &'static str,
    pub graysam: Series,
    pub reference: Series,
}

/// The figures of one program: one for each run, and at least one.
pub struct Series {
    /// The program and the versions of what it computes with.
    program: String,
    figures: Vec<f64>,
}

impl Comparison {
    /// A row of `docs/benchmarks.json`. The ratio is that of the medians.
    pub fn to_json(&self) -> Value {
        json!({
            "section": self.section,
            "task": self.task,
            "machine": self.machine,
            "unit": self.unit,
            "graysam": self.graysam.to_json(),
            "reference": self.reference.to_json(),
            "ratio": median(&self.graysam.figures) / median(&self.reference.figures),
        })
    }
}

impl Series {
    pub fn new(program: impl Into<String>, figures: Vec<f64>) -> Self {
        let program = program.into();
        Self { program, figures }
    }

    fn to_json(&self) -> Value {
        let figures = &self.figures;
        json!({
            "program": self.program,
            "runs": figures.len(),
            "median": median(figures),
            "min": figures.iter().copied().fold(f64::INFINITY, f64::min),
            "max": figures.iter().copied().fold(0.0, f64::max),
            "figures": figures,
        })
    }
}

/// The median of at least one number.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle];
    }
    (sorted[middle - 1] + sorted[middle]) / 2.0
}

/// `new` rows after those of `old` that are of another task or machine.
pub fn merge(old: Vec<Value>, new: Vec<Value>) -> Vec<Value> {
    let same = |a: &Value, b: &Value| a["task"] == b["task"] && a["machine"] == b["machine"];
    let kept = old
        .into_iter()
        .filter(|row| new.iter().all(|measured| !same(row, measured)));
    let mut rows: Vec<Value> = kept.collect();
    rows.extend(new);
    rows
}

/// A table of its own.
struct Section {
    title: &'static str,
    /// How to read it.
    reading: &'static str,
}

pub const CPU: &str = "On the CPU";
pub const WEBGPU: &str = "On WebGPU, in Chromium";
pub const GPU: &str = "On a GPU, native";
pub const START_UP: &str = "Starting up, in Chromium";

const SECTIONS: [Section; 4] = [
    Section {
        title: CPU,
        reading: "\
An encoder's time leaves out the preparation of the image. A click's time begins with the encoded
image; GraySAM's ends with the mask in the size of the image, onnxruntime-web's with that mask's
logits. In the page, a click's time runs from the release of the mouse to the frame that shows the
mask, and is compared with the reference's decoder alone.
",
    },
    Section {
        title: WEBGPU,
        reading: "\
Both programs compute on the adapter that is named, one after the other in one browser. An encoder
or a part of it counts until the device has finished, with what goes in on the device before; a
click's logits are read, and GraySAM's mask is made of them. On a software adapter whole encoders
take minutes, so parts are compared there: blocks of ViT-B's widths on 32×32 tokens.
",
    },
    Section {
        title: GPU,
        reading: "\
GraySAM computes in float32 through Vulkan, PyTorch through CUDA in the precision that is named.
Seconds and MB are better if lower, TFLOP/s and % if higher. The share is the rate of the encoder's
matrix products over that of one large product in the same program. Memory is what the program's
allocator holds at the most (GraySAM: in the end, as it keeps what it took).
",
    },
    Section {
        title: START_UP,
        reading: "\
The reference is a page with nothing but onnxruntime-web and MobileSAM's two ONNX files in float32;
GraySAM's page has all of its controls and MobileSAM in float16. Times begin with the navigation,
with files served from the same machine: *ready* is a loaded model, *first mask* follows from the
sample being opened, encoded and clicked by the page's own script. The first visit has an empty
profile; for the second, GraySAM keeps the image's embedding. Memory is the peak resident size
(VmHWM) of the process that renders the page, in the first visit. 1 MB is 10⁶ bytes.
",
    },
];

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo xtask bench`; [benchmarks.json](benchmarks.json) holds the figure of every run.
The two programs of a row run in turn on the same machine. Figures are medians over the runs, with
the least and the greatest in brackets; the figure of one run is itself the median of its steps,
encodings or clicks. The ratio is GraySAM's median over the reference's: of seconds and of MB, a
ratio below 1 is in GraySAM's favour.
";

const HEAD: &str = "\
| task | machine | GraySAM | reference | ratio |
| --- | --- | --- | --- | --- |
";

/// `docs/benchmarks.md` for rows as [`Comparison::to_json`] makes them.
pub fn tables(rows: &[Value]) -> Result<String> {
    let mut text = INTRODUCTION.to_owned();
    for Section { title, reading } in SECTIONS {
        let of_section = rows.iter().filter(|row| row["section"] == title);
        let lines: Vec<String> = of_section.map(line).collect::<Result<_>>()?;
        if !lines.is_empty() {
            text += &format!("\n## {title}\n\n{reading}\n{HEAD}{}", lines.concat());
        }
    }
    let known = |row: &&Value| SECTIONS.iter().any(|s| row["section"] == s.title);
    match rows.iter().find(|row| !known(row)) {
        Some(row) => Err(broken(row)),
        None => Ok(text),
    }
}

fn broken(row: &Value) -> Error {
    anyhow!("this comparison is not whole: {row}")
}

fn line(row: &Value) -> Result<String> {
    let cells = || {
        let unit = row["unit"].as_str()?;
        Some(format!(
            "| {} | {} | {} | {} | {:.2} |\n",
            row["task"].as_str()?,
            row["machine"].as_str()?,
            cell(&row["graysam"], unit)?,
            cell(&row["reference"], unit)?,
            row["ratio"].as_f64()?,
        ))
    };
    cells().ok_or_else(|| broken(row))
}

fn cell(series: &Value, unit: &str) -> Option<String> {
    let figure = |name: &str| Some(rounded(series[name].as_f64()?));
    let (median, program) = (figure("median")?, series["program"].as_str()?);
    Some(match series["runs"].as_u64()? {
        1 => format!("{median} {unit}, 1 run, {program}"),
        runs => {
            let (min, max) = (figure("min")?, figure("max")?);
            format!("{median} {unit} ({min}–{max}), {runs} runs, {program}")
        }
    })
}

/// To a thousandth, or to a tenth where that says enough.
fn rounded(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(task: &str, machine: &str, graysam: &[f64], reference: &[f64]) -> Value {
        let comparison = Comparison {
            section: CPU,
            task: task.into(),
            machine: machine.into(),
            unit: "s",
            graysam: Series::new("Burn 1", graysam.to_vec()),
            reference: Series::new("PyTorch 2", reference.to_vec()),
        };
        comparison.to_json()
    }

    #[test]
    fn medians_are_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[9.0, 1.0, 4.0, 2.0]), 3.0);
    }

    #[test]
    fn table_states_median_spread_runs_and_ratio() {
        let rows = [row("a step", "a machine", &[3.0, 1.5, 2.0], &[0.5, 0.25])];
        let text = tables(&rows).unwrap();
        assert_eq!(
            text.lines().last().unwrap(),
            "| a step | a machine | 2.000 s (1.500–3.000), 3 runs, Burn 1 \
             | 0.375 s (0.250–0.500), 2 runs, PyTorch 2 | 5.33 |"
        );
        assert!(text.contains("## On the CPU") && !text.contains("## On WebGPU"));
        assert!(tables(&[json!({ "section": CPU, "task": "a step" })]).is_err());
    }

    #[test]
    fn sections_have_tables_of_their_own() {
        let mut bytes = row("bytes", "here", &[123.4567], &[20.0]);
        (bytes["section"], bytes["unit"]) = (START_UP.into(), "MB".into());
        let rows = [bytes, row("a step", "here", &[1.0], &[1.0])];
        let text = tables(&rows).unwrap();
        assert!(text.ends_with(
            "| bytes | here | 123.5 MB, 1 run, Burn 1 | 20.000 MB, 1 run, PyTorch 2 | 6.17 |\n"
        ));
        assert_eq!(text.matches(HEAD).count(), 2);
        let mut unknown = rows[0].clone();
        unknown["section"] = "elsewhere".into();
        assert!(tables(&[unknown]).is_err());
    }

    #[test]
    fn new_figures_replace_those_of_the_same_task_and_machine() {
        let old = vec![
            row("a", "here", &[1.0], &[1.0]),
            row("a", "there", &[1.0], &[1.0]),
            row("b", "here", &[1.0], &[1.0]),
        ];
        let new = row("a", "here", &[2.0], &[1.0]);
        let rows = merge(old.clone(), vec![new.clone()]);
        assert_eq!(rows, [old[1].clone(), old[2].clone(), new]);
    }
}
