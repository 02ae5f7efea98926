"""DICOM segmentations that highdicom writes, read by `graysam import`.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN.
"""

import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import pydicom
import tifffile
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

SEGMENTS = 3


def segmentation(source, pixels, kind, **options):
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=f"cell {number}",
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Organ,
            algorithm_type="MANUAL",
        )
        for number in range(1, SEGMENTS + 1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Segmentation(
            source_images=source,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=described,
            series_instance_uid=generate_uid(),
            series_number=1,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="none",
            manufacturer_model_name="none",
            software_versions="1",
            device_serial_number="1",
            **options,
        )


def drawn(planes, rows, columns):
    """Three objects, of which one is in the first plane only."""
    labels = np.zeros((planes, rows, columns), np.uint8)
    labels[:, 3 : rows // 2, 4 : columns // 2] = 1
    labels[0, 8:14, 9:17] = 2
    labels[:, rows // 2 :, columns // 2 : columns - 3] = 3
    return labels


class Segmentations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_import(self, image, file, page):
        path, out = self.folder / "segmentation.dcm", self.folder / "labels.tif"
        file.save_as(path)
        command = [os.environ["GRAYSAM_BIN"], "import", "--annotations", path, "--image", image]
        return subprocess.run([*command, "--page", str(page), "--out", out], capture_output=True, text=True)

    def imported(self, image, file, page):
        run = self.run_import(image, file, page)
        self.assertEqual(run.returncode, 0, run.stderr)
        return tifffile.imread(self.folder / "labels.tif")

    def test_of_one_slice(self):
        path = get_testdata_file("CT_small.dcm")
        source = [pydicom.dcmread(path)]
        labels = drawn(1, source[0].Rows, source[0].Columns)
        of_each = np.stack([labels == number for number in range(1, SEGMENTS + 1)], -1)
        for kind, pixels, syntax in [
            ("BINARY", labels, ExplicitVRLittleEndian),
            ("BINARY", of_each.astype(np.uint8), ExplicitVRLittleEndian),
            ("FRACTIONAL", of_each * 0.8 + 0.1, ExplicitVRLittleEndian),
            ("FRACTIONAL", of_each.astype(np.float64), RLELossless),
            ("LABELMAP", labels, ExplicitVRLittleEndian),
            ("LABELMAP", labels, RLELossless),
        ]:
            with self.subTest(kind=kind, syntax=syntax.name):
                file = segmentation(source, pixels, kind, transfer_syntax_uid=syntax)
                np.testing.assert_array_equal(self.imported(path, file, 1), labels[0])

    def test_planes_of_a_series_are_not_guessed_to_be_pages(self):
        source = [pydicom.dcmread(get_testdata_file("CT_small.dcm")) for _ in range(4)]
        for number, file in enumerate(source):
            file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            file.ImagePositionPatient = [*file.ImagePositionPatient[:2], -75.0 + 5 * number]
            file.InstanceNumber = number + 1
        stack = self.folder / "stack.tif"
        tifffile.imwrite(stack, np.stack([file.pixel_array for file in source]), photometric="minisblack")
        labels = drawn(len(source), source[0].Rows, source[0].Columns)
        # highdicom sorts the planes by their positions, here in the opposite order.
        for kind in ("BINARY", "LABELMAP"):
            run = self.run_import(stack, segmentation(source, labels, kind), 1)
            self.assertIn("has 4 planes and does not tell", run.stderr)


if __name__ == "__main__":
    unittest.main()
