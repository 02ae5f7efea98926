//! What the network of `src/finder` learns from: shapes with their numbers and the IoU with the true
//! objects that they overlap. `tests/fixtures/finder_prior.py` runs it and learns.
//!
//! A line of standard input is a task: image, labels, number of examples, seed (0: `NAME_examples_N.png`
//! beside the labels where it is there), the network's file, whether the model is asked (0, 1), and
//! the file to write. Images of one file in a row are encoded once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;

use graysam::device::{self, DeviceChoice};
use graysam::finder::finding::Given;
use graysam::finder::network::Network;
use graysam::finder::propose::{self, Scope};
use graysam::finder::view::{Shades, Tiling, View};
use graysam::finder::{Finder, Finding};
use graysam::image::decode::{self, Rgb};
use graysam::image::display::{self, Display};
use graysam::image::labels::Labels;
use graysam::image::shapes::Shape;
use graysam::model::Precision;
use graysam::predictor::{Embedding, Predictor};
use graysam::weights::digest;

/// Shapes of a task that are written at most.
const MOST: usize = 4000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let model = std::env::args()
        .nth(1)
        .ok_or("usage: finder_tables MODEL < TASKS")?;
    let device = device::block_on(device::open(DeviceChoice::parse("cpu")?))?.device;
    let file = std::io::BufReader::new(std::fs::File::open(model)?);
    let predictor = Predictor::open(file, &device, Precision::default(), &mut |_| ())?;
    let mut last: Option<(String, Vec<Embedding>)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [image, labels, count, seed, network, ask, out] = words[..] else {
            return Err("a task has seven words".into());
        };
        let network = Network::read(&std::fs::read(network)?)?;
        let shown = open(image)?;
        let truth = Labels::decode(&std::fs::read(labels)?)?;
        let examples = examples(&truth, labels, count.parse()?, seed.parse()?)?;
        let start = std::time::Instant::now();
        let embeddings = match last.take() {
            Some((name, embeddings)) if name == image => embeddings,
            _ => Vec::new(),
        };
        let task = Task {
            shown: &shown,
            truth: &truth,
            examples: &examples,
            network: &network,
        };
        let mut file = BufWriter::new(std::fs::File::create(out)?);
        let embeddings = match ask {
            "0" => {
                task.shapes(&predictor, &mut file)?;
                embeddings
            }
            _ => task.rated(&predictor, embeddings, &mut file)?,
        };
        eprintln!("{out} {:.1?}", start.elapsed());
        last = Some((image.to_owned(), embeddings));
    }
    Ok(())
}

fn open(path: &str) -> Result<Rgb, Failure> {
    let page = decode::open(std::io::Cursor::new(std::fs::read(path)?), 0)?;
    Ok(display::to_rgb(&page.picture, &Display::of(&page))?)
}

/// So many of the objects, of 50 pixels or more.
fn examples(truth: &Labels, path: &str, count: usize, seed: u64) -> Result<Labels, Failure> {
    let given = path.replace("_labels", &format!("_examples_{count}"));
    if seed == 0 && Path::new(&given).exists() {
        return Ok(Labels::decode(&std::fs::read(given)?)?);
    }
    let mut ids: Vec<u32> = truth.objects(50).iter().map(|object| object.id).collect();
    // Numbers that are as good as random order them.
    let key = |id: &u32| digest(format!("{seed} {id}").as_bytes()).unwrap_or_default();
    ids.sort_by_cached_key(key);
    ids.truncate(count);
    let ids = truth
        .ids
        .iter()
        .map(|id| if ids.contains(id) { *id } else { 0 });
    Ok(Labels {
        ids: ids.collect(),
        ..truth.clone()
    })
}

struct Task<'a> {
    shown: &'a Rgb,
    truth: &'a Labels,
    examples: &'a Labels,
    network: &'a Network,
}

