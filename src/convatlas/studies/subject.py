"""Opens what `look` looks at: a run, a network with weights or a fresh one, and images it was not trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Data, Images, Resident
from ..data.picture import Unreadable
from ..engine.recipe import Recipe
from ..engine.record import is_run
from ..errors import InputError, unknown
from ..insight.subject import Subject
from ..models import create_model, variant
from ..runs.build import build, image_size, load_run, open_data
from ..runs.network import Asked, Reader, opened
from ..runs.photographs import photographs
from ..runs.preparation import Preparation, build_options
from .measure import Question, knows_photographs
from .predict import found

SPLITS = ("test", "val", "train")
FIRST = "digits"  # what a network without a past is shown if nothing else is named


@dataclass(frozen=True, slots=True)
class Network:
    """A network ready to be looked at, before it is known with which images."""

    name: str
    words: str
    model: nn.Module
    fresh: Callable[[], nn.Module]
    classes: tuple[str, ...]
    looks: Preparation
    data: Data | None = None  # None if it looks at photographs
    reader: Reader | None = None  # how it looks at them
    run: Path | None = None


def looked_at(asked: Asked, split: str | None = None, files: Sequence[Path] = ()) -> Subject:
    """The network and its images: the test images, else those of validation, if no part is named, or files in their place.

    Raises   InputError if there is no such network, set, part or file, or if they don't go together
    """
    if split not in (None, *SPLITS):
        raise unknown("split", str(split), SPLITS)
    if is_run(asked.weights or asked.network):
        network = of_run(asked)
    elif asked.weights is None:
        network = untrained(asked)
    elif asked.data is None or knows_photographs(Question(asked.network, asked.data, weights=asked.weights)):
        network = of_photographs(asked)
    else:
        network = of_set(asked)
    paths: list[Path] = found(files) if files else []
    images = pictures(paths, network.looks) if paths else part(asked, network, split)
    named, looks, data = variant(network.name), network.looks, network.data
    return Subject(
        named.base, network.words, network.model, network.fresh, named.family.heads[0], named.family.stem, network.classes,
        images, looks.image_size, looks.mean, looks.std, data.train if data else None, data.val if data else None,
        network.run, tuple(map(str, paths)),
    )  # fmt: skip


def of_run(asked: Asked) -> Network:
    """A run, and the set it learnt from or another one of its kind."""
    folder = asked.weights or asked.network
    run = load_run(folder)
    recipe = replace(
        run.recipe, data=asked.data or run.recipe.data, data_dir=folder_of(asked) or run.recipe.data_dir, weights=None
    )
    data = open_data(recipe)
    if (run.classes, run.channels) != (data.classes, data.channels):
        raise InputError(
            f"{folder} knows {len(run.classes)} classes in {run.channels} channels, but {recipe.data} has "
            f"{len(data.classes)} in {data.channels}, or others: look at it with the kind of images it was trained on"
        )
    words = f"{recipe.model} trained on {data.title}"
    fresh = partial(build, recipe, data)
    return Network(recipe.model, words, run.model, fresh, run.classes, run.lens, data, run=Path(folder))


def untrained(asked: Asked) -> Network:
    """A network as it is before it learns anything."""
    recipe = Recipe(model=asked.network, data=asked.data or FIRST, data_dir=folder_of(asked))
    data = open_data(recipe)
    side = image_size(recipe, data)
    looks = Preparation(data.channels, min(side, max(data.size)), side, data.mean, data.std)
    words = f"{asked.network}, untrained, shown {data.title}"
    fresh = partial(build, recipe, data)
    return Network(asked.network, words, fresh().eval(), fresh, data.classes, looks, data)


def of_set(asked: Asked) -> Network:
    """A network with the weights of a file, and the set it was trained on."""
    reader = opened(asked)
    recipe = Recipe(model=asked.network, data=str(asked.data), data_dir=folder_of(asked))
    data = open_data(recipe)
    words, fresh = f"{words_of(asked)}, {data.title}", partial(build, recipe, data)
    return Network(asked.network, words, reader.model, fresh, reader.classes, reader.looks, data)


def of_photographs(asked: Asked) -> Network:
    """A network that names photographs, mostly ImageNet's classes."""
    reader = opened(replace(asked, data=None))
    fresh = partial(seeded, asked.network, reader.looks, len(reader.classes))
    return Network(asked.network, words_of(asked), reader.model, fresh, reader.classes, reader.looks, reader=reader)


def words_of(asked: Asked) -> str:
    """The network and its weights, for captions."""
    return f"{asked.network} with {Path(str(asked.weights)).name}"


def seeded(name: str, looks: Preparation, classes: int) -> nn.Module:
    """The network with the weights of seed 0."""
    torch.manual_seed(0)
    return create_model(name, **build_options(looks, classes))


def part(asked: Asked, network: Network, split: str | None) -> Images:
    """A part of the set, or of a folder of photographs.

    Raises   InputError if there is no such part
    """
    if network.data is None:
        if not network.reader or not asked.data or not Path(asked.data).is_dir():
            raise InputError(f"{words_of(asked)} needs photographs: add --image FILE, or --data FOLDER with a folder a class")
        return photographs(network.reader, Path(asked.data), split or "test")[0]
    images: Images | None = getattr(network.data, split) if split else network.data.test or network.data.val
    if images is None:
        raise InputError(f"{network.data.name} has no {split or 'test or validation'} images: choose another --split")
    return images


def pictures(files: Sequence[Path], looks: Preparation) -> Resident:
    """Files as images of unknown classes.

    Raises   InputError for one that cannot be read
    """
    pixels: list[Any] = []
    for path in files:
        try:
            pixels.append(looks.read(path))
        except Unreadable as error:
            raise InputError(f"{path} cannot be read as an image: {error}") from None
    return Resident(torch.stack([torch.tensor(picture) for picture in pixels]), torch.full((len(files),), -1))


def folder_of(asked: Asked) -> str | None:
    """Where the sets lie, as a recipe has it."""
    return str(asked.data_dir) if asked.data_dir else None
