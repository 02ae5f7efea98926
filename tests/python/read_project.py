"""Reads a project file as tools do that know nothing of GraySAM, and prints what it found.

Run by `tests/browser/project_file.test.js` with the file, the labels of its first image as raw 16-bit numbers, and
their width and height.
"""

import io
import json
import sys
import tempfile
import zipfile

import numpy as np
import tifffile
from pycocotools.coco import COCO


def main(path, plane, width, height):
    wanted = np.fromfile(plane, np.uint16).reshape(int(height), int(width))
    with zipfile.ZipFile(path) as project:
        assert project.testzip() is None
        labels = [name for name in project.namelist() if name.startswith("labels/")]
        image = tifffile.imread(io.BytesIO(project.read(labels[0])))
        assert np.array_equal(image, wanted), "the label image is not the labels"
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            file.write(project.read("coco.json"))
            file.flush()
            sys.stdout, out = sys.stderr, sys.stdout
            coco = COCO(file.name)
            sys.stdout = out
        for found in coco.dataset["images"]:
            project.getinfo(f"images/{found['file_name']}")
    masks = [coco.annToMask(annotation) for annotation in coco.dataset["annotations"]]
    areas = {int(number): int((image == number).sum()) for number in np.unique(image) if number}
    # Each object of the label image is one mask of the COCO file.
    for number in areas:
        assert sum(np.array_equal(mask > 0, image == number) for mask in masks) == 1, number
    assert len(masks) == len(areas)
    classes = [category["name"] for category in coco.dataset["categories"]]
    print(json.dumps({"labels": labels, "areas": areas, "classes": classes}))


main(*sys.argv[1:])
