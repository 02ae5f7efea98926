//! Sizes of the model's parts.

use crate::error::{Error, Result};
use crate::weights::architecture::Architecture;

/// Sizes of a whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct SamConfig {
    pub image_encoder: ImageEncoderConfig,
    /// Channels of the image embedding, the prompts and the decoder's tokens.
    pub embed_dim: usize,
    pub mask_decoder: MaskDecoderConfig,
}

/// Which image encoder.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageEncoderConfig {
    /// A plain vision transformer: SAM.
    Vit(VitConfig),
    /// TinyViT-5M: MobileSAM.
    TinyVit,
}

/// Sizes of the plain vision transformer (`segment_anything/modeling/image_encoder.py`).
#[derive(Debug, Clone, PartialEq)]
pub struct VitConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    pub patch_size: usize,
    pub embed_dim: usize,
    pub depth: usize,
    pub heads: usize,
    pub mlp_dim: usize,
    /// Side of an attention window in tokens, outside the global blocks.
    pub window: usize,
    pub global_blocks: Vec<usize>,
}

/// Sizes of the mask decoder (`segment_anything/modeling/mask_decoder.py`).
#[derive(Debug, Clone, PartialEq)]
pub struct MaskDecoderConfig {
    pub depth: usize,
    pub heads: usize,
    pub mlp_dim: usize,
    pub iou_head_hidden_dim: usize,
}

impl MaskDecoderConfig {
    const SAM: Self = Self {
        depth: 2,
        heads: 8,
        mlp_dim: 2048,
        iou_head_hidden_dim: 256,
    };
}

impl SamConfig {
    fn vit(embed_dim: usize, depth: usize, heads: usize, global_blocks: &[usize]) -> Self {
        Self::vit_on(1024, embed_dim, depth, heads, global_blocks)
    }

    fn vit_on(
        image_size: usize,
        embed_dim: usize,
        depth: usize,
        heads: usize,
        global_blocks: &[usize],
    ) -> Self {
        Self {
            image_encoder: ImageEncoderConfig::Vit(VitConfig {
                image_size,
                patch_size: 16,
                embed_dim,
                depth,
                heads,
                mlp_dim: 4 * embed_dim,
                window: 14,
                global_blocks: global_blocks.to_vec(),
            }),
            embed_dim: 256,
            mask_decoder: MaskDecoderConfig::SAM,
        }
    }

    /// SAM ViT-B, 94 M parameters.
    pub fn vit_b() -> Self {
        Self::vit(768, 12, 12, &[2, 5, 8, 11])
    }

    /// SAM ViT-L, 312 M parameters.
    pub fn vit_l() -> Self {
        Self::vit(1024, 24, 16, &[5, 11, 17, 23])
    }

    /// SAM ViT-H, 641 M parameters.
    pub fn vit_h() -> Self {
        Self::vit(1280, 32, 16, &[7, 15, 23, 31])
    }

    /// MobileSAM: TinyViT-5M and SAM's own prompt encoder and mask decoder.
    pub fn mobile_sam() -> Self {
        Self {
            image_encoder: ImageEncoderConfig::TinyVit,
            embed_dim: 256,
            mask_decoder: MaskDecoderConfig::SAM,
        }
    }

    /// One windowed and one global block of ViT-B's widths on an image of half the side: what a
    /// measurement on a slow device can afford.
    pub fn two_blocks() -> Self {
        Self::vit_on(512, 768, 2, 12, &[1])
    }

    /// Every part of SAM at a size that a test can afford: windows that need padding, and
    /// both kinds of block.
    pub fn tiny() -> Self {
        Self {
            image_encoder: ImageEncoderConfig::Vit(VitConfig {
                image_size: 128,
                patch_size: 16,
                embed_dim: 48,
                depth: 4,
                heads: 3,
                mlp_dim: 192,
                window: 3,
                global_blocks: vec![1, 3],
            }),
            embed_dim: 32,
            mask_decoder: MaskDecoderConfig {
                depth: 2,
                heads: 4,
                mlp_dim: 64,
                iou_head_hidden_dim: 32,
            },
        }
    }

    /// The model of that name: `vit_b`, `vit_l`, `vit_h`, `mobile_sam`, `two_blocks` or `tiny`.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "vit_b" => Ok(Self::vit_b()),
            "vit_l" => Ok(Self::vit_l()),
            "vit_h" => Ok(Self::vit_h()),
            "mobile_sam" => Ok(Self::mobile_sam()),
            "two_blocks" => Ok(Self::two_blocks()),
            "tiny" => Ok(Self::tiny()),
            _ => Err(Error::new(format!(
                "There is no model configuration \u{201c}{name}\u{201d}: choose vit_b, vit_l, vit_h, mobile_sam, two_blocks or tiny."
            ))),
        }
    }

    /// The configuration of a checkpoint's architecture. The decoder's sizes follow from
    /// those of the image embedding: SAM's own at 256 channels, the tiny model's otherwise.
    pub fn from_architecture(architecture: &Architecture) -> Self {
        match architecture {
            Architecture::TinyVit5M => Self::mobile_sam(),
            Architecture::Vit {
                embed_dim,
                depth,
                heads,
                window,
                global_blocks,
                patch,
                image_size,
                out_channels,
                mlp_dim,
            } => Self {
                image_encoder: ImageEncoderConfig::Vit(VitConfig {
                    image_size: *image_size,
                    patch_size: *patch,
                    embed_dim: *embed_dim,
                    depth: *depth,
                    heads: *heads,
                    mlp_dim: *mlp_dim,
                    window: *window,
                    global_blocks: global_blocks.clone(),
                }),
                embed_dim: *out_channels,
                mask_decoder: if *out_channels == Self::tiny().embed_dim {
                    Self::tiny().mask_decoder
                } else {
                    MaskDecoderConfig::SAM
                },
            },
        }
    }

    /// Side of the square input in pixels.
    pub fn image_size(&self) -> usize {
        match &self.image_encoder {
            ImageEncoderConfig::Vit(vit) => vit.image_size,
            ImageEncoderConfig::TinyVit => 1024,
        }
    }

    /// Side of the image embedding in tokens.
    pub fn grid(&self) -> usize {
        match &self.image_encoder {
            ImageEncoderConfig::Vit(vit) => vit.image_size / vit.patch_size,
            ImageEncoderConfig::TinyVit => 64,
        }
    }

    /// What the model is called, for the user.
    pub fn name(&self) -> String {
        match &self.image_encoder {
            ImageEncoderConfig::TinyVit => "MobileSAM".into(),
            ImageEncoderConfig::Vit(vit) => match (vit.embed_dim, vit.depth) {
                (768, 12) => "SAM ViT-B".into(),
                (1024, 24) => "SAM ViT-L".into(),
                (1280, 32) => "SAM ViT-H".into(),
                (dim, depth) => format!("SAM with a ViT of {depth} blocks of {dim} channels"),
            },
        }
    }
}
