"""How fast do we fine-tune? An epoch of ours beside the loops of torchvision, timm and fastai, from JPEGs to the last step.

    pip install timm fastai      # whichever is missing is left out
    python bench/tune.py --data hymenoptera [--networks mobilenet_v2 resnet18] [--rounds 3] [--markdown FILE]

Same      network and weights (torchvision's random ones, 2 classes), all layers learning, batch norm in training mode; images;
          batches of 32, the last and smaller one dropped; bf16 autocast where the processor has it, else 32; AdamW; random
          resized crop to 224 of at least 0.35 of the area, flip, normalization; PyTorch's default threads
Ours      `studies.training.start`, which is `convatlas tune`. A folder that fits into memory is decoded once, its square middle
          at 8/7 of the side, and zoomed in batches: that time is told apart. `ours, streamed` is what larger folders get:
          two workers decode each picture again in each epoch, in as few pixels as the window needs
torchvision   the order of its classification reference: ImageFolder, transforms on PIL images, `zero_grad` after the forward
          pass, loss and accuracy read with `.item()` after every step
timm      create_loader with its prefetcher, create_model, create_optimizer_v2, a scheduler that steps with every update,
          the loss read now and then
fastai    DataBlock, Learner and its callbacks; PyTorch's AdamW through its OptimWrapper; flips are made before the batch,
          which is cheaper; its mixed precision knows only CUDA, so that a callback of ours enters autocast for the CPU
Rivals    each takes what is fastest for it in a trial with the first network: 0, 1 or 2 workers, channels last or not
Counted   seconds from the first request for an image until the last step of an epoch. Not counted, for nobody: the first epoch,
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
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import chain, zip_longest
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import nn

from convatlas.data import Resident
from convatlas.data.picture import ENDINGS
from convatlas.engine.events import Epoch, Step
from convatlas.engine.hardware import choose_precision, processor
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.studies.run import open_data
from convatlas.studies.training import start

BATCH, SIDE, SMALLEST = 32, 224, 0.35
RATE, DECAY = 3e-4, 0.01
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TIMM = {"mobilenet_v2": ("mobilenetv2_100", {"drop_rate": 0.2}), "resnet18": ("resnet18", {})}
FEW_EPOCHS = 12  # what `convatlas tune` makes of a small set

Pass = Callable[[], float]
"""An epoch; images per second."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all: `folder` has train and val."""

    network: str
    folder: Path
    weights: Path
    precision: str
    epochs: int  # at most, trials included


@dataclass(frozen=True)
class Setting:
    """What is chosen for each."""

    workers: int = 2
    channels_last: bool = True

    def words(self) -> str:
        return f"{self.workers}, {'last' if self.channels_last else 'first'}"


TRIED = (Setting(2), Setting(1), Setting(0), Setting(2, channels_last=False))


class Clock:
    """Images and seconds of one epoch."""

    def __init__(self) -> None:
        self.seen, self.began = 0, time.perf_counter()

    def rate(self) -> float:
        return self.seen / (time.perf_counter() - self.began)


def by_us(plan: Plan, setting: Setting, told: dict[str, float], *, resident_share: float = 0.25) -> Pass:
    recipe = Recipe(
        model=plan.network, data=str(plan.folder), weights=str(plan.weights), epochs=plan.epochs, batch_size=BATCH,
        optimizer="adamw", lr=RATE, weight_decay=DECAY, schedule="cosine", image_size=SIDE, mean=MEAN, std=STD,
        zoom=SMALLEST, flip=True, precision=plan.precision, device="cpu", workers=setting.workers,
        channels_last=setting.channels_last, resident_share=resident_share,
    )  # fmt: skip
    began = time.perf_counter()
    data = open_data(recipe)
    if isinstance(data.train, Resident):
        told |= {"images": len(data.train), "seconds": time.perf_counter() - began}
    run = Run.create(Path(tempfile.mkdtemp(dir=plan.folder.parent)), recipe)
    events = start(run, replace(data, val=None, test=None))
    steps = next(events).steps

    def epoch() -> float:
        clock = Clock()
        for event in events:
            if isinstance(event, Step):
                clock.seen += event.images
                if event.step == steps:
                    break
        rate = clock.rate()
        next(event for event in events if isinstance(event, Epoch))  # the checkpoint is written before it
        return rate

    return epoch


