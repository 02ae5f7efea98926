//! TIFF files by their specification (TIFF 6.0, BigTIFF, and the tags of GDAL, ImageJ and OME).
//!
//! This reader is our own: the crate `tiff` ignores the order of bits, tiles that are left out, palettes
//! and samples packed across bytes, turns values round and reads whole chains of pages.

mod chunks;
mod codecs;
mod colour;
mod directory;
mod layout;
mod metadata;
mod values;
mod whole;

use std::io::{Read, Seek};

use self::directory::{Container, Directory};
use self::layout::{CMYK, Format, Layout, PALETTE, WHITE_IS_ZERO, YCBCR};
use self::metadata::Description;
use super::channels::{gray, in_colour, picture_u8};
use super::decode::{
    Composite, Gray, Page, Picture, Samples, Source, check_page, damaged, unsupported,
};
use super::planes::{self, Axes, ChannelChoice};
use crate::error::Result;

pub use self::directory::is_tiff;
pub use self::values::Values;

const NAME: &str = "TIFF";

/// The numbers of a page as stored: not turned round, not scaled, indices of a palette.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPlane {
    pub width: usize,
    pub height: usize,
    /// Samples of a pixel without alpha: 1 of a plain or indexed image.
    pub channels: usize,
    /// `width × height × channels` numbers, row-major, interleaved.
    pub values: Values,
    /// How many pages the file has.
    pub pages: usize,
    /// Whether JPEG may have changed the numbers.
    pub lossy: bool,
}

/// A page with what the file says of all its pages.
struct Opened<'a> {
    file: Container<'a>,
    description: Description,
    /// Where the pages' directories lie: one of all where only the first has one.
    places: Vec<u64>,
    pages: usize,
    /// Bytes of a page without a directory of its own.
    step: u64,
    directory: Directory,
    layout: Layout,
}

/// Reads page `page`, from 0. WhiteIsZero only tells how the values are shown.
pub(super) fn read(source: &mut dyn Source, page: usize, choice: &ChannelChoice) -> Result<Page> {
    let mut opened = Opened::open(source, page)?;
    let nodata = opened.nodata();
    let axes = opened.description.axes(opened.pages);
    let own = opened.layout.channels.len();
    let (picture, channels) = match axes {
        Some(axes) if own == 1 && axes.channels > 1 => {
            let names = opened.description.names(axes.channels);
            (opened.of_pages(page, &axes, choice, nodata)?, names)
        }
        _ if opened.layout.is_converted() || own == 1 => {
            let picture = opened.picture(nodata)?;
            let names = planes::names(&picture);
            (planes::choose(picture, choice)?, names)
        }
        _ => {
            choice.check(own)?;
            let names = opened.description.names(own);
            let names = opened.layout.names(names);
            (opened.of_samples(choice, nodata)?, names)
        }
    };
    let Opened {
        file,
        directory,
        layout,
        description,
        pages,
        ..
    } = &mut opened;
    Ok(Page {
        page,
        pages: *pages,
        invert: layout.photometric == WHITE_IS_ZERO,
        pixel_size: metadata::pixel_size(file, directory, description),
        absent: nodata.map(|value| [value as f32; 2]),
        channels,
        axes,
        ..Page::only(picture)
    })
}

/// The numbers of page `page`, from 0, as they are stored.
///
/// # Errors
/// Those of [`read`].
pub fn stored(source: &mut (impl Read + Seek), page: usize) -> Result<StoredPlane> {
    let mut opened = Opened::open(source, page)?;
    let fill = opened.nodata();
    let Opened { file, layout, .. } = &mut opened;
    Ok(StoredPlane {
        width: layout.width,
        height: layout.height,
        channels: layout.channels.len(),
        values: chunks::decode(file, layout, &layout.channels, fill)?,
        lossy: layout.is_lossy(),
        pages: opened.pages,
    })
}

impl<'a> Opened<'a> {
    fn open(source: &'a mut dyn Source, page: usize) -> Result<Self> {
        let mut file = Container::open(source)?;
        let places = file.pages()?;
        let directory = file.directory(places[0])?;
        // What describes a stack stands on its first page.
        let description = Description::read(&mut file, &directory);
        let (mut pages, mut step) = (places.len(), 0);
        if let (1, Some(images)) = (pages, description.images)
            && let Ok(layout) = Layout::read(&mut file, &directory)
            && let Some(length) = layout.contiguous()
            && let Some(all) = length.checked_mul(images as u64)
            && let Some(end) = layout.offsets[0].checked_add(all)
            && end <= file.length
        {
            // ImageJ describes only the first page of a stack of more than 4 GB.
            (pages, step) = (images, length);
        }
        check_page(page, pages)?;
        let (directory, layout) = page_at(&mut file, &places, step, page)?;
        Ok(Self {
            file,
            description,
            places,
            pages,
            step,
            directory,
            layout,
        })
    }

    /// Takes a page that there is.
    fn turn_to(&mut self, page: usize) -> Result<()> {
        let (directory, layout) = page_at(&mut self.file, &self.places, self.step, page)?;
        (self.directory, self.layout) = (directory, layout);
        Ok(())
    }

