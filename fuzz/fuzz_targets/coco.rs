//! COCO files and the objects in them.
#![no_main]

use graysam::annotation::coco;
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

const SIZE: (usize, usize) = (23, 17);

fuzz_target!(|file: &[u8]| {
    if let Ok(read) = coco::read(file, "a.png", SIZE) {
        assert_eq!(read.ids.len(), SIZE.0 * SIZE.1);
        for object in &read.objects {
            assert!(read.ids.contains(&object.id));
            assert!(object.class.is_none_or(|place| place < read.classes.len()));
        }
    }
});
