//! micro-sam's decoder of instances: an image embedding to three maps of its input's size, whether a
//! pixel is foreground and how far it is from its object's centre and border, each 0..1
//! (`torch_em/model/unetr.py` without connections to the encoder, `DecoderAdapter` of
//! `micro_sam/instance_segmentation.py`).
//!
//! Maps are held in strips of rows. Between two strips the work pauses, so that other work is done
//! and a cancellation is heard, and no layer needs room for more than one map beside its result.

mod strips;

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, activation, module};

use self::strips::{Strips, Taken};
use super::config::SamConfig;
use super::elementwise::on_cpu;
use super::kernels;
use super::parameters::{Parameters, with_parameters};
use crate::device;
use crate::error::{Error, Result};
use crate::weights::source::ParameterSource;

/// Foreground, distance to the centre, distance to the border.
pub const MAPS: usize = 3;

/// Channels after each doubling of the size.
const WIDTHS: [usize; 4] = [512, 256, 128, 64];

/// Parameters by which the decoder is told.
const FIRST: &str = "instance_decoder.base.block.1.weight";
const HEAD: &str = "instance_decoder.decoder_head.block.1.weight";

/// What torch adds to variances.
const EPSILON: f32 = 1e-5;

/// A convolution's weight, `(outputs, inputs, kernel, kernel)`, and bias.
#[derive(Clone)]
struct Convolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
}

/// A 3 × 3 convolution that is about to be applied to one strip after another.
struct Prepared<'a> {
    convolution: &'a Convolution,
    /// The weight as the CPU's kernel takes it.
    transformed: Option<Tensor<3>>,
}

impl<'a> Prepared<'a> {
    fn new(convolution: &'a Convolution) -> Self {
        let weight = &convolution.weight;
        let transformed = on_cpu(weight).then(|| kernels::transformed(weight.clone()));
        Self {
            convolution,
            transformed,
        }
    }

    /// The convolution of a strip, which has all the rows that the kernel needs.
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.transformed {
            Some(weight) => kernels::convolve(x, weight.clone(), self.convolution.bias.clone()),
            None => self.convolution.apply(x),
        }
    }
}

impl Convolution {
    fn load(p: &Parameters, inputs: usize, outputs: usize, kernel: usize) -> Result<Self> {
        Ok(Self {
            weight: p.tensor("weight", [outputs, inputs, kernel, kernel])?,
            bias: p.tensor("bias", [outputs])?,
        })
    }

    /// The convolution of a strip, which has all the rows that the kernel needs.
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let beside = self.weight.dims()[3] / 2;
        let options = ConvOptions::new([1, 1], [0, beside], [1, 1], 1);
        module::conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }

    /// The same for inputs that have yet to be multiplied by `factors`, `(1, inputs, 1, 1)`.
    fn of_scaled(&self, factors: Tensor<4>) -> Self {
        Self {
            weight: self.weight.clone() * factors,
            bias: self.bias.clone(),
        }
    }
}

/// Doubles height and width.
#[derive(Clone)]
enum Sampler {
    /// 1 × 1 and bilinear; the two commute, as the weights of either's pixels have the sum 1.
    Bilinear(Convolution),
    /// A transposed convolution of kernel and stride 2, as a 1 × 1 convolution to the four pixels that
    /// each makes, `(4 · outputs, inputs, 1, 1)`.
    Transposed(Convolution),
}

impl Sampler {
    fn load(p: &Parameters, inputs: usize, outputs: usize) -> Result<Self> {
        let transposed = p.at("block");
        if !transposed.has("weight") {
            return Ok(Self::Bilinear(Convolution::load(
                &p.at("conv"),
                inputs,
                outputs,
                1,
            )?));
        }
        let weight = transposed.tensor("weight", [inputs, outputs, 2, 2])?;
        let weight = weight.permute([1, 2, 3, 0]);
        Ok(Self::Transposed(Convolution {
            weight: weight.reshape([4 * outputs, inputs, 1, 1]),
            bias: transposed.tensor("bias", [outputs])?,
        }))
    }

    /// The part before the map grows, of one strip.
    fn narrow(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Bilinear(convolution) => convolution.apply(x),
            Self::Transposed(Convolution { weight, bias }) => {
                let [four, _, _, _] = weight.dims();
                let bias: Tensor<2> = bias.clone().unsqueeze_dim(1);
                let bias = bias.repeat_dim(1, 4).reshape([four]);
                let weight = weight.clone();
                Convolution { weight, bias }.apply(x)
            }
        }
    }
}

/// `deconv`: a larger map, 3 × 3, batch norm, ReLU.
///
/// The norm goes by the mean and variance of the map at hand, not by those of training: micro-sam
/// leaves its decoder in training mode when it segments.
#[derive(Clone)]
struct Skip {
    sampler: Sampler,
    convolution: Convolution,
    /// `(1, outputs, 1, 1)`, as the next.
    gamma: Tensor<4>,
    beta: Tensor<4>,
}

