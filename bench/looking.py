"""Looking inside, beside libraries for single parts of it, in turns in one process.

    pip install torchinfo fvcore captum grad-cam     # whichever is missing is left out
    python bench/looking.py

A ratio is the median over rounds of the time divided by that of the reference of the table in the same round.
"""

import argparse
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from tempfile import TemporaryDirectory

import numpy as np
import torch

from convatlas import create_model
from convatlas.anatomy import inspect
from convatlas.features import features
from convatlas.insight.embedding import embed
from convatlas.insight.saliency import saliency

SHAPE = (3, 224, 224)
Call = Callable[[], object]


def median_ratios(calls: Mapping[str, Call], rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of each, and the median ratio to the first one; all take turns in each round."""
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(calls)[:: 1 if number % 2 == 0 else -1]:
            began = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - began)
    first = seconds[next(iter(calls))]
    return {
        name: (statistics.median(taken), statistics.median(a / b for a, b in zip(taken, first, strict=True)))
        for name, taken in seconds.items()
    }


def table(title: str, calls: Mapping[str, Call], rounds: int) -> None:
    print(f"\n### {title}\n\n| | ms | ratio |\n|---|---:|---:|")
    for name, (seconds, ratio) in median_ratios(calls, rounds).items():
        print(f"| {name} | {1000 * seconds:,.1f} | {ratio:.2f} |", flush=True)


def process(code: str) -> Call:
    """Run this code in a new Python process."""
    return lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)


def command(line: str) -> Call:
    return process(f"import sys; from convatlas.cli import app; app({line.split()!r}, result_action='return_value')")


def inspecting(rounds: int) -> None:
    """The time of the whole command, with imports; then of the counting alone."""
    calls = {"`convatlas show resnet50`": command("show resnet50"), "`import torch` alone": process("import torch")}
    made = "import torchvision; m = torchvision.models.resnet50()"
    if find_spec("torchinfo"):
        calls["torchinfo"] = process(f"{made}; import torchinfo; print(torchinfo.summary(m, (1, 3, 224, 224)))")
    if find_spec("fvcore"):
        made += "; import torch; from fvcore.nn import FlopCountAnalysis, flop_count_table"
        counted = "flop_count_table(FlopCountAnalysis(m, torch.randn(1, 3, 224, 224)))"
        calls["fvcore"] = process(f"{made}; print({counted})")
    table("resnet50 layer by layer, from the shell", calls, rounds)
    calls = {"`convatlas show vit_h_14`": command("show vit_h_14")}
    table("vit_h_14 layer by layer, from the shell", calls, rounds)
    model = create_model("resnet50").eval()
    calls = {"`anatomy.inspect`": lambda: inspect(model, SHAPE)}
    if find_spec("torchinfo"):
        import torchinfo

        calls["torchinfo.summary"] = lambda: torchinfo.summary(model, (1, *SHAPE), verbose=0)
    if find_spec("fvcore"):
        from fvcore.nn import FlopCountAnalysis

        x = torch.randn(1, *SHAPE)

        def counted_by_fvcore() -> object:
            count = FlopCountAnalysis(model, x)
            return count.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False).total()

        calls["fvcore.FlopCountAnalysis"] = counted_by_fvcore
    table("resnet50 layer by layer, the counting alone", calls, rounds)


def explaining(rounds: int) -> None:
    """Grad-CAM of one image against a pass forward and backward."""
    model = create_model("resnet50").eval()
    x = torch.randn(1, *SHAPE)

    def pass_both_ways() -> None:
        model(x).max().backward()
        for p in model.parameters():
            p.grad = None

    calls: dict[str, Call] = {
        "one pass forward and backward": pass_both_ways,
        "`insight.saliency`, gradcam": lambda: saliency(model, x),
    }
    if find_spec("captum"):
        from captum.attr import LayerGradCam

        calls["captum.LayerGradCam"] = lambda: LayerGradCam(model, model.layer4).attribute(x, 0)
    if find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM

        def by_grad_cam() -> object:
            with GradCAM(model, [model.layer4[-1]]) as cam:
                return cam(input_tensor=x, targets=None)

        calls["pytorch-grad-cam"] = by_grad_cam
    table("Grad-CAM of one image with resnet50", calls, rounds)


def embedding(rounds: int, images: int) -> None:
    """Feature vectors of a data set against the forward pass alone."""
    model = create_model("resnet20").eval()
    batches = torch.randn(images, 3, 32, 32).split(128)

    def bare() -> None:
        with torch.inference_mode():
            for x in batches:
                model(x)

    calls = {"the bare forward pass": bare, "`features`": lambda: features(model, batches)}
    table(f"Features of {images:,} images of 32 pixels with resnet20", calls, rounds)


def bounded(images: int) -> None:
    """Memory that streaming to disk adds to the process, for a set and for one four times as large."""
    code = (
        "import resource, torch; from convatlas import create_model; from convatlas.features import features\n"
        "model = create_model('resnet20').eval()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "features(model, torch.randn(256, 3, 32, 32), at='layer1', pool=False, out='warm.npy'); before = peak()\n"
        "features(model, (torch.randn(128, 3, 32, 32) for _ in range({})), at='layer1', pool=False, out='rows.npy')\n"
        "import os; print(round(os.path.getsize('rows.npy') / 2**20), round(peak() - before))"
    )
    print("\n### Memory of features that are streamed to disk\n\n| images | file, MiB | added memory, MiB |\n|---:|---:|---:|")
    for count in (images, 4 * images):
        with TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", code.format(count // 128)], check=True, capture_output=True, text=True, cwd=folder
            )
        print(f"| {count:,} | {' | '.join(done.stdout.split())} |", flush=True)


def mapping(images: int) -> None:
    """Seconds of t-SNE, with the measures of its quality."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 10, images)
    vectors = (chance.normal(0, 3, (10, 64))[labels] + chance.normal(0, 1, (images, 64))).astype(np.float32)
    began = time.perf_counter()
    embed(vectors, "tsne", labels)
    print(f"\n### t-SNE of {images:,} vectors of 64 numbers\n\n{time.perf_counter() - began:.0f} s", flush=True)


PARTS = {"inspecting", "explaining", "embedding", "bounded", "mapping"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=sorted(PARTS), default=sorted(PARTS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.rounds} rounds")
    if "inspecting" in options.only:
        inspecting(options.rounds)
    if "explaining" in options.only:
        explaining(options.rounds)
    if "embedding" in options.only:
        embedding(options.rounds, options.images)
    if "bounded" in options.only:
        bounded(options.images)
    if "mapping" in options.only:
        mapping(options.images)


if __name__ == "__main__":
    main()
