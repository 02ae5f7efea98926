//! Comparisons of two programs' speed, as data and as a table.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Two programs at the same task on one machine.
pub struct Comparison {
    pub task: String,
    pub machine: String,
    pub graysam: Series,
    pub reference: Series,
}

/// The figures of one program, in seconds: one for each run, and at least one.
pub struct Series {
    /// The program and the versions of what it computes with.
    program: String,
    seconds: Vec<f64>,
}

impl Comparison {
    /// A row of `docs/benchmarks.json`. The ratio is how many times as long GraySAM takes.
    pub fn to_json(&self) -> Value {
        json!({
            "task": self.task,
            "machine": self.machine,
            "graysam": self.graysam.to_json(),
            "reference": self.reference.to_json(),
            "ratio": median(&self.graysam.seconds) / median(&self.reference.seconds),
        })
    }
}

impl Series {
    pub fn new(program: String, seconds: Vec<f64>) -> Self {
        Self { program, seconds }
    }

    fn to_json(&self) -> Value {
        let seconds = &self.seconds;
        json!({
            "program": self.program,
            "runs": seconds.len(),
            "median_s": median(seconds),
            "min_s": seconds.iter().copied().fold(f64::INFINITY, f64::min),
            "max_s": seconds.iter().copied().fold(0.0, f64::max),
            "seconds": seconds,
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

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo xtask bench`; [benchmarks.json](benchmarks.json) holds the figure of every run.
The two programs of a row run in turn on the same machine. Times are medians over the runs, with the
least and the greatest in brackets; the figure of one run is itself the median of its steps,
encodings or clicks. The ratio is GraySAM's median over the reference's: below 1, GraySAM is the
faster.

An encoder's time leaves out the preparation of the image. A click's time begins with the encoded
image; GraySAM's ends with the mask in the size of the image, onnxruntime-web's with that mask's
logits.

| task | machine | GraySAM | reference | ratio |
| --- | --- | --- | --- | --- |
";

/// `docs/benchmarks.md` for rows as [`Comparison::to_json`] makes them.
pub fn table(rows: &[Value]) -> Result<String> {
    let mut text = INTRODUCTION.to_owned();
    for row in rows {
        let line = line(row).with_context(|| format!("this comparison is not whole: {row}"))?;
        text.push_str(&line);
    }
    Ok(text)
}

fn line(row: &Value) -> Option<String> {
    Some(format!(
        "| {} | {} | {} | {} | {:.2} |\n",
        row["task"].as_str()?,
        row["machine"].as_str()?,
        cell(&row["graysam"])?,
        cell(&row["reference"])?,
        row["ratio"].as_f64()?,
    ))
}

fn cell(series: &Value) -> Option<String> {
    Some(format!(
        "{:.3} s ({:.3}–{:.3}), {} runs, {}",
        series["median_s"].as_f64()?,
        series["min_s"].as_f64()?,
        series["max_s"].as_f64()?,
        series["runs"].as_u64()?,
        series["program"].as_str()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(task: &str, machine: &str, graysam: &[f64], reference: &[f64]) -> Value {
        let series = |program: &str, seconds: &[f64]| Series::new(program.into(), seconds.to_vec());
        let comparison = Comparison {
            task: task.into(),
            machine: machine.into(),
            graysam: series("Burn 1", graysam),
            reference: series("PyTorch 2", reference),
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
        let text = table(&rows).unwrap();
        assert_eq!(
            text.lines().last().unwrap(),
            "| a step | a machine | 2.000 s (1.500–3.000), 3 runs, Burn 1 \
             | 0.375 s (0.250–0.500), 2 runs, PyTorch 2 | 5.33 |"
        );
        assert!(table(&[json!({ "task": "a step" })]).is_err());
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
