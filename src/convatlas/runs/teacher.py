"""A trained network from whose output another one learns."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Data
from ..data.windows import resize
from ..engine.recipe import Recipe
from ..engine.record import is_run
from ..errors import InputError
from ..models import variant
from ..weights.formats import split_entry
from .build import classes_of
from .network import NetworkRequest, OpenNetwork, open_network
from .preparation import Preparation


class Teacher(nn.Module):
    """A network that applies its own preparation to images that were prepared for another one.

    Shapes   x (n, c, h, w), normalized for the student → logits (n, classes)
    """

    def __init__(self, model: nn.Module, preparation: Preparation, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model, self.side = model, preparation.image_size
        own, theirs = ((torch.tensor(m).view(-1, 1, 1), torch.tensor(s).view(-1, 1, 1))
                       for m, s in ((preparation.mean, preparation.std), (mean, std)))  # fmt: skip
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
    network, _, weights = (recipe.teacher, "", "") if is_run(recipe.teacher) else recipe.teacher.partition("@")
    if not weights and not is_run(network):
        named = variant(network).base
        raise InputError(
            f"--teacher {network} needs weights: write {named}@default or {named}@FILE, or name a run of the same classes"
        )
    if weights and (count := classes_of(network, weights)) != len(data.classes):
        raise other_classes(recipe.teacher, count, data)
    teacher = open_network(teacher_request(network, weights, recipe))
    check_teacher(recipe.teacher, teacher, data)
    return Teacher(teacher.model, teacher.preparation, data.mean, data.std).eval()


def teacher_request(network: str, weights: str, recipe: Recipe) -> NetworkRequest:
    """What to open: a file does not tell which images it was trained on, so they are taken for the recipe's."""
    is_file = bool(weights) and split_entry(weights)[0].is_file()
    folder = Path(recipe.data_dir) if recipe.data_dir else None
    return NetworkRequest(network, weights or None, recipe.data if is_file else None, folder if is_file else None)


def other_classes(name: str, count: int, data: Data) -> InputError:
    """The error for a teacher that was trained for another number of classes."""
    return InputError(
        f"--teacher {name} names {count} classes, but {data.name} has {len(data.classes)}: take a run that was trained on "
        "these, such as one of `convatlas tune`"
    )


def check_teacher(name: str, teacher: OpenNetwork, data: Data) -> None:
    """Raises InputError unless the teacher's classes and channels are those of the data."""
    ours, theirs = len(data.classes), len(teacher.classes)
    if ours != theirs:
        raise other_classes(name, theirs, data)
    if teacher.channels != data.channels:
        raise InputError(f"--teacher {name} sees {teacher.channels} channels, but {data.name} has {data.channels}")
