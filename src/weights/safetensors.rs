//! The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes
//! (<https://github.com/huggingface/safetensors#format>). The `safetensors` crate takes a file as one slice of
//! memory; here each tensor is read and written by itself, from and to whatever seeks.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use super::checkpoint::{Directory, TensorEntry, byte_length, of_type, unreadable};
use super::dtype::Dtype;
use crate::error::{Error, Result};

const LENGTH_BYTES: u64 = 8;
const MAX_HEADER: u64 = 16 * 1024 * 1024;
/// Elements converted at once when writing.
const CHUNK: usize = 64 * 1024;

#[derive(Deserialize, Serialize)]
struct Header {
    #[serde(
        rename = "__metadata__",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Deserialize, Serialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Reads the header of a file of `length` bytes: tensors and metadata.
pub(super) fn directory<R: Read + Seek>(
    reader: &mut R,
    length: u64,
) -> Result<(Directory, BTreeMap<String, String>)> {
    reader.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut size = [0; 8];
    reader.read_exact(&mut size).map_err(unreadable)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER || size > length.saturating_sub(LENGTH_BYTES) {
        return Err(Error::new(format!(
            "The safetensors header claims {size} bytes, more than the file or the limit of {MAX_HEADER} bytes \
             holds; the file is damaged or not safetensors."
        )));
    }
    let mut json = Vec::new();
    reader
        .take(size)
        .read_to_end(&mut json)
        .map_err(unreadable)?;
    let header: Header = serde_json::from_slice(&json)
        .map_err(|cause| Error::new(format!("The safetensors header is not valid: {cause}.")))?;
    let body = LENGTH_BYTES + size;
    let tensors = header
        .tensors
        .into_iter()
        .map(|(name, tensor)| {
            let entry = locate(&name, tensor, body, length)?;
            Ok((name, entry))
        })
        .collect::<Result<Directory>>()?;
    Ok((tensors, header.metadata))
}

/// Checks a header entry against the body, which reaches from `body` to `length`.
fn locate(name: &str, tensor: Tensor, body: u64, length: u64) -> Result<TensorEntry> {
    let [begin, end] = tensor.data_offsets;
    if begin > end || end > length - body {
        return Err(Error::new(format!(
            "The safetensors tensor {name} claims bytes {begin} to {end} of a body of {}; the file is damaged or cut \
             short: download it again.",
            length - body
        )));
    }
    let dtype = match tensor.dtype.as_str() {
        "F32" => Ok(Dtype::F32),
        "F16" => Ok(Dtype::F16),
        "BF16" => Ok(Dtype::BF16),
        other => Err(of_type(other)),
    };
    if let Ok(dtype) = dtype
        && byte_length(&tensor.shape, dtype) != Some(end - begin)
    {
        return Err(Error::new(format!(
            "The safetensors tensor {name} claims {} bytes for the shape {:?} of {} numbers; the file is damaged.",
            end - begin,
            tensor.shape,
            dtype.name()
        )));
    }
    Ok(TensorEntry {
        shape: tensor.shape,
        dtype,
        offset: body + begin,
    })
}

/// Writes a safetensors file.
///
/// `next(i)` gives the row-major elements of `tensors[i]`; it is called once for each tensor, in order, so
/// that only one of them needs to be in memory.
///
/// # Errors
/// When `next` fails or gives a number of elements that the shape does not call for, or `out` cannot be written.
pub fn write<W: Write>(
    mut out: W,
    tensors: &[(String, Vec<usize>, Dtype)],
    metadata: &BTreeMap<String, String>,
    mut next: impl FnMut(usize) -> Result<Vec<f32>>,
) -> Result<()> {
    let failed = |cause| Error::new(format!("The weights cannot be written: {cause}."));
    let json = header(tensors, metadata)?;
    out.write_all(&(json.len() as u64).to_le_bytes())
        .and_then(|()| out.write_all(&json))
        .map_err(failed)?;
    let mut bytes = Vec::new();
    for (index, (name, shape, dtype)) in tensors.iter().enumerate() {
        let values = next(index)?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::new(format!(
                "The tensor {name} of shape {shape:?} cannot be written from {} numbers.",
                values.len()
            )));
        }
        for chunk in values.chunks(CHUNK) {
            bytes.clear();
            dtype.encode(chunk, &mut bytes);
            out.write_all(&bytes).map_err(failed)?;
        }
    }
    out.flush().map_err(failed)
}

/// The JSON header, padded with spaces so that the body starts at a multiple of eight bytes.
fn header(
    tensors: &[(String, Vec<usize>, Dtype)],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let mut header = Header {
        metadata: metadata.clone(),
        tensors: BTreeMap::new(),
    };
    let mut begin = 0u64;
    for (name, shape, dtype) in tensors {
        let end = byte_length(shape, *dtype)
            .and_then(|size| begin.checked_add(size))
            .ok_or_else(|| {
                Error::new(format!(
                    "The tensor {name} of shape {shape:?} is too large."
                ))
            })?;
        let tensor = Tensor {
            dtype: dtype.name().to_owned(),
            shape: shape.clone(),
            data_offsets: [begin, end],
        };
        if header.tensors.insert(name.clone(), tensor).is_some() {
            return Err(Error::new(format!(
                "The tensor {name} is to be written twice."
            )));
        }
        begin = end;
    }
    let mut json = serde_json::to_vec(&header)
        .map_err(|cause| Error::new(format!("The weights' header cannot be written: {cause}.")))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}
