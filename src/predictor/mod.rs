//! From an image and prompts to masks: the model together with one image's embedding and the
//! prompts given so far (`segment_anything/predictor.py`, and the interactive rounds of
//! section 3 of the paper).

mod answer;
mod encoding;
mod prompt;

use std::cell::OnceCell;
use std::io::{Read, Seek};

use burn::tensor::{Device, Tensor, TensorData};

pub(crate) use answer::{answer, answer_on, prepare};
pub use encoding::{Embedding, Encoding};
pub use prompt::Prompt;
use prompt::mask_logits;

use crate::device;
use crate::error::{Error, Result};
use crate::image::decode::Rgb;
use crate::image::resize::Rows;
use crate::model::config::SamConfig;
use crate::model::mask_decoder::{MASK_TOKENS, MaskDecoder};
use crate::model::parameters::ParameterSource;
use crate::model::precision::Precision;
use crate::model::sam::Sam;
use crate::model::two_way_transformer::PreparedImage;
use crate::weights::source::CheckpointSource;
use crate::weights::{Checkpoint, recognise};

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
    /// Three for a single point, else one.
    pub candidates: Vec<Candidate>,
    /// The candidate that is shown and refined: at first that of the highest predicted IoU.
    pub selected: usize,
}

/// A model, the embedding of one image, and the rounds of prompts on it.
pub struct Predictor {
    model: Sam,
    config: SamConfig,
    device: Device,
    /// In the place of the model's own decoder.
    fine_tuned: Option<MaskDecoder>,
    parameters: usize,
    /// SHA-256 of the image encoder's parameters and what they are held in, if not float32;
    /// empty where they come from no checkpoint.
    encoder_digest: Vec<u8>,
    embedding: Option<Embedding>,
    rounds: Vec<Round>,
    /// The answer to the last preview, on the present embedding by the present decoder.
    previewed: Option<Round>,
    prepared: PreparedImages,
}

/// The present image as the decoders prepared it for prompts, once there is a first one.
#[derive(Default)]
struct PreparedImages {
    untouched: OnceCell<PreparedImage>,
    fine_tuned: OnceCell<PreparedImage>,
}

