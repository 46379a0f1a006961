"""A trained network whose answers another one learns from."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Data
from ..data.augment import resize
from ..engine.recipe import Recipe
from ..errors import InputError
from .network import Asked, Reader, opened
from .preparation import Preparation


class Teacher(nn.Module):
    """A network that sees images as it was trained to, though they come as another one wants them.

    Shapes   x (n, c, h, w), normalized for the student → logits (n, classes)
    """

    def __init__(self, model: nn.Module, looks: Preparation, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model, self.side = model, looks.image_size
        own, theirs = ((torch.tensor(m).view(-1, 1, 1), torch.tensor(s).view(-1, 1, 1))
                       for m, s in ((looks.mean, looks.std), (mean, std)))  # fmt: skip
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", theirs[1] / own[1])
        self.register_buffer("shift", (theirs[0] - own[0]) / own[1])

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.scale + self.shift
        return self.model(x if x.shape[2:] == (self.side, self.side) else resize(x, self.side))


def teacher_of(recipe: Recipe, data: Data) -> Teacher | None:
    """The teacher a recipe names: a run folder, or NETWORK@WEIGHTS with a published tag or a file.

    Raises   InputError if there is no such network, or it names other classes or sees other channels than the data has
    """
    if recipe.teacher is None:
        return None
    network, _, weights = recipe.teacher.partition("@")
    reader = opened(asked(network, weights, recipe))
    agree(recipe.teacher, reader, data)
    return Teacher(reader.model, reader.looks, data.mean, data.std).eval()


def asked(network: str, weights: str, recipe: Recipe) -> Asked:
    """The teacher as a reader is asked for it: a file says nothing of its images, so they are taken for the recipe's."""
    is_file = bool(weights) and Path(weights).is_file()
    folder = Path(recipe.data_dir) if recipe.data_dir else None
    return Asked(network, weights or None, recipe.data if is_file else None, folder if is_file else None)


def agree(name: str, reader: Reader, data: Data) -> None:
    """Raises InputError unless the teacher's classes and channels are those of the data."""
    ours, theirs = len(data.classes), len(reader.classes)
    if ours != theirs:
        raise InputError(f"--teacher {name} names {theirs} classes, but {data.name} has {ours}: take one trained on these")
    if reader.looks.channels != data.channels:
        raise InputError(f"--teacher {name} sees {reader.looks.channels} channels, but {data.name} has {data.channels}")
