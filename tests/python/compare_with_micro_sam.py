"""Compares instances that `graysam find` wrote with those of micro-sam itself:

    python tests/python/compare_with_micro_sam.py MODEL_TYPE CHECKPOINT IMAGE LABELS [--method apg] [--min-size PIXELS]

MODEL_TYPE is vit_t, vit_b or vit_l; the checkpoint is one of micro-sam's exports with its decoder. Exits with an
error where the adjusted Rand index is below 0.999, or for apg the IoU of an object below 0.99.
"""

import argparse
import sys

import imageio.v3 as imageio
import numpy as np
import tifffile
from micro_sam import util
from micro_sam.instance_segmentation import (
    AutomaticPromptGenerator, InstanceSegmentationWithDecoder, get_predictor_and_decoder)
from sklearn.metrics import adjusted_rand_score

METHODS = {"ais": InstanceSegmentationWithDecoder, "apg": AutomaticPromptGenerator}


def least_iou(theirs, ours):
    """Of each of their objects with the one here that covers most of it."""
    least = 1.0
    for number in np.unique(theirs)[1:]:
        inside = theirs == number
        counts = np.bincount(ours[inside])
        counts[0] = 0
        most = counts.argmax()
        least = min(least, counts[most] / (inside | (ours == most)).sum() if counts[most] else 0.0)
    return least


def agreement(method, theirs, ours):
    """The adjusted Rand index, the least IoU of an object, and whether they are as they should be."""
    index, iou = adjusted_rand_score(theirs.ravel(), ours.ravel()), least_iou(theirs, ours)
    print(f"{method}: micro-sam has {len(np.unique(theirs)) - 1} objects, GraySAM {len(np.unique(ours)) - 1}; "
          f"adjusted Rand index {index:.5f}, least IoU {iou:.4f}")
    return index >= 0.999 and (method == "ais" or iou >= 0.99)


def main():
    parser = argparse.ArgumentParser()
    for name in ("model_type", "checkpoint", "image", "labels"):
        parser.add_argument(name)
    parser.add_argument("--method", choices=METHODS, default="ais")
    parser.add_argument("--min-size", type=int, default=25)
    given = parser.parse_args()
    image, labels = imageio.imread(given.image), tifffile.imread(given.labels)
    predictor, decoder = get_predictor_and_decoder(given.model_type, given.checkpoint, device="cpu")
    segmenter = METHODS[given.method](predictor, decoder)
    segmenter.initialize(image, util.precompute_image_embeddings(predictor, image, ndim=2))
    return 0 if agreement(given.method, segmenter.generate(min_size=given.min_size), labels) else 1


if __name__ == "__main__":
    sys.exit(main())
