//! What the fuzz targets share.

use std::alloc::{GlobalAlloc, Layout, System};

use graysam::annotation::{self, source::ImageSource};

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

/// Reads a file of annotations for a page of an image, and checks that what comes of it is sound.
pub fn annotations(file: &[u8]) {
    const SIZE: (usize, usize) = (23, 17);
    let source = ImageSource {
        pages: 3,
        ..ImageSource::only("a.png")
    };
    let Ok(read) = annotation::read(file, &source, SIZE) else {
        return;
    };
    assert_eq!(read.labels.ids.len(), SIZE.0 * SIZE.1);
    for object in &read.objects {
        assert!(object.id > 0 && read.labels.ids.contains(&object.id));
        assert!(object.class.is_none_or(|place| place < read.classes.len()));
    }
}
