//! `graysam import`.

use std::path::{Path, PathBuf};

use clap::Args;
use graysam::annotation::source::ImageSource;
use graysam::image::labels::Labels;
use graysam::{Result, annotation};

use super::files::{file_name, folder_below, in_file, read, write_labels};
use super::options::{ImageOption, MaskOptions, PageOption};

/// Write the objects that a file of annotations has for an image as a label image
///
/// What of the file cannot be read is told on stderr.
#[derive(Args)]
pub struct Import {
    /// File of COCO, GeoJSON, ImageJ ROIs (.roi or .zip), Label Studio or CVAT; or a label image, such as a DICOM
    /// segmentation
    #[arg(long, alias = "coco")]
    annotations: PathBuf,
    #[command(flatten)]
    image: ImageOption,
    #[command(flatten)]
    page: PageOption,
    #[command(flatten)]
    mask: MaskOptions,
    /// PNG or TIFF file to write, by its ending
    #[arg(long)]
    out: PathBuf,
}

impl Import {
    pub fn run(&self) -> Result<()> {
        let image = &self.image.image;
        let page = self.page.open(image)?;
        let folder = folder_below(image, Path::new(""));
        let source = ImageSource::of(&file_name(image), &folder, &page);
        let size = page.picture.size();
        let file = read(&self.annotations)?;
        if !annotation::is_annotation(&file) && Labels::is_image(&file) {
            let labels = self
                .mask
                .open_labels(&self.annotations, page.page, page.pages)?;
            labels
                .check_size(size)
                .map_err(in_file(&self.annotations))?;
            return write_labels(&self.out, &labels, page.pixel_size);
        }
        let found = annotation::read(&file, &source, size);
        let found = found.map_err(in_file(&self.annotations))?;
        if !found.left_out.is_empty() {
            eprintln!("{}: {}", self.annotations.display(), found.left_out);
        }
        write_labels(&self.out, &found.labels, page.pixel_size)
    }
}
