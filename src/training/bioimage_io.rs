//! A model with its fine-tuned decoder as a package of the BioImage Model Zoo: `rdf.yaml`
//! (`bioimageio.spec`, model 0.5), the weights as micro-sam exports them, and tensors to test them with.

use std::io::{self, Read, Seek, Write};

use serde_json::{Value, json};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::decoder_file::{Named, write_micro_sam};
use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::{Picture, Rgb};
use crate::image::display::{Display, to_rgb};
use crate::image::mask::THRESHOLD;
use crate::image::sample;
use crate::model::mask_decoder::MaskDecoder;
use crate::predictor::{Predictor, Prompt, answer_on, prepare};
use crate::weights::decoder_info::DecoderInfo;
use crate::weights::{Architecture, Checkpoint};

/// What the model gives for one box on the bundled sample, which shows nothing of the person's own.
pub struct TestTensors {
    /// `(1, 3, H, W)` of 8-bit values.
    image: Tensor,
    /// Left, top, right and bottom: `(1, 1, 4)` of 64-bit integers.
    boxes: Tensor,
    /// `(1, 1, 1, H, W)` of zeros and ones.
    masks: Tensor,
    /// The predicted IoU, `(1, 1, 1)` of float32.
    scores: Tensor,
    /// `(1, C, grid, grid)` of float32.
    embeddings: Tensor,
}

/// An array as NumPy keeps it.
struct Tensor {
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl TestTensors {
    /// Encodes the sample, and asks `decoder` for its largest nucleus.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn of(predictor: &Predictor, decoder: &MaskDecoder) -> Result<Self> {
        let (gray, labels) = sample::nuclei();
        let image = to_rgb(&Picture::Gray(gray), &Display::default())?;
        let objects = labels.objects(1);
        let largest = objects.iter().max_by_key(|object| object.area);
        let [x0, y0, x1, y1] = largest.map_or([0.0; 4], |object| object.bbox);
        let embedding = predictor.encode(&image).await?;
        let encoder = &predictor.model().prompt_encoder;
        let prepared = prepare(encoder, decoder, &embedding);
        let prompt = [Prompt::Box { x0, y0, x1, y1 }];
        let (masks, ious) = answer_on(&prepared, encoder, decoder, &embedding, &[&prompt]);
        // The first is the answer to a prompt that is not ambiguous.
        let logits = device::read(masks.narrow(1, 0, 1)).await?;
        let score = device::read(ious.narrow(1, 0, 1)).await?;
        let mut mask = vec![0; image.width * image.height];
        if let Some(enlarged) = embedding.enlarge(&logits, THRESHOLD)
            && let Some(shape) = enlarged.shape()
        {
            for (i, _) in shape.bits.iter().enumerate().filter(|(_, bit)| **bit) {
                let (x, y) = (shape.x + i % shape.width, shape.y + i / shape.width);
                mask[y * image.width + x] = 1;
            }
        }
        let [.., channels, rows, columns] = embedding.features().dims();
        let corners = [x0, y0, x1, y1].map(|at| at as i64);
        Ok(Self {
            boxes: Tensor {
                dtype: "<i8",
                shape: vec![1, 1, 4],
                bytes: corners.iter().flat_map(|at| at.to_le_bytes()).collect(),
            },
            masks: Tensor {
                dtype: "|u1",
                shape: vec![1, 1, 1, image.height, image.width],
                bytes: mask,
            },
            scores: Tensor::float(vec![1, 1, 1], &score),
            embeddings: Tensor::float(vec![1, channels, rows, columns], &embedding.values().await?),
            image: Tensor::planes(&image),
        })
    }
}

impl Tensor {
    fn float(shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self {
            dtype: "<f4",
            shape,
            bytes: bytes.collect(),
        }
    }

    /// The channels of an image, one after the other.
    fn planes(image: &Rgb) -> Self {
        let plane = |channel| image.pixels.iter().skip(channel).step_by(3);
        Self {
            dtype: "|u1",
            shape: vec![1, 3, image.height, image.width],
            bytes: (0..3).flat_map(plane).copied().collect(),
        }
    }

    /// As a file of NumPy's format 1.0.
    fn npy(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|side| format!("{side}, ")).collect();
        let mut header = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}",
            self.dtype
        );
        // What comes before the elements takes a multiple of 64 bytes, and ends with a line feed.
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((length as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.push(b'\n');
        file.extend(&self.bytes);
        file
    }
}

/// Writes the package, a zip file, a tensor at a time. `instances` is a decoder of instances from another
/// file than the model's, if it has one.
///
/// # Errors
/// When micro-sam has no such architecture, a checkpoint cannot be read, or `out` cannot be written.
pub fn write<W: Write, R: Read + Seek>(
    out: W,
    checkpoint: Checkpoint<R>,
    instances: Option<Checkpoint<R>>,
    decoder: &[Named],
    info: &DecoderInfo,
    tests: &TestTensors,
) -> Result<()> {
    let model_type = model_type(&checkpoint.architecture()?)?;
    let description = serde_json::to_vec_pretty(&description(info, model_type, tests))
        .map_err(|cause| failed(io::Error::other(cause)))?;
    let mut zip = ZipWriter::new_stream(out);
    let begin = |zip: &mut ZipWriter<_>, name: &str| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let begun = zip.start_file(name, options);
        begun.map_err(|cause| failed(io::Error::other(cause)))
    };
    let files = [
        // JSON is YAML.
        ("rdf.yaml", description),
        ("README.md", readme(info, model_type).into_bytes()),
        ("image.npy", tests.image.npy()),
        ("box_prompts.npy", tests.boxes.npy()),
        ("masks.npy", tests.masks.npy()),
        ("scores.npy", tests.scores.npy()),
        ("embeddings.npy", tests.embeddings.npy()),
    ];
    for (name, bytes) in files {
        begin(&mut zip, name)?;
        zip.write_all(&bytes).map_err(failed)?;
    }
    begin(&mut zip, "weights.pt")?;
    write_micro_sam(&mut zip, checkpoint, instances, decoder)?;
    let mut out = zip
        .finish()
        .map_err(|cause| failed(io::Error::other(cause)))?
        .into_inner();
    out.flush().map_err(failed)
}

