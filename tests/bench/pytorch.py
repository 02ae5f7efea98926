"""PyTorch at what `graysam measure` measures: prints the medians of as many runs as JSON, under the
same names.

    graysam sample --image sample.png --labels labels.png
    python tests/bench/pytorch.py --image sample.png --labels labels.png --precision tf32

The precisions are float32, tf32 (matrix products and convolutions of rounded float32) and float16
(autocast; the training step scales its loss). The model is SAM ViT-B with weights of noise; the
training step is that of tests/fixtures/finetune_reference.py, whose mask decoder is of the same sizes.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

FIXTURES = Path(__file__).parent.parent / "fixtures"
sys.path.insert(0, str(FIXTURES))

from finetune_reference import MODEL, LabelledImage, Sam, Trainer  # noqa: E402
from make_model_fixtures import TINY, TWO_BLOCKS, VIT_B, build, fill  # noqa: E402

CONFIGS = {"vit_b": VIT_B, "two_blocks": TWO_BLOCKS, "tiny": TINY}
# The first layer of a ViT-B block's perceptron.
PRODUCT = (4096, 768, 3072)
# How long products are run for one figure, so that what surrounds them counts for little.
PRODUCT_SECONDS = 0.2


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def timed(args, run, times=1):
    """The seconds of each run after one that does not count."""
    seconds = []
    for _ in range(args.runs + 1):
        wait(args.device)
        begun = time.perf_counter()
        for _ in range(times):
            run()
        wait(args.device)
        seconds.append((time.perf_counter() - begun) / times)
    return seconds[1:]


@torch.no_grad()
def click(sam, embedding, config):
    """One point, until the mask is in the image's size and on the CPU."""
    side = config["image_size"]
    points = torch.tensor([[[side / 2, side / 2]]], device=embedding.device)
    labels = torch.ones(1, 1, dtype=torch.int, device=embedding.device)
    sparse, dense = sam.prompt_encoder(points=(points, labels), boxes=None, masks=None)
    logits, _ = sam.mask_decoder(
        image_embeddings=embedding, image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense, multimask_output=True)
    best = logits[:, :1].float()
    height = side * 4 // 5
    return (sam.postprocess_masks(best, (height, side), (512, 640)) > 0).cpu()


def inference(args, mixed):
    """Seconds of an encoding and of a click, and the operations of an encoding's products."""
    config = CONFIGS[args.config]
    sam = build(config).to(args.device)
    side = config["image_size"]
    image = 2 * fill("input.image", 1, 3, side, side).to(args.device)

    def encode():
        with torch.no_grad(), mixed():
            return sam.image_encoder(image)

    def answer():
        with mixed():
            click(sam, embedding, config)

    with FlopCounterMode(display=False) as counter:
        embedding = encode()
    return timed(args, encode), timed(args, answer), counter.get_total_flops()


class Mixed(Trainer):
    """The training step in the precision of `args`; float16 scales its loss."""

    def __init__(self, sam, image, args, mixed):
        super().__init__(sam, image, args)
        self.mixed = mixed
        self.scaler = torch.amp.GradScaler(args.device, enabled=args.precision == "float16")

    def rounds(self, objects, with_point, random):
        with self.mixed():
            return super().rounds(objects, with_point, random)

    def update(self, loss):
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()


def training(args, mixed):
    """Seconds of each training step; as in GraySAM, a step ends with its loss on the CPU."""
    image = LabelledImage(args.image, args.labels, args.threads)
    image.embedding = image.embedding.to(args.device)
    # For the recipe of finetune_reference.
    args.steps, args.held_out, args.seed, args.lr = args.runs + 1, 0.01, 0, 1e-4
    trainer = Mixed(Sam(args.model).to(args.device), image, args, mixed)
    seconds = []
    for _ in range(args.steps):
        begun = time.perf_counter()
        trainer.train_step()
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]


def product_tflops(args):
    rows, inputs, outputs = PRODUCT
    kind = torch.float16 if args.precision == "float16" else torch.float32
    x, layer = torch.rand(rows, inputs, device=args.device, dtype=kind), torch.nn.Linear(inputs, outputs)
    layer = layer.to(args.device, kind)
    with torch.no_grad():
        once = statistics.median(timed(args, lambda: layer(x)))
        times = int(min(max(PRODUCT_SECONDS / once, 1), 1000))
        seconds = statistics.median(timed(args, lambda: layer(x), times))
    return 2 * rows * inputs * outputs / seconds / 1e12


def measure(args):
    torch.set_num_threads(args.threads)
    exact = args.precision == "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exact
    mixed = contextlib.nullcontext
    if args.precision == "float16":
        mixed = lambda: torch.autocast(args.device, torch.float16)  # noqa: E731
    encoder, decoder, flop = inference(args, mixed)
    figures = {"encoder_s": encoder, "decoder_s": decoder, "training_step_s": training(args, mixed)}
    out = {name: statistics.median(seconds) for name, seconds in figures.items()}
    out["matmul_tflops"] = product_tflops(args)
    out["encoder_share"] = 100 * flop / 1e12 / out["encoder_s"] / out["matmul_tflops"]
    if args.device == "cuda":
        out["memory_mb"] = torch.cuda.max_memory_reserved() / 1e6
    return {"device": torch.cuda.get_device_name() if args.device == "cuda" else "CPU",
            "runs": args.runs, **out}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--config", choices=CONFIGS, default="vit_b")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precision", choices=("float32", "tf32", "float16"), default="float32")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(measure(arguments())))