impl Skip {
    fn load(p: &Parameters, inputs: usize, outputs: usize) -> Result<Self> {
        let p = p.at("block");
        let norm = p.at(2);
        let of_norm = |name| -> Result<Tensor<4>> {
            Ok(norm.tensor(name, [outputs])?.reshape([1, outputs, 1, 1]))
        };
        Ok(Self {
            sampler: Sampler::load(&p.at(0), inputs, outputs)?,
            convolution: Convolution::load(&p.at(1).at("block"), outputs, outputs, 3)?,
            gamma: of_norm("weight")?,
            beta: of_norm("bias")?,
        })
    }
}

/// Instance norm, 3 × 3, ReLU, and the same again.
#[derive(Clone)]
struct Block {
    first: Convolution,
    second: Convolution,
}

impl Block {
    fn load(p: &Parameters, inputs: usize, outputs: usize) -> Result<Self> {
        let p = p.at("block");
        Ok(Self {
            first: Convolution::load(&p.at(1), inputs, outputs, 3)?,
            second: Convolution::load(&p.at(4), outputs, outputs, 3)?,
        })
    }
}

/// The decoder. A copy shares its weights.
#[derive(Clone)]
pub struct InstanceDecoder {
    base: Block,
    /// `deconv1` to `deconv4`.
    skips: Vec<Skip>,
    levels: Vec<(Sampler, Block)>,
    last: Sampler,
    head: Block,
    out: Convolution,
}

impl InstanceDecoder {
    /// Builds the decoder from the `instance_decoder.*` of `source`, on `device`, for the embeddings
    /// of `config`.
    ///
    /// # Errors
    /// When there is none, or one for embeddings of other widths, or a parameter is missing.
    pub fn open(
        source: &mut dyn ParameterSource,
        config: &SamConfig,
        device: &Device,
    ) -> Result<Self> {
        if !Self::is_in(source) {
            return Err(Error::new(
                "The file holds no decoder of instances; micro-sam's decoder (decoder_state) is needed.",
            ));
        }
        if let Some(&[_, channels, ..]) = source.shape(FIRST)
            && channels != config.embed_dim
        {
            return Err(Error::new(format!(
                "The decoder of instances is for embeddings of {channels} channels, but this model's have {}: open \
                 the model that it was trained with.",
                config.embed_dim
            )));
        }
        with_parameters(source, device, |p| {
            Self::load(&p.at("instance_decoder"), config.embed_dim)
        })
    }

    /// Whether `source` has such a decoder, whole or not.
    pub fn is_in(source: &dyn ParameterSource) -> bool {
        source.has(FIRST) || source.has(HEAD)
    }

    fn load(p: &Parameters, channels: usize) -> Result<Self> {
        let inputs = [channels, WIDTHS[0], WIDTHS[1], WIDTHS[2]];
        let skip = |(i, (&inputs, &outputs)): (usize, (&usize, &usize))| {
            Skip::load(&p.at(format!("deconv{}", i + 1)), inputs, outputs)
        };
        let level = |(i, pair): (usize, &[usize])| {
            let p = p.at("decoder");
            let sampler = Sampler::load(&p.at("samplers").at(i), pair[0], pair[1])?;
            let block = Block::load(&p.at("blocks").at(i), pair[0], pair[1])?;
            Ok((sampler, block))
        };
        let skips = inputs.iter().zip(&WIDTHS).enumerate().map(skip);
        let levels = WIDTHS.windows(2).enumerate().map(level);
        let last = WIDTHS[3];
        Ok(Self {
            base: Block::load(&p.at("base"), channels, WIDTHS[0])?,
            skips: skips.collect::<Result<_>>()?,
            levels: levels.collect::<Result<_>>()?,
            last: Sampler::load(&p.at("deconv_out"), last, last)?,
            head: Block::load(&p.at("decoder_head"), 2 * last, last)?,
            out: Convolution::load(&p.at("out_conv"), last, MAPS, 1)?,
        })
    }

    /// Begins to decode an embedding, `(1, C, grid, grid)`.
    pub fn begin(&self, embedding: Tensor<4>) -> Decoding {
        let pauses = Pauses::default();
        let (decoder, own) = (self.clone(), pauses.clone());
        Decoding {
            work: Box::pin(async move { decoder.decode(embedding, &own).await }),
            pauses,
            steps: 0,
        }
    }

    /// The maps of an embedding, `(1, 3, 16 · grid, 16 · grid)`, in one go.
    pub async fn forward(&self, embedding: Tensor<4>) -> Result<Tensor<4>> {
        let mut decoding = self.begin(embedding);
        loop {
            if let Some(maps) = decoding.advance().await? {
                return Ok(maps);
            }
        }
    }