/// Which decoder answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answerer {
    /// The fine-tuned one, if there is one.
    Chosen,
    Untouched,
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
            parameters: 0,
            encoder_digest: Vec::new(),
            embedding: None,
            rounds: Vec::new(),
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
        let mut encoder_digest = source.encoder_digest();
        if precision.on(device) == Precision::F16 {
            encoder_digest.extend(b"f16");
        }
        Ok(Self {
            parameters: source.parameters(),
            encoder_digest,
            ..predictor
        })
    }

    /// How many parameters the model read from its checkpoint.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The model with its own, untouched decoder.
    pub fn model(&self) -> &Sam {
        &self.model
    }

    /// Puts a fine-tuned decoder in the place of the model's own, or takes it away.
    pub fn set_fine_tuned(&mut self, decoder: Option<MaskDecoder>) {
        self.fine_tuned = decoder;
        self.previewed = None;
        self.prepared.fine_tuned.take();
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
        let side = self.config.image_size();
        Encoding::begin(image, side, &self.encoder_digest, &self.device)
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
                "The kept embedding is not of this model; encode the image again.",
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
        let done = encoding.step >= self.encoding_steps();
        Ok(done.then(|| Embedding::new(encoding.x.clone(), encoding.geometry)))
    }

    /// The embedding of `image`, encoded in one go.
    pub async fn encode(&self, image: &Rgb) -> Result<Embedding> {
        let mut encoding = self.begin_encoding(image);
        loop {
            if let Some(embedding) = self.advance(&mut encoding).await? {
                return Ok(embedding);
            }
        }
    }

    /// Puts the embedding of another image in place. The rounds so far stay.
    pub fn set_embedding(&mut self, embedding: Embedding) {
        self.drop_embedding();
        self.embedding = Some(embedding);
    }

    /// Encodes `image` in one go. The rounds so far are forgotten.
    pub async fn set_image(&mut self, image: &Rgb) -> Result<()> {
        self.rounds.clear();
        let embedding = self.encode(image).await?;
        self.set_embedding(embedding);
        Ok(())
    }

    /// Does now what the first prompt on the embedding would else wait for.
    pub fn prepare(&self) -> Result<()> {
        self.prepared(Answerer::Chosen)?;
        Ok(())
    }

    /// Forgets the embedding; the rounds stay.
    pub fn drop_embedding(&mut self) {
        self.embedding = None;
        self.previewed = None;
        self.prepared = PreparedImages::default();
    }

    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// Adds a prompt to those so far and asks the decoder: a single point gives three
    /// candidates, and every further prompt refines the selected mask of the round before.
    pub async fn add(&mut self, prompt: Prompt) -> Result<&Round> {
        prompt.check(self.embedding()?.geometry.original)?;
        let first = self.rounds.is_empty();
        let previewed = self
            .previewed
            .take_if(|round| first && round.prompt == prompt);
        let round = match previewed {
            Some(round) => round,
            None => self.round(Answerer::Chosen, &self.rounds, prompt).await?,
        };
        self.rounds.push(round);
        Ok(&self.rounds[self.rounds.len() - 1])
    }

    /// The mask of the highest predicted IoU for a single point inside, `width · height` booleans;
    /// the rounds stay as they are. If that very point is the first prompt then, its answer is here
    /// already.
    pub async fn preview(&mut self, x: f32, y: f32) -> Result<Vec<bool>> {
        let positive = true;
        let prompt = Prompt::Point { x, y, positive };
        prompt.check(self.embedding()?.geometry.original)?;
        let round = self.round(Answerer::Chosen, &[], prompt).await?;
        let mask = self.mask_of(std::slice::from_ref(&round))?;
        self.previewed = Some(round);
        Ok(mask)
    }

    /// The answer to `prompt` after the rounds `before`.
    async fn round(&self, answerer: Answerer, before: &[Round], prompt: Prompt) -> Result<Round> {
        let prompts = before.iter().map(|round| &round.prompt).chain([&prompt]);
        let prompts: Vec<_> = prompts.cloned().collect();
        let single_point = prompts.len() == 1 && matches!(prompt, Prompt::Point { .. });
        let selected = |round: &Round| round.candidates[round.selected].logits.clone();
        let previous = match &prompt {
            Prompt::Point { .. } => before.last().map(selected),
            // Another box is another object.
            Prompt::Box { .. } => None,
            Prompt::Mask(shape) => {
                let embedding = self.embedding()?;
                Some(mask_logits(shape, embedding, embedding.mask_side()))
            }
        };
        let mut candidates = self.decode(answerer, &prompts, previous).await?;
        if single_point {
            candidates.remove(0);
        } else {
            candidates.truncate(1);
        }
        let best = |a: &usize, b: &usize| candidates[*a].iou.total_cmp(&candidates[*b].iou);
        let selected = (0..candidates.len()).max_by(best).unwrap_or(0);
        Ok(Round {
            prompt,
            candidates,
            selected,
        })
    }

    /// Answers a click and a second one on an embedding of zeros, so that a GPU has compiled the
    /// decoder's programs before the first image. Only while there is no image.
    pub async fn warm_up(&mut self) -> Result<()> {
        let side = self.config.image_size();
        let zeros = vec![0.0; self.config.embed_dim * self.config.grid().pow(2)];
        let embedding = self.restored(&self.begin_encoding(&Rgb::black(side)), zeros)?;
        self.set_embedding(embedding);
        let (x, y, positive) = (0.0, 0.0, true);
        let prompt = Prompt::Point { x, y, positive };
        let answered = match self.add(prompt.clone()).await {
            Ok(_) => self.add(prompt).await.map(drop),
            Err(error) => Err(error),
        };
        self.clear();
        self.drop_embedding();
        answered
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
            self.add(round.prompt.clone()).await?;
            self.select(round.selected)?;
        }
        Ok(())
    }

    /// The selected candidate over the original image: `width · height` booleans.
    pub fn mask(&self) -> Result<Vec<bool>> {
        self.mask_of(&self.rounds)
    }

    /// What the model's own decoder makes of the same prompts: `width · height` booleans.
    pub async fn untouched_mask(&self) -> Result<Vec<bool>> {
        let mut rounds = Vec::with_capacity(self.rounds.len());
        for Round { prompt, .. } in &self.rounds {
            let round = self.round(Answerer::Untouched, &rounds, prompt.clone());
            rounds.push(round.await?);
        }
        self.mask_of(&rounds)
    }

    fn mask_of(&self, rounds: &[Round]) -> Result<Vec<bool>> {
        let round = rounds.last().ok_or_else(no_prompt)?;
        let logits = &round.candidates[round.selected].logits;
        Ok(self.embedding()?.postprocess(logits))
    }

    fn answering(&self, answerer: Answerer) -> (&MaskDecoder, &OnceCell<PreparedImage>) {
        match (&self.fine_tuned, answerer) {
            (Some(decoder), Answerer::Chosen) => (decoder, &self.prepared.fine_tuned),
            _ => (&self.model.mask_decoder, &self.prepared.untouched),
        }
    }

    fn prepared(&self, answerer: Answerer) -> Result<&PreparedImage> {
        let (decoder, prepared) = self.answering(answerer);
        let embedding = self.embedding()?;
        Ok(prepared.get_or_init(|| prepare(&self.model.prompt_encoder, decoder, embedding)))
    }

    /// All four masks for `prompts` and, to refine it, the logits of a mask: first the mask for
    /// an unambiguous prompt, then the candidates for a single point. Of several boxes the last
    /// counts.
    async fn decode(
        &self,
        answerer: Answerer,
        prompts: &[Prompt],
        previous: Option<Vec<f32>>,
    ) -> Result<Vec<Candidate>> {
        let embedding = self.embedding()?;
        let side = embedding.mask_side();
        let encoder = &self.model.prompt_encoder;
        let (decoder, _) = self.answering(answerer);
        let (masks, ious) = match previous {
            Some(logits) => {
                let data = TensorData::new(logits, [1, 1, side, side]);
                let previous = Tensor::from_data(data, &self.device);
                answer(encoder, decoder, embedding, &[prompts], Some(previous))
            }
            None => {
                let image = self.prepared(answerer)?;
                answer_on(image, encoder, decoder, embedding, &[prompts])
            }
        };
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

    /// The image's embedding.
    ///
    /// # Errors
    /// When no image has been encoded.
    pub fn embedding(&self) -> Result<&Embedding> {
        self.embedding.as_ref().ok_or_else(|| {
            Error::new("The image has not been encoded yet: encode it before prompting.")
        })
    }
}

