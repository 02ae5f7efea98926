//! Image files to samples: PNG, JPEG, TIFF, DICOM, BMP and WebP, told apart by content.

use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::channels::{picture_u8, picture_u16};
use super::pixel_size::PixelSize;
use super::planes::{self, Axes, ChannelChoice};
use super::voi::Voi;
use super::{content, dicom, jpeg, png, tiff};
use crate::error::{Error, Result};

/// Most pixels that are decoded: 128 megapixels.
pub const MAX_PIXELS: u64 = 128_000_000;

/// Longest side that is decoded, in pixels.
pub const MAX_SIDE: u32 = 32_768;

/// Four 16-bit channels.
const MAX_PIXEL_BYTES: u64 = 8;

/// Most memory a decoder may take.
pub(super) const MAX_BYTES: u64 = MAX_PIXELS * MAX_PIXEL_BYTES;

/// Bytes for what files hold besides pixels, such as colour profiles.
const BESIDE_PIXELS: u64 = 1 << 24;

/// How much of a file tells its format.
const BEGINNING: u64 = 1024;

/// Something to read and seek in: an image file where it lies.
pub trait Source: Read + Seek {}

impl<R: Read + Seek> Source for R {}

/// A grayscale image in the depth of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Gray {
    pub width: usize,
    pub height: usize,
    /// `width × height` values, row-major.
    pub samples: Samples,
}

/// The values of a grayscale image; larger is brighter.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    /// Floats and every integer type other than the two above, as stored (not scaled); integers
    /// beyond ±2²⁴ are rounded to the nearest `f32`.
    F32(Vec<f32>),
}

/// An 8-bit colour image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    pub width: usize,
    pub height: usize,
    /// `width × height × 3` values, interleaved, row-major.
    pub pixels: Vec<u8>,
}

impl Rgb {
    /// A black square.
    pub fn black(side: usize) -> Self {
        Self {
            width: side,
            height: side,
            pixels: vec![0; 3 * side * side],
        }
    }
}

/// Planes that are shown as red, green and blue, each through a window. At least one is there; all have
/// one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Composite {
    pub channels: [Option<Gray>; 3],
    /// Whether they are the colours of one picture, and so share a window.
    pub together: bool,
}

impl Composite {
    /// Those that are there.
    pub fn planes(&self) -> impl Iterator<Item = &Gray> {
        self.channels.iter().flatten()
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        let first = self.planes().next();
        first.map_or((0, 0), |gray| (gray.width, gray.height))
    }
}

/// A decoded image.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    Gray(Gray),
    /// Colour of 8 bits, shown as it is.
    Rgb(Rgb),
    /// Colour of more than 8 bits, or chosen channels.
    Composite(Composite),
}

impl Picture {
    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Picture::Gray(gray) => (gray.width, gray.height),
            Picture::Rgb(rgb) => (rgb.width, rgb.height),
            Picture::Composite(composite) => composite.size(),
        }
    }
}

/// One image of a file, and what the file says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub picture: Picture,
    /// Which of the file's images it is, from 0.
    pub page: usize,
    /// How many images the file holds: pages of a TIFF, frames of a DICOM.
    pub pages: usize,
    /// The values that the file would show as black and as white, if it says so.
    pub window: Option<[f32; 2]>,
    /// The ways in which the file would have its values shown, the first of them by default;
    /// `window` is the one that is most like it.
    pub voi: Vec<Voi>,
    /// Whether the file would show large values dark; `picture` holds them as they are.
    pub invert: bool,
    /// How large a pixel is, if the file says so and can be trusted.
    pub pixel_size: Option<PixelSize>,
    /// The least and the largest of the values that stand where the file has no pixels; these are NaN in
    /// an [`open`]ed page.
    pub absent: Option<[f32; 2]>,
    /// The names of the file's channels at this place, of which some may be empty.
    pub channels: Vec<String>,
    /// What the file's pages differ in, if it says so.
    pub axes: Option<Axes>,
}

impl Page {
    /// The only image of a file that says nothing of it.
    pub fn only(picture: Picture) -> Self {
        Self {
            channels: planes::names(&picture),
            picture,
            page: 0,
            pages: 1,
            window: None,
            voi: Vec::new(),
            invert: false,
            pixel_size: None,
            absent: None,
            axes: None,
        }
    }
}

/// The picture of a file's first [`open`]ed page.
///
/// # Errors
/// Those of [`open`].
pub fn decode(bytes: &[u8]) -> Result<Picture> {
    Ok(open(Cursor::new(bytes), 0)?.picture)
}

