"""How good a run, or a weight file, is on images it was not trained on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Batches, Data, Feed
from ..engine.evaluate import evaluate
from ..engine.hardware import autocast, choose_device, choose_precision
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..engine.task import Scores, Task
from ..engine.tasks import TASKS
from ..errors import InputError, unknown
from ..models import family_of, parse
from ..runs.build import image_size, load_run, open_data, options, task_of
from ..runs.network import Asked, opened
from ..runs.photographs import photographs
from ..runs.preparation import IMAGENET, classes_of, load_weights, missing_tensor
from ..weights.checkpoints import published


@dataclass(frozen=True, slots=True)
class Question:
    """What `evaluate` is asked; None takes what the run was trained with."""

    run: str  # a run folder, or a network if there are weights
    data: str | None = None
    split: str = "test"
    weights: str | None = None  # a tag or a file
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    data_dir: Path | None = None
    batch_size: int = 128
    device: str = "auto"
    precision: str = "32"


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures on one split, the names of the classes, and what has to be known of both."""

    task: Task
    scores: Scores
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def measure(question: Question) -> Measured:
    """The figures on one split of the data.

    Photographs that ImageNet's weights look at are prepared as those were trained; other images as the data suggests.

    Raises   InputError if the split does not exist or the data's classes are not the network's
    """
    if question.split not in ("train", "val", "test"):
        raise unknown("split", question.split, ("train", "val", "test"))
    device = choose_device(question.device)
    precision = choose_precision(question.precision, device)
    if question.weights and knows_photographs(question):
        if not question.data or not Path(question.data).is_dir():
            raise InputError(
                f"{question.run} with {question.weights} names the 1000 classes of ImageNet: add --data FOLDER with a folder "
                f"of photographs for each class, named as the class{f', not {question.data}' if question.data else ''}"
            )
        return of_photographs(question, device, precision)
    trained = None if question.weights else load_run(question.run)
    recipe = trained.recipe if trained else Recipe(model=question.run)
    replaced: dict[str, Any] = {"data": question.data, "data_dir": question.data_dir and str(question.data_dir)}
    recipe = replace(recipe, mean=None, std=None, **{name: value for name, value in replaced.items() if value is not None})
    data = open_data(recipe)
    images = getattr(data, question.split)
    if images is None:
        raise InputError(f"{recipe.data} has no {question.split} images: add --split {'train' if data.val is None else 'val'}")
    if trained:
        model, side, mean, std = trained.model, trained.image_size, trained.mean, trained.std
        if (trained.classes, trained.channels) != (data.classes, data.channels):
            raise InputError(
                f"{question.run} knows {len(trained.classes)} classes in {trained.channels} channels, but {recipe.data} has "
                f"{len(data.classes)} in {data.channels}, or others: evaluate it on the kind of images it was trained on"
            )
    else:
        side, mean, std = image_size(recipe, data), data.mean, data.std
        model = of_weights(recipe, data, str(question.weights))
    feed = Feed(question.batch_size, side, question.mean or mean, question.std or std, device=device, channels_last=True)
    if not len(feed.mean) == len(feed.std) == data.channels:
        raise InputError(f"--mean and --std need a number for each of the {data.channels} channels")
    model = model.to(device).to(memory_format=torch.channels_last)
    task = task_of(recipe, data)
    scores = evaluate(model, Batches(images, feed).epoch(), task.meter(data.classes), autocast(precision, device))
    return Measured(task, scores, data.classes, (*data.warnings, *(in_another(question.run, precision) if trained else ())))


def in_another(run: str, precision: str) -> tuple[str, ...]:
    """What to say where a run was tested in another precision, so that its own figures are others."""
    own = Run.open(Path(run)).environment.get("precision", precision)
    words = f"measured in {precision}; the run itself was tested in {own}, and --precision {own} repeats its figures"
    return () if own == precision else (words,)


def of_weights(recipe: Recipe, data: Data, weights: str) -> nn.Module:
    """The network for the data with the weights of a file.

    Raises   InputError if the file knows other classes, since a head that never learnt answers by chance
    """
    model, loaded = load_weights(recipe.model, weights, **options(recipe, data))
    if missing_tensor(recipe.model, loaded):
        raise InputError(
            f"{weights} was not trained for the {len(data.classes)} classes of {recipe.data}: train it on them first"
        )
    return model


def knows_photographs(question: Question) -> bool:
    """Whether the weights name ImageNet's classes, as far as a tag, a file's name or its head tells."""
    base, weights = parse(question.run)[0], str(question.weights)
    return not is_run(weights) and bool(published(base)) and classes_of(question.run, weights) == IMAGENET


def of_photographs(question: Question, device: str, precision: str) -> Measured:
    """The figures on a folder of photographs."""
    reader = opened(Asked(question.run, question.weights, mean=question.mean, std=question.std))
    looks = reader.looks
    images, notes = photographs(reader, Path(str(question.data)), question.split)
    feed = Feed(question.batch_size, looks.side, looks.mean, looks.std, device=device, channels_last=True)
    model = reader.model.to(device).to(memory_format=torch.channels_last)
    task = TASKS[family_of(question.run).task]
    scores = evaluate(model, Batches(images, feed).epoch(), task.meter(reader.classes), autocast(precision, device))
    return Measured(task, scores, reader.classes, (reader.note, *notes))
