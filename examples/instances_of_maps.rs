//! What is made of given maps, for `tests/python/test_instances_of_maps.py`, which holds it to
//! micro-sam's.
//!
//! `instances_of_maps MODEL IMAGE MAPS FOLDER`: MAPS has the foreground, the distance to the centre and
//! to the border of each pixel, as little-endian f32 in three planes. Writes ais.tif, apg.tif and
//! embedding.f32 into the folder.

use std::path::Path;

use graysam::device::{self, DeviceChoice};
use graysam::image::decode;
use graysam::image::display::{self, Display};
use graysam::instances::search::{InstanceSearch, InstanceSettings, Method};
use graysam::instances::{Levels, Maps, segment};
use graysam::model::Precision;
use graysam::predictor::Predictor;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, image, maps, folder] = &arguments[..] else {
        return Err("usage: instances_of_maps MODEL IMAGE MAPS FOLDER".into());
    };
    let device = device::block_on(device::open(DeviceChoice::parse("cpu")?))?.device;
    let file = std::io::BufReader::new(std::fs::File::open(model)?);
    let predictor = Predictor::open(file, &device, Precision::default(), &mut |_| ())?;
    let page = decode::open(std::io::Cursor::new(std::fs::read(image)?), 0)?;
    let image = display::to_rgb(&page.picture, &Display::of(&page))?;
    let (size, folder) = ((image.width, image.height), Path::new(folder));
    let settings = InstanceSettings::default();
    let maps = read(maps, size)?;

    let watershed = segment(maps.clone(), Levels::default(), settings.min_size);
    std::fs::write(folder.join("ais.tif"), watershed.to_tiff(None)?)?;

    let mut encoding = predictor.begin_encoding(&image);
    let embedding = loop {
        if let Some(embedding) = device::block_on(predictor.advance(&mut encoding))? {
            break embedding;
        }
    };
    let values = device::block_on(device::read(embedding.features()))?;
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    std::fs::write(folder.join("embedding.f32"), bytes)?;
    let mut search = InstanceSearch::of_maps(maps, embedding, Method::Prompts, settings)?;
    while device::block_on(search.advance(&predictor, &image))? {}
    std::fs::write(folder.join("apg.tif"), search.finish()?.to_tiff(None)?)?;
    Ok(())
}

fn read(path: &str, (width, height): (usize, usize)) -> Result<Maps, Failure> {
    let bytes = std::fs::read(path)?;
    let values: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(f32::from_le_bytes)
        .collect();
    let [foreground, centre, border] = values.chunks_exact(width * height).collect::<Vec<_>>()[..]
    else {
        return Err("the maps are not three planes of the image's size".into());
    };
    Ok(Maps {
        width,
        height,
        foreground: foreground.to_vec(),
        centre: centre.to_vec(),
        border: border.to_vec(),
    })
}
