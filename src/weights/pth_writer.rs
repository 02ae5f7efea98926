//! Writing a PyTorch file, as `torch.save` would of a dictionary of state dicts
//! (`torch/serialization.py`): a zip with a pickle of the names and one record for each tensor's elements.

use std::io::{self, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use crate::error::{Error, Result};

/// Numbers converted at once.
const CHUNK: usize = 16 * 1024;

/// A state dict: its name in the file's dictionary, and its tensors in order, with their shapes. Each batch
/// norm among them gets the count of its training's batches, 0, which some programs ask for.
pub struct StateDict<'a> {
    pub name: &'a str,
    pub tensors: Vec<(String, Vec<usize>)>,
}

impl StateDict<'_> {
    fn counts(&self) -> impl Iterator<Item = String> {
        let norms = self
            .tensors
            .iter()
            .filter_map(|(name, _)| name.strip_suffix(MEAN));
        norms.map(|norm| format!("{norm}.num_batches_tracked"))
    }
}

/// What the names of batch norms' means end with.
const MEAN: &str = ".running_mean";

/// Where the elements of a tensor lie.
enum Storage {
    /// float32, in the record of this number.
    Floats(usize),
    /// One 64-bit integer, 0, for all counts.
    Count,
}

/// Writes state dicts of float32 tensors, a tensor at a time.
///
/// `next(i)` gives the row-major elements of the `i`-th tensor of all; it is called once for each, in order.
///
/// # Errors
/// When `next` fails or gives a number of elements that the shape does not call for, a tensor has more
/// than 2³¹ elements, or `out` cannot be written.
pub fn write<W: Write>(
    out: W,
    dicts: &[StateDict],
    mut next: impl FnMut(usize) -> Result<Vec<f32>>,
) -> Result<W> {
    // PyTorch maps the records of a file that is not compressed.
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = ZipWriter::new_stream(out);
    let record = |zip: &mut ZipWriter<_>, name: &str| {
        let begun = zip.start_file(format!("archive/{name}"), options);
        begun.map_err(|cause| failed(io::Error::other(cause)))
    };
    record(&mut zip, "data.pkl")?;
    zip.write_all(&pickle(dicts)?).map_err(failed)?;
    record(&mut zip, "byteorder")?;
    zip.write_all(b"little").map_err(failed)?;
    let tensors = dicts.iter().flat_map(|dict| &dict.tensors);
    let mut bytes = Vec::new();
    for (index, (name, shape)) in tensors.enumerate() {
        let values = next(index)?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::new(format!(
                "The tensor {name} of shape {shape:?} cannot be written from {} numbers.",
                values.len()
            )));
        }
        record(&mut zip, &format!("data/{index}"))?;
        for chunk in values.chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            zip.write_all(&bytes).map_err(failed)?;
        }
    }
    record(&mut zip, "data/count")?;
    zip.write_all(&[0; 8]).map_err(failed)?;
    record(&mut zip, "version")?;
    zip.write_all(b"3\n").map_err(failed)?;
    let out = zip
        .finish()
        .map_err(|cause| failed(io::Error::other(cause)))?;
    let mut out = out.into_inner();
    out.flush().map_err(failed)?;
    Ok(out)
}

fn failed(cause: io::Error) -> Error {
    Error::new(format!("The weights cannot be written: {cause}."))
}

/// The pickle (protocol 2) of a dictionary of the state dicts.
fn pickle(dicts: &[StateDict]) -> Result<Vec<u8>> {
    let mut pickle = Pickle(b"\x80\x02}".to_vec());
    let mut index = 0;
    for dict in dicts {
        pickle.text(dict.name)?;
        pickle.ordered_dict();
        pickle.0.push(MARK);
        for (name, shape) in &dict.tensors {
            pickle.text(name)?;
            pickle.tensor(&Storage::Floats(index), shape)?;
            index += 1;
        }
        for name in dict.counts() {
            pickle.text(&name)?;
            pickle.tensor(&Storage::Count, &[])?;
        }
        // SETITEMS of the tensors, SETITEM of the dict.
        pickle.0.extend(b"us");
    }
    pickle.0.push(b'.');
    Ok(pickle.0)
}

const MARK: u8 = b'(';
const TUPLE: u8 = b't';
const REDUCE: u8 = b'R';

struct Pickle(Vec<u8>);

impl Pickle {
    fn text(&mut self, text: &str) -> Result<()> {
        let length = u32::try_from(text.len()).map_err(|_| Error::new("A name is too long."))?;
        self.0.push(b'X');
        self.0.extend(length.to_le_bytes());
        self.0.extend(text.as_bytes());
        Ok(())
    }

    fn number(&mut self, number: usize) -> Result<()> {
        let number = i32::try_from(number).map_err(|_| {
            Error::new(
                "A tensor has more than 2147483647 elements, which is too many for a PyTorch file.",
            )
        })?;
        self.0.push(b'J');
        self.0.extend(number.to_le_bytes());
        Ok(())
    }

    fn numbers(&mut self, numbers: &[usize]) -> Result<()> {
        self.0.push(MARK);
        for &number in numbers {
            self.number(number)?;
        }
        self.0.push(TUPLE);
        Ok(())
    }

    fn ordered_dict(&mut self) {
        self.0.extend(b"ccollections\nOrderedDict\n");
        self.0.extend([MARK, TUPLE, REDUCE]);
    }

    fn tensor(&mut self, storage: &Storage, shape: &[usize]) -> Result<()> {
        let (kind, record) = match storage {
            Storage::Floats(index) => ("Float", index.to_string()),
            Storage::Count => ("Long", "count".to_owned()),
        };
        self.0.extend(b"ctorch._utils\n_rebuild_tensor_v2\n");
        self.0.extend([MARK, MARK]);
        self.text("storage")?;
        self.0.extend(format!("ctorch\n{kind}Storage\n").as_bytes());
        self.text(&record)?;
        self.text("cpu")?;
        self.number(shape.iter().product())?;
        // The tuple is the storage's persistent id.
        self.0.extend([TUPLE, b'Q']);
        self.number(0)?;
        self.numbers(shape)?;
        self.numbers(&strides(shape))?;
        // It requires no gradient, and has no hooks.
        self.0.push(0x89);
        self.ordered_dict();
        self.0.extend([TUPLE, REDUCE]);
        Ok(())
    }
}

/// Elements from one index to the next of each dimension, row-major.
fn strides(shape: &[usize]) -> Vec<usize> {
    (1..=shape.len())
        .map(|i| shape[i..].iter().product())
        .collect()
}
