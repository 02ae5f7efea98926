//! Matrix products for Burn's CPU device, which calls the crate `gemm` for them.
//!
//! Natively the parts of that crate do the work. In WebAssembly its kernel keeps more sums than the
//! browser's compiler finds registers for, and takes up to twice as long as [`product()`], which is
//! here instead.

mod lanes;
mod product;

use std::any::TypeId;

use half::f16;

pub use product::{Matrix, product};

/// [`Tiles`] as a WebAssembly module of its own, for browsers with relaxed SIMD: it imports
/// `engine.memory` and exports `tiles`.
#[cfg(target_arch = "wasm32")]
pub const FUSED_TILES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tiles.wasm"));
/// The same for memory that is shared.
#[cfg(target_arch = "wasm32")]
pub const SHARED_FUSED_TILES: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/shared_tiles.wasm"));
#[cfg(target_arch = "wasm32")]
pub use product::{Tiles, set_tiles};

#[cfg(not(target_arch = "wasm32"))]
pub use gemm_common::Parallelism;

/// How many threads multiply; the pool is the page's.
#[cfg(target_arch = "wasm32")]
#[derive(Debug, Clone, Copy)]
pub enum Parallelism {
    None,
    /// So many, or all where it is 0.
    #[cfg(feature = "rayon")]
    Rayon(usize),
}

#[cfg(target_arch = "wasm32")]
impl Parallelism {
    fn threads(self) -> usize {
        match self {
            Self::None => 1,
            #[cfg(feature = "rayon")]
            Self::Rayon(0) => rayon::current_num_threads(),
            #[cfg(feature = "rayon")]
            Self::Rayon(threads) => threads,
        }
    }
}

/// `dst = alpha · dst + beta · lhs · rhs`, without the first term unless `read_dst`; of `T` f32,
/// f64 or f16. `dst` is m × n, `lhs` m × k and `rhs` k × n; of each the steps from a column (`cs`)
/// and from a row (`rs`) to the next are given. Complex numbers are not supported, so the flags of
/// what is to be conjugated do not count.
///
/// # Safety
/// All elements of the three matrices are valid, and those of `dst` are no others' too.
///
/// # Panics
/// If `T` is another type.
#[allow(clippy::too_many_arguments)]
pub unsafe fn gemm<T: 'static>(
    m: usize,
    n: usize,
    k: usize,
    dst: *mut T,
    dst_cs: isize,
    dst_rs: isize,
    read_dst: bool,
    lhs: *const T,
    lhs_cs: isize,
    lhs_rs: isize,
    rhs: *const T,
    rhs_cs: isize,
    rhs_rs: isize,
    alpha: T,
    beta: T,
    _conj_dst: bool,
    _conj_lhs: bool,
    _conj_rhs: bool,
    parallelism: Parallelism,
) {
    let matrix = |start, row, column| Matrix { start, row, column };
    let call = Call {
        size: [m, n, k],
        dst: matrix(dst, dst_rs, dst_cs),
        read_dst,
        lhs: matrix(lhs.cast_mut(), lhs_rs, lhs_cs),
        rhs: matrix(rhs.cast_mut(), rhs_rs, rhs_cs),
        alpha,
        beta,
        parallelism,
    }
    .normalised();
    // SAFETY: as the caller promises; each arm has asked for its type.
    unsafe {
        match TypeId::of::<T>() {
            t if t == TypeId::of::<f32>() => call.cast::<f32>().run_f32(),
            t if t == TypeId::of::<f64>() => call.cast::<f64>().run_f64(),
            t if t == TypeId::of::<f16>() => call.cast::<f16>().run_f16(),
            _ => panic!("matrices of this type cannot be multiplied"),
        }
    }
}

/// The arguments of [`gemm`].
struct Call<T> {
    /// Rows, columns, and what is summed over.
    size: [usize; 3],
    dst: Matrix<T>,
    read_dst: bool,
    lhs: Matrix<T>,
    rhs: Matrix<T>,
    alpha: T,
    beta: T,
    parallelism: Parallelism,
}

