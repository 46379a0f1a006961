"""A trained network ready to look at pictures: how it wants them cut, scaled and normalized, what its answers are called."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..engine.hardware import choose_device
from ..engine.recipe import Recipe
from ..engine.record import Run, is_run
from ..errors import InputError
from ..models import CATALOG, parse
from ..weights import classes
from ..weights.checkpoints import published
from ..weights.origin import nearest_published, published_as
from .build import load_run, open_data, options
from .preparation import IMAGENET, Preparation, Wanted, check_same_network, classes_of, load_complete, preparation_of_file


@dataclass(frozen=True, slots=True)
class Asked:
    """Which network, with which weights, and what is known of them beyond the file; None is what was not said."""

    network: str  # a run folder, or a network if there are weights
    weights: str | None = None
    data: str | None = None  # the set that the weights were trained on
    data_dir: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: Path | None = None  # a file with a name a line


@dataclass(frozen=True, slots=True)
class Reader:
    """A network in evaluation mode with all it takes to ask it."""

    model: nn.Module
    classes: tuple[str, ...]
    looks: Preparation
    note: str  # which weights they are and how they want pictures

    def read(self, path: Path) -> Tensor:
        """A picture's bytes, (channels, side, side).

        Raises   data.picture.Unreadable
        """
        return torch.tensor(self.looks.read(path))

    def on(self, device: str) -> "Reader":
        """The same reader, its network moved to a device.

        Raises   InputError for a device this machine lacks
        """
        return replace(self, model=self.model.to(choose_device(device)))

    def logits(self, pixels: Tensor) -> Tensor:
        """What the network says of some pictures, computed where it lies.

        Shapes   pixels (n, channels, side, side) uint8 → (n, classes) on the CPU
        """
        looks, device = self.looks, next(iter(self.model.state_dict().values())).device
        with torch.inference_mode():
            if looks.frame:  # in the reference's order of operations, to the last bit
                mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (looks.mean, looks.std))
                return self.model(pixels.to(device).float().div_(255).sub_(mean).div_(std)).cpu()
            return self.model(looks.seen(pixels, str(device))).cpu()


def opened(asked: Asked) -> Reader:
    """The network of a run folder, or one of the catalogue with weights.

    Published weights bring their own preparation, and so does a file that bears the name of one. Any other file gets that
    of the network's first published weights, unless `data` names the set that it was trained on.

    Raises   InputError if there is no such network, the file does not fit it, or nothing is known of its pictures
    """
    if asked.weights is None or is_run(asked.weights):
        return of_run(asked)
    count = classes_of(asked.network, asked.weights)
    looks, words, names = (of_data if asked.data else of_photographs)(asked, count)
    if not len(looks.mean) == len(looks.std) == looks.channels:
        raise InputError(f"--mean and --std need a number for each of the {looks.channels} channels")
    remedy = "it was trained on images of another size; name its set with --data"
    model, loaded = load_complete(asked.network, asked.weights, looks, count, remedy)
    whole = len(loaded.kept) == len(model.state_dict())
    note = f"{asked.network} with {asked.weights}{'' if whole else f' ({loaded})'}; {words}"
    return Reader(model, named(asked.classes, count) if asked.classes else names, looks, note)


def of_run(asked: Asked) -> Reader:
    """The network of a run folder, prepared as it was trained.

    Raises   InputError if there is no such run, or it is one of another network
    """
    folder = asked.weights or asked.network
    if asked.weights is None and not Path(folder).is_dir() and parse(folder)[0] in CATALOG:
        known = published(parse(folder)[0])
        remedy = f"--weights default for its published ones ({known[0].acc1:.1f} % on ImageNet)" if known else "--weights FILE"
        raise InputError(f"{folder} needs weights to name anything: add {remedy}, or give a run folder in its place")
    if any((asked.data, asked.mean, asked.std, asked.classes)):
        raise InputError(
            f"{folder} is a run folder, which knows what its images look like: leave --data --mean --std --classes out"
        )
    if asked.weights:
        check_same_network(asked.network, Run.open(Path(folder)))
    run = load_run(folder)
    scale = run.recipe.data if run.recipe.mean is None else "its recipe"
    words = f"{middle(run.lens.image_size)}, mean and deviation of {scale}"
    return Reader(run.model, run.classes, run.lens, f"{run.recipe.model} of {folder}; {words}")


def of_data(asked: Asked, count: int) -> tuple[Preparation, str, tuple[str, ...]]:
    """What the images of a set look like, also in words, and its classes.

    Raises   InputError if the set has another number of classes than the file
    """
    recipe = Recipe(model=asked.network, data=str(asked.data), data_dir=str(asked.data_dir) if asked.data_dir else None)
    data = open_data(recipe)
    if len(data.classes) != count:
        raise InputError(f"{asked.weights} names {count} classes, but {asked.data} has {len(data.classes)}: name its own set")
    side = options(recipe, data)["image_size"]
    looks = Preparation(data.channels, min(side, max(data.size)), side, asked.mean or data.mean, asked.std or data.std)
    return looks, f"{middle(side)}, mean and deviation of {asked.data}", data.classes


def of_photographs(asked: Asked, count: int) -> tuple[Preparation, str, tuple[str, ...]]:
    """What photographs have to look like for published weights, or for a file as far as its network tells.

    Raises   InputError if the network has no published weights and no mean and deviation are given
    """
    base, weights = parse(asked.network)[0], str(asked.weights)
    remedy = f"name the set that {weights} was trained on, such as --data cifar10, or say --mean and --std"
    looks = preparation_of_file(asked.network, weights, Wanted(mean=asked.mean, std=asked.std), remedy)
    row = nearest_published(base, weights)
    doubt = "" if published_as(base, weights) else "no published name, so "
    cut = middle(looks.side) if row is None else (
        f"{doubt}images as {row.tag} has them: shorter side {row.resize} "
        f"pixels ({row.interpolation}), middle {row.crop}x{row.crop}"
    )  # fmt: skip
    names = classes() if row and count == IMAGENET else tuple(f"class {i}" for i in range(count))
    return looks, f"{cut}, {deviating(looks.mean, looks.std)}", names


def middle(side: int) -> str:
    """How pictures are cut where no publication says it, in words."""
    return f"images as their square middle at {side}x{side} pixels"


def deviating(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    """Both in words."""
    return "mean {}, deviation {}".format(*(" ".join(f"{value:.4g}" for value in values) for values in (mean, std)))


def named(path: Path, count: int) -> tuple[str, ...]:
    """The classes that a file names, one a line.

    Raises   InputError if it cannot be read or has another number of lines
    """
    try:
        names = tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--classes needs a text file with a name a line, but {path} cannot be read ({error})") from None
    if len(names) != count:
        raise InputError(f"--classes needs a line for each of the {count} classes, but {path} has {len(names)}")
    return names
