//! From an image and prompts to masks: the model together with one image's embedding and the
//! prompts given so far (`segment_anything/predictor.py`, and the interactive rounds of
//! section 3 of the paper).

use std::io::{Read, Seek};

use burn::tensor::{Device, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::{mask, resize};
use crate::model::config::SamConfig;
use crate::model::mask_decoder::MASK_TOKENS;
use crate::model::parameters::ParameterSource;
use crate::model::prompt_encoder::label;
use crate::model::sam::{Sam, points_tensor, preprocess};
use crate::weights::source::CheckpointSource;
use crate::weights::{Checkpoint, recognise};

/// A prompt in pixels of the original image, x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prompt {
    Point { x: f32, y: f32, positive: bool },
    Box { x0: f32, y0: f32, x1: f32, y1: f32 },
}

/// A candidate mask as the decoder gives it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Logits of `side × side`, positive inside, over the padded square input.
    pub logits: Vec<f32>,
    /// The IoU that the model itself predicts for this mask, about 0..1.
    pub iou: f32,
}

/// The decoder's answer to the prompts up to one of them.
#[derive(Debug, Clone)]
pub struct Round {
    pub prompt: Prompt,
    /// Three for a single point, best first by predicted IoU as `selected` says; else one.
    pub candidates: Vec<Candidate>,
    pub selected: usize,
}

/// One image's embedding.
#[derive(Clone)]
struct Embedding {
    features: Tensor<4>,
    geometry: Geometry,
}

/// How an image lies in the model's square input.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    /// Width and height of the image.
    original: (usize, usize),
    /// Width and height after resizing to the input's side.
    resized: (usize, usize),
}

impl Geometry {
    /// Pixels of the image to pixels of the input.
    fn to_input(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let scale = |side: usize, resized: usize| resized as f32 / side as f32;
        [
            x * scale(self.original.0, self.resized.0),
            y * scale(self.original.1, self.resized.1),
        ]
    }
}

/// An image on its way through the image encoder, step by step.
pub struct Encoding {
    x: Tensor<4>,
    step: usize,
    geometry: Geometry,
    key: String,
}

impl Encoding {
    /// SHA-256, in hexadecimal, of the image encoder and the pixels that it gets: equal keys
    /// have equal embeddings.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A model, the embedding of one image, and the rounds of prompts on it.
pub struct Predictor {
    model: Sam,
    config: SamConfig,
    device: Device,
    position: Tensor<4>,
    parameters: usize,
    /// SHA-256 of the image encoder's parameters; empty where they come from no checkpoint.
    encoder_digest: Vec<u8>,
    embedding: Option<Embedding>,
    rounds: Vec<Round>,
}

impl Predictor {
    /// Builds the model of `config` on `device` from `source`.
    pub fn load(
        source: &mut dyn ParameterSource,
        config: SamConfig,
        device: &Device,
    ) -> Result<Self> {
        let model = Sam::load(source, &config, device)?;
        Ok(Self {
            position: model.prompt_encoder.dense_position(),
            model,
            config,
            device: device.clone(),
            parameters: 0,
            encoder_digest: Vec::new(),
            embedding: None,
            rounds: Vec::new(),
        })
    }

    /// Builds the model of a checkpoint, safetensors or `.pth`, whose architecture is told from
    /// its tensors. `progress` gets the share read so far, 0..1.
    pub fn open<R: Read + Seek>(
        reader: R,
        device: &Device,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Self> {
        let checkpoint = Checkpoint::open(reader)?;
        let architecture = recognise(|name| checkpoint.shape(name))?;
        let config = SamConfig::from_architecture(&architecture);
        let mut source = CheckpointSource::new(checkpoint, progress);
        let mut predictor = Self::load(&mut source, config, device)?;
        predictor.parameters = source.parameters();
        predictor.encoder_digest = source.encoder_digest();
        Ok(predictor)
    }

    /// How many parameters the model read from its checkpoint.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    pub fn config(&self) -> &SamConfig {
        &self.config
    }

    /// How many steps an encoding takes.
    pub fn encoding_steps(&self) -> usize {
        self.model.image_encoder.steps()
    }

    /// Resizes, normalises and pads `image`, ready to be encoded.
    pub fn begin_encoding(&self, image: &Rgb) -> Encoding {
        let side = self.config.image_size();
        let (width, height) = resize::longest_side(image.width, image.height, side);
        let resized = resize::bilinear_antialias(image, width, height);
        let mut digest = Sha256::new_with_prefix(&self.encoder_digest);
        digest.update(format!("{width}x{height}"));
        digest.update(&resized.pixels);
        Encoding {
            x: preprocess(&resized.pixels, [width, height], side, &self.device),
            step: 0,
            geometry: Geometry {
                original: (image.width, image.height),
                resized: (width, height),
            },
            key: hex(&digest.finalize()),
        }
    }

