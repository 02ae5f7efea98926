//! An open checkpoint: its directory in memory, its tensors read one at a time.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::dtype::Dtype;
use super::{names, pth, safetensors};
use crate::error::{Error, Result};

/// Bytes fetched from the reader at once.
const CHUNK: usize = 256 * 1024;

/// How `torch.save` began its files before version 1.6: a pickle of 0x1950a86a20f9469cfc6c.
const OLD_TORCH_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Where a tensor lies in the file. The file was checked to reach that far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The element type, or the name of one that cannot be read (such as `I64`).
    pub dtype: std::result::Result<Dtype, String>,
    /// Byte offset of the first element from the start of the file.
    pub offset: u64,
}

/// A checkpoint's tensors by name.
pub(super) type Directory = BTreeMap<String, TensorEntry>;

/// An open checkpoint. Only its directory is held in memory.
#[derive(Debug)]
pub struct Checkpoint<R> {
    reader: R,
    tensors: Directory,
    metadata: BTreeMap<String, String>,
}

impl<R: Read + Seek> Checkpoint<R> {
    /// Reads the directory of a safetensors file or of a PyTorch zip file, told apart by content.
    ///
    /// # Errors
    /// When the file is neither, is damaged, or asks to run code.
    pub fn open(mut reader: R) -> Result<Self> {
        let length = reader.seek(SeekFrom::End(0)).map_err(unreadable)?;
        reader.rewind().map_err(unreadable)?;
        let mut start = Vec::new();
        (&mut reader)
            .take(16)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        let (tensors, metadata) = if start.starts_with(b"PK\x03\x04") {
            (pth::directory(&mut reader, length)?, BTreeMap::new())
        } else if start.get(4..14) == Some(&OLD_TORCH_MAGIC) {
            return Err(Error::new(
                "This PyTorch file is in the format from before version 1.6, which is not read; load it in \
                 PyTorch and save it again with torch.save(torch.load(old, weights_only=True), new).",
            ));
        } else if start.get(8) == Some(&b'{') {
            safetensors::directory(&mut reader, length)?
        } else {
            return Err(Error::new(
                "The file is not a checkpoint: it is neither safetensors nor a PyTorch file (.pth, .pt) as \
                 written by torch.save.",
            ));
        };
        Ok(Self {
            reader,
            tensors: names::canonicalise(tensors),
            metadata,
        })
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Dimensions of the tensor `name`, outermost first; none if the checkpoint has no such tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Free text that came with the tensors (safetensors' `__metadata__`).
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Reads the tensor `name` in row-major order, converted to `f32`.
    ///
    /// # Errors
    /// When the tensor is missing, has another shape than `expected_shape` or an element type other than
    /// float32, float16 and bfloat16, or when the file cannot be read.
    pub fn read(&mut self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| Error::new(format!("The checkpoint has no tensor {name}.")))?;
        if entry.shape != expected_shape {
            return Err(Error::new(format!(
                "The checkpoint's tensor {name} has shape {:?}, but the model needs {expected_shape:?}.",
                entry.shape
            )));
        }
        let dtype = match &entry.dtype {
            Ok(dtype) => *dtype,
            Err(other) => {
                return Err(Error::new(format!(
                    "The checkpoint's tensor {name} holds {other} numbers; float32, float16 and bfloat16 are \
                     supported."
                )));
            }
        };
        let count = entry.shape.iter().product();
        let truncated = |cause| {
            Error::new(format!(
                "The checkpoint's tensor {name} cannot be read ({cause}); the file may be cut short: download it \
                 again."
            ))
        };
        self.reader
            .seek(SeekFrom::Start(entry.offset))
            .map_err(truncated)?;
        let mut values = Vec::with_capacity(count);
        let mut chunk = vec![0; CHUNK.min(count * dtype.size())];
        while values.len() < count {
            let size = chunk.len().min((count - values.len()) * dtype.size());
            self.reader
                .read_exact(&mut chunk[..size])
                .map_err(truncated)?;
            dtype.decode(&chunk[..size], &mut values);
        }
        Ok(values)
    }
}

/// The error for a file whose bytes cannot be had.
pub(super) fn unreadable(cause: std::io::Error) -> Error {
    Error::new(format!("The checkpoint cannot be read: {cause}."))
}

/// Bytes that `shape` elements of `dtype` take, unless that overflows.
pub(super) fn byte_length(shape: &[usize], dtype: Dtype) -> Option<u64> {
    let count = shape
        .iter()
        .try_fold(1usize, |count, &size| count.checked_mul(size))?;
    u64::try_from(count.checked_mul(dtype.size())?).ok()
}
