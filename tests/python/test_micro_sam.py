"""The files that `graysam finetune` writes, in micro-sam, and its instances against micro-sam's own. The model is noise of
the size of ViT-B: micro-sam has none that is smaller without packages that PyPI has not.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN and makes the model.
"""

import importlib.util
import io
import json
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
import tifffile
import torch
from bioimageio import spec
from micro_sam import util
from micro_sam.instance_segmentation import InstanceSegmentationWithDecoder, get_predictor_and_decoder
from PIL import Image
from segment_anything import sam_model_registry

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fixtures"))
sys.path.insert(0, str(ROOT / "tests" / "python"))
from compare_with_micro_sam import agreement  # noqa: E402
from make_instance_fixtures import decoder as noise_decoder  # noqa: E402
from noise import noise  # noqa: E402
from program import graysam  # noqa: E402

# By its path: the package around it imports what only its own exports need.
ADAPTOR = "micro_sam.bioimageio.predictor_adaptor"
MOBILE_SAM = ROOT / "target" / "models" / "mobile_sam_f32.safetensors"


def adaptor_class():
    path = Path(util.__file__).parent / "bioimageio" / "predictor_adaptor.py"
    found = importlib.util.spec_from_file_location(ADAPTOR, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.PredictorAdaptor


class InMicroSam(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.model = cls.folder / "vit_b.pt"
        named = sam_model_registry["vit_b"]().state_dict()
        model = {name: torch.from_numpy(noise(name, tensor.shape)) for name, tensor in named.items()}
        decoder = {name: tensor for name, tensor in noise_decoder(False).state_dict().items()
                   if not name.startswith("encoder")}
        torch.save({"model_state": model, "decoder_state": decoder}, cls.model)
        cls.image, cls.labels = cls.folder / "image.png", cls.folder / "labels.png"
        graysam("sample", "--image", cls.image, "--labels", cls.labels)

    def finetuned(self, model, *options):
        """A whole model for micro-sam and a package, of a decoder that was trained for a step."""
        whole, package = self.folder / "whole.pt", self.folder / "package.zip"
        graysam("finetune", "--model", model, "--image", self.image, "--labels", self.labels, "--names", "micro_sam",
                "--steps", "1", "--batch", "2", "--held-out", "0.1", "--out", self.folder / "decoder.safetensors",
                "--merged", whole, "--package", package, *options)
        with zipfile.ZipFile(package) as files:
            tensors = {name: np.load(io.BytesIO(files.read(f"{name}.npy")))
                       for name in ("image", "box_prompts", "masks", "scores", "embeddings")}
            description = json.loads(files.read("rdf.yaml"))
            with files.open("weights.pt") as weights, open(whole, "rb") as same:
                self.assertEqual(weights.read(1 << 20), same.read(1 << 20))
        return whole, package, description, tensors

    def test_whole_model_gives_the_same_masks(self):
        whole, package, description, tensors = self.finetuned(self.model)
        state = torch.load(whole, weights_only=True)
        self.assertEqual(set(state), {"model_state", "decoder_state"})
        before = torch.load(self.model, weights_only=True)
        for part, named in before.items():
            for name, tensor in named.items():
                changes = name.startswith("mask_decoder.") or name.endswith("num_batches_tracked")
                self.assertTrue(changes or torch.equal(state[part][name], tensor), name)
        changed = [name for name in before["model_state"]
                   if not torch.equal(state["model_state"][name], before["model_state"][name])]
        self.assertTrue(changed, "the decoder was trained")

        # With its decoder of instances, which has to be whole.
        predictor, _ = get_predictor_and_decoder("vit_b", whole, device="cpu")
        image, [box] = tensors["image"][0].transpose(1, 2, 0), tensors["box_prompts"][0]
        predictor.set_image(image)
        features = predictor.features.numpy()
        error = np.linalg.norm(features - tensors["embeddings"]) / np.linalg.norm(features)
        self.assertLess(error, 1e-4)
        [mask], score, _ = predictor.predict(box=box, multimask_output=False)
        ours = tensors["masks"][0, 0, 0] > 0
        self.assertGreater((mask & ours).sum() / (mask | ours).sum(), 0.999)
        self.assertAlmostEqual(score.item(), tensors["scores"].item(), 4)

        architecture = description["weights"]["pytorch_state_dict"]["architecture"]
        self.assertEqual(architecture["import_from"], ADAPTOR)
        self.assertEqual(architecture["callable"], adaptor_class().__name__)
        adaptor = adaptor_class()(**architecture["kwargs"])
        adaptor.load_state_dict(state)
        adaptor.eval()
        masks, scores, _ = adaptor(torch.from_numpy(tensors["image"]), box_prompts=torch.from_numpy(tensors["box_prompts"]))
        self.assertEqual((masks.numpy().shape, scores.numpy().shape), (tensors["masks"].shape, tensors["scores"].shape))

    def test_the_package_is_valid(self):
        _, package, description, tensors = self.finetuned(MOBILE_SAM)
        self.assertGreater(tensors["scores"].item(), 0.5)
        self.assertEqual(description["weights"]["pytorch_state_dict"]["architecture"]["kwargs"], {"model_type": "vit_t"})
        opened = spec.load_description(package, format_version="discover", perform_io_checks=True)
        self.assertIsInstance(opened, spec.model.v0_5.ModelDescr, opened.validation_summary)

    def test_instances_are_micro_sams(self):
        # Noise has no masks to tell apart, so that points, masks and their suppression (APG) are held to micro-sam's one by one,
        # by make_instance_fixtures.py and the tests of the mask decoder.
        image = np.array(Image.open(self.image))[:200, :256]
        # micro-sam cuts grays off where GraySAM rounds; what no longer changes is the same to both.
        before = None
        while before is None or not np.array_equal(before, image):
            before, image = image, util._to_image(image)[..., 0]
        small, out = self.folder / "small.png", self.folder / "labels.tif"
        Image.fromarray(image).save(small)
        graysam("find", "--model", self.model, "--image", small, "--window", "minmax", "--method", "ais", "--out", out)
        predictor, decoder = get_predictor_and_decoder("vit_b", self.model, device="cpu")
        segmenter = InstanceSegmentationWithDecoder(predictor, decoder)
        segmenter.initialize(image, util.precompute_image_embeddings(predictor, image, ndim=2, verbose=False))
        theirs = segmenter.generate(min_size=25)
        self.assertGreater(len(np.unique(theirs)), 5)
        self.assertTrue(agreement("ais", theirs, tifffile.imread(out)))


if __name__ == "__main__":
    unittest.main()
