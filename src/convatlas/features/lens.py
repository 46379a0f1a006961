"""Through which lens a network sees images: how its weights want them cut, scaled and normalized."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.picture import Frame
from ..engine.record import Run
from ..errors import InputError
from ..models import create_model, family_of, implied, on_meta, parse
from ..weights import Checkpoint, frame, load_into, source
from ..weights.checkpoints import published
from ..weights.load import classes_in, within
from ..weights.origin import origin

Place = str | Path
GREY, SPREAD = 0.5, 0.25  # mean and deviation where nobody has measured any
IMAGENET = 1000  # classes


@dataclass(frozen=True, slots=True)
class Lens:
    """How files are cut, by `frame` or else as their square middle of `cut` pixels a side, then made `image_size` a side."""

    channels: int
    image_size: int
    cut: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is said of a network's images beyond its weights; None is what was not said."""

    image_size: int | None = None
    in_channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def focused(network: str, weights: Place | None, wanted: Wanted, seed: int) -> tuple[nn.Module, Lens]:
    """A network of the catalogue or of a run folder in evaluation mode, and its lens; without weights it is drawn from a seed.

    Published weights bring their own preparation, and so does a file that bears the name of one, and a run folder. Any
    other file gets that of the network's first published weights.

    Raises   InputError if there is no such network, the weights don't fit it, or nothing is known of its images
    """
    if weights is None and is_run(network):
        network, weights = Run.open(Path(network)).recipe.model, network
    lens, count = (
        of_run(network, weights, wanted) if weights is not None and is_run(weights) else of_file(network, weights, wanted)
    )
    options: dict[str, Any] = {"num_classes": count, "in_channels": lens.channels, "image_size": lens.image_size}
    if weights is None:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return create_model(network, **options).eval(), lens
    base, given = parse(network)
    family = family_of(base)
    model = create_model(base, **options, **implied(base, weights)[0] | given)
    loaded = load_into(model, source(base, weights), family)
    fresh = next((key for key in loaded.fresh if not within(key, family.auxiliary)), None)
    if fresh is not None:
        raise InputError(
            f"{weights} does not fit {network} for {lens.image_size}x{lens.image_size} pixels, where {fresh} has another "
            "shape: name the image_size that it was trained for"
        )
    return model.eval(), lens


def of_run(network: str, folder: Place, wanted: Wanted) -> tuple[Lens, int]:
    """The lens that a run learnt with, and how many classes it has.

    Raises   InputError if the run is of another network, or the wish is for other images
    """
    run = Run.open(Path(folder))
    if parse(run.recipe.model)[0] != parse(network)[0]:
        raise InputError(f"{folder} is a run of {run.recipe.model}, not of {network}: ask for that one")
    if wanted != Wanted():
        raise InputError(f"{folder} is a run folder, which knows its images: leave image_size, in_channels, mean and std out")
    seen, data = run.environment, run.environment["data"]
    side = int(seen["image_size"])
    lens = Lens(int(data["channels"]), side, min(side, max(data["size"])), tuple(data["mean"]), tuple(data["std"]))
    return lens, len(data["classes"])


def of_file(network: str, weights: Place | None, wanted: Wanted) -> tuple[Lens, int]:
    """The lens of published weights, of a file as far as its network tells, or of no weights at all; and how many classes.

    Raises   InputError if nothing is known of the images a file was trained on
    """
    base = parse(network)[0]
    family = family_of(base)
    native = family.native_of(base)
    begun = None if weights is None else origin(base, weights)
    row = begun or next(iter(published(base)), None)
    if row is None and weights is not None and not (wanted.mean and wanted.std):
        raise InputError(f"{base} has no published weights to tell what its images look like: say mean and std of {weights}'s")
    channels = wanted.in_channels or (3 if row else native.in_channels)
    mean = spread(wanted.mean or (row.mean if row else (GREY,)), channels, "mean")
    std = spread(wanted.std or (row.std if row else (SPREAD,)), channels, "std")
    if weights is None:
        side = wanted.image_size or native.image_size
        return Lens(channels, side, side, mean, std, None), native.num_classes
    count = IMAGENET if begun else classes_in(source(base, weights), on_meta(network).state_dict(), family)
    if row is None or channels != 3:
        side = wanted.image_size or (row.image_size if row else native.image_size)
        return Lens(channels, side, side, mean, std), count
    row = row if wanted.image_size is None else scaled(row, wanted.image_size)
    return Lens(channels, row.image_size, row.crop, mean, std, frame(row)), count


def scaled(row: Checkpoint, side: int) -> Checkpoint:
    """The same preparation for other pixels a side: as much of the picture is cut off."""
    return replace(row, image_size=side, crop=side, resize=round(row.resize * side / row.crop))


def spread(values: tuple[float, ...], channels: int, name: str) -> tuple[float, ...]:
    """A number for each channel; where a network has been given other channels, their average.

    Raises   InputError
    """
    if len(values) == channels:
        return tuple(values)
    if len(values) in (1, 3):
        return (sum(values) / len(values),) * channels
    raise InputError(f"{name} needs a number for each of {channels} channels, got {len(values)}")


def known_of(weights: Place) -> tuple[int | None, int | None]:
    """Channels and pixels a side that a run folder was trained with; None and None for other weights."""
    if not is_run(weights):
        return None, None
    seen = Run.open(Path(weights)).environment
    return int(seen["data"]["channels"]), int(seen["image_size"])


def is_run(place: Place) -> bool:
    """Whether it is a run folder."""
    return (Path(place) / "recipe.json").is_file()
