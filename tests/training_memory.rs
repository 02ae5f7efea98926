//! Training holds no more memory the longer it goes on. Alone in its program, as it counts every
//! byte that the program holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use graysam::device;
use graysam::image::decode::Picture;
use graysam::image::display::{Display, to_rgb};
use graysam::image::sample::nuclei;
use graysam::model::{Precision, SamConfig};
use graysam::predictor::Predictor;
use graysam::training::dataset::{HeldOut, LabelledImage};
use graysam::training::trainer::{Trainer, TrainingSettings};
use graysam::weights::source::NoiseSource;

/// Bytes held now.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn five_hundred_steps_hold_no_more_than_fifty() {
    let source = &mut NoiseSource::default();
    let predictor =
        Predictor::load(source, SamConfig::tiny(), &Device::flex(), Precision::F32).expect("noise");
    let (gray, labels) = nuclei();
    let image = to_rgb(&Picture::Gray(gray), &Display::default()).expect("it can be shown");
    let embedding = device::block_on(predictor.encode(&image)).expect("it can be encoded");
    let images = vec![LabelledImage::new(embedding, &labels).expect("it has objects")];
    let settings = TrainingSettings {
        steps: 500,
        held_out: 0.02,
        evaluate_every: 250,
        ..TrainingSettings::default()
    };
    let trainer = Trainer::new(predictor.model(), images, &HeldOut::Part, settings);
    let mut trainer = trainer.expect("there is something to train on");
    let mut at_50 = 0;
    while !trainer.finished() {
        device::block_on(trainer.advance()).expect("training goes on");
        if trainer.step() == 50 {
            at_50 = HELD.load(Ordering::Relaxed);
        }
    }
    let at_500 = HELD.load(Ordering::Relaxed);
    // The best decoder may have been kept since; a thousand bytes leaked a step would be more.
    let grown = at_500.saturating_sub(at_50);
    println!("{at_50} bytes after 50 steps, {grown} more after 500");
    assert!(grown < 400 << 10, "{at_50} bytes became {at_500}");
}
