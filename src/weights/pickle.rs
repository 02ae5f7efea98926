//! The pickle in a PyTorch checkpoint, read as data (opcodes as in Python's `pickletools`). Nothing is imported,
//! called or built: the few callables that describe tensors are symbols, and whatever any other would make is an
//! object that holds what it is given. The crate `serde-pickle` reads Python's built-in types alone, not the calls
//! and persistent ids of which tensors are made.

use std::collections::BTreeMap;

use super::dtype::Dtype;
use super::pickle_bytes::{Bytes, damaged};
use crate::error::{Error, Result};

/// Values, kept references and entries that one pickle may make: a checkpoint needs some ten for each tensor, and
/// may hold lists of files beside them.
const MAX_VALUES: usize = 2_000_000;
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

/// Position in [`Pickle::values`].
pub(super) type Ref = usize;

/// The place of all that no tensor needs: None, flags, floats, bytes, lists, classes.
const INERT: Ref = 0;

pub(super) enum Value<'a> {
    Inert,
    Int(i64),
    Str(&'a str),
    Tuple(Vec<Ref>),
    /// A dict, or what a call would make: items, and the attributes that its state sets, of which only those with
    /// text keys are kept.
    Object(Vec<(&'a str, Ref)>),
    Callable(Callable<'a>),
    Storage(std::result::Result<Dtype, &'a str>, &'a str),
    Tensor(Box<Tensor<'a>>),
}

#[derive(Clone, Copy)]
pub(super) enum Callable<'a> {
    RebuildTensor,
    /// A parameter, the first of whose arguments is a tensor.
    RebuildParameter,
    /// A subclass of a tensor: how it is made, its type, and with what.
    RebuildFromType,
    StorageType(std::result::Result<Dtype, &'a str>),
}

/// What a pickle describes.
pub(super) struct Pickle<'a> {
    pub values: Vec<Value<'a>>,
    pub root: Ref,
}

struct Machine<'a> {
    bytes: Bytes<'a>,
    values: Vec<Value<'a>>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: BTreeMap<u32, Ref>,
    /// How much may still be made.
    left: usize,
}

/// Reads a pickle.
///
/// # Errors
/// When it is damaged, or describes too much.
pub(super) fn read(pickle: &[u8]) -> Result<Pickle<'_>> {
    let mut machine = Machine {
        bytes: Bytes(pickle),
        values: vec![Value::Inert],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
        left: MAX_VALUES,
    };
    let root = machine.run()?;
    Ok(Pickle {
        values: machine.values,
        root,
    })
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
            0x98 => Ok(()),                       // READONLY_BUFFER
            b'(' => {
                self.spend(1)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop), // POP
            b'2' => {
                let top = self.top()?; // DUP
                self.push_ref(top)
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    b'p' => self.bytes.line_number()?,
                    b'q' => self.bytes.byte()?.into(),
                    b'r' => self.bytes.u32()?,
                    _ => self.memo.len() as u32,
                };
                self.memoize(key)
            }
            b'g' | b'h' | b'j' => {
                let key = match opcode {
                    b'g' => self.bytes.line_number()?,
                    b'h' => self.bytes.byte()?.into(),
                    _ => self.bytes.u32()?,
                };
                self.recall(key)
            }
            b'a' => self.pop().map(drop), // APPEND: lists are not looked into
            b'1' | b'e' | 0x90 => self.pop_to_mark().map(drop), // POP_MARK, APPENDS, ADDITEMS
            b's' => {
                let items = self.pop_many(2)?;
                self.set_items(&items)
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)
            }
            b'b' => self.build(),
            _ => {
                let value = self.value(opcode)?;
                self.push(value)
            }
        }
    }

    /// The value that `opcode` puts on the stack.
    fn value(&mut self, opcode: u8) -> Result<Value<'a>> {
        Ok(match opcode {
            b'}' => Value::Object(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.pop_to_mark()?),
            0x85..=0x87 => Value::Tuple(self.pop_many(usize::from(opcode - 0x84))?),
            b'd' => {
                let items = self.pop_to_mark()?;
                Value::Object(self.entries(&items)?)
            }
            b'c' => {
                let module = self.bytes.line()?;
                let name = self.bytes.line()?;
                callable(module, name)
            }
            0x93 => {
                let parts = self.pop_many(2)?;
                match (&self.values[parts[0]], &self.values[parts[1]]) {
                    (Value::Str(module), Value::Str(name)) => {
                        callable(module.as_bytes(), name.as_bytes())
                    }
                    _ => Value::Inert,
                }
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            // What constructors would make: NEWOBJ, NEWOBJ_EX, OBJ, INST.
            0x81 | 0x92 => {
                self.pop_many(if opcode == 0x81 { 2 } else { 3 })?;
                Value::Object(Vec::new())
            }
            b'o' | b'i' => {
                if opcode == b'i' {
                    self.bytes.line()?;
                    self.bytes.line()?;
                }
                self.pop_to_mark()?;
                Value::Object(Vec::new())
            }
            b'l' | 0x91 => {
                self.pop_to_mark()?; // LIST, FROZENSET
                Value::Inert
            }
            _ => self.plain(opcode)?,
        })
    }

    /// A value that is made of the opcode's own operands.
    fn plain(&mut self, opcode: u8) -> Result<Value<'a>> {
        let bytes = &mut self.bytes;
        Ok(match opcode {
            b'K' => Value::Int(bytes.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(bytes.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(bytes.array()?).into()),
            0x8a => bytes.long()?.map_or(Value::Inert, Value::Int),
            b'X' => text(bytes.sized::<4>()?),
            0x8c => text(bytes.sized::<1>()?),
            0x8d => text(bytes.sized::<8>()?),
            // None, True, False, an empty list, an empty set, a buffer from elsewhere
            b'N' | 0x88 | 0x89 | b']' | 0x8f | 0x97 => Value::Inert,
            // Floats and numbers as text, strings of protocol 0, a persistent id
            b'F' | b'I' | b'L' | b'S' | b'V' | b'P' => bytes.line().map(|_| Value::Inert)?,
            b'G' => bytes.take(8).map(|_| Value::Inert)?,
            // Bytes, byte arrays and strings of Python 2, long numbers
            b'C' | b'U' => bytes.sized::<1>().map(|_| Value::Inert)?,
            b'B' | b'T' | 0x8b => bytes.sized::<4>().map(|_| Value::Inert)?,
            0x8e | 0x96 => bytes.sized::<8>().map(|_| Value::Inert)?,
            // Registered extensions
            0x82 => bytes.take(1).map(|_| Value::Inert)?,
            0x83 => bytes.take(2).map(|_| Value::Inert)?,
            0x84 => bytes.take(4).map(|_| Value::Inert)?,
            _ => {
                return Err(damaged(&format!(
                    "there is no pickle opcode 0x{opcode:02x}"
                )));
            }
        })
    }

    /// REDUCE: what calling the symbol below the arguments would give.
    fn reduce(&mut self) -> Result<Value<'a>> {
        let [called, arguments] = self.pop_two()?;
        let Value::Callable(callable) = self.values[called] else {
            return Ok(Value::Object(Vec::new()));
        };
        let arguments = self.short_tuple(arguments);
        match callable {
            Callable::RebuildTensor => self.tensor(arguments),
            Callable::RebuildParameter => match arguments.first().map(|&at| &self.values[at]) {
                Some(Value::Tensor(tensor)) => Ok(Value::Tensor(tensor.clone())),
                _ => Err(damaged("a parameter holds no tensor")),
            },
            Callable::RebuildFromType => match *arguments {
                [how, _, with, ..]
                    if matches!(self.values[how], Value::Callable(Callable::RebuildTensor)) =>
                {
                    self.tensor(self.short_tuple(with))
                }
                _ => Ok(Value::Object(Vec::new())),
            },
            Callable::StorageType(_) => Ok(Value::Inert),
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
        Ok(Value::Tensor(Box::new(Tensor {
            dtype,
            storage,
            offset: self.size(offset).ok_or_else(wrong)?,
            shape,
            strides,
        })))
    }

    /// BINPERSID: `("storage", type, name, device, elements)`.
    fn storage(&mut self) -> Result<Value<'a>> {
        let id = self.pop()?;
        if let &[kind, dtype, name, ..] = self.short_tuple(id)
            && let Value::Str("storage") = self.values[kind]
            && let Value::Callable(Callable::StorageType(dtype)) = self.values[dtype]
            && let Value::Str(name) = self.values[name]
        {
            return Ok(Value::Storage(dtype, name));
        }
        Ok(Value::Inert)
    }

    /// BUILD: the attributes of an object, in a dict or, with slots, in the first of two.
    fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let target = self.top()?;
        let state = match self.short_tuple(state) {
            &[attributes, _] => attributes,
            _ => state,
        };
        let entries = match &self.values[state] {
            Value::Object(entries) if state != target => entries.clone(),
            _ => return Ok(()),
        };
        self.extend(target, entries)
    }

    fn set_items(&mut self, items: &[Ref]) -> Result<()> {
        let target = self.top()?;
        let entries = self.entries(items)?;
        self.extend(target, entries)
    }

    fn extend(&mut self, target: Ref, entries: Vec<(&'a str, Ref)>) -> Result<()> {
        self.spend(entries.len())?;
        if let Value::Object(all) = &mut self.values[target] {
            all.extend(entries);
        }
        Ok(())
    }

    /// Those of keys and values in turn whose keys are texts.
    fn entries(&self, items: &[Ref]) -> Result<Vec<(&'a str, Ref)>> {
        let (pairs, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err(damaged("an item has no value"));
        }
        let entry = |&[key, value]: &[Ref; 2]| match self.values[key] {
            Value::Str(key) => Some((key, value)),
            _ => None,
        };
        Ok(pairs.iter().filter_map(entry).collect())
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        if matches!(value, Value::Inert) {
            return self.push_ref(INERT);
        }
        self.push_ref(self.values.len())?;
        self.values.push(value);
        Ok(())
    }

    fn push_ref(&mut self, at: Ref) -> Result<()> {
        self.spend(1)?;
        self.stack.push(at);
        Ok(())
    }

    fn spend(&mut self, count: usize) -> Result<()> {
        self.left = self.left.checked_sub(count).ok_or_else(too_much)?;
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

    fn pop_two(&mut self) -> Result<[Ref; 2]> {
        let two = self.pop_many(2)?;
        two.try_into().map_err(|_| damaged("its stack runs empty"))
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

    fn top(&self) -> Result<Ref> {
        let top = self.stack.last().copied();
        top.ok_or_else(|| damaged("its stack is empty"))
    }

    fn memoize(&mut self, key: u32) -> Result<()> {
        self.spend(1)?;
        let at = self.top()?;
        self.memo.insert(key, at);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let kept = self.memo.get(&key).copied();
        self.push_ref(kept.ok_or_else(|| damaged("it refers to a value that was not kept"))?)
    }

    /// The values of a tuple, or none if it is none or a long one.
    fn short_tuple(&self, at: Ref) -> &[Ref] {
        match &self.values[at] {
            Value::Tuple(items) if items.len() <= MAX_TUPLE => items,
            _ => &[],
        }
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

/// The error for a pickle of far more than weights.
pub(super) fn too_much() -> Error {
    Error::new(
        "The PyTorch file describes more than a model and its training need; save the weights alone with \
         torch.save(model.state_dict(), path).",
    )
}

/// Long texts and those that are not UTF-8, such as paths, name no tensor.
fn text(bytes: &[u8]) -> Value<'_> {
    let short = Some(bytes).filter(|bytes| bytes.len() <= MAX_TEXT);
    let text = short.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.map_or(Value::Inert, Value::Str)
}

fn callable<'a>(module: &[u8], name: &'a [u8]) -> Value<'a> {
    let callable = match (module, name) {
        (b"torch._utils", b"_rebuild_tensor_v2") => Callable::RebuildTensor,
        (b"torch._utils", b"_rebuild_parameter" | b"_rebuild_parameter_with_state") => {
            Callable::RebuildParameter
        }
        (b"torch._tensor", b"_rebuild_from_type_v2") => Callable::RebuildFromType,
        (b"torch", b"FloatStorage") => Callable::StorageType(Ok(Dtype::F32)),
        (b"torch", b"HalfStorage") => Callable::StorageType(Ok(Dtype::F16)),
        (b"torch", b"BFloat16Storage") => Callable::StorageType(Ok(Dtype::BF16)),
        (b"torch" | b"torch.storage", other) if other.ends_with(b"Storage") => {
            Callable::StorageType(Err(std::str::from_utf8(other).unwrap_or("other")))
        }
        _ => return Value::Inert,
    };
    Value::Callable(callable)
}