    /// Channels of which each has a page.
    fn of_pages(
        &mut self,
        page: usize,
        axes: &Axes,
        choice: &ChannelChoice,
        fill: Option<f64>,
    ) -> Result<Picture> {
        choice.check(axes.channels)?;
        let mut channels = [const { None }; 3];
        let chosen = match choice {
            ChannelChoice::Own => return self.picture(fill),
            ChannelChoice::One(channel) => {
                self.turn_to(axes.with_channel(page, *channel))?;
                return self.picture(fill);
            }
            ChannelChoice::Composite(chosen) => chosen,
        };
        for (plane, channel) in channels.iter_mut().zip(chosen) {
            if let Some(channel) = channel {
                self.turn_to(axes.with_channel(page, *channel))?;
                let Picture::Gray(gray) = self.picture(fill)? else {
                    return Err(unsupported(NAME, "channels in colour"));
                };
                *plane = Some(gray);
            }
        }
        let mut sizes = channels
            .iter()
            .flatten()
            .map(|gray| (gray.width, gray.height));
        let first = sizes.next();
        if sizes.any(|size| Some(size) != first) {
            return Err(damaged(NAME, "its channels are of different sizes"));
        }
        let together = false;
        Ok(Picture::Composite(Composite { channels, together }))
    }

    /// Channels that each pixel has.
    fn of_samples(&mut self, choice: &ChannelChoice, fill: Option<f64>) -> Result<Picture> {
        let Self { file, layout, .. } = self;
        let (width, height) = (layout.width, layout.height);
        let sample = |channel: usize| layout.channels.get(channel).copied().unwrap_or(0);
        let chosen = match choice {
            ChannelChoice::Own => return self.picture(fill),
            ChannelChoice::One(channel) => {
                let values = chunks::decode(file, layout, &[sample(*channel)], fill)?;
                return Ok(gray(width, height, values.into_samples()));
            }
            ChannelChoice::Composite(chosen) => chosen,
        };
        let mut channels = [const { None }; 3];
        for (plane, channel) in channels.iter_mut().zip(chosen) {
            if let Some(channel) = channel {
                let values = chunks::decode(file, layout, &[sample(*channel)], fill)?;
                let samples = values.into_samples();
                *plane = Some(Gray {
                    width,
                    height,
                    samples,
                });
            }
        }
        let together = false;
        Ok(Picture::Composite(Composite { channels, together }))
    }

    /// The value that GDAL writes where there is none.
    fn nodata(&mut self) -> Option<f64> {
        const GDAL_NODATA: u16 = 42113;
        let text = self.file.text(&self.directory, GDAL_NODATA)?;
        text.trim().parse().ok()
    }

    fn picture(&mut self, fill: Option<f64>) -> Result<Picture> {
        let Self {
            file,
            directory,
            layout,
            ..
        } = self;
        let (width, height) = (layout.width, layout.height);
        let channels = layout.channels.clone();
        match (layout.photometric, &channels[..]) {
            (PALETTE, [only]) => {
                let indices = chunks::decode(file, layout, &[*only], None)?;
                colour::palette(file, directory, layout, &indices)
            }
            (YCBCR, [r, g, b, ..]) => {
                let mut pixels = bytes(chunks::decode(file, layout, &[*r, *g, *b], None)?)?;
                colour::ycbcr(file, directory, &mut pixels);
                Ok(picture_u8(width, height, pixels, 3))
            }
            (CMYK, [c, m, y, k]) => {
                let inks = bytes(chunks::decode(file, layout, &[*c, *m, *y, *k], None)?)?;
                Ok(picture_u8(width, height, colour::cmyk(&inks), 3))
            }
            (_, [r, g, b, ..]) if layout.is_rgb() && layout.is_short() => {
                let pixels = bytes(chunks::decode(file, layout, &[*r, *g, *b], fill)?)?;
                Ok(picture_u8(width, height, widened(pixels, layout), 3))
            }
            (_, [r, g, b, ..]) if layout.is_rgb() => {
                let planes = chunks::decode_planes(file, layout, [*r, *g, *b], fill)?;
                Ok(in_colour(width, height, planes.map(Values::into_samples)))
            }
            (_, [first, ..]) => {
                let values = chunks::decode(file, layout, &[*first], fill)?;
                let samples = match values.into_samples() {
                    Samples::U8(values) => Samples::U8(widened(values, layout)),
                    samples => samples,
                };
                Ok(gray(width, height, samples))
            }
            (_, []) => Err(unsupported(NAME, "nothing but alpha")),
        }
    }
}

/// The fields and the layout of a page, of which each lies `step` bytes behind the one before if only the
/// first has a directory.
fn page_at(
    file: &mut Container,
    places: &[u64],
    step: u64,
    page: usize,
) -> Result<(Directory, Layout)> {
    let place = places.get(page).or(places.last());
    let place = place.ok_or_else(|| damaged(NAME, "it has no page"))?;
    let directory = file.directory(*place)?;
    let mut layout = Layout::read(file, &directory)?;
    let shift = step.saturating_mul(page as u64);
    for offset in &mut layout.offsets {
        *offset = offset.saturating_add(shift);
    }
    Ok((directory, layout))
}

fn bytes(values: Values) -> Result<Vec<u8>> {
    match values {
        Values::U8(bytes) => Ok(bytes),
        _ => Err(unsupported(NAME, "YCbCr or CMYK of more than 8 bits")),
    }
}

/// Fewer than 8 bits as 0 to 255.
fn widened(mut values: Vec<u8>, layout: &Layout) -> Vec<u8> {
    if layout.bits < 8 && layout.format == Format::Unsigned {
        let largest = (1 << layout.bits) - 1;
        for value in &mut values {
            *value = ((u32::from(*value) * 510 + largest) / (2 * largest)) as u8;
        }
    }
    values
}
