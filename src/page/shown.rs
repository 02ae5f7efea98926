//! The open image as the page shows it.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::engine::{Engine, no_image};
use super::json::JsResult;
use crate::image::decode::Picture;
use crate::image::display;
use crate::image::pyramid::{Plane, sampled};

#[wasm_bindgen]
impl Engine {
    /// The displayed image in 8 bits, at its own size, at half, at a quarter and so on, down to
    /// the first that is no larger than `side`: grays, to be shown in `colours`, or RGB.
    pub fn render(&self, display: JsValue, side: usize) -> JsResult<Array> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let (width, height) = image.picture.size();
        let pixels = match &image.picture {
            Picture::Gray(gray) => display::to_grays(gray, &image.display(&display)?)?.into(),
            Picture::Rgb(rgb) => rgb.pixels.as_slice().into(),
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
    /// for as long as the display changes; see [`sampled`]. Nothing of an image in colour.
    pub fn render_part(
        &self,
        display: JsValue,
        step: usize,
        columns: &[usize],
        rows: &[usize],
    ) -> JsResult<Vec<u8>> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        let (Picture::Gray(gray), [x0, x1], [y0, y1]) = (&image.picture, columns, rows) else {
            return Ok(Vec::new());
        };
        let part = sampled(gray, step, *x0..*x1, *y0..*y1);
        Ok(display::to_grays(&part, &image.display(&display)?)?)
    }

    /// RGB of each of 256 grays; `undefined` where the image is in colour.
    pub fn colours(&self, display: JsValue) -> JsResult<Option<Vec<u8>>> {
        let image = self.image.borrow();
        let image = image.as_ref().ok_or_else(no_image)?;
        Ok(match image.picture {
            Picture::Gray(_) => Some(image.display(&display)?.colormap.colours().concat()),
            Picture::Rgb(_) => None,
        })
    }
}