impl Task<'_> {
    fn finding(&self, embeddings: Vec<Embedding>) -> Result<Finding, Failure> {
        let given = Given {
            labels: self.examples.clone(),
            rejected: Vec::new(),
            embeddings,
            instances: None,
        };
        let finding = Finding::learn(Finder::default(), "one".into(), given)?;
        Ok(finding.ranked_by(self.network.clone()))
    }

    /// Writes the numbers of all shapes, or of each so many-th, with their IoUs.
    fn shapes(&self, predictor: &Predictor, out: &mut impl Write) -> Result<(), Failure> {
        let mut finding = self.finding(Vec::new())?;
        while finding.finder().objects() == 0 {
            device::block_on(finding.advance(predictor, self.shown))?;
        }
        let learned = finding.finder().learned().ok_or("nothing was learned")?;
        let size = (self.truth.width, self.truth.height);
        let tiling = Tiling::new(size, learned.sizes.diameter);
        let shades = Shades::of(self.shown);
        let areas = areas(self.truth);
        let mut rows = Vec::new();
        for core in tiling.cores() {
            let part = tiling.with_margins(&core);
            let view = View::new(self.shown, part, shades, tiling.scale);
            let scope = Scope {
                instances: &[],
                view: &view,
                core: &core,
                learned: &learned,
                network: self.network,
                scale: tiling.scale,
            };
            for proposal in propose::all(scope).1 {
                let shape = view.in_image(&proposal.shape);
                let iou = shape.map_or(0.0, |shape| best(&shape, self.truth, &areas));
                rows.push((proposal.numbers, iou));
            }
        }
        let step = rows.len().div_ceil(MOST).max(1);
        for (numbers, iou) in rows.iter().step_by(step) {
            for number in numbers.iter().chain([iou]) {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes for each shape that the model was asked about: numbers, IoU, box and bits.
    fn rated(
        &self,
        predictor: &Predictor,
        embeddings: Vec<Embedding>,
        out: &mut impl Write,
    ) -> Result<Vec<Embedding>, Failure> {
        let mut finding = self.finding(embeddings)?;
        while device::block_on(finding.advance(predictor, self.shown))?.is_some() {}
        let areas = areas(self.truth);
        out.write_all(&(self.truth.width as u32).to_le_bytes())?;
        out.write_all(&(self.truth.height as u32).to_le_bytes())?;
        for plane in [&self.truth.ids, &self.examples.ids] {
            for id in plane {
                out.write_all(&id.to_le_bytes())?;
            }
        }
        for rated in finding.rated() {
            let Shape {
                x,
                y,
                width,
                height,
                ref bits,
                ..
            } = rated.shape;
            let iou = best(&rated.shape, self.truth, &areas);
            for number in rated.numbers.iter().chain([&iou]) {
                out.write_all(&number.to_le_bytes())?;
            }
            for number in [x, y, width, height] {
                out.write_all(&(number as u32).to_le_bytes())?;
            }
            let bits: Vec<u8> = bits.iter().map(|bit| u8::from(*bit)).collect();
            out.write_all(&bits)?;
        }
        Ok(finding.embeddings().to_vec())
    }
}

fn areas(labels: &Labels) -> BTreeMap<u32, usize> {
    labels
        .objects(1)
        .iter()
        .map(|object| (object.id, object.area))
        .collect()
}

/// The largest IoU with a true object.
fn best(shape: &Shape, truth: &Labels, areas: &BTreeMap<u32, usize>) -> f32 {
    let mut common = BTreeMap::<u32, usize>::new();
    for (i, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
        let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
        let id = truth.ids[y * truth.width + x];
        if id > 0 {
            *common.entry(id).or_default() += 1;
        }
    }
    let iou = |(id, common): (&u32, &usize)| {
        let area = areas.get(id).copied().unwrap_or(0);
        *common as f32 / (area + shape.area - common) as f32
    };
    common.iter().map(iou).fold(0.0, f32::max)
}
