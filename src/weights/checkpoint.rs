//! An open checkpoint: its directory in memory, its tensors read one at a time.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::architecture::{Architecture, recognise, unsupported};
use super::dtype::Dtype;
use super::{instance_names, names, others, pth, safetensors};
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
    /// The element type, or what follows on the tensor's name to say why it cannot be read.
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
        } else if start.first() == Some(&b'{') && is_shard_index(&mut reader)? {
            return Err(Error::new(
                "This is the list of a model's files, which holds no weights; save the model as one file: \
                 model.save_pretrained(path, max_shard_size=\"10GB\").",
            ));
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
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether it holds micro-sam's decoder of instances without its model.
    pub fn is_instance_decoder(&self) -> bool {
        instance_names::is_alone(self.names())
    }

    /// Which image encoder it holds, of a whole model.
    ///
    /// # Errors
    /// When it holds another model, only a part of one, or no supported encoder.
    pub fn architecture(&self) -> Result<Architecture> {
        if self.is_instance_decoder() {
            return Err(Error::new(
                "The file holds micro-sam's decoder of instances without its model: open the model that it was \
                 trained with first, and then this file beside it.",
            ));
        }
        if let Some(what) = others::other(self.names()) {
            return Err(unsupported(what));
        }
        let architecture = recognise(|name| self.shape(name));
        match others::missing_part(self.names()) {
            Some(part) if architecture.is_ok() || self.is_within_encoder() => {
                Err(Error::new(format!(
                    "The file holds only a part of a model: its {part} is missing or not whole; one that was saved in \
                     several files (…-00001-of-00002.safetensors) has to be saved as one, with \
                     model.save_pretrained(path, max_shard_size=\"10GB\")."
                )))
            }
            _ => architecture,
        }
    }

    /// Whether it has blocks of an image encoder such as SAM's.
    fn is_within_encoder(&self) -> bool {
        self.names()
            .any(|name| name.starts_with("image_encoder.blocks."))
    }

    /// Dimensions of the tensor `name`, outermost first; none if the checkpoint has no such tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Whether the tensor `name` has elements that are read, which counts of batches have not.
    pub fn is_readable(&self, name: &str) -> bool {
        let entry = self.tensors.get(name);
        entry.is_some_and(|entry| entry.dtype.is_ok())
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
            Err(why) => {
                return Err(Error::new(format!("The checkpoint's tensor {name} {why}.")));
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

/// Whether JSON text is the index of a model that was saved in several files.
fn is_shard_index(reader: &mut (impl Read + Seek)) -> Result<bool> {
    let mut text = Vec::new();
    reader.rewind().map_err(unreadable)?;
    reader
        .take(CHUNK as u64)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let key = b"\"weight_map\"";
    Ok(text.windows(key.len()).any(|part| part == key))
}

/// Why a tensor of another element type (such as `I64`) cannot be read.
pub(super) fn of_type(name: &str) -> String {
    format!("holds {name} numbers; float32, float16 and bfloat16 are supported")
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
