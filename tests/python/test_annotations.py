"""What `graysam export` writes, read by the tools' own libraries, and what they write, read by
`graysam import`.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN.
"""

import csv
import io
import json
import os
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
import roifile
import tifffile
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from shapely import contains_xy
from shapely.geometry import Point, box, mapping
from shapely.geometry import shape as to_shape
from skimage.measure import label, perimeter, regionprops

WIDTH, HEIGHT = 97, 83
CLASSES = [{"name": "=nucleus, big", "colour": "#ff8000"}, {"name": "debris", "colour": "#0040ff"}]


def draw():
    """Objects with holes, with several parts, at the borders, and of a single pixel."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    ids[(x - 30) ** 2 + (y - 30) ** 2 < 400] = 3
    ids[(x - 34) ** 2 + (y - 28) ** 2 < 40] = 0
    ids[(x - 24) ** 2 + (y - 36) ** 2 < 12] = 7
    ids[70:, :9] = 300
    ids[75:78, 2:4] = 0
    ids[60:70, 60:80] = 12
    ids[60:70, 69:71] = 0
    ids[5, 90] = 65535
    # Pixels that touch at corners alone.
    diagonal = np.arange(8)
    ids[40 + diagonal, 80 + diagonal] = 500
    ids[0, :] = 41
    noise = np.random.default_rng(5).random((20, 30)) < 0.6
    ids[60:80, 25:55][noise] = 77
    return ids


def objects(ids):
    return {int(i): ids == i for i in np.unique(ids) if i}


class Exported(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = Path(cls.folder.name)
        cls.ids = draw()
        cls.image = folder / "frame 1.tif"
        noise = np.random.default_rng(1).integers(0, 4096, (HEIGHT, WIDTH))
        cls.values = noise.astype(np.uint16)
        tifffile.imwrite(cls.image, cls.values)
        cls.labels = folder / "labels.png"
        Image.fromarray(cls.ids).save(cls.labels)
        known = [
            {"id": 3, "name": 'ring "A"', "class": 0, "iou": 0.875},
            {"id": 7, "name": "", "class": 1, "iou": None},
        ]
        cls.objects = folder / "objects.json"
        cls.objects.write_text(json.dumps({"classes": CLASSES, "objects": known}))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def graysam(self, *arguments, fails=False):
        """What the program writes to `--out`, or says where it fails."""
        out = Path(self.folder.name) / "out"
        command = [os.environ["GRAYSAM_BIN"], *map(str, arguments), "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if fails:
            self.assertNotEqual(done.returncode, 0)
            return done.stderr
        self.assertEqual(done.returncode, 0, done.stderr)
        return out.read_bytes()

    def export(self, form):
        pairs = ["--image", self.image, "--labels", self.labels, "--objects", self.objects]
        return self.graysam("export", "--format", form, *pairs)

    def assert_objects(self, found):
        """All objects, and each to the pixel. """
        expected = objects(self.ids)
        self.assertEqual(sorted(found), sorted(expected))
        for i, mask in expected.items():
            np.testing.assert_array_equal(found[i], mask, str(i))

    def test_label_images(self):
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(self.export("tiff"))), self.ids)
        png = np.asarray(Image.open(io.BytesIO(self.export("png"))))
        np.testing.assert_array_equal(png, self.ids)

    def scaled_stack(self):
        """Three pages of 0.65 µm a pixel in x and 1.3 in y, and labels for each, one of them over 65535."""
        folder = Path(self.folder.name) / "plate 1"
        folder.mkdir(exist_ok=True)
        image, labels = folder / "stack.tif", folder / "stack labels.tif"
        metadata = {"unit": "um", "axes": "ZYX"}
        pages = np.stack([self.values, self.values // 2, self.values // 3])
        tifffile.imwrite(image, pages, imagej=True, resolution=(1 / 0.65, 1 / 1.3), metadata=metadata)
        ids = np.zeros((3, HEIGHT, WIDTH), np.int32)
        for page in range(3):
            ids[page, 5:15, 10 * page + 2:10 * page + 9] = 70000 + page
            ids[page, 30, 30] = 2
        tifffile.imwrite(labels, ids, photometric="minisblack")
        return image, labels, ids

    def test_pages_and_scale_are_kept(self):
        image, labels, ids = self.scaled_stack()
        pairs = ["--image", image, "--labels", labels]
        for page in range(3):
            tiff = self.graysam("export", "--format", "tiff", "--page", page + 1, *pairs)
            with tifffile.TiffFile(io.BytesIO(tiff)) as file:
                self.assertEqual(file.asarray().dtype, np.uint32)
                np.testing.assert_array_equal(file.asarray(), ids[page])
                tags = file.pages[0].tags
                for tag, size in [("XResolution", 0.65), ("YResolution", 1.3)]:
                    pixels, units = tags[tag].value
                    self.assertAlmostEqual(units / pixels, size, 12)
                self.assertEqual(file.imagej_metadata["unit"], "\\u00B5m")
        self.assertIn("PNG", self.graysam("export", "--format", "png", *pairs, fails=True))
        table = self.graysam("export", "--format", "csv", "--page", 2, *pairs).decode()
        row = next(csv.DictReader(io.StringIO(table)))
        self.assertEqual([row[name] for name in ["image", "page", "pages"]], ["stack.tif", "2", "3"])
        for name, value in [("pixel_width", 0.65), ("pixel_height", 1.3), ("width", 0.65), ("height", 1.3)]:
            self.assertAlmostEqual(float(row[name + "_um"]), value, 9)
        self.assertAlmostEqual(float(row["area_um2"]), 0.65 * 1.3, 9)
        # It goes in all directions, and the pixels are not square.
        self.assertEqual(row["perimeter_um"], "")
        coco = json.loads(self.graysam("export", "--format", "coco", "--page", 3, *pairs))
        self.assertEqual(coco["images"][0]["unit"], "µm")
        for value, size in zip(coco["images"][0]["pixel_size"], [0.65, 1.3]):
            self.assertAlmostEqual(value, size, 9)
        self.assertEqual(coco["images"][0]["file_name"], "stack-p0003.tif")
        rois = self.graysam("export", "--format", "imagej", "--page", 2, *pairs)
        with zipfile.ZipFile(io.BytesIO(rois)) as archive:
            for name in archive.namelist():
                roi = roifile.ImagejRoi.frombytes(archive.read(name))
                self.assertEqual(roi.position, 2)
                self.assertIn("Number: ", roi.props)

    def test_labels_of_another_number_of_pages_are_refused(self):
        image, labels, ids = self.scaled_stack()
        two = Path(self.folder.name) / "two.tif"
        tifffile.imwrite(two, ids[:2], photometric="minisblack")
        told = self.graysam("export", "--format", "csv", "--image", image, "--labels", two, fails=True)
        self.assertIn("2 pages but the image has 3", told)
        table = self.graysam("export", "--format", "csv", "--image", image, "--page", 2, "--labels", self.labels)
        self.assertEqual(len(table.decode().splitlines()), len(objects(self.ids)) + 1)

    def test_parts_of_a_mask_are_asked_for(self):
        mask = Path(self.folder.name) / "mask.png"
        Image.fromarray(((self.ids > 0) * 255).astype(np.uint8)).save(mask)
        parts = label(self.ids > 0, connectivity=1)
        pairs = ["--image", self.image, "--labels", mask]
        told = self.graysam("export", "--format", "tiff", *pairs, fails=True)
        for said in [f"{parts.max()} separate parts", "--parts", "--one-object"]:
            self.assertIn(said, told)
        parted = tifffile.imread(io.BytesIO(self.graysam("export", "--format", "tiff", "--parts", *pairs)))
        np.testing.assert_array_equal(parted, parts)
        one = tifffile.imread(io.BytesIO(self.graysam("export", "--format", "tiff", "--one-object", *pairs)))
        np.testing.assert_array_equal(one > 0, self.ids > 0)

    def coco(self, content):
        path = Path(self.folder.name) / "coco.json"
        path.write_bytes(content)
        return COCO(str(path))

    def test_coco_run_lengths(self):
        coco = self.coco(self.export("coco"))
        annotations = coco.loadAnns(coco.getAnnIds())
        number = {a["id"]: a["attributes"]["number"] for a in annotations}
        self.assert_objects({number[a["id"]]: coco.annToMask(a) == 1 for a in annotations})
        by_number = {number[a["id"]]: a for a in annotations}
        self.assertEqual(by_number[3]["score"], 0.875)
        self.assertEqual(by_number[3]["attributes"]["name"], 'ring "A"')
        name = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
        self.assertEqual(name[by_number[3]["category_id"]], CLASSES[0]["name"])
        self.assertEqual(name[by_number[12]["category_id"]], "object")
        for i, mask in objects(self.ids).items():
            rows, columns = np.nonzero(mask)
            box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            self.assertEqual(by_number[i]["bbox"], [int(side) for side in box])
            self.assertEqual(by_number[i]["area"], int(mask.sum()))
            # The very text that pycocotools writes.
            encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            self.assertEqual(by_number[i]["segmentation"]["counts"], encoded["counts"].decode())

    def test_coco_polygons(self):
        coco = self.coco(self.export("coco-polygons"))
        for a in coco.loadAnns(coco.getAnnIds()):
            mask = self.ids == a["attributes"]["number"]
            if isinstance(a["segmentation"], list):
                # Shoelace: the polygons run along the edges of the pixels.
                rings = [np.reshape(ring, (-1, 2)) for ring in a["segmentation"]]
                area = sum(np.sum(r[:, 0] * np.roll(r[:, 1], -1) - np.roll(r[:, 0], -1) * r[:, 1]) for r in rings)
                self.assertEqual(area / 2, mask.sum())
                self.assertEqual(coco.annToMask(a).shape, mask.shape)
            else:
                np.testing.assert_array_equal(coco.annToMask(a) == 1, mask)

    def test_geojson(self):
        features = json.loads(self.export("geojson"))["features"]
        found = {}
        rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        for feature in features:
            outline = to_shape(feature["geometry"])
            self.assertTrue(outline.is_valid)
            i = feature["properties"]["measurements"]["Number"]
            self.assertEqual(outline.area, (self.ids == i).sum())
            found[i] = contains_xy(outline, columns, rows)
            self.assertEqual(feature["properties"]["objectType"], "annotation")
        self.assert_objects(found)
        ring = next(f["properties"] for f in features if f["properties"]["measurements"]["Number"] == 3)
        self.assertEqual(ring["classification"], {"name": CLASSES[0]["name"], "color": [255, 128, 0]})

    def test_imagej(self):
        with zipfile.ZipFile(io.BytesIO(self.export("imagej"))) as archive:
            rois = {name: roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()}
        self.assertIn("ring _A_.roi", rois)
        self.assertEqual(len(rois), len(objects(self.ids)))
        centres = np.stack(np.mgrid[:HEIGHT, :WIDTH][::-1], -1).reshape(-1, 2) + 0.5
        found = {}
        for name, roi in rois.items():
            i = 3 if name.startswith("ring") else int(name.removesuffix(".roi").split()[1])
            self.assertEqual(roi.name, 'ring "A"' if i == 3 else f"Object {i}")
            self.assertIn(f"Number: {i}", roi.props)
            if roi.composite:
                rings = roi.path2coords(roi.multi_coordinates)
            else:
                rings = [roi.coordinates()]
            inside = np.zeros(len(centres), bool)
            for ring in rings:
                inside ^= even_odd(ring, centres)
            found[i] = inside.reshape(HEIGHT, WIDTH)
        self.assert_objects(found)

    def test_measurements(self):
        rows = list(csv.DictReader(io.StringIO(self.export("csv").decode())))
        self.assertEqual([int(row["object"]) for row in rows], sorted(objects(self.ids)))
        for row, properties in zip(rows, regionprops(self.ids, self.values)):
            expected = {
                "area_px": properties.area,
                "centroid_x_px": properties.centroid[1],
                "centroid_y_px": properties.centroid[0],
                "left_px": properties.bbox[1],
                "top_px": properties.bbox[0],
                "width_px": properties.bbox[3] - properties.bbox[1],
                "height_px": properties.bbox[2] - properties.bbox[0],
                "perimeter_px": perimeter(properties.image, neighborhood=4),
                "mean_intensity": properties.intensity_mean,
                "integrated_intensity": self.values[self.ids == properties.label].sum(),
                "min_intensity": properties.intensity_min,
                "max_intensity": properties.intensity_max,
                "std_intensity": properties.intensity_std,
            }
            for column, value in expected.items():
                self.assertAlmostEqual(float(row[column]), value, 6, f"{properties.label}: {column}")
        ring = next(row for row in rows if row["object"] == "3")
        self.assertEqual((ring["name"], ring["predicted_iou"]), ('ring "A"', "0.875"))
        # A spreadsheet must not take a name for a formula.
        self.assertEqual(ring["class"], "'=nucleus, big")

    def test_everything(self):
        second = Path(self.folder.name) / "other" / "frame 1.tif"
        second.parent.mkdir(exist_ok=True)
        tifffile.imwrite(second, self.values)
        pairs = ["--image", self.image, "--labels", self.labels, "--image", second, "--labels", self.labels]
        content = self.graysam("export", "--format", "everything", *pairs)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self.assertIsNone(archive.testzip())
            names = sorted(archive.namelist())
            for name in ["frame 1", "other/frame 1"]:
                for suffix in ["-labels.tif", "-objects.geojson", "-rois.zip"]:
                    self.assertIn(name + suffix, names)
            self.assertEqual(len(names), 8)
            coco = self.coco(archive.read("coco.json"))
            self.assertEqual(len(coco.getImgIds()), 2)
            rows = list(csv.DictReader(io.StringIO(archive.read("measurements.csv").decode())))
            self.assertEqual(len(rows), 2 * len(objects(self.ids)))

    def read_back(self, content):
        path = Path(self.folder.name) / "in.json"
        path.write_text(json.dumps(content))
        png = self.graysam("import", "--annotations", path, "--image", self.image)
        return np.asarray(Image.open(io.BytesIO(png)))

    def test_coco_is_read(self):
        masks = objects(self.ids)
        masks.pop(65535)
        images = [
            {"id": 9, "file_name": "other.tif", "width": 5, "height": 5},
            {"id": 4, "file_name": "set/frame 1.tif", "width": WIDTH, "height": HEIGHT},
        ]
        annotations = [{"id": 1, "image_id": 9, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]]}]
        for place, mask in enumerate(masks.values()):
            encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            counts = encoded["counts"].decode()
            if place % 2:
                flat = np.concatenate([[0], mask.T.ravel().astype(int), [-1]])
                changes = np.flatnonzero(np.diff(flat))
                counts = np.diff(np.concatenate([[0], changes])).tolist()
            segmentation = {"size": [HEIGHT, WIDTH], "counts": counts}
            annotations.append({"id": place + 2, "image_id": 4, "category_id": 1, "segmentation": segmentation})
        categories = [{"id": 1, "name": "cell"}]
        read = self.read_back({"images": images, "annotations": annotations, "categories": categories})
        for place, mask in enumerate(masks.values()):
            np.testing.assert_array_equal(read == place + 1, mask)

    def test_rois_of_imagej_are_read(self):
        made = {
            "polygon": roifile.ImagejRoi.frompoints(np.array([[10, 5], [61, 20], [33, 71]])),
            "exact": roifile.ImagejRoi.frompoints(np.array([[70.5, 5.25], [90.5, 5.25], [90.5, 30.75], [70.5, 30.75]])),
        }
        oval = roifile.ImagejRoi()
        oval.roitype, oval.version = roifile.ROI_TYPE.OVAL, 228
        oval.top, oval.left, oval.bottom, oval.right = 40, 60, 70, 90
        made["oval"] = oval
        path = Path(self.folder.name) / "RoiSet.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, roi in made.items():
                archive.writestr(name + ".roi", roi.tobytes())
        ids = np.asarray(Image.open(io.BytesIO(self.graysam("import", "--annotations", path, "--image", self.image))))
        centres = np.stack(np.mgrid[:HEIGHT, :WIDTH][::-1], -1).reshape(-1, 2) + 0.5
        for number, name in [(1, "polygon"), (2, "exact")]:
            inside = even_odd(made[name].coordinates(), centres).reshape(HEIGHT, WIDTH)
            np.testing.assert_array_equal(ids == number, inside, name)
        y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        distance = np.hypot(x - 75, y - 55)
        self.assertTrue((ids == 3)[distance < 14.9].all())
        self.assertFalse((ids == 3)[distance > 15].any())

    def test_shapes_of_qupath_are_read(self):
        ring = Point(40, 40).buffer(20).difference(Point(45, 40).buffer(5))
        parts = box(60, 5, 70, 20).union(box(75, 5, 90, 20))
        features = [
            {"type": "Feature", "geometry": mapping(outline), "properties": {"objectType": "detection"}}
            for outline in [ring, parts]
        ]
        features.append({"type": "Feature", "geometry": mapping(Point(1, 1)), "properties": {}})
        path = Path(self.folder.name) / "in.geojson"
        # QuPath also exports lists without a collection.
        for content in [{"type": "FeatureCollection", "features": features}, features]:
            path.write_text(json.dumps(content))
            png = self.graysam("import", "--annotations", path, "--image", self.image)
            ids = np.asarray(Image.open(io.BytesIO(png)))
            rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
            for number, outline in [(1, ring), (2, parts)]:
                np.testing.assert_array_equal(ids == number, contains_xy(outline, columns, rows))

    def test_polygons_are_read(self):
        image = {"id": 1, "file_name": "x", "width": WIDTH, "height": HEIGHT}
        ring = [10.2, 5.1, 60.7, 20.3, 33.3, 70.9]
        polygon = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [ring]}
        read = self.read_back({"images": [image], "annotations": [polygon], "categories": []})
        centres = np.stack(np.mgrid[:HEIGHT, :WIDTH][::-1], -1).reshape(-1, 2) + 0.5
        expected = even_odd(np.reshape(ring, (-1, 2)), centres).reshape(HEIGHT, WIDTH)
        np.testing.assert_array_equal(read == 1, expected)

    def test_what_does_not_fit_is_told(self):
        image = {"id": 1, "file_name": "x", "width": 5, "height": 5}
        path = Path(self.folder.name) / "bad.json"
        for content, sentence in [
            ("{", "not a file of annotations"),
            (json.dumps({"images": [image], "annotations": []}), "5 × 5"),
            (json.dumps({"images": [], "annotations": []}), "no object"),
            (json.dumps({"images": [{"id": 1}], "annotations": []}), "no object"),
        ]:
            path.write_text(content)
            told = self.graysam("import", "--annotations", path, "--image", self.image, fails=True)
            self.assertIn(sentence, told)


def even_odd(ring, points):
    """Whether each point lies inside of a polygon."""
    inside = np.zeros(len(points), bool)
    x, y = points.T
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, 0)):
        crossed = (ay <= y) != (by <= y)
        if crossed.any():
            inside ^= crossed & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    return inside


if __name__ == "__main__":
    unittest.main()
