//! Which image encoder a checkpoint holds, told from tensor names and shapes alone.

use crate::error::{Error, Result};

/// An image encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Architecture {
    /// `segment_anything`'s plain vision transformer: ViT-B, ViT-L, ViT-H or another size.
    Vit {
        /// Channels within the encoder.
        embed_dim: usize,
        /// Number of blocks.
        depth: usize,
        /// Attention heads.
        heads: usize,
        /// Window side in patches of the blocks that are not global; 0 if all are.
        window: usize,
        /// Indices of the blocks whose attention spans the whole image.
        global_blocks: Vec<usize>,
        /// Patch side in pixels.
        patch: usize,
        /// Image side in pixels.
        image_size: usize,
        /// Channels of the embedding.
        out_channels: usize,
        /// Hidden width of each block's perceptron.
        mlp_dim: usize,
    },
    /// MobileSAM's TinyViT-5M at 1024 × 1024 pixels. Its weights do not tell the image size, so that a file
    /// trained for another (LiteMedSAM, 256 × 256) looks the same.
    TinyVit5M,
}

const POS_EMBED: &str = "image_encoder.pos_embed";
/// Names and shapes that only TinyViT-5M has together.
const TINY_VIT_5M: [(&str, &[usize]); 4] = [
    ("image_encoder.patch_embed.seq.0.c.weight", &[32, 3, 3, 3]),
    (
        "image_encoder.layers.1.blocks.0.attn.attention_biases",
        &[4, 49],
    ),
    (
        "image_encoder.layers.2.blocks.5.attn.attention_biases",
        &[5, 196],
    ),
    (
        "image_encoder.layers.3.blocks.1.attn.attention_biases",
        &[10, 49],
    ),
];
/// First names of files that people may take for a SAM checkpoint, and what those are.
const OTHERS: [(&str, &str); 2] = [
    (
        "image_encoder.patch_embed.seq.0.c.weight",
        "This is a TinyViT of another size than MobileSAM's 5M",
    ),
    (
        "mask_decoder.iou_token.weight",
        "The file holds a mask decoder without an image encoder",
    ),
];

/// Recognises the image encoder, asking `shape` for the shapes of tensors by name.
///
/// # Errors
/// When no supported encoder is found, or its shapes contradict each other.
pub fn recognise<'a>(shape: impl Fn(&str) -> Option<&'a [usize]>) -> Result<Architecture> {
    if shape(POS_EMBED).is_some() {
        return vit(shape);
    }
    if TINY_VIT_5M
        .iter()
        .all(|(name, wanted)| shape(name) == Some(wanted))
    {
        return Ok(Architecture::TinyVit5M);
    }
    let other = OTHERS.iter().find(|(name, _)| shape(name).is_some());
    Err(unsupported(other.map_or(
        "The file holds no Segment Anything image encoder",
        |(_, what)| what,
    )))
}

pub(super) fn unsupported(what: &str) -> Error {
    Error::new(format!(
        "{what}; a checkpoint of SAM (with {POS_EMBED}) or of MobileSAM (with {}) is needed.",
        TINY_VIT_5M[1].0
    ))
}

fn vit<'a>(shape: impl Fn(&str) -> Option<&'a [usize]>) -> Result<Architecture> {
    let &[1, grid, width, embed_dim] = find(&shape, POS_EMBED)? else {
        return Err(contradiction(POS_EMBED));
    };
    let kernel = "image_encoder.patch_embed.proj.weight";
    let &[out, 3, patch, patch_width] = find(&shape, kernel)? else {
        return Err(contradiction(kernel));
    };
    if out != embed_dim || patch != patch_width || grid != width || patch == 0 || grid == 0 {
        return Err(contradiction(kernel));
    }
    let neck = "image_encoder.neck.0.weight";
    let &[out_channels, _, 1, 1] = find(&shape, neck)? else {
        return Err(contradiction(neck));
    };
    let hidden = "image_encoder.blocks.0.mlp.lin1.weight";
    let &[mlp_dim, _] = find(&shape, hidden)? else {
        return Err(contradiction(hidden));
    };
    let image_size = grid
        .checked_mul(patch)
        .ok_or_else(|| contradiction(POS_EMBED))?;
    let blocks = blocks(shape, grid)?;
    if blocks.head_dim == 0 || embed_dim % blocks.head_dim != 0 {
        return Err(contradiction("image_encoder.blocks.0.attn.rel_pos_h"));
    }
    Ok(Architecture::Vit {
        embed_dim,
        depth: blocks.depth,
        heads: embed_dim / blocks.head_dim,
        window: blocks.window,
        global_blocks: blocks.global,
        patch,
        image_size,
        out_channels,
        mlp_dim,
    })
}

struct Blocks {
    depth: usize,
    head_dim: usize,
    window: usize,
    global: Vec<usize>,
}

/// Reads the blocks off their tables of relative positions: 2 s − 1 rows for attention over s × s patches.
fn blocks<'a>(shape: impl Fn(&str) -> Option<&'a [usize]>, grid: usize) -> Result<Blocks> {
    let name = |block| format!("image_encoder.blocks.{block}.attn.rel_pos_h");
    let mut blocks = Blocks {
        depth: 0,
        head_dim: find(&shape, &name(0))?.last().copied().unwrap_or(0),
        window: 0,
        global: Vec::new(),
    };
    while let Some(table) = shape(&name(blocks.depth)) {
        let wrong = || contradiction(&name(blocks.depth));
        let &[rows, head_dim] = table else {
            return Err(wrong());
        };
        let side = rows / 2 + 1;
        if head_dim != blocks.head_dim || rows % 2 == 0 || side > grid {
            return Err(wrong());
        }
        if side == grid {
            blocks.global.push(blocks.depth);
        } else if blocks.window == 0 || blocks.window == side {
            blocks.window = side;
        } else {
            return Err(wrong());
        }
        blocks.depth += 1;
    }
    Ok(blocks)
}

fn find<'a>(shape: impl Fn(&str) -> Option<&'a [usize]>, name: &str) -> Result<&'a [usize]> {
    shape(name).ok_or_else(|| {
        Error::new(format!(
            "The checkpoint's image encoder has no tensor {name}."
        ))
    })
}

fn contradiction(name: &str) -> Error {
    Error::new(format!(
        "The shape of the checkpoint's tensor {name} fits no Segment Anything image encoder."
    ))
}
