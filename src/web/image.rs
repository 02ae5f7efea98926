//! The open image, and how the page shows it.

use js_sys::{Array, Uint8Array};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::engine::{Engine, reader};
use super::types::{Display, FileDisplay, ImageInfo, JsResult, read};
use crate::error::{Error, Result};
use crate::image::decode::{self, Composite, Gray, Page, Picture};
use crate::image::display::{self, Shown};
use crate::image::levels::{self, Levels};
use crate::image::part::Pyramid;
use crate::image::planes::{self, ChannelChoice};
use crate::image::pyramid::{Plane, sampled};
use crate::image::voi::Voi;
use crate::image::{encode, resize, sample};
use crate::predictor::Predictor;

pub(super) struct Image {
    pub picture: Picture,
    levels: Levels,
    /// The file's own ways to show it.
    voi: Vec<Voi>,
}

impl Image {
    /// What the page wants to see of it.
    pub fn display(&self, wanted: &Ts<Display>) -> Result<display::Display> {
        let display = read(wanted, "display settings")?.of_file(&self.voi);
        if let Picture::Composite(Composite {
            together: false, ..
        }) = self.picture
        {
            // Each channel has a window of its own.
            return Ok(display);
        }
        Ok(display::Display {
            window: display.window.fixed(&self.levels),
            ..display
        })
    }
}

#[wasm_bindgen]
impl Engine {
    /// Opens channels of a page of an image file. The image before it stays if this fails.
    pub fn open_image(
        &self,
        file: Blob,
        page: usize,
        channels: Ts<ChannelChoice>,
    ) -> JsResult<Ts<ImageInfo>> {
        let page = open(Some(file), page, &channels_of(&channels)?)?;
        Ok(self.put_image(page).into_ts()?)
    }

    /// Opens the bundled sample.
    pub fn open_sample(&self) -> JsResult<Ts<ImageInfo>> {
        let page = open(None, 0, &ChannelChoice::Own)?;
        Ok(self.put_image(page).into_ts()?)
    }

    /// The displayed image in 8 bits, at its own size, at half, at a quarter and so on, down to
    /// the first that is no larger than `side`: grays, to be shown in `colours`, or RGB.
    #[wasm_bindgen(unchecked_return_type = "Uint8Array<ArrayBuffer>[]")]
    pub fn render(&self, display: Ts<Display>, side: usize) -> JsResult<Array> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let (width, height) = image.picture.size();
        let pixels = match &image.picture {
            Picture::Gray(gray) => display::to_grays(gray, &image.display(&display)?)?.into(),
            Picture::Rgb(rgb) => rgb.pixels.as_slice().into(),
            picture @ Picture::Composite(_) => display::to_rgb(picture, &image.display(&display)?)?
                .pixels
                .into(),
        };
        let mut plane = Plane {
            width,
            height,
            pixels,
        };
        let planes = Array::new();
        loop {
            planes.push(&Uint8Array::from(&*plane.pixels));
            if plane.width.max(plane.height) <= side.max(1) {
                return Ok(planes);
            }
            plane = plane.halved();
        }
    }

    /// The grays of a part of the image, sampled at every `step`-th pixel of every `step`-th row,
    /// for as long as the display changes: of those pixels the columns and rows from the first to
    /// one past the last. Of several channels RGB; nothing of an image in colour.
    pub fn render_part(
        &self,
        display: Ts<Display>,
        step: usize,
        columns: &[usize],
        rows: &[usize],
    ) -> JsResult<Vec<u8>> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let ([x0, x1], [y0, y1]) = (columns, rows) else {
            return Ok(Vec::new());
        };
        let part = |gray: &Gray| sampled(gray, step, *x0..*x1, *y0..*y1);
        let display = image.display(&display)?;
        Ok(match &image.picture {
            Picture::Gray(gray) => display::to_grays(&part(gray), &display)?,
            Picture::Composite(composite) => {
                let parts = Picture::Composite(Composite {
                    channels: composite
                        .channels
                        .each_ref()
                        .map(|gray| gray.as_ref().map(part)),
                    ..*composite
                });
                display::to_rgb(&parts, &display)?.pixels
            }
            Picture::Rgb(_) => Vec::new(),
        })
    }

    /// RGB of each of 256 grays; `undefined` where the image is in colour.
    pub fn colours(&self, display: Ts<Display>) -> JsResult<Option<Vec<u8>>> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        Ok(match image.picture {
            Picture::Gray(_) => Some(image.display(&display)?.colormap.colours().concat()),
            Picture::Rgb(_) | Picture::Composite(_) => None,
        })
    }

    /// The side of the parts in which objects whose longer side is `extent` pixels are seen well in
    /// the open image; 0: the whole image.
    pub fn suited_side(&self, extent: f32) -> JsResult<usize> {
        let size = self.image_size()?;
        Ok(Pyramid { size }.suited(extent))
    }

    /// A small picture of channels of a page of a file, or of the bundled sample, in the display that
    /// it is opened with: a PNG file, `side` pixels on the longer side.
    pub fn thumbnail(
        &self,
        file: Option<Blob>,
        page: usize,
        channels: Ts<ChannelChoice>,
        side: usize,
    ) -> JsResult<Vec<u8>> {
        let page = open(file, page, &channels_of(&channels)?)?;
        let (width, height) = page.picture.size();
        let (width, height) = resize::longest_side(width, height, side);
        let shown = Shown::new(&page.picture, &display::Display::of(&page))?;
        let small = resize::bilinear_antialias(&shown, width, height);
        Ok(encode::png_rgb(&small)?)
    }
}

impl Engine {
    fn put_image(&self, page: Page) -> ImageInfo {
        let Page {
            picture,
            page,
            pages,
            window,
            invert,
            pixel_size,
            channels,
            axes,
            voi,
            ..
        } = page;
        let levels = match &picture {
            Picture::Gray(gray) => levels::levels(gray),
            Picture::Rgb(rgb) => levels::levels_rgb(rgb),
            Picture::Composite(composite) => levels::levels_composite(composite),
        };
        let (width, height) = picture.size();
        let info = ImageInfo {
            width,
            height,
            kind: (&picture).into(),
            min: levels.min,
            max: levels.max,
            low: levels.low,
            high: levels.high,
            full_min: levels.full_min,
            full_max: levels.full_max,
            histogram: levels.histogram.to_vec(),
            page,
            pages,
            window,
            invert,
            pixel_size,
            channels,
            axes,
            place: axes.map(|axes| axes.place(page)),
            voi: FileDisplay::all(&voi),
        };
        // Without a model there is none.
        let _ = self.with_predictor_now(Predictor::drop_embeddings);
        self.image.replace(Some(Image {
            picture,
            levels,
            voi,
        }));
        info
    }

    /// Width and height of the open image.
    pub(super) fn image_size(&self) -> Result<(usize, usize)> {
        let image = self.image.borrow();
        Ok(image.as_ref().ok_or_else(no_image)?.picture.size())
    }
}

/// The channels that the page gives.
fn channels_of(wanted: &Ts<ChannelChoice>) -> Result<ChannelChoice> {
    read(wanted, "a choice of channels")
}

/// Channels of a page of a file, or of the bundled sample where there is none.
pub(super) fn open(file: Option<Blob>, page: usize, channels: &ChannelChoice) -> Result<Page> {
    match file {
        Some(file) => decode::open_channels(reader(&file)?, page, channels),
        None => {
            let sample = Picture::Gray(sample::nuclei().0);
            Ok(Page::only(planes::choose(sample, channels)?))
        }
    }
}

pub(super) fn no_image() -> Error {
    Error::new("There is no image yet: open one first.")
}
