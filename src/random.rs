//! Random numbers that are the same on every machine: SplitMix64 (Steele, Lea, Flood 2014).

use serde::{Deserialize, Serialize};

/// By how much the generator's state grows.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator's output for the state `state`.
pub fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(STRIDE);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator, by its state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        let output = splitmix64(self.0);
        self.0 = self.0.wrapping_add(STRIDE);
        output
    }

    /// A generator of its own, whose numbers do not depend on how many this one gives later.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Uniform in 0..1.
    pub fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 16_777_216.0
    }

    /// Uniform in low..high, in double precision.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, nearly: the sum of twelve uniform values has variance 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.between(0.0, 1.0)).sum::<f64>() - 6.0
    }

    /// Uniform in 0..n; `n` is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Brings `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
