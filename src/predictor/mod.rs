//! From an image and prompts to masks: the model together with the embeddings of one image and the
//! rounds of prompts answered on them (`segment_anything/predictor.py`, and the interactive rounds
//! of section 3 of the paper).

mod answer;
mod dialogue;
mod encoding;
mod prompt;
mod rounds;
#[cfg(test)]
mod tests;
mod views;

use std::io::{Read, Seek};

use burn::tensor::{Device, Tensor, TensorData};

pub(crate) use answer::{answer, answer_on, attend, most_prompts, prepare};
use dialogue::Dialogue;
pub use encoding::{Embedding, Encoding};
pub use prompt::Prompt;
use rounds::PreparedImages;
pub use rounds::{Answer, PromptRound, Reply};
use views::Views;

use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::part::{Bounds, Part, Pyramid};
use crate::image::resize::Rows;
use crate::model::config::SamConfig;
use crate::model::instance_decoder::InstanceDecoder;
use crate::model::kernels;
use crate::model::mask_decoder::MaskDecoder;
use crate::model::precision::Precision;
use crate::model::sam::Sam;
use crate::weights::Checkpoint;
use crate::weights::decoder_info::Thresholds;
use crate::weights::source::{CheckpointSource, ParameterSource};

/// Parts around what is in view that are worth encoding before they are asked for: fewer than are
/// kept.
const NEAR: usize = 9;

/// A model, the embeddings of one image and of its parts, and the rounds of prompts on it.
pub struct Predictor {
    model: Sam,
    config: SamConfig,
    device: Device,
    /// In the place of the model's own decoder.
    fine_tuned: Option<MaskDecoder>,
    /// Its own, if they are known.
    thresholds: Option<Thresholds>,
    /// The decoder of instances, if the checkpoint has one or one was opened beside it.
    instances: Option<InstanceDecoder>,
    parameters: usize,
    /// SHA-256 of the image encoder's parameters and what they are held in, if not float32;
    /// empty where they come from no checkpoint.
    encoder_digest: Vec<u8>,
    views: Views,
    /// The last prompt list, on the present image by the present decoder.
    dialogue: Dialogue,
    /// What the model's own decoder made of a prompt list, on the same image.
    compared: Dialogue,
    /// The last preview, on the same.
    previewed: Option<Dialogue>,
    prepared: PreparedImages,
}

impl Predictor {
    /// Builds the model of `config` on `device` from `source`.
    pub fn load(
        source: &mut dyn ParameterSource,
        config: SamConfig,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        let model = Sam::load(source, &config, device, precision)?;
        Ok(Self {
            model,
            config,
            device: device.clone(),
            fine_tuned: None,
            thresholds: None,
            instances: None,
            parameters: 0,
            encoder_digest: Vec::new(),
            views: Views::default(),
            dialogue: Dialogue::default(),
            compared: Dialogue::default(),
            previewed: None,
            prepared: PreparedImages::default(),
        })
    }

