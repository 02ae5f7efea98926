//! How fast a model is on a device.

use burn_cubecl::cubecl;
use cubecl::profile::Instant;
use serde::Serialize;
use tsify::Tsify;

use super::product::{Product, encoder_flop};
use super::timing::median;
use crate::device::OpenDevice;
use crate::error::Result;
use crate::image::decode::{Picture, Rgb};
use crate::image::display::{self, Display};
use crate::image::sample;
use crate::predictor::{Predictor, Prompt};
use crate::training::dataset::{HeldOut, LabelledImage};
use crate::training::trainer::{Trainer, TrainingSettings};

/// The first layer of a ViT-B block's perceptron.
const PRODUCT: [usize; 3] = [4096, 768, 3072];
/// How long products are run for one figure, so that what surrounds them counts for little.
const PRODUCT_SECONDS: f64 = 0.2;

/// Medians.
#[derive(Debug, Clone, Serialize, Tsify)]
pub struct Measured {
    pub device: String,
    pub runs: usize,
    /// Without the image's preparation.
    pub encoder_s: f64,
    /// A click on the encoded image, until its mask is there in the image's size.
    pub decoder_s: f64,
    pub training_step_s: f64,
    pub matmul_tflops: f64,
    /// The rate of the encoder's matrix products in percent of that one's, where they are known.
    pub encoder_share: Option<f64>,
    /// What the GPU's allocator holds after the encodings, with the model's weights. CubeCL keeps what
    /// it once took, so this is the peak but for buffers that it gave back.
    pub encoder_memory_mb: Option<f64>,
    /// The same after the clicks.
    pub decoder_memory_mb: Option<f64>,
    /// The same in the end.
    pub memory_mb: Option<f64>,
}

/// Measures `predictor`'s model on the sample image, which takes the place of the predictor's own; each figure is the
/// median of so many runs.
///
/// # Errors
/// When the device fails.
pub async fn measured(
    opened: &OpenDevice,
    predictor: &mut Predictor,
    runs: usize,
) -> Result<Measured> {
    let (gray, labels) = sample::nuclei();
    let image = display::to_rgb(&Picture::Gray(gray), &Display::default())?;
    let memory = || opened.reserved_bytes().map(|bytes| bytes as f64 / 1e6);
    let encoder_s = encoder(predictor, &image, runs).await?;
    let encoder_memory_mb = memory();
    let decoder_s = decoder(predictor, &image, runs).await?;
    let decoder_memory_mb = memory();
    let labelled = LabelledImage::new(predictor.embedding()?.clone(), &labels)?;
    let training_step_s = training_step(predictor, labelled, runs).await?;
    let product = Product::new(PRODUCT, &opened.device)?;
    let rate = product.flop / product_seconds(&product, runs).await?;
    let share = |flop: f64| 100.0 * flop / encoder_s / rate;
    Ok(Measured {
        device: opened.name.clone(),
        runs,
        encoder_s,
        decoder_s,
        training_step_s,
        matmul_tflops: rate / 1e12,
        encoder_share: encoder_flop(predictor.config()).map(share),
        encoder_memory_mb,
        decoder_memory_mb,
        memory_mb: memory(),
    })
}

/// The first encoding and click do not count: kernels are compiled in them.
async fn encoder(predictor: &mut Predictor, image: &Rgb, runs: usize) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..=runs {
        let mut encoding = predictor.begin_encoding(image);
        let start = Instant::now();
        let embedding = loop {
            if let Some(embedding) = predictor.advance(&mut encoding).await? {
                break embedding;
            }
        };
        seconds.push(start.elapsed().as_secs_f64());
        predictor.set_embedding(embedding);
    }
    median(&seconds[1..])
}

async fn decoder(predictor: &mut Predictor, image: &Rgb, runs: usize) -> Result<f64> {
    let [x, y] = [image.width, image.height].map(|side| side as f32 / 2.0);
    let positive = true;
    let click = [Prompt::Point { x, y, positive }.into()];
    let mut seconds = Vec::new();
    for _ in 0..=runs {
        predictor.predict(&[]).await?;
        let start = Instant::now();
        predictor.predict(&click).await?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    median(&seconds[1..])
}

/// As little as possible of it is spent on evaluations.
async fn training_step(predictor: &Predictor, image: LabelledImage, runs: usize) -> Result<f64> {
    let settings = TrainingSettings {
        steps: runs + 1,
        held_out: 0.01,
        evaluate_every: runs + 1,
        ..TrainingSettings::default()
    };
    let mut trainer = Trainer::new(predictor.model(), vec![image], &HeldOut::Part, settings)?;
    let mut seconds = Vec::new();
    while !trainer.finished() {
        let start = Instant::now();
        if trainer.advance().await?.loss.is_some() {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    median(&seconds[1..])
}

/// Of one product, from as many in a row as fill [`PRODUCT_SECONDS`].
async fn product_seconds(product: &Product, runs: usize) -> Result<f64> {
    let timed = async |times: usize| -> Result<f64> {
        let start = Instant::now();
        product.run(times).await?;
        Ok(start.elapsed().as_secs_f64() / times as f64)
    };
    timed(1).await?;
    let times = (PRODUCT_SECONDS / timed(1).await?).clamp(1.0, 1000.0) as usize;
    let mut seconds = Vec::new();
    for _ in 0..runs {
        seconds.push(timed(times).await?);
    }
    median(&seconds)
}
