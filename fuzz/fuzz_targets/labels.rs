//! Label images and the objects in them.
#![no_main]

use graysam::image::labels::Labels;
use graysam_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(labels) = Labels::decode(file) {
        let size = (labels.width, labels.height);
        let again = Labels::from_runs(&labels.runs(), size).expect("they cover the image");
        assert_eq!(again.ids, labels.ids);
        assert!(labels.unknown.places().all(|place| labels.ids[place] == 0));
        for object in labels.objects(1) {
            let [x, y] = [object.point.0, object.point.1].map(|place| place as usize);
            assert_eq!(labels.ids[y * labels.width + x], object.id);
        }
    }
});