/// The configuration of a checkpoint and the checkpoint as a source.
fn recognised<R: Read + Seek>(
    reader: R,
    progress: &mut dyn FnMut(f64),
) -> Result<(SamConfig, CheckpointSource<'_, R>)> {
    let checkpoint = Checkpoint::open(reader)?;
    let architecture = recognise(|name| checkpoint.shape(name))?;
    let config = SamConfig::from_architecture(&architecture);
    Ok((config, CheckpointSource::new(checkpoint, progress)))
}

fn no_prompt() -> Error {
    Error::new("There is no prompt yet: click on an object or draw a box round it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotation::shapes::Shape;
    use crate::weights::source::NoiseSource;

    #[test]
    fn warm_up_leaves_no_trace() {
        let device = Device::flex();
        let config = SamConfig::tiny();
        let mut predictor =
            Predictor::load(&mut NoiseSource::default(), config, &device, Precision::F32).unwrap();
        device::block_on(predictor.warm_up()).unwrap();
        assert!(predictor.rounds().is_empty());
        assert!(predictor.embedding().is_err());
    }

    #[test]
    fn preview_gives_the_mask_of_a_click_and_no_round() {
        let device = Device::flex();
        let config = SamConfig::tiny();
        let mut predictor =
            Predictor::load(&mut NoiseSource::default(), config, &device, Precision::F32).unwrap();
        let image = Rgb {
            width: 40,
            height: 30,
            pixels: (0..40 * 30 * 3).map(|i| (i % 251) as u8).collect(),
        };
        device::block_on(async {
            predictor.set_image(&image).await.unwrap();
            let preview = predictor.preview(12.0, 20.0).await.unwrap();
            assert!(predictor.rounds().is_empty());
            let (x, y, positive) = (12.0, 20.0, true);
            predictor
                .add(Prompt::Point { x, y, positive })
                .await
                .unwrap();
            assert_eq!(predictor.mask().unwrap(), preview);
            assert!(predictor.previewed.is_none(), "it was the answer");

            // Further prompts do not count for it.
            let (x0, y0, x1, y1) = (1.0, 1.0, 9.0, 9.0);
            predictor.add(Prompt::Box { x0, y0, x1, y1 }).await.unwrap();
            assert_eq!(predictor.preview(12.0, 20.0).await.unwrap(), preview);
            assert!(predictor.preview(41.0, 0.0).await.is_err());
        });
    }

    #[test]
    fn preview_of_another_image_is_no_answer() {
        let image = |shade: u8| Rgb {
            width: 40,
            height: 30,
            pixels: (0..40 * 30 * 3).map(|i| (i % 251) as u8 ^ shade).collect(),
        };
        let config = SamConfig::tiny();
        let point = Prompt::Point {
            x: 12.0,
            y: 20.0,
            positive: true,
        };
        let logits = |preview_first: bool| {
            let (source, device) = (&mut NoiseSource::default(), Device::flex());
            let mut predictor =
                Predictor::load(source, config.clone(), &device, Precision::F32).unwrap();
            device::block_on(async {
                if preview_first {
                    predictor.set_image(&image(0)).await.unwrap();
                    predictor.preview(12.0, 20.0).await.unwrap();
                }
                predictor.set_image(&image(99)).await.unwrap();
                let round = predictor.add(point.clone()).await.unwrap();
                round.candidates[0].logits.clone()
            })
        };
        assert_eq!(logits(true), logits(false));
    }

    #[test]
    fn another_decoder_answers_for_itself() {
        let (device, config) = (Device::flex(), SamConfig::tiny());
        let source = || NoiseSource::default();
        let loaded = || Predictor::load(&mut source(), config.clone(), &device, Precision::F32);
        let mut predictor = loaded().unwrap();
        let other = MaskDecoder::open(&mut Doubled(source()), &config, &device).unwrap();
        let image = Rgb {
            width: 40,
            height: 30,
            pixels: (0..40 * 30 * 3).map(|i| (i % 251) as u8).collect(),
        };
        let (x, y, positive) = (12.0, 20.0, true);
        let point = Prompt::Point { x, y, positive };
        let logits = |predictor: &mut Predictor| {
            predictor.clear();
            let round = device::block_on(predictor.add(point.clone())).unwrap();
            round.candidates[0].logits.clone()
        };
        device::block_on(predictor.set_image(&image)).unwrap();
        let own = logits(&mut predictor);
        predictor.set_fine_tuned(Some(other.clone()));
        let tuned = logits(&mut predictor);
        assert_ne!(tuned, own);
        let mut fresh = loaded().unwrap();
        fresh.set_fine_tuned(Some(other));
        device::block_on(fresh.set_image(&image)).unwrap();
        assert_eq!(logits(&mut fresh), tuned);
        predictor.set_fine_tuned(None);
        assert_eq!(logits(&mut predictor), own);
    }

    /// Parameters twice as large.
    struct Doubled(NoiseSource);

    impl ParameterSource for Doubled {
        fn has(&self, name: &str) -> bool {
            self.0.has(name)
        }

        fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
            let mut values = self.0.read(name, shape)?;
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(values)
        }
    }

    #[test]
    fn a_mask_prompt_counts_besides_its_box() {
        let (device, config) = (Device::flex(), SamConfig::tiny());
        let mut source = NoiseSource::default();
        let mut predictor = Predictor::load(&mut source, config, &device, Precision::F32).unwrap();
        let (width, height) = (40, 30);
        let pixels = (0..width * height * 3).map(|i| (i % 251) as u8).collect();
        let image = Rgb {
            width,
            height,
            pixels,
        };
        let shape = |width: usize, inside: fn(usize) -> bool| {
            let bits = (0..width * 8).map(inside).collect();
            Prompt::Mask(Shape::trimmed(4, 6, width, bits).unwrap().into())
        };
        device::block_on(async {
            predictor.set_image(&image).await.unwrap();
            let mut logits = Vec::new();
            let (x0, y0, x1, y1) = (4.0, 6.0, 12.0, 14.0);
            let cross: fn(usize) -> bool = |i| i % 9 == 0 || i % 7 == 0;
            for prompt in [
                Prompt::Box { x0, y0, x1, y1 },
                shape(8, |_| true),
                shape(8, cross),
            ] {
                predictor.clear();
                let round = predictor.add(prompt).await.unwrap();
                assert_eq!(round.candidates.len(), 1);
                logits.push(round.candidates[0].logits.clone());
            }
            assert_ne!(logits[0], logits[1]);
            assert_ne!(logits[1], logits[2]);

            let (x, y, positive) = (30.0, 20.0, false);
            predictor
                .add(Prompt::Point { x, y, positive })
                .await
                .unwrap();
            let before = predictor.mask().unwrap();
            predictor.replay().await.unwrap();
            assert_eq!(predictor.mask().unwrap(), before);
            let outside = predictor.add(shape(37, |_| true)).await.unwrap_err();
            assert!(outside.to_string().contains("mask reaches outside"));
        });
    }
}