def by_torchvision(plan: Plan, setting: Setting, _: dict[str, float]) -> Pass:
    from torch.utils.data import DataLoader
    from torchvision import models, transforms
    from torchvision.datasets import ImageFolder

    model, layout = started(models.get_model(plan.network, num_classes=2), plan, setting)
    changes = transforms.Compose([
        transforms.RandomResizedCrop(SIDE, scale=(SMALLEST, 1.0)),
        transforms.RandomHorizontalFlip(),
        transforms.PILToTensor(),
        transforms.ConvertImageDtype(torch.float32),
        transforms.Normalize(MEAN, STD),
    ])  # fmt: skip
    images = ImageFolder(str(plan.folder / "train"), changes)
    loader = DataLoader(images, BATCH, shuffle=True, num_workers=setting.workers, drop_last=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> float:
        model.train()
        losses, hits = [], []
        clock = Clock()
        for x, y in loader:
            with mixed(plan):
                output = model(x.to(memory_format=layout))
                loss = criterion(output, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hits.append((output.argmax(1) == y).float().mean().item())
            clock.seen += len(y)
        return clock.rate()

    return epoch


def by_timm(plan: Plan, setting: Setting, _: dict[str, float]) -> Pass:
    from timm import create_model
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2

    name, options = TIMM[plan.network]
    model, layout = started(create_model(name, num_classes=2, **options), plan, setting)
    loader = create_loader(
        create_dataset("", root=str(plan.folder / "train")), (3, SIDE, SIDE), BATCH, is_training=True, scale=(SMALLEST, 1.0),
        color_jitter=0.0, mean=MEAN, std=STD, num_workers=setting.workers, device=torch.device("cpu"),
    )  # fmt: skip
    optimizer = create_optimizer_v2(model, opt="adamw", lr=RATE, weight_decay=DECAY)
    scheduler, _ = create_scheduler_v2(
        optimizer, num_epochs=plan.epochs, step_on_epochs=False, updates_per_epoch=len(loader)
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()
    updates, every = 0, 50

    def epoch() -> float:
        nonlocal updates
        model.train()
        losses = []
        clock = Clock()
        for step, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            with mixed(plan):
                loss = criterion(model(x.contiguous(memory_format=layout)), y)
            loss.backward()
            optimizer.step()
            updates += 1
            scheduler.step_update(updates)
            clock.seen += len(y)
            if step % every == 0 or step + 1 == len(loader):
                losses.append(loss.item())
        return clock.rate()

    return epoch


def by_fastai(plan: Plan, setting: Setting, _: dict[str, float]) -> Pass:
    from fastai.callback.channelslast import ChannelsLast
    from fastai.vision import all as fastai
    from torchvision import models

    class Autocast(fastai.Callback):
        order = fastai.MixedPrecision.order

        def before_batch(self) -> None:
            self.context = mixed(plan)
            self.context.__enter__()

        def after_pred(self) -> None:
            self.learn.pred = self.pred.float()

        def after_loss(self) -> None:
            self.context.__exit__(None, None, None)

    class Watched(fastai.Callback):
        def before_train(self) -> None:
            self.clock = Clock()

        def after_batch(self) -> None:
            if self.training:
                self.clock.seen += len(self.y)

        def after_train(self) -> None:
            self.rate = self.clock.rate()

    block = fastai.DataBlock(
        blocks=(fastai.ImageBlock, fastai.CategoryBlock),
        get_items=fastai.get_image_files,
        get_y=fastai.parent_label,
        splitter=fastai.GrandparentSplitter("train", "val"),
        item_tfms=[fastai.RandomResizedCrop(SIDE, min_scale=SMALLEST), fastai.FlipItem()],
        batch_tfms=fastai.Normalize.from_stats(MEAN, STD),
    )
    loaders = block.dataloaders(plan.folder, bs=BATCH, num_workers=setting.workers, device=torch.device("cpu"))
    model = started(models.get_model(plan.network, num_classes=2), plan, setting)[0]
    watched = Watched()
    learner = fastai.Learner(
        loaders, model, nn.CrossEntropyLoss(), metrics=fastai.accuracy, wd=DECAY,
        opt_func=partial(fastai.OptimWrapper, opt=torch.optim.AdamW),
        cbs=[watched, Autocast(), *([ChannelsLast()] if setting.channels_last else [])],
    )  # fmt: skip

    def epoch() -> float:
        with learner.no_bar(), learner.no_logging():
            learner.fit(1, RATE)
        return watched.rate

    return epoch


OURS, STREAMED = "ours", "ours, streamed"
CONTESTANTS: dict[str, Callable[[Plan, Setting, dict[str, float]], Pass]] = {
    OURS: by_us,
    STREAMED: partial(by_us, resident_share=0.0),
    "torchvision": by_torchvision,
    "timm": by_timm,
    "fastai": by_fastai,
}


def started(model: nn.Module, plan: Plan, setting: Setting) -> tuple[nn.Module, torch.memory_format]:
    """The network with everybody's weights, whatever its layers are called, and the layout of its images."""
    weights = torch.load(plan.weights, weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    return model.to(memory_format=layout), layout


def mixed(plan: Plan) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if plan.precision == "bf16" else nullcontext()


class Memory:
    """The most this process holds in a block, with what its children hold of their own, in MiB."""

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
    """One contestant: gets warm, tells what it holds in memory, then makes an epoch whenever it is asked to."""
    warnings.simplefilter("ignore")
    told: dict[str, float] = {}
    epoch = CONTESTANTS[name](plan, setting, told)
    with Memory() as memory:
        epoch()
    pipe.send((memory.most, told))
    while pipe.recv():
        pipe.send(epoch())


def trial(name: str, plan: Plan, pipe: Connection) -> None:
    """Tells which setting is fastest, from an epoch of each after one that warms up."""
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
    """The other end of `serve`."""

    def __init__(self, name: str, plan: Plan, setting: Setting) -> None:
        context = get_context("spawn")
        self.name, self.setting, self.rates = name, setting, list[float]()
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, plan, setting))
        self.process.start()
        theirs.close()  # so that its death is noticed
        self.memory, self.told = self.pipe.recv()

    def turn(self) -> None:
        self.pipe.send(True)
        self.rates.append(self.pipe.recv())

    def leave(self) -> None:
        self.pipe.send(False)
        self.process.join()

    def row(self, network: str) -> str:
        chosen = "in memory" if self.told else self.setting.words()
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
    told, rate = contestants[0].told, statistics.median(rates[OURS])
    if told:
        spread = 1 / (1 / rate + told["seconds"] / told["images"] / FEW_EPOCHS)
        words.append(
            f"{plan.network}: ours decoded the folder once in {told['seconds']:.1f} s, which is not in the table; spread over "
            f"{FEW_EPOCHS} epochs it makes {spread:,.1f} images/s of {rate:,.1f}, {spread / statistics.median(best):.2f} times "
            "the fastest of the others"
        )
    ratio = statistics.median(mine / other for mine, other in zip(rates[OURS], best, strict=True))
    return [one.row(plan.network) for one in contestants], words, ratio


def stage(source: Path | None, folder: Path, limit: int) -> int:
    """Links to at most so many training images, those of the classes in turn, and one of each class for validation."""
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
    """Photographs as a codec sees them: smooth shapes with a little grain, 256 to 400 pixels a side."""
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
    asked = parser.parse_args()
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
        count = stage(asked.data, Path(place, "images"), asked.images)
        if count < BATCH:
            sys.exit(f"at least {BATCH} images are needed, got {count}")
        precision = choose_precision("auto", "cpu")
        for network in asked.networks:
            weights = Path(place, f"{network}.pth")
            torch.save(drawn(network), weights)
            plan = Plan(network, Path(place, "images"), weights, precision, asked.rounds + 1)
            settings = settings or {name: chosen_for(name, plan) for name in names}
            more, said, ratio = compete(plan, asked.rounds, settings)
            rows, words, good = rows + more, words + said, good and ratio >= 1
    versions = ", ".join(map(installed, ("torch", "torchvision", "timm", "fastai", "pillow")))
    head = (
        f"{processor('cpu')}, {torch.get_num_threads()} threads, {precision}, Python {platform.python_version()}, {versions}; "
        f"{count} JPEGs {'of ' + asked.data.name if asked.data else 'made by chance'}, batch {BATCH}, {SIDE}x{SIDE}, "
        f"{asked.rounds} rounds."
    )
    text = "\n".join([head, "", *rows, "", *(f"- {line}" for line in words), ""])
    print(text, end="")
    if asked.markdown:
        asked.markdown.write_text(text)
    return 0 if good else 1


def drawn(network: str) -> dict[str, torch.Tensor]:
    """The weights that all begin with."""
    from torchvision import models

    torch.manual_seed(0)
    return models.get_model(network, num_classes=2).state_dict()


if __name__ == "__main__":
    sys.exit(main())
