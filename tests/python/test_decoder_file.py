"""The files that `graysam finetune` writes, in PyTorch: loaded into `segment_anything` by
the manual's own lines, and into Hugging Face's SamModel.

Run by `cargo xtask test python`, which names the program in GRAYSAM_BIN and makes the model.
"""

import contextlib
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from segment_anything import sam_model_registry
from transformers import SamConfig, SamModel

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fixtures"))
sys.path.insert(0, str(ROOT / "tests" / "python"))
from make_model_fixtures import TINY, build  # noqa: E402
from program import graysam  # noqa: E402

MOBILE_SAM = ROOT / "target" / "models" / "mobile_sam_f32.safetensors"
DECODER = "mask_decoder."
# As in segment_anything; Hugging Face's default is 1e-6.
DECODER_EPS = 1e-5


def manual_code():
    """The Python code of the manual's section on models and decoders."""
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    section = re.split(r"^## Models and decoders$", text, flags=re.M)[1]
    section = re.split(r"^## ", section, flags=re.M)[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, flags=re.M | re.S)
    assert blocks, "the manual's section on models and decoders has no Python code"
    return blocks


def same_bits(one, other):
    return (one.dtype == other.dtype == torch.float32 and one.shape == other.shape
            and torch.equal(one.view(torch.int32), other.view(torch.int32)))


def relative_error(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


def tiny_hugging_face():
    """Hugging Face's model in the sizes of TINY, with random weights."""
    side, patch = TINY["image_size"], 16
    return SamModel(SamConfig(
        vision_config=dict(
            hidden_size=TINY["embed_dim"], output_channels=TINY["dim"], image_size=side,
            num_hidden_layers=TINY["depth"], num_attention_heads=TINY["heads"],
            patch_size=patch, window_size=TINY["window"], mlp_dim=4 * TINY["embed_dim"],
            global_attn_indexes=TINY["global_blocks"], num_pos_feats=TINY["dim"] // 2),
        prompt_encoder_config=dict(hidden_size=TINY["dim"], image_size=side, patch_size=patch),
        mask_decoder_config=dict(
            hidden_size=TINY["dim"], mlp_dim=TINY["mlp_dim"], iou_head_hidden_dim=TINY["hidden"],
            num_attention_heads=TINY["decoder_heads"], layer_norm_eps=DECODER_EPS))).eval()


class FilesInPyTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        torch.manual_seed(0)

    def finetune(self, out, *options):
        """The decoder that is written; it must not be the base model's own."""
        figures = json.loads(graysam("finetune", "--out", self.folder / out, *options))
        self.assertTrue(figures["improved"], figures)
        return load_file(self.folder / out)

    def large_object(self):
        """Options for an image filled by one object, given twice, as one of two is held out. Noise
        learns to cover it within a few steps."""
        image, labels = self.folder / "large.png", self.folder / "large_labels.png"
        ids = np.zeros((128, 128), np.uint16)
        ids[4:124, 4:124] = 1
        Image.fromarray(ids).save(labels)
        Image.fromarray((50 + 150 * ids).astype(np.uint8)).save(image)
        return ["--image", image, "--labels", labels] * 2

    def assert_loads_decoder(self, model, decoder):
        """With no tensor left over, and none of the decoder's missing."""
        keys = model.load_state_dict(decoder, strict=False)
        self.assertEqual(keys.unexpected_keys, [])
        self.assertEqual([key for key in keys.missing_keys if key.startswith(DECODER)], [])

    def test_mask_decoder(self):
        image, labels = self.folder / "sample.png", self.folder / "labels.png"
        graysam("sample", "--image", image, "--labels", labels)
        options = ["--model", MOBILE_SAM, "--image", image, "--labels", labels,
                   "--steps", "4", "--batch", "2", "--held-out", "0.1"]
        file = self.finetune("decoder.safetensors", *options)
        sam = sam_model_registry["vit_b"]()
        names = {name for name in sam.state_dict() if name.startswith(DECODER)}
        self.assertEqual(set(file), names)

        with contextlib.chdir(self.folder):
            for block in manual_code():
                exec(block, {"sam": sam})
        for name, tensor in sam.mask_decoder.state_dict().items():
            self.assertTrue(same_bits(tensor, file[DECODER + name]), name)
        self.assert_loads_decoder(sam, file)

        theirs = self.finetune("hugging_face.safetensors", "--names", "hugging_face", *options)
        config = SamConfig(mask_decoder_config=dict(layer_norm_eps=DECODER_EPS))
        model = SamModel(config).eval()
        self.assert_loads_decoder(model, theirs)
        # In float64: of noise, the roundings of float32 come near to 1e-4, by the CPU's kernels.
        sam.double(), model.double()
        embedding, position, dense = torch.randn(3, 1, 256, 64, 64, dtype=torch.float64)
        sparse = torch.randn(1, 2, 256, dtype=torch.float64)
        with torch.no_grad():
            masks, ious = sam.mask_decoder(embedding, position, sparse, dense, True)
            found, found_ious = model.mask_decoder(
                embedding, position, sparse[:, None], dense, True)[:2]
        self.assertLess(relative_error(found[:, 0], masks), 1e-9)
        self.assertLess(relative_error(found_ious[:, 0], ious), 1e-9)

    def test_whole_model(self):
        tiny = self.folder / "tiny.safetensors"
        graysam("noise", "--config", "tiny", "--out", tiny)
        wholes = {}
        for names in ("segment_anything", "hugging_face"):
            whole = self.folder / f"whole_{names}.safetensors"
            decoder = self.finetune(
                f"decoder_{names}.safetensors", "--names", names, "--merged", whole,
                "--model", tiny, "--steps", "20", "--lr", "1e-3", *self.large_object())
            wholes[names] = load_file(whole)
            for name, tensor in decoder.items():
                self.assertTrue(same_bits(wholes[names][name], tensor), name)

        for name, tensor in load_file(tiny).items():
            if not name.startswith(DECODER):
                self.assertTrue(same_bits(wholes["segment_anything"][name], tensor), name)
        sam, model = build(TINY), tiny_hugging_face()
        sam.load_state_dict(wholes["segment_anything"], strict=True)
        model.load_state_dict(wholes["hugging_face"], strict=True)

        image = torch.randn(1, 3, TINY["image_size"], TINY["image_size"])
        points, labels = torch.tensor([[[40.0, 60.0], [90.0, 20.0]]]), torch.tensor([[1, 0]])
        with torch.no_grad():
            sparse, dense = sam.prompt_encoder((points, labels), None, None)
            masks, ious = sam.mask_decoder(
                sam.image_encoder(image), sam.prompt_encoder.get_dense_pe(), sparse, dense, True)
            found = model(pixel_values=image, input_points=points[None],
                          input_labels=labels[None], multimask_output=True)
        self.assertLess(relative_error(found.pred_masks[0], masks), 1e-4)
        self.assertLess(relative_error(found.iou_scores[0], ious), 1e-4)


if __name__ == "__main__":
    unittest.main()