/// Decodes page `page`, from 0, of an image file to segment. Of a TIFF only that page is read; it may
/// be of any length.
///
/// A colour file with three equal channels everywhere is grayscale; alpha is dropped. An EXIF orientation
/// is applied, so masks are of the image as it is seen.
///
/// # Errors
/// If the file is empty, cut off, damaged, of another format or without such a page, if its header
/// declares fewer than 2 pixels a side, more than [`MAX_SIDE`] or more than [`MAX_PIXELS`], if all
/// pixels of a file's only page are equal; and if it cannot be read any more.
pub fn open(source: impl Read + Seek, page: usize) -> Result<Page> {
    open_channels(source, page, &ChannelChoice::Own)
}

/// [`open`] of chosen channels.
///
/// # Errors
/// Those of [`open`], and if there are no such channels.
pub fn open_channels(
    mut source: impl Read + Seek,
    page: usize,
    choice: &ChannelChoice,
) -> Result<Page> {
    let mut page = read_channels(&mut source, page, choice)?;
    content::leave_out(&mut page);
    content::check(&page)?;
    Ok(page)
}

/// [`open`] without a look at the pixel values, as label images need it.
pub(super) fn read(source: &mut dyn Source, page: usize) -> Result<Page> {
    read_channels(source, page, &ChannelChoice::Own)
}

fn read_channels(source: &mut dyn Source, page: usize, choice: &ChannelChoice) -> Result<Page> {
    let beginning = beginning(source).map_err(|error| unreadable(&error))?;
    if beginning.is_empty() {
        return Err(Error::new(
            "The file is empty; choose a PNG, JPEG, TIFF, DICOM, BMP or WebP image.",
        ));
    }
    // A file may be both, a slide for two kinds of programs.
    if dicom::is_dicom(&beginning) {
        let mut page = dicom::read(&mut &mut *source, page)?;
        page.channels = planes::names(&page.picture);
        page.picture = planes::choose(page.picture, choice)?;
        return Ok(page);
    }
    if tiff::is_tiff(&beginning) {
        return tiff::read(source, page, choice);
    }
    let (format, name) = match image::guess_format(&beginning) {
        Ok(format @ ImageFormat::Png) => (format, "PNG"),
        Ok(format @ ImageFormat::Jpeg) => (format, "JPEG"),
        Ok(format @ ImageFormat::Bmp) => (format, "BMP"),
        Ok(format @ ImageFormat::WebP) => (format, "WebP"),
        _ => {
            return Err(Error::new(
                "The content of the file is not a PNG, JPEG, TIFF, DICOM, BMP or WebP image, \
                 whatever its name; export the image in one of these formats.",
            ));
        }
    };
    check_page(page, 1)?;
    let bytes = whole(source, name)?;
    let pixel_size = match format {
        ImageFormat::Png => PixelSize::of_png(&bytes),
        _ => None,
    };
    let picture = read_as(&bytes, format, name)?;
    Ok(Page {
        pixel_size,
        channels: planes::names(&picture),
        ..Page::only(planes::choose(picture, choice)?)
    })
}

fn beginning(source: &mut dyn Source) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(0))?;
    source.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All bytes of a file that is not larger than any image of its format needs.
