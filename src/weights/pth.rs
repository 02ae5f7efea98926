//! PyTorch's zip checkpoints: `<root>/data.pkl` describes the tensors, `<root>/data/<n>` holds their numbers
//! uncompressed, so that they are read where they lie.

use std::io::{Read, Seek};

use zip::{CompressionMethod, ZipArchive};

use super::checkpoint::{Directory, TensorEntry, byte_length, of_type, unreadable};
use super::pickle::{self, Tensor};
use super::state_dict;
use crate::error::{Error, Result};

/// What lies beside the weights, such as arrays of a data set, may be much longer than their description.
const MAX_PICKLE: u64 = 64 * 1024 * 1024;
const PICKLE: &str = "data.pkl";

/// The bytes of an uncompressed zip entry within the file.
struct Span {
    start: u64,
    size: u64,
}

/// Reads the directory of a file of `length` bytes.
pub(super) fn directory<R: Read + Seek>(reader: &mut R, length: u64) -> Result<Directory> {
    let mut archive = ZipArchive::new(&mut *reader).map_err(|cause| {
        Error::new(format!(
            "The PyTorch file's zip directory cannot be read ({cause}); the file may be cut short: download it again."
        ))
    })?;
    let root = archive
        .file_names()
        .flatten()
        .find_map(|name| {
            let root = name.strip_suffix(PICKLE)?;
            (root.is_empty() || root.ends_with('/')).then(|| root.to_owned())
        })
        .ok_or_else(|| {
            Error::new("The zip file holds no data.pkl, so it is not a PyTorch checkpoint written by torch.save.")
        })?;
    let order = format!("{root}byteorder");
    if archive.index_for_name(&order).is_some()
        && contents(&mut archive, &order, length, 16)? == b"big"
    {
        return Err(Error::new(
            "The PyTorch file is big-endian; save it again on a little-endian machine.",
        ));
    }
    let pickle = contents(&mut archive, &format!("{root}{PICKLE}"), length, MAX_PICKLE)?;
    state_dict::tensors(&pickle::read(&pickle)?)?
        .into_iter()
        .map(|(name, tensor)| {
            let span = span(
                &mut archive,
                &format!("{root}data/{}", tensor.storage),
                length,
            )?;
            let entry = locate(&name, tensor, &span)?;
            Ok((name, entry))
        })
        .collect()
}

/// Finds the tensor in its storage. What cannot be read is refused only when it is asked for, as it may be no part
/// of the model.
fn locate(name: &str, tensor: Tensor<'_>, storage: &Span) -> Result<TensorEntry> {
    let unread = |why: String, shape| TensorEntry {
        dtype: Err(why),
        shape,
        offset: storage.start,
    };
    let dtype = match tensor.dtype {
        Ok(dtype) => dtype,
        Err(other) => return Ok(unread(of_type(other), tensor.shape)),
    };
    if !contiguous(&tensor.shape, &tensor.strides) {
        let why = format!(
            "is a transposed or strided view (strides {:?} for shape {:?}), which is not read; call contiguous() on \
             it before saving",
            tensor.strides, tensor.shape
        );
        return Ok(unread(why, tensor.shape));
    }
    let begin = byte_length(&[tensor.offset], dtype);
    let end = byte_length(&tensor.shape, dtype).and_then(|size| begin?.checked_add(size));
    match (begin, end) {
        (Some(begin), Some(end)) if end <= storage.size => Ok(TensorEntry {
            shape: tensor.shape,
            dtype: Ok(dtype),
            offset: storage.start + begin,
        }),
        _ => Err(Error::new(format!(
            "The checkpoint's tensor {name} of shape {:?} does not fit in its {} bytes; the file is damaged.",
            tensor.shape, storage.size
        ))),
    }
}

/// Whether the elements lie in row-major order without gaps. Dimensions of size 1 may have any stride.
fn contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        expected = expected.saturating_mul(size);
        fits
    }) || shape.contains(&0)
}

fn span<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, length: u64) -> Result<Span> {
    let damaged = || {
        Error::new(format!(
            "The PyTorch file's part {name} is missing or reaches beyond the file, which is damaged or cut short: \
             download it again."
        ))
    };
    let index = archive.index_for_name(name).ok_or_else(damaged)?;
    let entry = archive.by_index_raw(index).map_err(|_| damaged())?;
    if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
        return Err(Error::new(format!(
            "The PyTorch file's part {name} is compressed or encrypted; use the file as torch.save wrote it."
        )));
    }
    let start = entry.data_start().ok_or_else(damaged)?;
    let size = entry.size();
    match start.checked_add(size) {
        Some(end) if end <= length => Ok(Span { start, size }),
        _ => Err(damaged()),
    }
}

/// The whole of a small zip entry.
fn contents<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
    length: u64,
    limit: u64,
) -> Result<Vec<u8>> {
    let span = span(archive, name, length)?;
    if span.size > limit {
        return Err(Error::new(format!(
            "The PyTorch file's part {name} has {} bytes, above the limit of {limit}.",
            span.size
        )));
    }
    let mut bytes = Vec::new();
    archive
        .by_name(name)
        .map_err(std::io::Error::from)
        .and_then(|entry| entry.take(limit).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    Ok(bytes)
}
