"""The loops that bench/tune.py times, each as its library recommends: a function that trains one epoch."""

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from convatlas.data import Resident
from convatlas.engine.events import Epoch, Step
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.runs.build import open_data
from convatlas.runs.training import start

BATCH, SIDE, SMALLEST = 32, 224, 0.35
RATE, DECAY = 3e-4, 0.01
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TIMM = {"mobilenet_v2": ("mobilenetv2_100", {"drop_rate": 0.2}), "resnet18": ("resnet18", {})}
FEW_EPOCHS = 12  # what `convatlas tune` makes of a small set

Pass = Callable[[], float]
"""An epoch; images per second."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all loops; `folder` has train and val."""

    network: str
    folder: Path
    weights: Path
    precision: str
    epochs: int  # at most, trials included


@dataclass(frozen=True)
class Setting:
    """What is chosen for each loop."""

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


def by_us(plan: Plan, setting: Setting, decoding: dict[str, float], *, resident_share: float = 0.25) -> Pass:
    recipe = Recipe(
        model=plan.network, data=str(plan.folder), weights=str(plan.weights), epochs=plan.epochs, batch_size=BATCH,
        optimizer="adamw", lr=RATE, weight_decay=DECAY, schedule="cosine", image_size=SIDE, mean=MEAN, std=STD,
        zoom=SMALLEST, flip=True, precision=plan.precision, device="cpu", workers=setting.workers,
        channels_last=setting.channels_last, resident_share=resident_share,
    )  # fmt: skip
    began = time.perf_counter()
    data = open_data(recipe)
    if isinstance(data.train, Resident):
        decoding |= {"images": len(data.train), "seconds": time.perf_counter() - began}
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
    """The network with the weights that all start from, whatever its layers are called, and the layout of its images."""
    weights = torch.load(plan.weights, weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    return model.to(memory_format=layout), layout


def mixed(plan: Plan) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if plan.precision == "bf16" else nullcontext()


def drawn(network: str) -> dict[str, torch.Tensor]:
    """The weights that all start from."""
    from torchvision import models

    torch.manual_seed(0)
    return models.get_model(network, num_classes=2).state_dict()
