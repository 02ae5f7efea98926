//! What the networks of `src/finder` learn from, and how well they find: `tests/fixtures/finder_unet.py`
//! and `finder_prior.py` run it.
//!
//! A line of standard input is a task: image, labels, number of examples, seed (0: `NAME_examples_N.png`
//! beside the labels where it is there), the files of the ranking network and of the U-Net, what is
//! asked for, and the file to write: `planes` (the tiles as the U-Net sees them), `shapes` (their numbers
//! and IoUs), or `found` (the agreement of what is found with the labels). Images of one file in a row
//! are encoded once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;

use graysam::agreement::agreement;
use graysam::device::{self, DeviceChoice};
use graysam::finder::Suggestion;
use graysam::finder::choose::THRESHOLD;
use graysam::finder::finding::Given;
use graysam::finder::lesson::Learned;
use graysam::finder::network::Network;
use graysam::finder::propose::{self, Scope};
use graysam::finder::unet::UNet;
use graysam::finder::view::{Shades, Tiling, View};
use graysam::finder::{Finder, Finding};
use graysam::image::decode::{self, Rgb};
use graysam::image::display::{self, Display};
use graysam::image::labels::Labels;
use graysam::image::part::Part;
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
        let [image, labels, count, seed, network, unet, ask, out] = words[..] else {
            return Err("a task has eight words".into());
        };
        let network = Network::read(&std::fs::read(network)?)?;
        let unet = UNet::read(&std::fs::read(unet)?)?;
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
            unet: &unet,
        };
        let mut file = BufWriter::new(std::fs::File::create(out)?);
        let embeddings = match ask {
            "planes" => task.planes(&predictor, &mut file).map(|()| embeddings)?,
            "shapes" => task.shapes(&predictor, &mut file).map(|()| embeddings)?,
            "found" => task.found(&predictor, embeddings, &mut file)?,
            _ => return Err("planes, shapes or found is asked for".into()),
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
    unet: &'a UNet,
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
        Ok(finding.ranked_by(self.network.clone(), self.unet.clone()))
    }

    /// What is learned of the examples.
    fn learned(&self, predictor: &Predictor) -> Result<Learned, Failure> {
        let mut finding = self.finding(Vec::new())?;
        while finding.finder().objects() == 0 {
            device::block_on(finding.advance(predictor, self.shown))?;
        }
        Ok(finding.finder().learned().ok_or("nothing was learned")?)
    }

    /// How the image is divided, and its tiles.
    fn tiles(&self, learned: &Learned) -> (Tiling, Vec<(Part, View)>) {
        let size = (self.truth.width, self.truth.height);
        let tiling = Tiling::new(size, learned.sizes.diameter);
        let shades = Shades::of(self.shown);
        let view = |core: Part| {
            let part = tiling.with_margins(&core);
            (core, View::new(self.shown, part, shades, tiling.scale))
        };
        (tiling, tiling.cores().into_iter().map(view).collect())
    }

    /// Writes of each tile its width and height, the diameter of objects in its pixels, 1 where they are
    /// bright or -1, then image, foreground and labels.
    fn planes(&self, predictor: &Predictor, out: &mut impl Write) -> Result<(), Failure> {
        let learned = self.learned(predictor)?;
        let (tiling, views) = self.tiles(&learned);
        let diameter = tiling.diameter * tiling.scale;
        for (_, view) in views {
            let foreground = learned.foreground.plane(&view.plane, diameter);
            let labels = view.labels(&self.truth.ids, self.truth.width);
            let size = [view.plane.width, view.plane.height].map(|n| (n as u32).to_le_bytes());
            let planes = view.plane.values.iter().chain(&foreground.values);
            let numbers = [diameter, learned.typical.sign];
            let numbers = numbers.iter().chain(planes).map(|x| x.to_le_bytes());
            let labels = labels.into_iter().map(u32::to_le_bytes);
            for bytes in size.into_iter().chain(numbers).chain(labels) {
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    /// Writes the numbers of all shapes, or of each so many-th, with their IoUs.
    fn shapes(&self, predictor: &Predictor, out: &mut impl Write) -> Result<(), Failure> {
        let learned = self.learned(predictor)?;
        let (tiling, views) = self.tiles(&learned);
        let areas = areas(self.truth);
        let mut rows = Vec::new();
        for (core, view) in &views {
            let scope = Scope {
                instances: &[],
                about: None,
                view,
                core,
                learned: &learned,
                network: self.network,
                unet: self.unet,
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

    /// Writes how well what is suggested agrees with the labels besides the examples.
    fn found(
        &self,
        predictor: &Predictor,
        embeddings: Vec<Embedding>,
        out: &mut impl Write,
    ) -> Result<Vec<Embedding>, Failure> {
        let mut finding = self.finding(embeddings)?;
        while device::block_on(finding.advance(predictor, self.shown))?.is_some() {}
        let embeddings = finding.embeddings().to_vec();
        let mut found = Labels::empty((self.truth.width, self.truth.height));
        let (suggestions, _) = finding.finish()?;
        let sure = suggestions.iter().filter(|one| one.sureness >= THRESHOLD);
        for (Suggestion { shape, .. }, id) in sure.zip(1..) {
            for (row, y) in shape.bits.chunks_exact(shape.width).zip(shape.y..) {
                let ids = found.ids[y * found.width + shape.x..].iter_mut();
                ids.zip(row)
                    .filter(|(_, bit)| **bit)
                    .for_each(|(own, _)| *own = id);
            }
        }
        let agreement = agreement(self.truth, &found, Some(self.examples))?;
        serde_json::to_writer(out, &agreement)?;
        Ok(embeddings)
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
