"""Through which lens a network sees images: how its weights want them cut, scaled and normalized."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data import Batches, Feed, Resident
from ..data.picture import Frame, square
from ..engine.record import Run, is_run
from ..errors import InputError
from ..models import create_model, create_on_meta, family_of, parse, settings_of_weights
from ..ops.paths import is_in_any
from ..weights import Checkpoint, Loaded, frame, load_into, source
from ..weights.load import classes_in
from ..weights.origin import nearest_published, published_as

Place = str | Path
GREY, SPREAD = 0.5, 0.25  # mean and deviation where nobody has measured any
IMAGENET = 1000  # classes


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are cut, by `frame` or else as their square middle of `side` pixels, then made `image_size` a side."""

    channels: int
    side: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frame: Frame | None = None

    def read(self, path: Path) -> NDArray[np.uint8]:
        """A picture's bytes, (channels, side, side).

        Raises   data.picture.Unreadable
        """
        return square(path, self.channels, self.side, self.frame)

    def seen(self, pixels: Tensor, device: str = "cpu") -> Tensor:
        """Pictures as the network wants them.

        Shapes   pixels (n, channels, h, h), uint8 or on its scale → (n, channels, image_size, image_size)
        """
        feed = Feed(len(pixels), self.image_size, self.mean, self.std, device=device)
        return next(iter(Batches(Resident(pixels, torch.zeros(len(pixels), dtype=torch.int64)), feed).epoch()))[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is said of a network's images beyond its weights; None is what was not said."""

    image_size: int | None = None
    in_channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def open_prepared(network: str, weights: Place | None, wanted: Wanted, seed: int) -> tuple[nn.Module, Preparation]:
    """A network of the catalogue or of a run folder in evaluation mode, and its lens; without weights it is drawn from a seed.

    Published weights bring their own preparation, and so does a file that bears the name of one, and a run folder. Any
    other file gets that of the network's first published weights.

    Raises   InputError if there is no such network, the weights don't fit it, or nothing is known of its images
    """
    if weights is None and is_run(network):
        network, weights = Run.open(Path(network)).recipe.model, network
    if weights is None:
        lens, count = preparation_untrained(network, wanted)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return create_model(network, **build_options(lens, count)).eval(), lens
    if is_run(weights):
        run = Run.open(Path(weights))
        check_same_network(network, run)
        if wanted != Wanted():
            raise InputError(
                f"{weights} is a run folder, which knows its images: leave image_size, in_channels, mean and std out"
            )
        lens, classes = preparation_of_run(run)
        count = len(classes)
    else:
        lens = per_channel(preparation_of_file(network, weights, wanted, f"say mean and std of {weights}'s"))
        count = classes_of(network, weights)
    return load_complete(network, weights, lens, count, "name the image_size that it was trained for")[0], lens


def preparation_of_run(run: Run) -> tuple[Preparation, tuple[str, ...]]:
    """The lens that a run learnt with, and its classes.

    Raises   InputError if its folder is damaged
    """
    seen = run.environment
    try:
        data, side = seen["data"], int(seen["image_size"])
        cut = min(side, max(data["size"]))  # of the images as they were before they were enlarged
        return Preparation(int(data["channels"]), cut, side, tuple(data["mean"]), tuple(data["std"])), tuple(data["classes"])
    except KeyError as error:
        raise InputError(f"{run.path}/env.json lacks {error}: the run is damaged or from another version") from None


def check_same_network(network: str, run: Run) -> None:
    """Raises InputError for a run of another network."""
    if parse(run.recipe.model)[0] != parse(network)[0]:
        raise InputError(f"{run.path} is a run of {run.recipe.model}, not of {network}: ask for that one")


def preparation_of_file(network: str, weights: Place, wanted: Wanted, remedy: str) -> Preparation:
    """The lens of published weights, or of a file as far as its network tells; mean and deviation as they were given.

    Raises   InputError if nothing is known of the images a file was trained on
    """
    base = parse(network)[0]
    row, native = nearest_published(base, weights), family_of(base).native_of(base)
    mean, std = wanted.mean or (row and row.mean), wanted.std or (row and row.std)
    if not (mean and std):
        raise InputError(f"{base} has no published weights to tell what its images look like: {remedy}")
    channels = wanted.in_channels or (3 if row else native.in_channels)
    if row is None or channels != 3:
        side = wanted.image_size or (row or native).image_size
        return Preparation(channels, side, side, mean, std)
    row = row if wanted.image_size is None else scaled(row, wanted.image_size)
    return Preparation(channels, row.crop, row.image_size, mean, std, frame(row))


def preparation_untrained(network: str, wanted: Wanted) -> tuple[Preparation, int]:
    """The lens of a network without weights, that of its first published ones but for the size; and how many classes it has."""
    base = parse(network)[0]
    native, row = family_of(base).native_of(base), nearest_published(base, None)
    channels = wanted.in_channels or (3 if row else native.in_channels)
    mean, std = (row.mean, row.std) if row else ((GREY,), (SPREAD,))
    side = wanted.image_size or native.image_size
    return per_channel(Preparation(channels, side, side, wanted.mean or mean, wanted.std or std)), native.num_classes


def classes_of(network: str, weights: Place) -> int:
    """How many classes weights name.

    Raises   InputError if there is no such network or tag, or the file has no head
    """
    family, base = family_of(network), parse(network)[0]
    if published_as(base, weights):
        return IMAGENET
    return classes_in(source(base, weights), create_on_meta(network).state_dict(), family)


def load_weights(network: str, weights: Place, *, fresh_head: bool = False, **options: Any) -> tuple[nn.Module, Loaded]:
    """A network with weights from a tag, a file or a run folder, and what became of them; its head anew if asked."""
    base, given = parse(network)
    family = family_of(base)
    model = create_model(base, **options, **settings_of_weights(base, weights)[0] | given)
    heads = (*family.heads, *family.auxiliary) if fresh_head else ()
    own = {key: value.clone() for key, value in model.state_dict().items() if is_in_any(key, heads)}
    loaded = load_into(model, source(base, weights), family)
    model.load_state_dict(own, strict=False)
    return model, loaded.without(own)


def load_complete(network: str, weights: Place, lens: Preparation, count: int, remedy: str) -> tuple[nn.Module, Loaded]:
    """The same in evaluation mode, with all that was learnt.

    Raises   InputError if the file was trained on images of another size
    """
    model, loaded = load_weights(network, weights, **build_options(lens, count))
    if fresh := missing_tensor(network, loaded):
        raise InputError(
            f"{weights} does not fit {network} for {lens.image_size}x{lens.image_size} pixels, where {fresh} has another "
            f"shape: {remedy}"
        )
    return model.eval(), loaded


def build_options(lens: Preparation, count: int) -> dict[str, Any]:
    """What a lens and so many classes ask of the network."""
    return {"num_classes": count, "in_channels": lens.channels, "image_size": lens.image_size}


def missing_tensor(network: str, loaded: Loaded) -> str | None:
    """The first tensor that a network needs to answer, and that its weights do not bring; None if they bring all."""
    auxiliary = family_of(network).auxiliary
    return next((key for key in loaded.fresh if not is_in_any(key, auxiliary)), None)


def scaled(row: Checkpoint, side: int) -> Checkpoint:
    """The same preparation for other pixels a side: as much of the picture is cut off."""
    return replace(row, image_size=side, crop=side, resize=round(row.resize * side / row.crop))


def per_channel(lens: Preparation) -> Preparation:
    """The lens with a mean and a deviation for each channel; where a network has been given other channels, their average.

    Raises   InputError
    """
    return replace(
        lens, mean=value_per_channel(lens.mean, lens.channels, "mean"), std=value_per_channel(lens.std, lens.channels, "std")
    )


def value_per_channel(values: tuple[float, ...], channels: int, name: str) -> tuple[float, ...]:
    """A number for each channel."""
    if len(values) == channels:
        return tuple(values)
    if len(values) in (1, 3):
        return (sum(values) / len(values),) * channels
    raise InputError(f"{name} needs a number for each of {channels} channels, got {len(values)}")


def size_of_run(weights: Place) -> tuple[int | None, int | None]:
    """Channels and pixels a side that a run folder was trained with; None and None for other weights."""
    if not is_run(weights):
        return None, None
    lens, _ = preparation_of_run(Run.open(Path(weights)))
    return lens.channels, lens.image_size
