"""A trained network ready to look at pictures: how it wants them cut, scaled and normalized, what its answers are called."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Batches, Feed, Resident
from ..data.picture import Frame, square
from ..engine.hardware import choose_device
from ..engine.recipe import Recipe
from ..errors import InputError
from ..models import CATALOG, family_of, on_meta, parse
from ..weights import Checkpoint, classes, frame, source
from ..weights.checkpoints import published
from ..weights.load import classes_in, within
from ..weights.origin import origin
from .run import load_run, open_data, options, weighed

IMAGENET = 1000  # classes


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
class Looks:
    """What a network wants to see: pictures cut by `frame`, None for the square middle, then made image_size a side."""

    channels: int
    side: int  # pixels of a picture as it is cut
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frame: Frame | None
    words: str


@dataclass(frozen=True, slots=True)
class Reader:
    """A network in evaluation mode with all it takes to ask it."""

    model: nn.Module
    classes: tuple[str, ...]
    looks: Looks
    note: str  # which weights they are and how they want pictures

    def read(self, path: Path) -> Tensor:
        """A picture's bytes, (channels, side, side).

        Raises   data.picture.Unreadable
        """
        return torch.tensor(square(path, self.looks.channels, self.looks.side, self.looks.frame))

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
            feed = Feed(len(pixels), looks.image_size, looks.mean, looks.std, device=str(device))
            x, _ = next(iter(Batches(Resident(pixels, torch.zeros(len(pixels), dtype=torch.int64)), feed).epoch()))
            return self.model(x).cpu()


def opened(asked: Asked) -> Reader:
    """The network of a run folder, or one of the catalogue with weights.

    Published weights bring their own preparation, and so does a file that bears the name of one. Any other file gets that
    of the network's first published weights, unless `data` names the set that it was trained on.

    Raises   InputError if there is no such network, the file does not fit it, or nothing is known of its pictures
    """
    if asked.weights is None or (Path(asked.weights) / "recipe.json").is_file():
        return of_run(asked)
    family, base = family_of(asked.network), parse(asked.network)[0]
    begun = origin(base, asked.weights)
    place = source(base, asked.weights)
    count = IMAGENET if begun else classes_in(place, on_meta(asked.network).state_dict(), family)
    looks, names = of_data(asked, count) if asked.data else of_photographs(asked, begun, count)
    if not len(looks.mean) == len(looks.std) == looks.channels:
        raise InputError(f"--mean and --std need a number for each of the {looks.channels} channels")
    options = {"num_classes": count, "in_channels": looks.channels, "image_size": looks.image_size}
    model, loaded = weighed(asked.network, place, **options)
    if fresh := [key for key in loaded.fresh if not within(key, family.auxiliary)]:
        raise InputError(
            f"{asked.weights} does not fit {asked.network} for {looks.image_size}x{looks.image_size} pixels, where {fresh[0]} "
            "has another shape: it was trained on images of another size; name its set with --data"
        )
    whole = len(loaded.kept) == len(model.state_dict())
    note = f"{asked.network} with {asked.weights}{'' if whole else f' ({loaded})'}; {looks.words}"
    return Reader(model.eval(), named(asked.classes, count) if asked.classes else names, looks, note)


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
    run = load_run(folder)
    if asked.weights and parse(run.recipe.model)[0] != parse(asked.network)[0]:
        raise InputError(f"{folder} is a run of {run.recipe.model}, not of {asked.network}: ask for that one")
    words = (
        f"images as their square middle at {run.image_size}x{run.image_size} pixels, mean and deviation of {run.recipe.data}"
    )
    looks = Looks(run.channels, run.stored, run.image_size, run.mean, run.std, None, words)
    return Reader(run.model, run.classes, looks, f"{run.recipe.model} of {folder}; {words}")


def of_data(asked: Asked, count: int) -> tuple[Looks, tuple[str, ...]]:
    """What the images of a set look like, and its classes.

    Raises   InputError if the set has another number of classes than the file
    """
    recipe = Recipe(model=asked.network, data=str(asked.data), data_dir=str(asked.data_dir) if asked.data_dir else None)
    data = open_data(recipe)
    if len(data.classes) != count:
        raise InputError(f"{asked.weights} names {count} classes, but {asked.data} has {len(data.classes)}: name its own set")
    side = options(recipe, data)["image_size"]
    words = f"images as their square middle at {side}x{side} pixels, mean and deviation of {asked.data}"
    mean, std = asked.mean or data.mean, asked.std or data.std
    return Looks(data.channels, min(side, max(data.size)), side, mean, std, None, words), data.classes


def of_photographs(asked: Asked, begun: Checkpoint | None, count: int) -> tuple[Looks, tuple[str, ...]]:
    """What photographs have to look like for published weights, or for a file as far as its network tells.

    Raises   InputError if the network has no published weights and no mean and deviation are given
    """
    base = parse(asked.network)[0]
    rows = [begun] if begun else published(base)
    numbered = tuple(f"class {i}" for i in range(count))
    if not rows:
        if not (asked.mean and asked.std):
            raise InputError(
                f"{base} has no published weights to tell what its images look like: name the set that {asked.weights} "
                "was trained on, such as --data cifar10, or say --mean and --std"
            )
        native = family_of(base).native_of(base)
        side = native.image_size
        words = f"images as their square middle at {side}x{side} pixels, {deviating(asked.mean, asked.std)}"
        return Looks(native.in_channels, side, side, asked.mean, asked.std, None, words), numbered
    row = rows[0]
    mean, std = asked.mean or row.mean, asked.std or row.std
    words = (
        f"{'' if begun else 'no published name, so '}images as {row.tag} has them: shorter side {row.resize} pixels "
        f"({row.interpolation}), middle {row.crop}x{row.crop}, {deviating(mean, std)}"
    )
    return Looks(3, row.crop, row.image_size, mean, std, frame(row), words), classes() if count == IMAGENET else numbered


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
