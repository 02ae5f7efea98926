//! JPEG 2000 (ITU-T T.800) within other files, by hayro-jpeg2000, in the depth of the image.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};

use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// What a codestream begins with.
pub const MAGIC: &[u8; 4] = b"\xff\x4f\xff\x51";
const END: &[u8; 2] = b"\xff\xd9";
/// Where a codestream tells how many channels there are, and of the first one sign and bits.
const CHANNELS: usize = 40;
/// Most channels, as of colour with alpha.
const MOST_CHANNELS: usize = 4;
/// Most bits that are exact in what the decoder gives.
const MOST_BITS: u32 = 16;

/// The numbers of an image.
pub struct Numbers {
    /// Row-major, interleaved, negative ones modulo 2¹⁶.
    pub words: Vec<u16>,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Bits of a number, at most 16.
    pub bits: u32,
}

/// An image whose numbers have not been unpacked.
pub struct Codestream {
    /// What it is a part of.
    name: &'static str,
    bytes: Vec<u8>,
    channels: usize,
}

impl Codestream {
    /// # Errors
    /// When it has another number of channels than 1 to 4, or is cut. `name` is the file's kind.
    pub fn new(bytes: &[u8], name: &'static str) -> Result<Self> {
        // Boxes around the codestream say what the file says itself.
        let start = bytes.windows(4).position(|four| four == MAGIC);
        let mut bytes = bytes.get(start.unwrap_or(0)..).unwrap_or_default().to_vec();
        let channels = bytes
            .get(CHANNELS..)
            .and_then(<[u8]>::split_first_chunk)
            .map(|(channels, _)| usize::from(u16::from_be_bytes(*channels)));
        let channels = channels.ok_or_else(|| truncated(name))?;
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(unsupported(
                name,
                format!("JPEG 2000 of {channels} channels"),
            ));
        }
        // Some files lack the end, and all may have a byte behind it.
        if !bytes.ends_with(END) && !bytes.ends_with(b"\xff\xd9\0") {
            bytes.extend(END);
        }
        Ok(Self {
            name,
            bytes,
            channels,
        })
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The numbers, if the image has a size that `fits`.
    ///
    /// # Errors
    /// When it has not, or is damaged, or has more than 16 bits.
    pub fn numbers(
        &self,
        fits: impl Fn((usize, usize)) -> bool,
    ) -> Result<((usize, usize), Numbers)> {
        let Self {
            name,
            bytes,
            channels,
        } = self;
        let settings = DecodeSettings {
            resolve_palette_indices: false,
            strict: true,
            target_resolution: None,
        };
        let wrong = |error: DecodeError| damaged(name, format!("its JPEG 2000: {error}"));
        let image = Image::new(bytes, &settings).map_err(wrong)?;
        let size = (image.width() as usize, image.height() as usize);
        if !fits(size) {
            return Err(damaged(name, "its JPEG is of another size than it says"));
        }
        let bits = u32::from(image.original_bit_depth());
        if bits > MOST_BITS {
            return Err(unsupported(name, format!("JPEG 2000 of {bits} bits")));
        }
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(wrong)?;
        let planes = decoded.components();
        let length = size.0 * size.1;
        if planes.len() != *channels || planes.iter().any(|plane| plane.samples().len() != length) {
            return Err(damaged(name, "its JPEG holds other values than it says"));
        }
        // The decoder lifts those with a sign above 0, and loss may pass the ends.
        let lift = if self.is_signed() { 1 << (bits - 1) } else { 0 };
        let most = (1i32 << bits) - 1;
        let number = |value: f32| ((value.round() as i32).clamp(0, most) - lift) as u16;
        let mut words = vec![0; length * channels];
        for (channel, plane) in planes.iter().enumerate() {
            let places = words.iter_mut().skip(channel).step_by(*channels);
            for (place, &value) in places.zip(plane.samples()) {
                *place = number(value);
            }
        }
        let channels = *channels;
        Ok((
            size,
            Numbers {
                words,
                channels,
                bits,
            },
        ))
    }

    /// Whether numbers of the first channel have a sign.
    fn is_signed(&self) -> bool {
        let size = self.bytes.get(CHANNELS + 2);
        size.is_some_and(|size| size >> 7 == 1)
    }
}
