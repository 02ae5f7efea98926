//! Four numbers side by side: a vector of WebAssembly's, elsewhere an array.

#[cfg(target_arch = "wasm32")]
mod inner {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct Lanes(v128);

    impl Lanes {
        #[inline(always)]
        pub fn all(value: f32) -> Self {
            Self(f32x4_splat(value))
        }

        /// # Safety
        /// Four numbers can be read from `from` on.
        #[inline(always)]
        pub unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as the caller promises; the address need not be aligned.
            Self(unsafe { v128_load(from.cast()) })
        }

        /// # Safety
        /// Four numbers can be written from `to` on.
        #[inline(always)]
        pub unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { v128_store(to.cast(), self.0) }
        }

        /// `self + a · b`.
        #[inline(always)]
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod inner {
    #[derive(Clone, Copy)]
    pub struct Lanes([f32; 4]);

    impl Lanes {
        pub fn all(value: f32) -> Self {
            Self([value; 4])
        }

        /// # Safety
        /// Four numbers can be read from `from` on.
        pub unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as the caller promises.
            Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
        }

        /// # Safety
        /// Four numbers can be written from `to` on.
        pub unsafe fn store(self, to: *mut f32) {
            // SAFETY: as the caller promises.
            unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
        }

        /// `self + a · b`.
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
        }
    }
}

pub use inner::Lanes;