fn failed(cause: io::Error) -> Error {
    Error::new(format!("The package cannot be written: {cause}."))
}

/// What micro-sam calls the architecture.
fn model_type(architecture: &Architecture) -> Result<&'static str> {
    match architecture {
        Architecture::TinyVit5M => Ok("vit_t"),
        Architecture::Vit { embed_dim: 768, .. } => Ok("vit_b"),
        Architecture::Vit {
            embed_dim: 1024, ..
        } => Ok("vit_l"),
        Architecture::Vit {
            embed_dim: 1280, ..
        } => Ok("vit_h"),
        Architecture::Vit { embed_dim, .. } => Err(Error::new(format!(
            "The package is run by micro-sam, which has no model with an encoder of {embed_dim} channels; download \
             the whole model for segment_anything instead."
        ))),
    }
}

fn readme(info: &DecoderInfo, model_type: &str) -> String {
    let scores = match (info.before, info.after) {
        (Some(before), Some(after)) => format!(
            "## Validation\n\nOn held-out objects the mean IoU of a point's mask went from {:.3} to {:.3}, and of a box's from {:.3} to \
             {:.3}.\n",
            before.point_iou, after.point_iou, before.box_iou, after.box_iou
        ),
        _ => String::new(),
    };
    format!(
        "# {}, fine-tuned\n\nThe mask decoder was fine-tuned with GraySAM for {} steps; the encoders are those of the base \
         model.\n\n{scores}\nThe test tensors are of a drawn image. Authors, licence and citation are to be filled in \
         before it is published.\n\nOpen `weights.pt` in micro-sam:\n\n```python\nfrom micro_sam.util import \
         get_sam_model\n\npredictor = get_sam_model(model_type=\"{model_type}\", checkpoint_path=\"weights.pt\")\n```\n",
        info.base, info.steps
    )
}

fn description(info: &DecoderInfo, model_type: &str, tests: &TestTensors) -> Value {
    let batch = json!({"type": "batch", "size": 1});
    let object = |size: Value| json!({"type": "index", "id": "object", "size": size});
    let channels = |names: &[&str]| json!({"type": "channel", "channel_names": names});
    let space = |id: &str, size: Value| json!({"type": "space", "id": id, "size": size});
    let any = json!({"min": 1, "step": 1});
    let of_image = |axis: &str| json!({"tensor_id": "image", "axis_id": axis});
    let data_dependent = json!({"min": 1});
    let features: Vec<String> = (0..tests.embeddings.shape[1])
        .map(|i| format!("c{i}"))
        .collect();
    let features: Vec<&str> = features.iter().map(String::as_str).collect();
    let (rows, columns) = (tests.embeddings.shape[2], tests.embeddings.shape[3]);
    json!({
        "type": "model",
        "format_version": "0.5.4",
        "name": format!("{} fine-tuned with GraySAM", info.base),
        "description": "A Segment Anything model whose mask decoder was fine-tuned on labelled grayscale images.",
        "documentation": "README.md",
        "tags": ["segment-anything", "instance-segmentation", "grayscale", "fine-tuned"],
        "inputs": [
            {
                "id": "image",
                "axes": [batch, channels(&["R", "G", "B"]), space("y", any.clone()), space("x", any.clone())],
                "data": {"type": "uint8"},
                "test_tensor": {"source": "image.npy"},
            },
            {
                "id": "box_prompts",
                "axes": [batch, object(any), channels(&["left", "top", "right", "bottom"])],
                "data": {"type": "int64"},
                "test_tensor": {"source": "box_prompts.npy"},
            },
        ],
        "outputs": [
            {
                "id": "masks",
                "axes": [
                    batch, object(data_dependent.clone()), channels(&["mask"]),
                    space("y", of_image("y")), space("x", of_image("x")),
                ],
                "data": {"type": "uint8"},
                "test_tensor": {"source": "masks.npy"},
            },
            {
                "id": "scores",
                "axes": [batch, object(data_dependent), channels(&["mask"])],
                "data": {"type": "float32"},
                "test_tensor": {"source": "scores.npy"},
            },
            {
                "id": "embeddings",
                "axes": [batch, channels(&features), space("y", json!(rows)), space("x", json!(columns))],
                "data": {"type": "float32"},
                "test_tensor": {"source": "embeddings.npy"},
            },
        ],
        "weights": {
            "pytorch_state_dict": {
                "source": "weights.pt",
                "architecture": {
                    "callable": "PredictorAdaptor",
                    "import_from": "micro_sam.bioimageio.predictor_adaptor",
                    "kwargs": {"model_type": model_type},
                },
                "pytorch_version": "2.5",
            },
        },
    })
}
