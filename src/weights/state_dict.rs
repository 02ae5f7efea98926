//! A model's weights among all that a PyTorch file describes: the tensors of dicts within dicts and of whole
//! pickled modules, by names that tell the way to them.

use std::collections::{BTreeMap, VecDeque};

use super::instance_names;
use super::names::model_prefix;
use super::pickle::{Pickle, Ref, Tensor, Value, too_much};
use crate::error::{Error, Result};

/// Most places of tensors and dicts that are looked at.
const MAX_PLACES: usize = 200_000;
/// Bytes of the longest name that is looked at.
const MAX_NAME: usize = 512;

/// Where a pickled `torch.nn.Module` keeps what it consists of.
const PARTS_OF_MODULES: [&str; 3] = ["_modules", "_parameters", "_buffers"];

/// A tensor with the object that it lies in and its name there.
struct Found<'p, 'a> {
    holder: Ref,
    name: &'a str,
    tensor: &'p Tensor<'a>,
}

/// The named tensors of the state dict in `pickle`: those of a Segment Anything model and of a decoder of instances
/// beside it, or else of the object with most tensors.
///
/// # Errors
/// When it holds none, or far too many.
pub(super) fn tensors<'a>(pickle: &Pickle<'a>) -> Result<BTreeMap<String, Tensor<'a>>> {
    let all = all_tensors(pickle)?;
    let owned = |(name, found): (String, Found<'_, 'a>)| (name, found.tensor.clone());
    if let Some(prefix) = model_prefix(all.keys().map(String::as_str)).map(str::to_owned) {
        let decoder = instance_names::prefix(all.keys().map(String::as_str)).map(str::to_owned);
        let is_decoders = |name: &str| {
            let renamed = |prefix: &String| instance_names::renamed(name, prefix);
            decoder.as_ref().and_then(renamed).is_some()
        };
        let mut all = all;
        all.retain(|name, _| name.starts_with(&prefix) || is_decoders(name));
        return Ok(all.into_iter().map(owned).collect());
    }
    let mut counts = BTreeMap::new();
    for found in all.values() {
        *counts.entry(found.holder).or_insert(0) += 1;
    }
    // Of equally many the first.
    let most = counts.iter().rev().max_by_key(|(_, count)| **count);
    let Some((&holder, _)) = most else {
        return Err(Error::new(
            "The PyTorch file holds no named tensors; save the weights with torch.save(model.state_dict(), path).",
        ));
    };
    let within = all.into_values().filter(|found| found.holder == holder);
    Ok(within
        .map(|found| (found.name.to_owned(), found.tensor.clone()))
        .collect())
}

fn all_tensors<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<BTreeMap<String, Found<'p, 'a>>> {
    let mut all = BTreeMap::new();
    let mut seen = vec![false; pickle.values.len()];
    let mut queue = VecDeque::from([(pickle.root, String::new())]);
    let mut places = 0;
    while let Some((holder, path)) = queue.pop_front() {
        let Value::Object(entries) = &pickle.values[holder] else {
            continue;
        };
        for &(name, value) in entries {
            let path = longer(&path, name);
            match &pickle.values[value] {
                _ if path.len() > MAX_NAME => continue,
                Value::Tensor(tensor) => {
                    let found = Found {
                        holder,
                        name,
                        tensor,
                    };
                    all.entry(path).or_insert(found);
                }
                Value::Object(_) if !std::mem::replace(&mut seen[value], true) => {
                    queue.push_back((value, path));
                }
                _ => continue,
            }
            places += 1;
            if places > MAX_PLACES {
                return Err(too_much());
            }
        }
    }
    Ok(all)
}

/// The way to `name` within what lies at `path`.
fn longer(path: &str, name: &str) -> String {
    match (PARTS_OF_MODULES.contains(&name), path) {
        (true, _) => path.to_owned(),
        (_, "") => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}
