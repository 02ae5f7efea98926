//! What ImageJ, OME and the resolution's tags tell of pages.

use roxmltree::{Document, Node};

use super::directory::{Container, DESCRIPTION, Directory};
use crate::image::pixel_size::PixelSize;
use crate::image::planes::Axes;

/// What the first page tells of all.
#[derive(Default)]
pub struct Description {
    text: Option<String>,
    /// How many pages follow each other without directories of their own.
    pub images: Option<usize>,
    axes: Option<Axes>,
    names: Vec<String>,
    pixel_size: Option<PixelSize>,
}

impl Description {
    pub fn read(file: &mut Container, first: &Directory) -> Self {
        let Some(text) = file.text(first, DESCRIPTION) else {
            return Self::default();
        };
        if text.starts_with("ImageJ=") {
            let images = imagej(&text, "images=").filter(|images| *images > 1);
            let axes = images.map(|images| imagej_axes(&text, images));
            return Self {
                text: Some(text),
                images,
                axes,
                ..Self::default()
            };
        }
        ome(&text).unwrap_or_default()
    }

    /// Of the pages, where there are as many as the axes say.
    pub fn axes(&self, pages: usize) -> Option<Axes> {
        self.axes
            .filter(|axes| axes.pages() == Some(pages) && pages > 1)
    }

    /// A name for each of so many channels; empty where none is told.
    pub fn names(&self, channels: usize) -> Vec<String> {
        let mut names = self.names.clone();
        names.resize(channels, String::new());
        names
    }
}

/// The number that ImageJ's description has for `key`.
fn imagej(text: &str, key: &str) -> Option<usize> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.trim().strip_prefix(key))?;
    value.parse().ok()
}

/// Channels change first, then slices; a stack that says nothing of them is one of slices.
fn imagej_axes(text: &str, images: usize) -> Axes {
    let size = |key| imagej(text, key).unwrap_or(1).max(1);
    let (channels, frames) = (size("channels="), size("frames="));
    let others = channels.saturating_mul(frames);
    Axes {
        channels,
        slices: imagej(text, "slices=").unwrap_or((images / others).max(1)),
        frames,
        order: ['C', 'Z', 'T'],
    }
}

fn named(name: &str) -> impl Fn(&Node) -> bool {
    move |node| node.tag_name().name() == name
}

/// Of OME's XML with one image, whose pages lie in this file in their order.
fn ome(text: &str) -> Option<Description> {
    let document = Document::parse(text).ok()?;
    if !named("OME")(&document.root_element()) {
        return None;
    }
    let mut all = document.descendants().filter(named("Pixels"));
    let (Some(pixels), None) = (all.next(), all.next()) else {
        return None;
    };
    let size = |key: &str| pixels.attribute(key)?.parse::<usize>().ok();
    let channels: Vec<Node> = pixels.children().filter(named("Channel")).collect();
    let samples = channels
        .first()
        .and_then(|channel| channel.attribute("SamplesPerPixel")?.parse::<usize>().ok());
    let mut order = pixels
        .attribute("DimensionOrder")?
        .strip_prefix("XY")?
        .chars();
    let axes = Axes {
        channels: size("SizeC")? / samples.unwrap_or(1).max(1),
        slices: size("SizeZ")?,
        frames: size("SizeT")?,
        order: [order.next()?, order.next()?, order.next()?],
    };
    let mut sorted = axes.order;
    sorted.sort_unstable();
    let mut parts = pixels.children().filter(named("TiffData"));
    let in_order = sorted == ['C', 'T', 'Z'] && parts.all(|part| is_in_order(&part, &axes));
    let name = |channel: &Node| channel.attribute("Name").unwrap_or_default().to_owned();
    let length = |size: &str, unit: &str| {
        let unit = pixels.attribute(unit).unwrap_or("µm");
        Some((pixels.attribute(size)?.parse().ok()?, unit))
    };
    let lengths = length("PhysicalSizeX", "PhysicalSizeXUnit")
        .zip(length("PhysicalSizeY", "PhysicalSizeYUnit"));
    Some(Description {
        axes: in_order.then_some(axes),
        names: channels.iter().map(name).collect(),
        pixel_size: lengths.and_then(|(x, y)| PixelSize::of_ome([x, y])),
        ..Description::default()
    })
}

/// Whether a piece of OME's list of pages has those that the order of the axes has.
fn is_in_order(part: &Node, axes: &Axes) -> bool {
    let number = |key: &str| {
        part.attribute(key)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let Some(page) = number("IFD") else {
        // Without a number the pages come one after the other, from the first.
        return true;
    };
    let first = ["FirstC", "FirstZ", "FirstT"].map(|key| number(key).unwrap_or(0));
    axes.place(page) == first
}

/// By OME's or ImageJ's description, or by the resolution's tags, whose unit ImageJ tells, too.
pub fn pixel_size(
    file: &mut Container,
    directory: &Directory,
    description: &Description,
) -> Option<PixelSize> {
    const X_RESOLUTION: u16 = 282;
    const Y_RESOLUTION: u16 = 283;
    const UNIT: u16 = 296;
    const INCH: u64 = 2;
    const CENTIMETRE: u64 = 3;
    if description.pixel_size.is_some() {
        return description.pixel_size;
    }
    let mut pixels = |tag| file.reals(directory, tag)?.first().copied();
    let pixels = [pixels(X_RESOLUTION)?, pixels(Y_RESOLUTION)?];
    if let Some(text) = &description.text
        && let Some(found) = PixelSize::of_imagej(text, pixels)
    {
        return Some(found);
    }
    match file.integer(directory, UNIT).ok()? {
        Some(INCH) => PixelSize::of_resolution(pixels, 25_400.0),
        Some(CENTIMETRE) => PixelSize::of_resolution(pixels, 1e4),
        _ => None,
    }
}