impl<T> Call<T> {
    /// With the smaller step of `dst` along its rows: the transposed product is the same.
    fn normalised(self) -> Self {
        if self.dst.column.abs() <= self.dst.row.abs() {
            return self;
        }
        let [m, n, k] = self.size;
        Self {
            size: [n, m, k],
            dst: self.dst.transposed(),
            lhs: self.rhs.transposed(),
            rhs: self.lhs.transposed(),
            ..self
        }
    }

    /// # Safety
    /// `T` is `U`.
    unsafe fn cast<U>(self) -> Call<U> {
        // SAFETY: the types are the same.
        let same = |value: T| unsafe {
            let value = std::mem::ManuallyDrop::new(value);
            std::mem::transmute_copy::<T, U>(&value)
        };
        Call {
            size: self.size,
            dst: self.dst.cast(),
            read_dst: self.read_dst,
            lhs: self.lhs.cast(),
            rhs: self.rhs.cast(),
            alpha: same(self.alpha),
            beta: same(self.beta),
            parallelism: self.parallelism,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! native {
    ($name:ident, $type:ty, $kernel:path) => {
        impl Call<$type> {
            /// # Safety
            /// As of [`gemm`].
            unsafe fn $name(self) {
                let [m, n, k] = self.size;
                let Self { dst, lhs, rhs, .. } = self;
                // The kernels want the smaller step of `dst` along its columns.
                // SAFETY: as the caller promises.
                unsafe {
                    $kernel()(
                        n,
                        m,
                        k,
                        dst.start,
                        dst.row,
                        dst.column,
                        self.read_dst,
                        rhs.start,
                        rhs.row,
                        rhs.column,
                        lhs.start,
                        lhs.row,
                        lhs.column,
                        self.alpha,
                        self.beta,
                        false,
                        false,
                        false,
                        self.parallelism,
                    )
                }
            }
        }
    };
}

#[cfg(not(target_arch = "wasm32"))]
native!(run_f32, f32, gemm_f32::gemm::f32::get_gemm_fn);
#[cfg(not(target_arch = "wasm32"))]
native!(run_f64, f64, gemm_f64::gemm::f64::get_gemm_fn);
#[cfg(not(target_arch = "wasm32"))]
native!(run_f16, f16, gemm_f16::gemm::f16::get_gemm_fn);

#[cfg(target_arch = "wasm32")]
impl Call<f32> {
    /// # Safety
    /// As of [`gemm`].
    unsafe fn run_f32(self) {
        let keep = self.read_dst.then_some(self.alpha);
        let (size, threads) = (self.size, self.parallelism.threads());
        // SAFETY: as the caller promises.
        unsafe { product(size, self.dst, keep, self.lhs, self.rhs, self.beta, threads) }
    }
}

// Nothing in the page is of these types, so they need be right only.
#[cfg(target_arch = "wasm32")]
impl Call<f64> {
    unsafe fn run_f64(self) {
        // SAFETY: as the caller promises.
        unsafe { self.run_simply(|x| x, |x| x) }
    }
}

#[cfg(target_arch = "wasm32")]
impl Call<f16> {
    unsafe fn run_f16(self) {
        // SAFETY: as the caller promises.
        unsafe { self.run_simply(f16::to_f64, f16::from_f64) }
    }
}

#[cfg(target_arch = "wasm32")]
impl<T: Copy> Call<T> {
    unsafe fn run_simply(self, wide: fn(T) -> f64, narrow: fn(f64) -> T) {
        let [m, n, k] = self.size;
        // SAFETY: the places are within the matrices.
        let at = |matrix: Matrix<T>, row, column| wide(unsafe { *matrix.at(row, column) });
        for i in 0..m {
            for j in 0..n {
                let products = (0..k).map(|l| at(self.lhs, i, l) * at(self.rhs, l, j));
                let mut value = wide(self.beta) * products.sum::<f64>();
                if self.read_dst {
                    value += wide(self.alpha) * at(self.dst, i, j);
                }
                // SAFETY: as above.
                unsafe { *self.dst.at(i, j) = narrow(value) };
            }
        }
    }
}