fn whole(source: &mut dyn Source, name: &str) -> Result<Vec<u8>> {
    let length = source
        .seek(SeekFrom::End(0))
        .map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let room = usize::try_from(length).ok();
    let room = room.filter(|_| length <= MAX_BYTES + BESIDE_PIXELS);
    if room.is_none_or(|length| bytes.try_reserve_exact(length).is_err()) {
        return Err(Error::new(format!(
            "The {name} file has {} MB, which is too much to be read whole; crop the image, or save \
             it as TIFF.",
            length / 1_000_000
        )));
    }
    source
        .seek(SeekFrom::Start(0))
        .and_then(|_| source.take(length).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// A JPEG file, or one within another.
pub(super) fn read_jpeg(bytes: &[u8]) -> Result<Picture> {
    read_as(bytes, ImageFormat::Jpeg, "JPEG")
}

fn read_as(bytes: &[u8], format: ImageFormat, name: &str) -> Result<Picture> {
    let most = check_header(format, bytes)?;
    if format == ImageFormat::Jpeg {
        return jpeg::read(bytes);
    }
    let bytes = match format {
        ImageFormat::Png => png::with_end(bytes),
        _ => bytes.into(),
    };
    read_format(&bytes, format, most).map_err(|failure| match failure {
        Failure::Size(error) => error,
        Failure::Decoder(error) => describe(name, &error),
    })
}

/// Refuses a page, from 0, that a file of so many does not have.
pub(super) fn check_page(page: usize, pages: usize) -> Result<()> {
    if page < pages {
        return Ok(());
    }
    let has = match pages {
        1 => "one image".to_owned(),
        _ => format!("{pages} pages"),
    };
    Err(Error::new(format!(
        "The file holds {has}, so there is no page {}.",
        page.saturating_add(1)
    )))
}

enum Failure {
    Size(Error),
    Decoder(ImageError),
}

/// `most` bytes may be taken in all.
fn read_format(
    bytes: &[u8],
    format: ImageFormat,
    most: u64,
) -> std::result::Result<Picture, Failure> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(Failure::Decoder)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height).map_err(Failure::Size)?;
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(Failure::Decoder)?;
    image.apply_orientation(turned);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let channels = usize::from(image.color().channel_count());
    Ok(match image {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_) => picture_u8(width, height, image.into_bytes(), channels),
        DynamicImage::ImageLuma16(i) => picture_u16(width, height, i.into_raw(), channels),
        DynamicImage::ImageLumaA16(i) => picture_u16(width, height, i.into_raw(), channels),
        DynamicImage::ImageRgb16(i) => picture_u16(width, height, i.into_raw(), channels),
        DynamicImage::ImageRgba16(i) => picture_u16(width, height, i.into_raw(), channels),
        other => picture_u8(width, height, other.into_rgb8().into_raw(), 3),
    })
}

/// The decoders call sides of 0 or beyond their memory limit "damaged" or "not supported"; the
/// headers of PNG and BMP say more. Gives how many bytes the decoder may take, where they tell the
/// size only what an image of it needs, whatever else the file holds compressed.
fn check_header(format: ImageFormat, bytes: &[u8]) -> Result<u64> {
    let field = |at: usize| bytes.get(at..at + 4)?.try_into().ok();
    let png = |at| field(at).map(u32::from_be_bytes);
    // A negative height means rows from top to bottom; headers of OS/2 are shorter than 40 bytes.
    let windows_header = field(14).is_some_and(|size| u32::from_le_bytes(size) >= 40);
    let bmp = |at| field(at).map(|side| i32::from_le_bytes(side).unsigned_abs());
    let sides = match format {
        ImageFormat::Png => png(16).zip(png(20)),
        ImageFormat::Bmp if windows_header => bmp(18).zip(bmp(22)),
        _ => None,
    };
    let Some((width, height)) = sides else {
        return Ok(MAX_BYTES);
    };
    check_size(width, height)?;
    Ok(u64::from(width) * u64::from(height) * MAX_PIXEL_BYTES + BESIDE_PIXELS)
}

/// Refuses sizes that cannot be segmented or held.
pub(super) fn check_size(width: u32, height: u32) -> Result<()> {
    if width < 2 || height < 2 {
        return Err(Error::new(format!(
            "The image is {width} × {height} pixels; both sides need at least 2 pixels."
        )));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(Error::new(format!(
            "The image is {width} × {height} pixels, and the limit is {} megapixels and \
             {MAX_SIDE} pixels a side; crop it or scale it down first.",
            MAX_PIXELS / 1_000_000
        )));
    }
    Ok(())
}

fn describe(name: &str, error: &ImageError) -> Error {
    match error {
        ImageError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => truncated(name),
        ImageError::Unsupported(_) => unsupported(name, error),
        ImageError::Limits(_) => Error::new(format!(
            "Reading the {name} file would take too much memory; crop the image or scale it \
             down first."
        )),
        _ => damaged(name, jpeg::BROKEN),
    }
}

/// Of a file whose bytes do not come any more.
pub(super) fn unreadable(why: &io::Error) -> Error {
    match why.kind() {
        ErrorKind::NotFound => Error::new(
            "The file cannot be read any more; it was changed, moved or deleted. Open it again.",
        ),
        _ => Error::new(format!("The file cannot be read: {why}.")),
    }
}

pub(super) fn truncated(name: &str) -> Error {
    Error::new(format!(
        "The {name} file ends before its image does; copy, download or export it again."
    ))
}

pub(super) fn unsupported(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(format!(
        "This kind of {name} file is not supported ({why}); save it as 8-bit or 16-bit \
         grayscale PNG or TIFF."
    ))
}

pub(super) fn damaged(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(format!(
        "The {name} file is damaged ({why}); copy, download or export it again."
    ))
}
