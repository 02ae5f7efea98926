"""The scores of `graysam evaluate --found` against their formulas, on random label images.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy.optimize import linear_sum_assignment

WIDTH, HEIGHT = 61, 47


def blocks(random, count):
    """Rectangles in which later ones hide earlier ones."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    for i in range(count):
        x, y = random.integers(0, WIDTH - 4), random.integers(0, HEIGHT - 4)
        w, h = random.integers(3, 14, 2)
        ids[y : y + h, x : x + w] = 3 * i + 1
    return ids


def moved(random, ids):
    """Some of the objects, each moved by up to two pixels and some of them halved."""
    out = np.zeros_like(ids)
    for i in np.unique(ids[ids > 0]):
        if random.random() < 0.2:
            continue
        mask = np.roll(ids == i, random.integers(-2, 3, 2), (0, 1))
        out[mask] = i + 1
        if random.random() < 0.3:
            columns = np.nonzero(mask.any(0))[0]
            half = mask.copy()
            half[:, : columns[len(columns) // 2]] = False
            out[half] = i + 1000
    return out


def expected(true, found, given):
    """By the definitions: a mask for each object, an IoU for each pair."""
    if given is not None:
        for i in np.unique(found[found > 0]):
            mask = found == i
            if 2 * (mask & (given > 0)).sum() > mask.sum():
                found = np.where(mask, 0, found)
        true = np.where(given > 0, 0, true)
    trues = [true == i for i in np.unique(true[true > 0])]
    founds = [found == i for i in np.unique(found[found > 0])]
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in founds] for a in trues])
    iou = iou.reshape(len(trues), len(founds))

    def hits(threshold):
        hit = iou >= threshold
        rows, columns = linear_sum_assignment(-(hit + iou / 1000))
        return int(hit[rows, columns].sum())

    def precision(threshold):
        found = hits(threshold)
        return found / max(len(trues) + len(founds) - found, 1)

    return {
        "objects": len(trues),
        "ap50": precision(0.5),
        "msa": np.mean([precision(t) for t in np.arange(0.5, 0.96, 0.05)]),
        "found": hits(0.5),
        "missed": len(trues) - hits(0.5),
        "false": len(founds) - hits(0.5),
    }


class Agreement(unittest.TestCase):
    def evaluate(self, true, found, given):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ["true.png", "found.tif", "given.png"]]
            Image.fromarray(true).save(paths[0])
            tifffile.imwrite(paths[1], found)
            command = [os.environ["GRAYSAM_BIN"], "evaluate", "--labels", paths[0], "--found", paths[1]]
            if given is not None:
                Image.fromarray(given).save(paths[2])
                command += ["--examples", paths[2]]
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

    def test_random_objects(self):
        random = np.random.default_rng(8)
        for case in range(24):
            true = blocks(random, 3 + case)
            found = moved(random, true) if case % 3 else blocks(random, 5)
            chosen = random.permutation(np.unique(true[true > 0]))[: case % 4]
            given = np.where(np.isin(true, chosen), true, 0) if len(chosen) else None
            got, wanted = self.evaluate(true, found, given), expected(true, found, given)
            self.assertEqual(got.keys(), wanted.keys())
            for key, value in wanted.items():
                self.assertAlmostEqual(got[key], value, 12, f"{key} of case {case}")

    def test_nothing_found(self):
        true = blocks(np.random.default_rng(2), 4)
        got = self.evaluate(true, np.zeros_like(true), None)
        self.assertEqual((got["ap50"], got["msa"], got["found"], got["false"]), (0, 0, 0, 0))
        self.assertEqual(got["missed"], got["objects"])


if __name__ == "__main__":
    unittest.main()