    /// Builds the model of a checkpoint, safetensors or `.pth`, whose architecture is told from
    /// its tensors. `progress` gets the share read so far, 0..1.
    pub fn open<R: Read + Seek>(
        reader: R,
        device: &Device,
        precision: Precision,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Self> {
        let (config, mut source) = recognised(reader, progress)?;
        let predictor = Self::load(&mut source, config, device, precision)?;
        let instances = match InstanceDecoder::is_in(&source) {
            true => Some(InstanceDecoder::open(
                &mut source,
                predictor.config(),
                device,
            )?),
            false => None,
        };
        let mut encoder_digest = source.encoder_digest();
        if precision.on(device) == Precision::F16 {
            encoder_digest.extend(b"f16");
        }
        Ok(Self {
            instances,
            parameters: source.parameters(),
            encoder_digest,
            ..predictor
        })
    }

    /// The same model and decoders, sharing their weights, without an image.
    pub fn another(&self) -> Self {
        Self {
            model: self.model.clone(),
            config: self.config.clone(),
            device: self.device.clone(),
            fine_tuned: self.fine_tuned.clone(),
            thresholds: self.thresholds,
            instances: self.instances.clone(),
            parameters: self.parameters,
            encoder_digest: self.encoder_digest.clone(),
            views: Views::default(),
            dialogue: Dialogue::default(),
            compared: Dialogue::default(),
            previewed: None,
            prepared: PreparedImages::default(),
        }
    }

    /// How many parameters the model read from its checkpoint.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The model with its own, untouched decoder.
    pub fn model(&self) -> &Sam {
        &self.model
    }

    /// Puts a fine-tuned decoder in the place of the model's own, or takes it away. Its thresholds
    /// are the model's own until they are set.
    pub fn set_fine_tuned(&mut self, decoder: Option<MaskDecoder>) {
        self.fine_tuned = decoder;
        self.thresholds = None;
        self.dialogue = Dialogue::default();
        self.previewed = None;
        self.prepared.fine_tuned.take();
    }

    /// Sets what the fine-tuned decoder's automatic masks are held to.
    pub fn set_thresholds(&mut self, thresholds: Option<Thresholds>) {
        self.thresholds = thresholds;
    }

    /// What the automatic masks of the decoder that answers are held to, if that is not what the
    /// untouched model's are.
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.thresholds
    }

    /// The decoder in the place of the model's own, if there is one.
    pub fn fine_tuned(&self) -> Option<&MaskDecoder> {
        self.fine_tuned.as_ref()
    }

    /// Opens the file of a decoder of instances beside the model.
    ///
    /// # Errors
    /// When the file is no checkpoint, or holds no such decoder or one of another width.
    pub fn open_instances<R: Read + Seek>(&mut self, reader: R) -> Result<()> {
        let mut checkpoint = Checkpoint::open(reader)?;
        let decoder = InstanceDecoder::open(&mut checkpoint, &self.config, &self.device)?;
        self.instances = Some(decoder);
        Ok(())
    }

    /// The decoder of instances, if there is one.
    pub fn instances(&self) -> Option<&InstanceDecoder> {
        self.instances.as_ref()
    }

