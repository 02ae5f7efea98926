//! `graysam import`.

use std::path::PathBuf;

use clap::Args;
use graysam::Result;
use graysam::annotation::coco;
use graysam::image::labels::Labels;

use super::files::{file_name, in_file, read, write};
use super::options::{ImageOption, PageOption};

/// Write the objects that a COCO file has for an image as a 16-bit label image
#[derive(Args)]
pub struct Import {
    /// COCO file
    #[arg(long)]
    coco: PathBuf,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    page: PageOption,
    /// PNG file to write
    #[arg(long)]
    out: PathBuf,
}

impl Import {
    pub fn run(&self) -> Result<()> {
        let image = &self.image.image;
        let (width, height) = self.page.open(image)?.picture.size();
        let found = coco::read(&read(&self.coco)?, &file_name(image), (width, height));
        let ids = found.map_err(in_file(&self.coco))?.ids;
        write(&self.out, &Labels { width, height, ids }.to_png()?)
    }
}