    /// The values of the embedding, row-major `(256, 64, 64)`, to be kept under its
    /// [`Encoding::key`].
    pub async fn embedding_values(&self) -> Result<Vec<f32>> {
        device::read(self.embedding()?.features.clone()).await
    }

    /// Puts an embedding's kept values in the place of the encoding that would give them.
    ///
    /// # Errors
    /// When there are not as many values as the model's embedding has.
    pub fn restore_embedding(&mut self, encoding: &Encoding, values: Vec<f32>) -> Result<()> {
        let (channels, grid) = (self.config.embed_dim, self.config.grid());
        if values.len() != channels * grid * grid {
            return Err(Error::new(
                "The kept embedding is not of this model; encode the image again.",
            ));
        }
        let data = TensorData::new(values, [1, channels, grid, grid]);
        self.embedding = Some(Embedding {
            features: Tensor::from_data(data, &self.device),
            geometry: encoding.geometry,
        });
        Ok(())
    }

    /// Does the next step of an encoding and waits for its end. Some number of done steps is
    /// returned while there are more; after the last step the embedding is in place.
    pub async fn advance(&mut self, encoding: &mut Encoding) -> Result<Option<usize>> {
        let x = self
            .model
            .image_encoder
            .step(encoding.step, encoding.x.clone());
        device::settle(&x).await?;
        encoding.x = x;
        encoding.step += 1;
        if encoding.step < self.encoding_steps() {
            return Ok(Some(encoding.step));
        }
        self.embedding = Some(Embedding {
            features: encoding.x.clone(),
            geometry: encoding.geometry,
        });
        Ok(None)
    }

    /// Encodes `image` in one go. The rounds so far are forgotten.
    pub async fn set_image(&mut self, image: &Rgb) -> Result<()> {
        self.rounds.clear();
        let mut encoding = self.begin_encoding(image);
        while self.advance(&mut encoding).await?.is_some() {}
        Ok(())
    }

    /// Forgets the embedding; the rounds stay.
    pub fn drop_embedding(&mut self) {
        self.embedding = None;
    }

    pub fn has_embedding(&self) -> bool {
        self.embedding.is_some()
    }

    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// Adds a prompt to those so far and asks the decoder: a single point gives three
    /// candidates, and every further prompt refines the selected mask of the round before.
    pub async fn add(&mut self, prompt: Prompt) -> Result<&Round> {
        self.check(&prompt)?;
        let prompts: Vec<_> = self.prompts().chain([prompt]).collect();
        let single_point = prompts.len() == 1 && matches!(prompt, Prompt::Point { .. });
        let previous = self.rounds.last().map(|round| {
            let candidate = &round.candidates[round.selected];
            candidate.logits.as_slice()
        });
        // Another box is another object.
        let previous = match prompt {
            Prompt::Point { .. } => previous,
            Prompt::Box { .. } => None,
        };
        let mut candidates = self.decode(&prompts, previous).await?;
        if single_point {
            candidates.remove(0);
        } else {
            candidates.truncate(1);
        }
        let best = |a: &usize, b: &usize| candidates[*a].iou.total_cmp(&candidates[*b].iou);
        let selected = (0..candidates.len()).max_by(best).unwrap_or(0);
        self.rounds.push(Round {
            prompt,
            candidates,
            selected,
        });
        Ok(&self.rounds[self.rounds.len() - 1])
    }

    /// Takes the last prompt back.
    pub fn undo(&mut self) -> Option<&Round> {
        self.rounds.pop();
        self.rounds.last()
    }

    /// Takes all prompts back.
    pub fn clear(&mut self) {
        self.rounds.clear();
    }

    /// Chooses the candidate that is shown and refined further.
    pub fn select(&mut self, candidate: usize) -> Result<&Round> {
        let round = self.rounds.last_mut().ok_or_else(no_prompt)?;
        if candidate >= round.candidates.len() {
            return Err(Error::new(format!(
                "There is no candidate {candidate}: this prompt has {}.",
                round.candidates.len()
            )));
        }
        round.selected = candidate;
        Ok(round)
    }

    /// Asks the decoder again for all prompts so far, on a new embedding. Selections are kept.
    pub async fn replay(&mut self) -> Result<Option<&Round>> {
        let rounds = std::mem::take(&mut self.rounds);
        let replayed = self.add_rounds(&rounds).await;
        if replayed.is_err() {
            self.rounds = rounds;
        }
        replayed.map(|()| self.rounds.last())
    }

    /// Takes over the prompts and selections of another predictor, to be replayed.
    pub fn adopt_rounds(&mut self, other: &mut Self) {
        self.rounds = std::mem::take(&mut other.rounds);
    }

    async fn add_rounds(&mut self, rounds: &[Round]) -> Result<()> {
        for round in rounds {
            self.add(round.prompt).await?;
            self.select(round.selected)?;
        }
        Ok(())
    }

