//! PNG files that lack their last chunk.

use std::borrow::Cow;

const SIGNATURE: usize = 8;
/// A chunk of no bytes, with its checksum.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// The file with its last chunk, if it breaks off behind a whole one: the image may be there.
pub fn with_end(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        // A name and a checksum.
        let next = length.checked_add(8).and_then(|length| after.get(length..));
        match (after.starts_with(b"IEND"), next) {
            (false, Some([])) => return [bytes, END].concat().into(),
            (false, Some(next)) => rest = next,
            _ => break,
        }
    }
    bytes.into()
}
