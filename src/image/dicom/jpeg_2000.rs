//! JPEG 2000 (ITU-T T.800), by hayro-jpeg2000, in the depth of the file.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};

use super::NAME;
use super::jpeg::{Unpacked, other_size, other_values};
use super::values::Words;
use crate::error::Result;
use crate::image::decode::{damaged, truncated, unsupported};

/// What a codestream begins with.
pub const MAGIC: &[u8; 4] = b"\xff\x4f\xff\x51";
const END: &[u8; 2] = b"\xff\xd9";
/// Where a codestream tells how many channels there are, and of the first one sign and bits.
const CHANNELS: usize = 40;
/// Most bits that are exact in what the decoder gives.
const MOST_BITS: u32 = 16;

/// The numbers of an image that must be of `size`, negative ones modulo 2¹⁶.
pub fn decode(bytes: &[u8], size: (usize, usize)) -> Result<Unpacked> {
    // Boxes around the codestream say what the DICOM file says itself.
    let start = bytes.windows(4).position(|four| four == MAGIC);
    let mut codestream = bytes.get(start.unwrap_or(0)..).unwrap_or_default().to_vec();
    let channels = match codestream
        .get(CHANNELS..)
        .and_then(<[u8]>::split_first_chunk)
    {
        Some((&[0, channels @ (1 | 3)], _)) => usize::from(channels),
        Some((&[high, low], _)) => {
            let channels = u16::from_be_bytes([high, low]);
            return Err(unsupported(
                NAME,
                format!("JPEG 2000 of {channels} channels"),
            ));
        }
        None => return Err(truncated(NAME)),
    };
    // Some files lack the end, and all may have a byte behind it.
    if !codestream.ends_with(END) && !codestream.ends_with(b"\xff\xd9\0") {
        codestream.extend(END);
    }
    let settings = DecodeSettings {
        resolve_palette_indices: false,
        strict: true,
        target_resolution: None,
    };
    let wrong = |error: DecodeError| damaged(NAME, format!("its JPEG 2000: {error}"));
    let image = Image::new(&codestream, &settings).map_err(wrong)?;
    if (image.width() as usize, image.height() as usize) != size {
        return Err(other_size());
    }
    let bits = u32::from(image.original_bit_depth());
    if bits > MOST_BITS {
        return Err(unsupported(NAME, format!("JPEG 2000 of {bits} bits")));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(wrong)?;
    let planes = decoded.components();
    let length = size.0 * size.1;
    if planes.len() != channels || planes.iter().any(|plane| plane.samples().len() != length) {
        return Err(other_values());
    }
    // The decoder lifts those with a sign above 0, and loss may pass the ends.
    let lift = if is_signed(&codestream) {
        1 << (bits - 1)
    } else {
        0
    };
    let most = (1i32 << bits) - 1;
    let number = |value: f32| ((value.round() as i32).clamp(0, most) - lift) as u16;
    let mut words = vec![0; length * channels];
    for (channel, plane) in planes.iter().enumerate() {
        let places = words.iter_mut().skip(channel).step_by(channels);
        for (place, &value) in places.zip(plane.samples()) {
            *place = number(value);
        }
    }
    Ok(Unpacked {
        words: Words::U16(words),
        channels,
        bits,
        is_rgb: false,
    })
}

/// Whether numbers of the first channel have a sign.
fn is_signed(codestream: &[u8]) -> bool {
    codestream
        .get(CHANNELS + 2)
        .is_some_and(|size| size >> 7 == 1)
}