    /// The selected candidate over the original image: `width · height` booleans.
    pub fn mask(&self) -> Result<Vec<bool>> {
        let round = self.rounds.last().ok_or_else(no_prompt)?;
        self.postprocess(&round.candidates[round.selected])
    }

    /// A candidate over the original image: `width · height` booleans.
    pub fn postprocess(&self, candidate: &Candidate) -> Result<Vec<bool>> {
        let geometry = self.embedding()?.geometry;
        Ok(mask::threshold(&mask::postprocess(
            &candidate.logits,
            4 * self.config.grid(),
            self.config.image_size(),
            geometry.resized,
            geometry.original,
        )))
    }

    /// All four of the decoder's masks for `prompts` and, to refine it, the logits of a mask:
    /// first the mask for an unambiguous prompt, then the candidates for a single point. Of
    /// several boxes the last counts.
    pub async fn decode(
        &self,
        prompts: &[Prompt],
        previous: Option<&[f32]>,
    ) -> Result<Vec<Candidate>> {
        let embedding = self.embedding()?;
        let (points, bounding_box) = self.to_tensors(prompts, embedding.geometry);
        let encoder = &self.model.prompt_encoder;
        let sparse = encoder.sparse(points, bounding_box);
        let side = 4 * self.config.grid();
        let dense = match previous {
            Some(logits) => {
                let data = TensorData::new(logits.to_vec(), [1, 1, side, side]);
                encoder.dense(Tensor::from_data(data, &self.device))
            }
            None => encoder.no_mask(),
        };
        let features = embedding.features.clone();
        let position = self.position.clone();
        let (masks, ious) = self
            .model
            .mask_decoder
            .forward(features, position, sparse, dense);
        let (masks, ious) = (device::read(masks).await?, device::read(ious).await?);
        debug_assert_eq!(ious.len(), MASK_TOKENS);
        Ok(masks
            .chunks(side * side)
            .zip(ious)
            .map(|(logits, iou)| Candidate {
                logits: logits.to_vec(),
                iou,
            })
            .collect())
    }

    fn prompts(&self) -> impl Iterator<Item = Prompt> {
        self.rounds.iter().map(|round| round.prompt)
    }

    fn embedding(&self) -> Result<&Embedding> {
        self.embedding.as_ref().ok_or_else(|| {
            Error::new("The image has not been encoded yet: encode it before prompting.")
        })
    }

    /// Points `(1, N, 2)` with labels, and the last box `(1, 1, 4)`, in pixels of the input.
    fn to_tensors(
        &self,
        prompts: &[Prompt],
        geometry: Geometry,
    ) -> (
        Option<(Tensor<3>, Tensor<2, burn::tensor::Int>)>,
        Option<Tensor<3>>,
    ) {
        let mut points = Vec::new();
        let mut corners = None;
        for prompt in prompts {
            match *prompt {
                Prompt::Point { x, y, positive } => {
                    let label = match positive {
                        true => label::POSITIVE,
                        false => label::NEGATIVE,
                    };
                    points.push((geometry.to_input([x, y]), label));
                }
                Prompt::Box { x0, y0, x1, y1 } => {
                    let (a, b) = (geometry.to_input([x0, y0]), geometry.to_input([x1, y1]));
                    corners = Some([[[a[0], a[1], b[0], b[1]]]]);
                }
            }
        }
        let points = match points.is_empty() {
            true => None,
            false => Some(points_tensor(&points, &self.device)),
        };
        (
            points,
            corners.map(|corners| Tensor::from_data(corners, &self.device)),
        )
    }

    fn check(&self, prompt: &Prompt) -> Result<()> {
        let (width, height) = self.embedding()?.geometry.original;
        let inside = |x: f32, y: f32| {
            (0.0..=width as f32).contains(&x) && (0.0..=height as f32).contains(&y)
        };
        match *prompt {
            Prompt::Point { x, y, .. } if !inside(x, y) => Err(Error::new(format!(
                "The point {x},{y} lies outside the image of {width}\u{d7}{height} pixels."
            ))),
            Prompt::Box { x0, y0, x1, y1 } if !inside(x0, y0) || !inside(x1, y1) => {
                Err(Error::new(format!(
                    "The box {x0},{y0},{x1},{y1} reaches outside the image of {width}\u{d7}{height} pixels."
                )))
            }
            Prompt::Box { x0, y0, x1, y1 } if x0 >= x1 || y0 >= y1 => Err(Error::new(format!(
                "The box {x0},{y0},{x1},{y1} is empty: give the top left corner, then the bottom right one."
            ))),
            _ => Ok(()),
        }
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn no_prompt() -> Error {
    Error::new("There is no prompt yet: click on an object or draw a box round it.")
}
