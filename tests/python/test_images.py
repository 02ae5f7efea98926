"""Images that tifffile, imagecodecs and Pillow write, read by `graysam inspect` and by these libraries.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN.
"""

import collections
import io
import itertools
import json
import os
import subprocess
import tempfile
import unittest
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps

WIDTH, HEIGHT = 83, 61
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
# What the program reads of TIFF's compressions, and what it says of the others.
READ = [None, "lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lzma"]
REFUSED = {
    "lerc": "compressed in LERC",
    "jpegxl": "compressed in JPEG XL",
    "jpegxr": "compressed in a way of its own",
    "png": "compressed in a way of its own",
}


def waves(dtype, channels=1):
    """Something smooth with noise over most of the type's range, in as many channels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(1).normal(0, 0.05, (HEIGHT, WIDTH))
    one = (np.sin(x / 7) + np.cos(y / 5) + noise) / 2.3
    values = one if channels == 1 else np.stack([np.roll(one, 7 * i, 1) for i in range(channels)], -1)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (100 * values).astype(dtype)
    ends = np.iinfo(dtype)
    low, high = max(ends.min, -(2**23)), min(ends.max, 2**23)
    return (low + (values + 1) / 2 * (high - low)).astype(dtype)


def inspected(path):
    command = [os.environ["GRAYSAM_BIN"], "inspect", "--image", path]
    return subprocess.run(command, capture_output=True, text=True)


def differs(report, values, far=0.0):
    """What of a report is not as the library reads it; empty: nothing."""
    values = values.astype(np.float64)
    first = np.array(report["first"], np.float64)
    if values.ndim == 3 and first.ndim == 1:
        # Three equal channels are one.
        first = np.repeat(first[:, None], values.shape[2], axis=1)
    # Values are held in 32 bits.
    far = max(far, 1e-6 * np.abs(values).max())
    wanted = [
        ("size", (report["height"], report["width"]), values.shape[:2]),
        ("first", first, values[0, : len(first)]),
        ("least", report["min"], values.min()),
        ("largest", report["max"], values.max()),
        ("mean", report["mean"], values.mean()),
    ]
    return [name for name, found, right in wanted if not np.allclose(found, right, rtol=0, atol=far)]


class Written(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.files = []

    def tiff(self, values, **options):
        """Writes a file, if tifffile can and reads the same again; whether it could."""
        path = self.folder / f"{len(self.files)}.tif"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tifffile.imwrite(path, values, **options)
                read = tifffile.imread(path)
        except Exception:
            return False
        if options.get("planarconfig") == "separate":
            read = np.moveaxis(read, 0, -1)
        self.files.append((path, options, read))
        return True

    def runs(self):
        with ThreadPoolExecutor() as pool:
            return zip(self.files, pool.map(lambda file: inspected(file[0]), self.files))

    def check_equal(self, far=0.0):
        for (_, options, values), run in self.runs():
            with self.subTest(**options, dtype=str(values.dtype)):
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(differs(json.loads(run.stdout), values, far), [])


class Tiffs(Written):
    def test_all_types_are_read_in_all_compressions(self):
        """In strips and tiles, both byte orders, planes and predictors, each with each other now and then."""
        kinds = [(1, "contig"), (3, "contig"), (3, "separate")]
        layouts = itertools.cycle(itertools.product("<>", [None, (32, 48)], kinds))
        for compression, dtype in itertools.product(READ, TYPES):
            predictors = [None] if compression is None else [None, 3 if dtype[0] == "f" else 2]
            for predictor, (byteorder, tile, (channels, planes)) in itertools.product(predictors, itertools.islice(layouts, 2)):
                values = waves(dtype, channels)
                options = {"compression": compression, "predictor": predictor, "byteorder": byteorder, "tile": tile}
                if channels == 3:
                    options |= {"photometric": "rgb", "planarconfig": planes}
                    values = np.moveaxis(values, -1, 0) if planes == "separate" else values
                else:
                    options["photometric"] = "minisblack"
                self.tiff(values, **options)
        self.assertGreater(len(self.files), 200)
        self.check_equal()

    def test_packed_bits_are_read(self):
        for bits in range(1, 16):
            values = waves("u2") % (1 << bits)
            dtype = np.uint8 if bits <= 8 else np.uint16
            self.tiff(values.astype(dtype), bitspersample=bits, photometric="minisblack")
        # Gray of fewer than 8 bits fills them, as it is shown.
        for (path, options, values), run in self.runs():
            with self.subTest(**options):
                self.assertEqual(run.returncode, 0, run.stderr)
                bits = options["bitspersample"]
                if bits < 8:
                    values = np.round(values * (255 / ((1 << bits) - 1)))
                self.assertEqual(differs(json.loads(run.stdout), values), [])

    def test_jpeg_is_read_as_the_library_reads_it(self):
        for tile, (channels, level) in itertools.product([None, (32, 48)], [(1, 75), (1, 95), (3, 75), (3, 95)]):
            options = {"compression": "jpeg", "compressionargs": {"level": level}, "tile": tile}
            options["photometric"] = "rgb" if channels == 3 else "minisblack"
            self.tiff(waves("u1", channels), **options)
        # Decoders round in their own ways.
        self.check_equal(far=3)

    def test_jpeg_2000_and_webp_are_read(self):
        written = 0
        for tile, dtype, channels in itertools.product([None, (32, 48)], ["u1", "u2"], [1, 3]):
            photometric = "rgb" if channels == 3 else "minisblack"
            options = {"tile": tile, "photometric": photometric}
            written += self.tiff(waves(dtype, channels), compression="jpeg2000", **options)
            if (dtype, channels) == ("u1", 3):
                args = {"lossless": True}
                written += self.tiff(waves(dtype, channels), compression="webp", compressionargs=args, **options)
        self.assertEqual(written, 10)
        self.check_equal()

    def test_other_compressions_are_refused_by_name(self):
        tried = collections.Counter()
        for compression, dtype in itertools.product(REFUSED, ["u1", "u2", "f4"]):
            tried[compression] += self.tiff(waves(dtype), compression=compression, photometric="minisblack")
        self.assertTrue(tried)
        for (_, options, _), run in self.runs():
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(REFUSED[options["compression"]], run.stderr)


class Pictures(Written):
    def write(self, picture, ending, **options):
        path = self.folder / f"{len(self.files)}.{ending}"
        picture.save(path, **options)
        with Image.open(path) as opened:
            seen = ImageOps.exif_transpose(opened)
            values = np.asarray(seen if seen.mode in ("L", "RGB", "I;16") else seen.convert("RGB"))
        self.files.append((path, {"ending": ending} | options, values))

    def test_what_pillow_writes_without_loss(self):
        gray, colour = Image.fromarray(waves("u1")), Image.fromarray(waves("u1", 3))
        for picture in (gray, colour):
            self.write(picture, "png")
            self.write(picture, "bmp")
            self.write(picture, "tif")
            self.write(picture, "tif", compression="tiff_lzw")
            self.write(picture, "tif", compression="tiff_adobe_deflate")
            self.write(picture, "webp", lossless=True)
        self.write(colour.quantize(64), "png")
        self.write(colour.quantize(64), "tif")
        self.write(Image.fromarray(waves("u2")), "png")
        self.write(Image.fromarray(waves("u2")), "tif")
        self.check_equal()

    def test_what_pillow_writes_with_loss(self):
        for channels, progressive in itertools.product([1, 3], [False, True]):
            picture = Image.fromarray(waves("u1", channels))
            self.write(picture, "jpg", quality=95, subsampling="4:4:4", progressive=progressive)
        self.check_equal(far=3)

    def test_pictures_are_turned_as_their_exif_data_say(self):
        for orientation, ending in itertools.product(range(1, 9), ["png", "webp", "jpg"]):
            exif = Image.Exif()
            exif[274] = orientation
            loss = {"quality": 100} if ending == "jpg" else {"lossless": True} if ending == "webp" else {}
            self.write(Image.fromarray(waves("u1")), ending, exif=exif.tobytes(), **loss)
        self.check_equal(far=3)

    def test_cut_pictures_are_refused(self):
        for ending in ["jpg", "png", "webp", "bmp"]:
            whole = io.BytesIO()
            Image.fromarray(waves("u1", 3)).save(whole, {"jpg": "jpeg"}.get(ending, ending))
            for share in (0.2, 0.5, 0.8, 0.97):
                path = self.folder / f"cut.{ending}"
                path.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
                run = inspected(path)
                self.assertNotEqual(run.returncode, 0, f"{ending} at {share}")
                self.assertRegex(run.stderr, "ends before its image does|damaged")


if __name__ == "__main__":
    unittest.main()
