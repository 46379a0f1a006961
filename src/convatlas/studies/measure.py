"""How good a run, or a weight file, is on images it was not trained on."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..data import Batches, Feed
from ..engine.evaluate import Evaluation, evaluate
from ..engine.hardware import autocast, choose_device, choose_precision
from ..engine.recipe import Recipe
from ..errors import InputError, unknown
from ..models import create_model
from .run import image_size, load_run, open_data


@dataclass(frozen=True, slots=True)
class Question:
    """What `evaluate` is asked; None takes what the run was trained with."""

    run: str  # a run folder, or a network if there are weights
    data: str | None = None
    split: str = "test"
    weights: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    data_dir: Path | None = None
    batch_size: int = 128
    device: str = "auto"
    precision: str = "32"


def measure(question: Question) -> tuple[Evaluation, tuple[str, ...]]:
    """The figures on one split of the data, and the names of the classes.

    Raises   InputError if the split does not exist or the data's classes are not the network's
    """
    if question.split not in ("train", "val", "test"):
        raise unknown("split", question.split, ("train", "val", "test"))
    device = choose_device(question.device)
    precision = choose_precision(question.precision, device)
    trained = None if question.weights else load_run(question.run)
    recipe = trained.recipe if trained else Recipe(model=question.run)
    replaced = {"data": question.data, "data_dir": question.data_dir and str(question.data_dir)}
    recipe = replace(recipe, **{name: value for name, value in replaced.items() if value is not None})
    data = open_data(recipe)
    images = getattr(data, question.split)
    if images is None:
        raise InputError(f"{recipe.data} has no {question.split} images: choose another --split")
    if trained:
        model, side, mean, std = trained.model, trained.image_size, trained.mean, trained.std
        if (trained.classes, trained.channels) != (data.classes, data.channels):
            raise InputError(
                f"{question.run} knows {len(trained.classes)} classes in {trained.channels} channels, but {recipe.data} has "
                f"{len(data.classes)} in {data.channels}, or others: evaluate it on the kind of images it was trained on"
            )
    else:
        side, mean, std = image_size(recipe, data), data.mean, data.std
        model = create_model(
            question.run, num_classes=len(data.classes), in_channels=data.channels, image_size=side, weights=question.weights
        )
    feed = Feed(question.batch_size, side, question.mean or mean, question.std or std, device=device, channels_last=True)
    if not len(feed.mean) == len(feed.std) == data.channels:
        raise InputError(f"--mean and --std need a number for each of the {data.channels} channels")
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return evaluate(model, Batches(images, feed).epoch(), autocast(precision, device)), data.classes