    async fn decode(&self, embedding: Tensor<4>, pauses: &Pauses) -> Tensor<4> {
        let embedding = Strips::of(embedding);
        let mut skips = vec![embedding.clone()];
        for skip_ in &self.skips[..3] {
            let before = skips.last().unwrap_or(&embedding).clone();
            skips.push(skip(skip_, before, pauses).await);
        }
        let deepest = skips.pop();
        let mut x = block(&self.base, vec![embedding.clone()], pauses).await;
        let mut skips = skips.into_iter().skip(1).chain(deepest.clone());
        for (sampler, block_) in &self.levels {
            let x_ = sampled(sampler, x, pauses).await;
            let beside = skips.next().unwrap_or_else(|| embedding.clone());
            let beside = beside.middle_channels(x_.channels());
            x = block(block_, vec![x_, beside], pauses).await;
        }
        let deepest = deepest.unwrap_or(embedding);
        let beside = skip(&self.skips[3], deepest, pauses).await;
        let x = sampled(&self.last, x, pauses).await;
        let x = block(&self.head, vec![x, beside], pauses).await;
        let mut maps = Vec::new();
        for strip in x.into_strips() {
            let map = activation::sigmoid(self.out.apply(strip));
            maps.push(pauses.after(map).await);
        }
        Tensor::cat(maps, 2)
    }
}

/// [`Skip`] of a map.
async fn skip(skip: &Skip, x: Strips, pauses: &Pauses) -> Strips {
    let mut larger = Taken::new(sampled(&skip.sampler, x, pauses).await);
    let (mut convolved, mut moments) = (Vec::new(), Vec::new());
    let convolution = Prepared::new(&skip.convolution);
    for _ in 0..larger.count() {
        let x = convolution.apply(larger.next_less(None));
        moments.push(strips::moments(x.clone()));
        convolved.push(pauses.after(x).await);
    }
    let (mean, variance) = strips::together(&moments);
    let factor = skip.gamma.clone() * (variance + EPSILON).sqrt().recip();
    let mut out = Vec::new();
    for x in convolved {
        let x = (x - mean.clone()) * factor.clone() + skip.beta.clone();
        out.push(pauses.after(activation::relu(x)).await);
    }
    Strips::new(out)
}

/// A map of twice the height and width.
async fn sampled(sampler: &Sampler, x: Strips, pauses: &Pauses) -> Strips {
    let mut narrow = Vec::new();
    for strip in x.into_strips() {
        narrow.push(pauses.after(sampler.narrow(strip)).await);
    }
    let narrow = Strips::new(narrow);
    match sampler {
        Sampler::Bilinear(_) => narrow.doubled(),
        Sampler::Transposed(_) => narrow.shuffled(),
    }
}

/// [`Block`] of maps whose channels follow on each other.
async fn block(block: &Block, maps: Vec<Strips>, pauses: &Pauses) -> Strips {
    let first = normed(&block.first, maps, pauses).await;
    normed(&block.second, vec![first], pauses).await
}

/// Instance norm, 3 × 3 and ReLU of maps whose channels follow on each other. They are given up as
/// the result grows.
async fn normed(convolution: &Convolution, maps: Vec<Strips>, pauses: &Pauses) -> Strips {
    let (mut means, mut factors) = (Vec::new(), Vec::new());
    for map in &maps {
        let mut moments = Vec::new();
        for at in 0..map.count() {
            moments.push(strips::moments(map.strip(at)));
            let (mean, _) = &moments[at];
            pauses.after(mean.clone()).await;
        }
        let (mean, variance) = strips::together(&moments);
        means.push(mean);
        factors.push((variance + EPSILON).sqrt().recip());
    }
    let convolution = convolution.of_scaled(Tensor::cat(factors, 1));
    let convolution = Prepared::new(&convolution);
    let mut taken: Vec<Taken> = maps.into_iter().map(Taken::new).collect();
    let mut out = Vec::new();
    for _ in 0..taken[0].count() {
        let parts = taken.iter_mut().zip(&means);
        let parts = parts.map(|(map, mean)| map.next_less(Some(mean)));
        let x = convolution.apply(Tensor::cat(parts.collect(), 1));
        out.push(pauses.after(activation::relu(x)).await);
    }
    Strips::new(out)
}

/// Where the work pauses.
#[derive(Clone, Default)]
struct Pauses {
    /// What was made last.
    made: Rc<RefCell<Option<Tensor<4>>>>,
}

impl Pauses {
    /// Pauses once `made` is asked for.
    async fn after(&self, made: Tensor<4>) -> Tensor<4> {
        *self.made.borrow_mut() = Some(made.clone());
        let mut paused = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        made
    }
}

/// Maps on their way.
pub struct Decoding {
    work: Pin<Box<dyn Future<Output = Tensor<4>>>>,
    pauses: Pauses,
    steps: usize,
}

impl Decoding {
    /// Does the next piece of work and waits for its end: the maps, `(1, 3, side, side)`, after the
    /// last, nothing while there are more. After that there is no more to do.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn advance(&mut self) -> Result<Option<Tensor<4>>> {
        let mut context = Context::from_waker(Waker::noop());
        let polled = pin!(&mut self.work).poll(&mut context);
        self.steps += 1;
        if let Poll::Ready(maps) = polled {
            device::settle(&maps).await?;
            return Ok(Some(maps));
        }
        let made = self.pauses.made.borrow_mut().take();
        let made = made.ok_or_else(|| Error::new("The decoder of instances has stopped."))?;
        device::settle(&made).await?;
        Ok(None)
    }

    /// How many pieces are done.
    pub fn steps_done(&self) -> usize {
        self.steps
    }
}
