"""Our networks beside torchvision's: the same weights, input, precision and threads, taken in turns in one process.

    python bench/models.py                          # every network of the table, batch 1 and 32, float32 and bf16
    python bench/models.py resnet50 --batch 32      # one of them
    python bench/models.py --create                 # the time to create each network, and on the meta device

A ratio is the median over rounds of our time divided by torchvision's in the same round; below 1 ours is faster. The order
within a round alternates. bf16 is autocast, as both are trained; images and weights lie channels last.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision import models as reference

from convatlas import create_model

NETWORKS = (
    "alexnet vgg11 googlenet resnet50 densenet121 mobilenet_v3_large efficientnet_b0 regnet_y_400mf shufflenet_v2_x1_0 "
    "convnext_tiny vit_b_16 swin_t"
).split()
SECONDS = 0.25  # a turn takes at least


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Our network and torchvision's, with the same weights."""
    theirs = reference.get_model(name)
    ours = create_model(name)
    ours.load_state_dict(theirs.state_dict())
    return ours.to(memory_format=torch.channels_last), theirs.to(memory_format=torch.channels_last)


def turn(call: Callable[[], object]) -> float:
    """Mean seconds of one call in a turn."""
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < SECONDS:
        call()
        calls += 1
    return taken / calls


def inference(model: nn.Module, x: torch.Tensor, precision: str) -> Callable[[], None]:
    model.eval()

    def call() -> None:
        with torch.inference_mode(), mixed(precision):
            model(x)

    return call


def training(model: nn.Module, x: torch.Tensor, precision: str) -> Callable[[], None]:
    """Forward, loss and backward; the optimizer is PyTorch's in both."""
    model.train()
    y = torch.zeros(len(x), dtype=torch.int64)

    def call() -> None:
        with mixed(precision):
            output = model(x)
            outputs = output if isinstance(output, tuple) else (output,)
            loss = torch.stack([cross_entropy(logits.float(), y) for logits in outputs]).sum()
        loss.backward()
        for p in model.parameters():
            p.grad = None

    return call


def mixed(precision: str) -> torch.autocast | nullcontext:
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def compared(calls: tuple[Callable[[], object], Callable[[], object]], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio."""
    for call in calls:
        call()
    seconds = []
    for number in range(rounds):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        taken = {which: turn(calls[which]) for which in order}
        seconds.append((taken[0], taken[1]))
    ours, theirs = zip(*seconds, strict=True)
    return statistics.median(ours), statistics.median(theirs), statistics.median(a / b for a, b in seconds)


def speeds(names: list[str], batches: list[int], rounds: int, side: int) -> None:
    print("| network | batch | precision | inference, ms | torchvision | ratio | training step, ms | torchvision | ratio |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name in names:
        models = pair(name)
        for batch in batches:
            x = torch.randn(batch, 3, side, side).to(memory_format=torch.channels_last)
            for precision in ("32", "bf16"):
                cells = []
                for kind in (inference, training):
                    if kind is training and batch == 1:  # batch norm after global averages needs two images
                        x = torch.randn(2, 3, side, side).to(memory_format=torch.channels_last)
                    ours, theirs = (kind(model, x, precision) for model in models)
                    a, b, ratio = compared((ours, theirs), rounds)
                    cells += [f"{1000 * a:.1f}", f"{1000 * b:.1f}", f"{ratio:.3f}"]
                print(f"| {name} | {batch} | {precision} | {' | '.join(cells)} |", flush=True)


def creation(names: list[str], rounds: int) -> None:
    print("| network | create, ms | torchvision | ratio | on meta, ms | share of torchvision's |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for name in names:
        made = partial(create_model, name), partial(reference.get_model, name), partial(create_model, name, device="meta")
        ours, theirs, ratio = compared(made[:2], rounds)
        meta = statistics.median(turn(made[2]) for _ in range(rounds))
        cells = f"{1000 * ours:.1f}", f"{1000 * theirs:.1f}", f"{ratio:.2f}", f"{1000 * meta:.2f}", f"{meta / theirs:.4f}"
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--create", action="store_true", help="measure creation instead")
    options = parser.parse_args()
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, images of {options.side} pixels, "
        f"{options.rounds} rounds\n"
    )
    if options.create:
        creation(options.networks, options.rounds)
    else:
        speeds(options.networks, options.batch, options.rounds, options.side)


if __name__ == "__main__":
    main()
