"""How fast do we fine-tune? An epoch of ours beside the loops of torchvision, timm and fastai, from JPEGs to the last step.

    pip install timm fastai      # whichever is missing is left out
    python bench/tune.py --data hymenoptera [--networks mobilenet_v2 resnet18] [--rounds 3] [--markdown FILE]

Same      network and weights (torchvision's random ones, 2 classes), all layers learning, batch norm in training mode; images;
          batches of 32, the last and smaller one dropped; bf16 autocast where the processor has it, else 32; AdamW; random
          resized crop to 224 of at least 0.35 of the area, flip, normalization; PyTorch's default threads
Ours      `runs.training.start`, which is `convatlas tune`. A folder that fits into memory is decoded once, its square middle
          at 8/7 of the side, and zoomed in batches; that time is printed separately. `ours, streamed` is for larger folders:
          two workers decode each picture again in each epoch, in as few pixels as the window needs
torchvision   the order of its classification reference: ImageFolder, transforms on PIL images, `zero_grad` after the forward
          pass, loss and accuracy read with `.item()` after every step
timm      create_loader with its prefetcher, create_model, create_optimizer_v2, a scheduler that steps with every update,
          the loss read now and then
fastai    DataBlock, Learner and its callbacks; PyTorch's AdamW through its OptimWrapper; flips are made before the batch,
          which is cheaper; its mixed precision knows only CUDA, so that a callback of ours enters autocast for the CPU
Rivals    each takes what is fastest for it in a trial with the first network: 0, 1 or 2 workers, channels last or not
Counted   seconds from the first request for an image until the last step of an epoch. Not counted, for none: the first epoch,
          validation, checkpoints, start-up. Each contestant is a process of its own and waits while the others have their turn
MiB       the most in the first epoch: resident memory of the process and what its workers hold of their own (Linux)
Exit      0 if ours is in the median at least as fast as the fastest of the others for every network, 1 otherwise
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import chain, zip_longest
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from tune_loops import BATCH, CONTESTANTS, FEW_EPOCHS, OURS, SIDE, STREAMED, TIMM, TRIED, Plan, Setting, drawn

from convatlas.data.picture_file import ENDINGS
from convatlas.engine.hardware import possible_precisions, processor


class Memory:
    """Peak memory in a block in MiB, of this process and the private memory of its children."""

    def __enter__(self) -> Self:
        self.most, self.over = 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.over.wait(0.25):
            mine = os.getpid()
            children = Path(f"/proc/{mine}/task/{mine}/children").read_text().split()
            self.most = max(self.most, held(mine, "Rss:") + sum(held(int(child), "Private_") for child in children))


def held(process: int, kind: str) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def serve(pipe: Connection, name: str, plan: Plan, setting: Setting) -> None:
    """One contestant: warms up, sends its peak memory, then runs one epoch on each request."""
    warnings.simplefilter("ignore")
    decoding: dict[str, float] = {}
    epoch = CONTESTANTS[name](plan, setting, decoding)
    with Memory() as memory:
        epoch()
    pipe.send((memory.most, decoding))
    while pipe.recv():
        pipe.send(epoch())


def trial(name: str, plan: Plan, pipe: Connection) -> None:
    """Send the fastest setting: one epoch of each, after one that warms up."""
    warnings.simplefilter("ignore")
    CONTESTANTS[name](plan, TRIED[0], {})()
    rates = {setting: CONTESTANTS[name](plan, setting, {})() for setting in TRIED}
    pipe.send(max(rates, key=rates.__getitem__))


def chosen_for(name: str, plan: Plan) -> Setting:
    """The fastest setting of a rival, tried in a process that ends before the contest."""
    if name in (OURS, STREAMED):
        return TRIED[0]
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=trial, args=(name, plan, theirs))
    process.start()
    theirs.close()
    setting = mine.recv()
    process.join()
    print(f"{name}: {setting.words()}", file=sys.stderr, flush=True)
    return setting


class Contestant:
    """A contestant in a process of its own; `serve` is its other end."""

    def __init__(self, name: str, plan: Plan, setting: Setting) -> None:
        context = get_context("spawn")
        self.name, self.setting, self.rates = name, setting, list[float]()
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, plan, setting))
        self.process.start()
        theirs.close()  # so that its death is noticed
        self.memory, self.decoding = self.pipe.recv()

    def turn(self) -> None:
        self.pipe.send(True)
        self.rates.append(self.pipe.recv())

    def leave(self) -> None:
        self.pipe.send(False)
        self.process.join()

    def row(self, network: str) -> str:
        chosen = "in memory" if self.decoding else self.setting.words()
        rates = " | ".join(f"{pick(self.rates):,.1f}" for pick in (statistics.median, min, max))
        return f"| {network} | {self.name} | {chosen} | {rates} | {self.memory:,.0f} |"


def compete(plan: Plan, rounds: int, settings: dict[str, Setting]) -> tuple[list[str], list[str], float]:
    """Rows of the table, sentences below it, and the median ratio of ours to the fastest of the others."""
    contestants: list[Contestant] = []
    try:
        for name, setting in settings.items():
            contestants.append(Contestant(name, plan, setting))
        for number in range(rounds):
            for one in contestants[:: 1 if number % 2 == 0 else -1]:
                one.turn()
    finally:
        for one in contestants:
            one.leave()
    rates = {one.name: one.rates for one in contestants}
    best = [max(each) for each in zip(*(r for name, r in rates.items() if name not in (OURS, STREAMED)), strict=True)]
    words = []
    for name in (OURS, STREAMED):
        ratios = [mine / other for mine, other in zip(rates[name], best, strict=True)]
        middle = statistics.median(ratios)
        words.append(
            f"{plan.network}, {name}: {middle:.2f} times the fastest of the others ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    decoding, rate = contestants[0].decoding, statistics.median(rates[OURS])
    if decoding:
        spread = 1 / (1 / rate + decoding["seconds"] / decoding["images"] / FEW_EPOCHS)
        words.append(
            f"{plan.network}: ours decoded the folder once in {decoding['seconds']:.1f} s, which is not in the table; spread "
            f"over {FEW_EPOCHS} epochs it makes {spread:,.1f} images/s of {rate:,.1f}, "
            f"{spread / statistics.median(best):.2f} times the fastest of the others"
        )
    ratio = statistics.median(mine / other for mine, other in zip(rates[OURS], best, strict=True))
    return [one.row(plan.network) for one in contestants], words, ratio


def stage(source: Path | None, folder: Path, limit: int) -> int:
    """Link at most `limit` training images, alternating between the classes, and one per class for validation."""
    if source is None:
        generate(source := folder.parent / "generated", limit)
    classes = sorted(path for path in (source / "train" if (source / "train").is_dir() else source).iterdir() if path.is_dir())
    if len(classes) != 2:
        sys.exit(f"{source} needs two classes, got {len(classes)}")
    files = [sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS) for path in classes]
    chosen = [file for file in chain.from_iterable(zip_longest(*files)) if file][:limit]
    for part, some in (("train", chosen), ("val", chosen[:2])):
        for file in some:
            link = folder / part / file.parent.name / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
    return len(chosen)


def generate(folder: Path, count: int) -> None:
    """Images as hard to decode as photographs: smooth shapes with a little noise, 256 to 400 pixels a side."""
    for number in range(count):
        rng = np.random.default_rng(number)
        width, height = (int(side) for side in rng.integers(256, 401, 2))
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (height, width, 1))
        path = folder / f"class{number % 2}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)


def installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=sorted(TIMM), default=sorted(TIMM))
    parser.add_argument("--data", type=Path, help="folder of two classes, in a train folder or not; JPEGs are made without")
    parser.add_argument("--images", type=int, default=256, help="at most so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # all of them on the processor
    warnings.simplefilter("ignore")
    names = [name for name in CONTESTANTS if name in (OURS, STREAMED) or find_spec(name)]
    rows = [
        "| network | loop | workers, channels | images/s | least | most | MiB |",
        "|---|---|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    words, good = [], True
    settings: dict[str, Setting] = {}
    with tempfile.TemporaryDirectory() as place:
        count = stage(options.data, Path(place, "images"), options.images)
        if count < BATCH:
            sys.exit(f"at least {BATCH} images are needed, got {count}")
        precision = possible_precisions("auto", "cpu")[-1]
        for network in options.networks:
            weights = Path(place, f"{network}.pth")
            torch.save(drawn(network), weights)
            plan = Plan(network, Path(place, "images"), weights, precision, options.rounds + 1)
            settings = settings or {name: chosen_for(name, plan) for name in names}
            more, sentences, ratio = compete(plan, options.rounds, settings)
            rows, words, good = rows + more, words + sentences, good and ratio >= 1
    versions = ", ".join(map(installed, ("torch", "torchvision", "timm", "fastai", "pillow")))
    head = (
        f"{processor('cpu')}, {torch.get_num_threads()} threads, {precision}, Python {platform.python_version()}, {versions}; "
        f"{count} JPEGs {'of ' + options.data.name if options.data else 'made by chance'}, batch {BATCH}, {SIDE}x{SIDE}, "
        f"{options.rounds} rounds."
    )
    text = "\n".join([head, "", *rows, "", *(f"- {line}" for line in words), ""])
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
