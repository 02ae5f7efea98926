//! The pickle in a PyTorch checkpoint, read as data: a machine for the opcodes that `torch.save` writes for
//! weights (opcodes as in Python's `pickletools`). Nothing is imported, called or built; the few callables
//! that describe tensors are symbols, and any other is refused by name. The crate `serde-pickle` reads
//! Python's built-in types alone, not the calls and persistent ids of which tensors are made.

use std::collections::{BTreeMap, VecDeque};

use super::dtype::Dtype;
use super::pickle_bytes::{Bytes, damaged, utf8};
use crate::error::{Error, Result};

/// Values that one pickle may make; a checkpoint needs about ten for each tensor.
const MAX_VALUES: usize = 500_000;
/// Longest text and longest tuple that are looked into, so that a small file cannot ask for much work.
const MAX_TEXT: usize = 4096;
const MAX_TUPLE: usize = 8;

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor<'a> {
    /// The element type, or the storage's name if that type cannot be read.
    pub dtype: std::result::Result<Dtype, &'a str>,
    /// Name of the storage: the zip entry `data/<storage>`.
    pub storage: &'a str,
    /// First element in the storage.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub strides: Vec<usize>,
}

/// Position in [`Machine::values`].
type Ref = usize;

#[derive(Clone)]
enum Value<'a> {
    /// Something that no tensor needs: None, a flag, a float, a list.
    Other,
    Int(i64),
    Str(&'a str),
    Tuple(Vec<Ref>),
    /// Entries with text keys; others are dropped.
    Dict(Vec<(&'a str, Ref)>),
    Callable(Callable<'a>),
    Storage(std::result::Result<Dtype, &'a str>, &'a str),
    Tensor(Tensor<'a>),
}

#[derive(Clone, Copy)]
enum Callable<'a> {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    StorageType(std::result::Result<Dtype, &'a str>),
}

struct Machine<'a> {
    bytes: Bytes<'a>,
    values: Vec<Value<'a>>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: BTreeMap<u32, Ref>,
}

/// The named tensors of the state dict in `pickle`: of all dicts within dicts, the one with most tensors.
pub(super) fn tensors(pickle: &[u8]) -> Result<BTreeMap<String, Tensor<'_>>> {
    let mut machine = Machine {
        bytes: Bytes(pickle),
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    let root = machine.run()?;
    let found = machine.largest_state_dict(root);
    if found.is_empty() {
        return Err(Error::new(
            "The PyTorch file holds no named tensors; save the weights with torch.save(model.state_dict(), path).",
        ));
    }
    Ok(found)
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Ref> {
        loop {
            match self.bytes.byte()? {
                b'.' => return self.pop(),
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            0x80 => self.bytes.take(1).map(drop), // PROTO
            0x95 => self.bytes.take(8).map(drop), // FRAME
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop), // POP
            b'q' => {
                let key = self.bytes.byte()?;
                self.memoize(key.into())
            }
            b'r' => {
                let key = self.bytes.u32()?;
                self.memoize(key)
            }
            0x94 => self.memoize(self.memo.len() as u32),
            b'h' => {
                let key = self.bytes.byte()?;
                self.recall(key.into())
            }
            b'j' => {
                let key = self.bytes.u32()?;
                self.recall(key)
            }
            b'a' => self.pop().map(drop), // APPEND: lists are not looked into
            b'e' => self.pop_to_mark().map(drop), // APPENDS
            b's' => {
                let item = [self.pop()?, self.pop()?];
                self.set_items(&[item[1], item[0]])
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)
            }
            b'b' => {
                // BUILD: only the `_metadata` of a state dict, which is not needed.
                self.pop()?;
                match self.top()? {
                    Value::Dict(_) => Ok(()),
                    _ => Err(damaged("it sets the state of something other than a dict")),
                }
            }
            _ => {
                let value = self.value(opcode)?;
                self.push(value)
            }
        }
    }

    /// The value that `opcode` puts on the stack.
    fn value(&mut self, opcode: u8) -> Result<Value<'a>> {
        Ok(match opcode {
            b'N' | 0x88 | 0x89 | b']' => Value::Other, // None, True, False, list
            b'G' => {
                self.bytes.take(8)?;
                Value::Other
            }
            b'K' => Value::Int(self.bytes.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.bytes.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.bytes.array()?).into()),
            0x8a => self.bytes.long()?.map_or(Value::Other, Value::Int),
            b'X' => {
                let size = self.bytes.u32()?;
                self.text(size as usize)?
            }
            0x8c => {
                let size = self.bytes.byte()?;
                self.text(size.into())?
            }
            b'}' => Value::Dict(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.pop_to_mark()?),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                Value::Tuple(self.pop_many(count)?)
            }
            b'c' => {
                let module = self.bytes.line()?;
                let name = self.bytes.line()?;
                Value::Callable(callable(module, name)?)
            }
            0x93 => {
                let name = self.pop_text()?;
                let module = self.pop_text()?;
                Value::Callable(callable(module, name)?)
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            _ => {
                return Err(Error::new(format!(
                    "The PyTorch file uses the pickle opcode 0x{opcode:02x}, which a file of weights does not need; \
                     save the weights with torch.save(model.state_dict(), path)."
                )));
            }
        })
    }

    /// REDUCE: what calling the symbol below the arguments would give.
    fn reduce(&mut self) -> Result<Value<'a>> {
        let arguments = self.pop_tuple()?;
        let called = self.pop()?;
        let Value::Callable(callable) = self.values[called] else {
            return Err(damaged("it calls something that is not callable"));
        };
        match callable {
            Callable::OrderedDict if arguments.is_empty() => Ok(Value::Dict(Vec::new())),
            Callable::RebuildTensor => self.tensor(&arguments),
            Callable::RebuildParameter => match arguments.first().map(|&at| &self.values[at]) {
                Some(Value::Tensor(tensor)) => Ok(Value::Tensor(tensor.clone())),
                _ => Err(damaged("a parameter holds no tensor")),
            },
            _ => Err(damaged("a call has arguments of the wrong kind")),
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`.
    fn tensor(&self, arguments: &[Ref]) -> Result<Value<'a>> {
        let wrong = || damaged("a tensor is described by the wrong kind of values");
        let &[storage, offset, shape, strides, ..] = arguments else {
            return Err(wrong());
        };
        let Value::Storage(dtype, storage) = self.values[storage] else {
            return Err(wrong());
        };
        let shape = self.sizes(shape).ok_or_else(wrong)?;
        let strides = self.sizes(strides).ok_or_else(wrong)?;
        if shape.len() != strides.len() {
            return Err(wrong());
        }
        Ok(Value::Tensor(Tensor {
            dtype,
            storage,
            offset: self.size(offset).ok_or_else(wrong)?,
            shape,
            strides,
        }))
    }

    /// BINPERSID: `("storage", type, name, device, elements)`.
    fn storage(&mut self) -> Result<Value<'a>> {
        let id = self.pop_tuple()?;
        if let &[kind, dtype, name, ..] = id.as_slice()
            && let Value::Str("storage") = self.values[kind]
            && let Value::Callable(Callable::StorageType(dtype)) = self.values[dtype]
            && let Value::Str(name) = self.values[name]
        {
            return Ok(Value::Storage(dtype, name));
        }
        Err(damaged(
            "it refers to something other than a tensor's storage",
        ))
    }

    fn set_items(&mut self, items: &[Ref]) -> Result<()> {
        let entries: Vec<_> = items
            .as_chunks()
            .0
            .iter()
            .filter_map(|&[key, value]| match self.values[key] {
                Value::Str(key) => Some((key, value)),
                _ => None,
            })
            .collect();
        let &target = self
            .stack
            .last()
            .ok_or_else(|| damaged("its stack is empty"))?;
        match &mut self.values[target] {
            Value::Dict(dict) => {
                dict.extend(entries);
                Ok(())
            }
            _ => Err(damaged("it sets items of something other than a dict")),
        }
    }

    fn largest_state_dict(&self, root: Ref) -> BTreeMap<String, Tensor<'a>> {
        let mut best = BTreeMap::new();
        let mut seen = vec![false; self.values.len()];
        let mut queue = VecDeque::from([root]);
        while let Some(at) = queue.pop_front() {
            let Value::Dict(entries) = &self.values[at] else {
                continue;
            };
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let mut tensors = BTreeMap::new();
            for &(name, value) in entries {
                match &self.values[value] {
                    Value::Tensor(tensor) => {
                        tensors.insert(name.to_owned(), tensor.clone());
                    }
                    _ => queue.push_back(value),
                }
            }
            if tensors.len() > best.len() {
                best = tensors;
            }
        }
        best
    }

    fn text(&mut self, size: usize) -> Result<Value<'a>> {
        let bytes = self.bytes.take(size)?;
        if size > MAX_TEXT {
            return Ok(Value::Other);
        }
        utf8(bytes).map(Value::Str)
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        if self.values.len() == MAX_VALUES {
            return Err(Error::new(format!(
                "The PyTorch file describes more than {MAX_VALUES} values, more than any supported model needs."
            )));
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    /// Where the values above the innermost mark start.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Ref>> {
        match self.stack.len().checked_sub(count) {
            Some(at) if at >= self.floor() => Ok(self.stack.split_off(at)),
            _ => Err(damaged("its stack runs empty")),
        }
    }

    fn pop(&mut self) -> Result<Ref> {
        self.pop_many(1).map(|popped| popped[0])
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Ref>> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_tuple(&mut self) -> Result<Vec<Ref>> {
        let at = self.pop()?;
        match &self.values[at] {
            Value::Tuple(items) if items.len() <= MAX_TUPLE => Ok(items.clone()),
            _ => Err(damaged("a short tuple is missing")),
        }
    }

    fn pop_text(&mut self) -> Result<&'a str> {
        let at = self.pop()?;
        match self.values[at] {
            Value::Str(text) => Ok(text),
            _ => Err(damaged("a name is missing")),
        }
    }

    fn top(&self) -> Result<&Value<'a>> {
        let &at = self
            .stack
            .last()
            .ok_or_else(|| damaged("its stack is empty"))?;
        Ok(&self.values[at])
    }

    fn memoize(&mut self, key: u32) -> Result<()> {
        let &at = self
            .stack
            .last()
            .ok_or_else(|| damaged("its stack is empty"))?;
        self.memo.insert(key, at);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let &at = self
            .memo
            .get(&key)
            .ok_or_else(|| damaged("it refers to a value that was not kept"))?;
        self.stack.push(at);
        Ok(())
    }

    fn size(&self, at: Ref) -> Option<usize> {
        match self.values[at] {
            Value::Int(number) => usize::try_from(number).ok(),
            _ => None,
        }
    }

    fn sizes(&self, at: Ref) -> Option<Vec<usize>> {
        match &self.values[at] {
            Value::Tuple(items) if items.len() <= MAX_TUPLE => {
                items.iter().map(|&item| self.size(item)).collect()
            }
            _ => None,
        }
    }
}

fn callable<'a>(module: &str, name: &'a str) -> Result<Callable<'a>> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Callable::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Callable::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Callable::RebuildParameter,
        ("torch", "FloatStorage") => Callable::StorageType(Ok(Dtype::F32)),
        ("torch", "HalfStorage") => Callable::StorageType(Ok(Dtype::F16)),
        ("torch", "BFloat16Storage") => Callable::StorageType(Ok(Dtype::BF16)),
        (
            "torch",
            "DoubleStorage" | "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage"
            | "ByteStorage" | "BoolStorage",
        ) => Callable::StorageType(Err(name)),
        _ => {
            return Err(Error::new(format!(
                "The checkpoint asks to call {module}.{name}, which is refused: a checkpoint is read as data and \
                 nothing in it is run; save the weights alone with torch.save(model.state_dict(), path) or as \
                 safetensors."
            )));
        }
    })
}
