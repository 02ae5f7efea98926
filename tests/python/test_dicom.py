"""The image files that pydicom ships, read by `graysam inspect` and by pydicom.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN.
"""

import json
import os
import subprocess
import unittest
import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# Codecs with loss may differ by this much, in parts of the range of values.
LOSSY = {"1.2.840.10008.1.2.4.50": 0.02, "1.2.840.10008.1.2.4.51": 0.002, "1.2.840.10008.1.2.4.91": 0.002}
# Files that are not read, and why.
REFUSED = {
    "MR_truncated.dcm": "ends before its image does",
    # Among its compressed bytes there is a delimiter, in the place of the image's size.
    "JPEG2000-embedded-sequence-delimiter.dcm": "of another size than it says",
    # Of an image they have only the pixels.
    "meta_missing_tsyntax.dcm": "the number of columns is missing",
    "nested_priv_SQ.dcm": "the number of columns is missing",
}
# Files that pydicom does not read, or not as the standard has it, and their size.
ALONE = {
    # Its number of frames is no number.
    "badVR.dcm": (10, 10),
    # It has neither preamble nor transfer syntax.
    "no_meta.dcm": (128, 128),
    # pylibjpeg finds an error in its 12-bit JPEG.
    "JPEG-lossy.dcm": (256, 1024),
}


def image_files():
    """Paths from the folder, and what pydicom reads there."""
    for path in sorted(FOLDER.rglob("*")):
        name = path.relative_to(FOLDER).as_posix()
        if not path.is_file() or path.suffix in {".txt", ".json", ".icc", ".gz", ".dump"}:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                file = pydicom.dcmread(path, force=True)
                has_pixels = any(element in file for element in PIXELS)
            except Exception:
                continue
        if has_pixels:
            yield name, path, file


def inspected(path, page):
    command = [os.environ["GRAYSAM_BIN"], "inspect", "--image", path, "--page", str(page)]
    return subprocess.run(command, capture_output=True, text=True)


def wanted(path, file, frame):
    """Values as GraySAM gives them: after the modality's table or rescaling, or colour of 8 bits."""
    if not hasattr(file.file_meta, "TransferSyntaxUID"):
        file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pixels = pixel_array(file, index=frame)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, file)
    elif file.SamplesPerPixel == 1:
        return apply_modality_lut(pixels, file).astype(np.float64)
    most = np.iinfo(pixels.dtype).max
    return np.round(pixels.astype(np.float64) * 255 / most)


class PydicomsFiles(unittest.TestCase):
    def test_values_are_those_that_pydicom_reads(self):
        compared = 0
        for name, path, file in image_files():
            if name in REFUSED or name in ALONE:
                continue
            frames = int(file.get("NumberOfFrames") or 1)
            for frame in {0, frames - 1}:
                with self.subTest(file=name, frame=frame), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.compare(path, file, frame, frames)
                    compared += 1
        self.assertGreater(compared, 90)

    def compare(self, path, file, frame, frames):
        run = inspected(path, frame + 1)
        values = wanted(path, file, frame)
        if values.min() == values.max() and frames == 1:
            self.assertIn("nothing to segment", run.stderr)
            return
        self.assertEqual(run.returncode, 0, run.stderr)
        report = json.loads(run.stdout)
        self.assertEqual((report["height"], report["width"]), values.shape[:2])
        self.assertEqual(report["pages"], frames)
        syntax = str(file.file_meta.TransferSyntaxUID)
        far = max(LOSSY.get(syntax, 0) * (values.max() - values.min()), 1 if values.ndim == 3 else 1e-6)
        # Values are held in 32 bits.
        far = max(far, 1e-6 * np.abs(values).max())
        first = np.array(report["first"], np.float64)
        if values.ndim == 3 and first.ndim == 1:
            # Three equal channels are one.
            first = np.repeat(first[:, None], 3, axis=1)
        np.testing.assert_allclose(first, values[0, : len(first)], atol=far)
        np.testing.assert_allclose([report["min"], report["max"]], [values.min(), values.max()], atol=2 * far)
        np.testing.assert_allclose(report["mean"], values.mean(), rtol=1e-5, atol=far / 2)

    def test_what_is_not_read_is_refused_with_a_reason(self):
        for name, reason in REFUSED.items():
            run = inspected(FOLDER / name, 1)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(reason, run.stderr)

    def test_what_pydicom_does_not_read(self):
        for name, (width, height) in ALONE.items():
            report = json.loads(inspected(FOLDER / name, 1).stdout)
            self.assertEqual((report["width"], report["height"]), (width, height))


if __name__ == "__main__":
    unittest.main()
