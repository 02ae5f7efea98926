"""What GraySAM and micro-sam make of the same maps and embedding: objects by a watershed (AIS), and by prompts (APG) with
MobileSAM's mask decoder. The maps are torch-em's distances in labels, those of the drawn sample, or of a folder's images
NAME.png with their labels NAME_labels.png:

    python tests/python/test_instances_of_maps.py --data DIR

Run by `cargo xtask test python`, which names the programs in GRAYSAM_BIN and GRAYSAM_MAPS.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tifffile
import torch
from micro_sam.instance_segmentation import AutomaticPromptGenerator, InstanceSegmentationWithDecoder
from PIL import Image
from safetensors.torch import load_file
from segment_anything import SamPredictor, sam_model_registry
from torch_em.transform.label import PerObjectDistanceTransform

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))
from compare_with_micro_sam import agreement  # noqa: E402
from program import graysam  # noqa: E402

MODEL = ROOT / "target" / "models" / "mobile_sam_f32.safetensors"
SIDE = 1024


def maps_of(labels):
    """Foreground, distance to the centre and to the border, as micro-sam's decoder learns them."""
    transform = PerObjectDistanceTransform(distances=True, boundary_distances=True, foreground=True, min_size=25)
    return np.ascontiguousarray(transform(labels), dtype="<f4")


def predictor_with(embedding, height, width):
    """micro-sam's predictor with MobileSAM's decoder, whose sizes are those of all SAM models, and the image's embedding."""
    model = sam_model_registry["vit_b"]().eval()
    weights = load_file(MODEL)
    decoder = {name: tensor for name, tensor in weights.items() if not name.startswith("image_encoder.")}
    missing, unexpected = model.load_state_dict(decoder, strict=False)
    assert not unexpected and all(name.startswith(("image_encoder.", "pixel_")) for name in missing), (missing, unexpected)
    predictor = SamPredictor(model)
    predictor.features = torch.from_numpy(embedding)
    predictor.original_size = (height, width)
    predictor.input_size = tuple(int(side * SIDE / max(height, width) + 0.5) for side in (height, width))
    predictor.is_image_set = True
    return predictor


def compare(image, labels):
    """Whether both make the same of the maps of an image's labels."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        maps = maps_of(labels)
        maps.tofile(folder / "maps.f32")
        subprocess.run([os.environ["GRAYSAM_MAPS"], MODEL, image, folder / "maps.f32", folder], check=True)
        embedding = np.fromfile(folder / "embedding.f32", dtype="<f4").reshape(1, 256, 64, 64)
        predictor = predictor_with(embedding, *labels.shape)
        agree = []
        for method, segmenter in [("ais", InstanceSegmentationWithDecoder), ("apg", AutomaticPromptGenerator)]:
            segmenter = segmenter(predictor, None)
            segmenter._foreground, segmenter._center_distances, segmenter._boundary_distances = maps
            segmenter._is_initialized = True
            agree.append(agreement(method, segmenter.generate(), tifffile.imread(folder / f"{method}.tif")))
        return all(agree)


class OnOneMap(unittest.TestCase):
    def test_objects_are_micro_sams(self):
        with tempfile.TemporaryDirectory() as folder:
            image, labels = Path(folder) / "image.png", Path(folder) / "labels.png"
            graysam("sample", "--image", image, "--labels", labels)
            self.assertTrue(compare(image, np.array(Image.open(labels)).astype("uint32")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    agree = []
    for labels in sorted(parser.parse_args().data.glob("*_labels.png")):
        print(labels.name, flush=True)
        image = labels.with_name(labels.name.replace("_labels", ""))
        agree.append(compare(image, np.array(Image.open(labels)).astype("uint32")))
    return 0 if agree and all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