    /// The decoder that answers.
    pub fn decoder(&self) -> &MaskDecoder {
        self.fine_tuned.as_ref().unwrap_or(&self.model.mask_decoder)
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn config(&self) -> &SamConfig {
        &self.config
    }

    /// How many steps an encoding takes.
    pub fn encoding_steps(&self) -> usize {
        self.model.image_encoder.steps()
    }

    /// Resizes, normalises and pads `image`, ready to be encoded.
    pub fn begin_encoding(&self, image: &impl Rows) -> Encoding {
        self.begin_part(image, Part::whole(image.size()))
    }

    /// The same of a part of `image`.
    ///
    /// # Panics
    /// If `part` does not lie in `image`.
    pub fn begin_part(&self, image: &impl Rows, part: Part) -> Encoding {
        let side = self.config.image_size();
        Encoding::begin(image, part, side, &self.encoder_digest, &self.device)
    }

    /// The embedding of kept [`Embedding::values`], in the place of the encoding that would give
    /// them.
    ///
    /// # Errors
    /// When there are not as many values as the model's embedding has.
    pub fn restored(&self, encoding: &Encoding, values: Vec<f32>) -> Result<Embedding> {
        let (channels, grid) = (self.config.embed_dim, self.config.grid());
        if values.len() != channels * grid * grid {
            return Err(Error::new(
                "The stored embedding belongs to another model; encode the image again.",
            ));
        }
        let data = TensorData::new(values, [1, channels, grid, grid]);
        let features = Tensor::from_data(data, &self.device);
        Ok(Embedding::new(features, encoding.geometry))
    }

    /// Does the next step of an encoding and waits for its end: the embedding after the last,
    /// nothing while there are more.
    pub async fn advance(&self, encoding: &mut Encoding) -> Result<Option<Embedding>> {
        let x = self
            .model
            .image_encoder
            .step(encoding.step, encoding.x.clone());
        device::settle(&x).await?;
        encoding.x = x;
        encoding.step += 1;
        if encoding.step < self.encoding_steps() {
            return Ok(None);
        }
        self.check(&encoding.x).await?;
        Ok(Some(Embedding::new(encoding.x.clone(), encoding.geometry)))
    }

    /// Refuses what no image's embedding can be, as a faulty driver or damaged weights make it.
    async fn check(&self, features: &Tensor<4>) -> Result<()> {
        // Rounding may exceed it a little.
        let bound = 1.01 * self.model.image_encoder.bound().await?;
        let values = device::read(features.clone()).await?;
        if values.iter().all(|x| x.abs() <= bound) {
            return Ok(());
        }
        if kernels::runs_on(&self.device) {
            device::distrust();
            return Err(Error::new(
                "The GPU computed numbers that make no sense: choose the CPU device.",
            ));
        }
        Err(Error::new(
            "The image encoder gives numbers that make no sense: its weights are damaged, so open another checkpoint.",
        ))
    }

    /// The embedding of `image`, encoded in one go.
    pub async fn encode(&self, image: &impl Rows) -> Result<Embedding> {
        self.encode_part(image, Part::whole(image.size())).await
    }

    /// The embedding of `part` of `image`, encoded in one go.
    pub async fn encode_part(&self, image: &impl Rows, part: Part) -> Result<Embedding> {
        let mut encoding = self.begin_part(image, part);
        loop {
            if let Some(embedding) = self.advance(&mut encoding).await? {
                return Ok(embedding);
            }
        }
    }

    /// Takes another image of this width and height, of which nothing is encoded yet.
    pub fn open_image(&mut self, size: (usize, usize)) {
        self.drop_embeddings();
        self.views = Views::of_image(size);
    }

    /// Puts the embedding of another image in place.
    pub fn set_embedding(&mut self, embedding: Embedding) {
        self.open_image(embedding.size());
        self.views.add(embedding);
    }

    /// Keeps the embedding of the image or of another part of it, for as long as there is room.
    pub fn add_embedding(&mut self, embedding: Embedding) {
        self.views.add(embedding);
    }

    /// Whether the embedding of `part` is here.
    pub fn has(&self, part: &Part) -> bool {
        self.views.get(part).is_some()
    }

    /// Of the parts that clicks in `bounds` of the image would be asked in, when it is looked at in
    /// parts of `side`, the first without an embedding; those in the middle come first, and no more
    /// count than are kept. The others of them count as used, so that they do not make room for it.
    pub fn missing(&mut self, side: usize, bounds: Bounds) -> Option<Part> {
        let size = self.views.size?;
        let mut near = Pyramid { size }.within(side, bounds);
        near.truncate(NEAR);
        for part in near.iter().chain(&self.dialogue.part) {
            self.views.used(part);
        }
        near.into_iter().find(|part| !self.has(part))
    }

    /// Encodes `image` in one go and puts its embedding in place.
    pub async fn set_image(&mut self, image: &Rgb) -> Result<()> {
        let embedding = self.encode(image).await?;
        self.set_embedding(embedding);
        Ok(())
    }

    /// Forgets the image, and with it what was answered on it.
    pub fn drop_embeddings(&mut self) {
        self.views = Views::default();
        self.dialogue = Dialogue::default();
        self.compared = Dialogue::default();
        self.previewed = None;
        self.prepared = PreparedImages::default();
    }

    /// The embedding of the whole image.
    ///
    /// # Errors
    /// When it has not been encoded.
    pub fn embedding(&self) -> Result<&Embedding> {
        self.views.whole().ok_or_else(not_encoded)
    }
}

fn not_encoded() -> Error {
    Error::new("The image has not been encoded yet: encode it before prompting.")
}

/// The configuration of a checkpoint and the checkpoint as a source.
fn recognised<R: Read + Seek>(
    reader: R,
    progress: &mut dyn FnMut(f64),
) -> Result<(SamConfig, CheckpointSource<'_, R>)> {
    let checkpoint = Checkpoint::open(reader)?;
    let architecture = checkpoint.architecture()?;
    let config = SamConfig::from_architecture(&architecture);
    Ok((config, CheckpointSource::new(checkpoint, progress)))
}
