//! How the GPU's workgroups share out a product. Which way is fastest differs from one GPU to the next.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};
use tsify::Tsify;

use super::quads::LANES;

/// The rows and columns of a product that a workgroup computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Tsify)]
pub enum Tile {
    #[default]
    #[serde(rename = "128 × 64")]
    Tall,
    /// More workgroups, of fewer registers.
    #[serde(rename = "64 × 64")]
    Small,
    /// Less to read, and twice as many units.
    #[serde(rename = "128 × 128")]
    Large,
}

impl Tile {
    pub const ALL: [Self; 3] = [Self::Tall, Self::Small, Self::Large];

    pub const fn layout(self) -> Layout {
        let (high, across, depth) = match self {
            Self::Tall => (2, 8, 16),
            Self::Small => (1, 8, 16),
            // Sixteen inputs would not fit 16 KiB of workgroup memory.
            Self::Large => (2, 16, 8),
        };
        Layout {
            high,
            across,
            wide: 2,
            depth,
        }
    }
}

/// Groups of rows that a workgroup's units divide.
const DOWN: usize = 16;

/// A tile as its kernel needs it: 16 by `across` units, each with `high` times four rows and `wide` quads of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    pub high: usize,
    pub across: usize,
    pub wide: usize,
    /// Inputs that are in workgroup memory at a time.
    pub depth: usize,
}

impl Layout {
    pub const fn units(self) -> usize {
        DOWN * self.across
    }

    pub const fn row_quads(self) -> usize {
        DOWN * self.high
    }

    pub const fn rows(self) -> usize {
        self.row_quads() * LANES
    }

    pub const fn column_quads(self) -> usize {
        self.across * self.wide
    }

    pub const fn columns(self) -> usize {
        self.column_quads() * LANES
    }

    /// Quads between two inputs of x in workgroup memory; odd, to spread over the banks.
    pub const fn stride(self) -> usize {
        self.row_quads() + 1
    }

    /// Where, in quads, the weights begin in workgroup memory.
    pub const fn weights(self) -> usize {
        self.depth * self.stride()
    }

    /// Quads of workgroup memory.
    pub const fn shared(self) -> usize {
        self.weights() + self.depth * self.column_quads()
    }

    /// Blocks of four rows by four inputs that the units bring to workgroup memory.
    pub const fn blocks(self) -> usize {
        self.row_quads() * self.depth / LANES
    }
}

/// The tiles of linear layers, by the weights' type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Tsify)]
pub struct Tiles {
    /// Of weights in float32.
    pub single: Tile,
    /// Of weights in float16.
    pub half: Tile,
}

impl Display for Tiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [single, half] = [self.single, self.half].map(|tile| {
            let tile = tile.layout();
            format!("{} × {}", tile.rows(), tile.columns())
        });
        write!(f, "{single} in float32, {half} in float16")
    }
}

/// Places in [`Tile::ALL`]. A process opens one GPU, so they hold there for all.
static SINGLE: AtomicU8 = AtomicU8::new(0);
static HALF: AtomicU8 = AtomicU8::new(0);

/// Has linear layers on the GPU use these tiles from now on.
pub fn use_tiles(tiles: Tiles) {
    SINGLE.store(tiles.single as u8, Ordering::Relaxed);
    HALF.store(tiles.half as u8, Ordering::Relaxed);
}

/// The tiles that are in use.
pub fn tiles() -> Tiles {
    let of = |place: &AtomicU8| Tile::ALL[usize::from(place.load(Ordering::Relaxed))];
    Tiles {
        single: of(&SINGLE),
        half: of(&HALF),
    }
}
