//! CVAT's XML, for images and for videos.

use roxmltree::{Document, Node, ParsingOptions};

use super::left_out::Reason;
use super::matching::{NamedImage, find};
use super::outline::{Outline, Ring};
use super::reading::{Entry, Gathered};
use super::source::ImageSource;
use crate::error::{Error, Result};

/// Reads the shapes of the image, or of the frame that is its page.
///
/// # Errors
/// When the text is no such XML, or has no such image.
pub(super) fn read(
    text: &[u8],
    source: &ImageSource,
    (width, height): (usize, usize),
) -> Result<Gathered> {
    let wrong = |why: String| {
        Error::new(format!(
            "This is not a file of CVAT that can be read ({why}); export it from CVAT as “CVAT for \
             images” or COCO."
        ))
    };
    let text = std::str::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
    let options = ParsingOptions {
        // Each becomes some 50 bytes.
        nodes_limit: 20_000_000,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options);
    let document = document.map_err(|error| wrong(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "annotations" {
        return Err(wrong(format!("it is {}", root.tag_name().name())));
    }
    let mut gathered = Gathered::default();
    for label in root.descendants().filter(|node| node.has_tag_name("label")) {
        let child = |name: &str| label.children().find(|node| node.has_tag_name(name));
        let text = |name: &str| child(name).and_then(|node| node.text());
        if let Some(name) = text("name") {
            gathered.class_named(name, text("color").unwrap_or_default());
        }
    }
    let images: Vec<Node> = root
        .children()
        .filter(|node| node.has_tag_name("image"))
        .collect();
    let shapes: Vec<(Node, Option<&str>)> = if images.is_empty() {
        frame(root, source.page)
    } else {
        let named = images.iter().map(|image| NamedImage {
            path: image.attribute("name").unwrap_or_default().to_owned(),
            ..NamedImage::default()
        });
        let image = images[find(&named.collect::<Vec<_>>(), source)?];
        let side = |name: &str| {
            image
                .attribute(name)
                .and_then(|side| side.parse::<usize>().ok())
        };
        if let (Some(w), Some(h)) = (side("width"), side("height"))
            && (w, h) != (width, height)
        {
            return Err(Error::new(format!(
                "The file is of an image of {w} × {h} pixels but this one is {width} × {height}: they must be of one size."
            )));
        }
        let shapes = image.children().filter(Node::is_element);
        shapes
            .map(|shape| (shape, shape.attribute("label")))
            .collect()
    };
    for (shape, label) in shapes {
        // A tag is of the whole image.
        if shape.has_tag_name("tag") {
            continue;
        }
        let entry = outline(shape).map(|outline| Entry {
            class: label.map(|name| gathered.class_named(name, "")),
            name: name(shape),
            ..Entry::of(outline)
        });
        gathered.add(entry);
    }
    Ok(gathered)
}

/// The shapes of a frame of a video, with their tracks' labels.
fn frame<'a>(root: Node<'a, 'a>, frame: usize) -> Vec<(Node<'a, 'a>, Option<&'a str>)> {
    let tracks = root.children().filter(|node| node.has_tag_name("track"));
    let shapes = tracks.flat_map(|track| {
        let shapes = track.children().filter(Node::is_element);
        shapes.map(move |shape| (shape, track.attribute("label")))
    });
    let here = |shape: &Node| {
        let number = shape
            .attribute("frame")
            .and_then(|frame| frame.parse::<usize>().ok());
        number == Some(frame) && shape.attribute("outside") != Some("1")
    };
    shapes.filter(|(shape, _)| here(shape)).collect()
}

/// What an attribute of the name “name” says.
fn name(shape: Node) -> String {
    let mut attributes = shape
        .children()
        .filter(|node| node.has_tag_name("attribute"));
    let found = attributes.find(|node| node.attribute("name") == Some("name"));
    let text = found.and_then(|node| node.text());
    text.unwrap_or_default().to_owned()
}

fn outline(shape: Node) -> std::result::Result<Outline, Reason> {
    let number = |name: &str| -> std::result::Result<f64, Reason> {
        let text = shape.attribute(name).ok_or(Reason::Unreadable)?;
        text.trim().parse().map_err(|_| Reason::Unreadable)
    };
    let whole = |name: &str| number(name).map(|number| number as usize);
    let angle = number("rotation").unwrap_or(0.0);
    match shape.tag_name().name() {
        "polygon" => {
            let points = shape.attribute("points").ok_or(Reason::NoShape)?;
            let corner = |text: &str| {
                let (x, y) = text.split_once(',')?;
                Some([x.trim().parse().ok()?, y.trim().parse().ok()?])
            };
            let ring: Option<Ring> = points.split(';').map(corner).collect();
            Ok(Outline::polygon(ring.ok_or(Reason::Unreadable)?))
        }
        "box" => {
            let [x0, y0] = [number("xtl")?, number("ytl")?];
            let [x1, y1] = [number("xbr")?, number("ybr")?];
            Ok(turned_box([x0, y0], [x1, y1], angle))
        }
        "ellipse" => {
            let centre = [number("cx")?, number("cy")?];
            Ok(Outline::ellipse(
                centre,
                [number("rx")?, number("ry")?],
                angle,
            ))
        }
        "mask" => {
            let rle = shape.attribute("rle").ok_or(Reason::NoShape)?;
            let runs = rle.split(',').map(|run| run.trim().parse().ok());
            let runs: Option<Vec<usize>> = runs.collect();
            Ok(Outline::Rows {
                x: whole("left")?,
                y: whole("top")?,
                width: whole("width")?,
                runs: runs.ok_or(Reason::Unreadable)?,
            })
        }
        "polyline" | "points" | "skeleton" | "cuboid" => Err(Reason::NoArea),
        _ => Err(Reason::Unreadable),
    }
}

/// A box is turned about its centre.
fn turned_box([x0, y0]: [f64; 2], [x1, y1]: [f64; 2], angle: f64) -> Outline {
    let (sin, cos) = angle.to_radians().sin_cos();
    let (dx, dy) = ((x1 - x0) / 2.0, (y1 - y0) / 2.0);
    let corner = match angle {
        0.0 => [x0, y0],
        _ => [
            x0 + dx - (dx * cos - dy * sin),
            y0 + dy - (dx * sin + dy * cos),
        ],
    };
    Outline::rectangle(corner, [x1 - x0, y1 - y0], angle)
}
