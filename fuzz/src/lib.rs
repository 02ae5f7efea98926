//! What the fuzz targets share.

use std::alloc::{GlobalAlloc, Layout, System};

/// Most bytes of one allocation: a little more than the largest image that is decoded.
const LARGEST: usize = 1 << 30;

/// The system's allocator, which has nothing left for what no file may ask for.
struct Limited;

#[global_allocator]
static ALLOCATOR: Limited = Limited;

// SAFETY: all that is allocated comes from the system's allocator and goes back there.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > LARGEST {
            return std::ptr::null_mut();
        }
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}
