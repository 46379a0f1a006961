"""How good a run, or a weight file, is on images it was not trained on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Batches, Data, Feed
from ..engine.evaluate import Evaluation, evaluate
from ..engine.hardware import autocast, choose_device, choose_precision
from ..engine.recipe import Recipe
from ..errors import InputError, unknown
from ..models import create_model, family_of
from ..weights import load_into
from .run import image_size, load_run, open_data, options


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
    replaced: dict[str, Any] = {"data": question.data, "data_dir": question.data_dir and str(question.data_dir)}
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
        model = weighed(recipe, data, question.weights)
    feed = Feed(question.batch_size, side, question.mean or mean, question.std or std, device=device, channels_last=True)
    if not len(feed.mean) == len(feed.std) == data.channels:
        raise InputError(f"--mean and --std need a number for each of the {data.channels} channels")
    model = model.to(device).to(memory_format=torch.channels_last)
    return evaluate(model, Batches(images, feed).epoch(), autocast(precision, device)), data.classes


def weighed(recipe: Recipe, data: Data, weights: Path | None) -> nn.Module:
    """The network for the data with the weights of a file.

    Raises   InputError if the file knows other classes, since a head that never learnt answers by chance
    """
    model = create_model(recipe.model, **options(recipe, data))
    family = family_of(recipe.model)
    if weights is not None:
        loaded = load_into(model, weights, family)
        if loaded.fresh:
            raise InputError(
                f"{weights} was not trained for the {len(data.classes)} classes of {recipe.data}: train it on them first"
            )
    return model
