"""Preparation: how pictures are cut, scaled and normalized for a network's weights."""

from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..data import Batches, Data, Feed, Resident
from ..data.feed import FITS, WHITE
from ..data.picture import Frame, square
from ..engine.record import Run, is_run
from ..errors import InputError, unknown_name
from ..models import variant
from ..weights import Checkpoint, find, frame
from ..weights.origin import nearest_published, published_as

Place = str | Path
Values = tuple[float, ...]
GRAY, SPREAD = 0.5, 0.25  # mean and standard deviation where nobody has measured any


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are cut, by `frame` or else as their square middle of `side` pixels, then made `image_size` a side.

    To contain, the whole of a picture is in the square. `white` is the level that is white in pictures of 16 bits.

    Units    side and image_size in pixels; mean and std of each channel, of pixels in [0, 1]
    """

    channels: int
    side: int
    image_size: int
    mean: Values
    std: Values
    frame: Frame | None = field(default=None, compare=False)
    published: str | None = None  # tag of the published weights that the frame belongs to
    fit: str = "cover"
    white: int = WHITE

    @classmethod
    def of(cls, data: Data, image_size: int) -> "Preparation":
        """The preparation of a data set's own images for a network of `image_size` pixels a side."""
        return cls(data.channels, min(image_size, max(data.size)), image_size, data.mean, data.std)

    @classmethod
    def from_json(cls, values: dict[str, Any], network: str) -> "Preparation":
        """The preparation that `to_json` wrote for this network.

        Raises   InputError if the network no longer has the published weights whose frame it names
        """
        tag = values["frame"]
        cut = frame(find(variant(network).base, tag)) if tag else None
        channels, side, size = (int(values[name]) for name in ("channels", "side", "image_size"))
        plain = cls(channels, side, size, tuple(values["mean"]), tuple(values["std"]), cut, tag)
        return replace(plain, fit=values.get("fit", "cover"), white=values.get("white", WHITE))

    def to_json(self) -> dict[str, Any]:
        """The form in which index files store it."""
        size = {"channels": self.channels, "side": self.side, "image_size": self.image_size}
        other: dict[str, Any] = {"fit": self.fit} if self.fit != "cover" else {}  # an index of before has neither
        other |= {"white": self.white} if self.white != WHITE else {}
        return size | {"mean": list(self.mean), "std": list(self.std), "frame": self.published} | other

    def adapt(self, fit: str | None, white: int | None) -> "Preparation":
        """The same with another fit and level of white, where these are given; whole pictures leave the frame of weights.

        Raises   InputError for an unknown fit or a level that 16 bits cannot have
        """
        if fit not in (None, *FITS):
            raise unknown_name("fit", str(fit), FITS)
        if white is not None and not 1 <= white <= WHITE:
            raise InputError(f"white needs to be a level from 1 to {WHITE}, got {white}")
        result = replace(self, white=white or self.white)
        if fit in (None, self.fit):
            return result
        if fit == "contain":
            return replace(result, fit=fit, side=self.image_size, frame=None, published=None)
        return replace(result, fit=str(fit))

    def read(self, path: Path | Image.Image) -> NDArray[np.uint8]:
        """The bytes of a picture.

        Shapes   → (channels, side, side)
        Raises   data.picture_file.Unreadable
        """
        return square(path, self.channels, self.side, self.frame, fit=self.fit, white=self.white)

    def feed(self, batch_size: int, **options: Any) -> Feed:
        """The feed that makes batches of images for the network."""
        return Feed(batch_size, self.image_size, self.mean, self.std, fit=self.fit, **options)

    def prepare(self, pixels: Tensor, device: str = "cpu") -> Tensor:
        """The network's input, from pictures.

        Shapes   pixels (n, channels, h, h), uint8 or on its scale → (n, channels, image_size, image_size)
        """
        images = Resident(pixels, torch.zeros(len(pixels), dtype=torch.int64))
        return next(iter(Batches(images, self.feed(len(pixels), device=device)).epoch()))[0]


def preparation_of_run(run: Run) -> tuple[Preparation, tuple[str, ...]]:
    """The preparation that a run was trained with, and its classes.

    Raises   InputError if its folder is damaged
    """
    environment = run.environment
    data, side = environment["data"], environment["image_size"]
    stored = min(side, max(data["size"]))  # of the images as they were before they were enlarged
    preparation = Preparation(
        data["channels"], stored, side, tuple(data["mean"]), tuple(data["std"]), fit=run.recipe.fit, white=run.recipe.white
    )
    return preparation, tuple(data["classes"])


def preparation_of_weights(
    network: str, weights: Place, *, mean: Values | None = None, std: Values | None = None, image_size: int | None = None,
    in_channels: int | None = None,
) -> Preparation:  # fmt: skip
    """The preparation of published weights, or of a file as far as its network tells; None is what is not given.

    Raises   InputError if nothing is known of the images a file was trained on, or mean or std do not fit the channels
    """
    base = variant(network).base
    row, native = nearest_published(base, weights), variant(base).native
    channels = in_channels or (3 if row else native.in_channels)
    check_per_channel(channels, mean, std)
    if row is None and not (mean and std):
        raise InputError(
            f"{base} has no published weights to tell what its images look like: give mean and std, or name the set that "
            f"{weights} was trained on, such as --data cifar10"
        )
    if row is None:
        side = image_size or native.image_size
        return Preparation(channels, side, side, mean or (), std or ())
    mean, std = mean or per_channel(row.mean, channels), std or per_channel(row.std, channels)
    if channels != 3:
        side = image_size or row.image_size
        return Preparation(channels, side, side, mean, std)
    if image_size is not None:
        row = with_size(row, image_size)
    return Preparation(channels, row.crop, row.image_size, mean, std, frame(row), row.tag)


def preparation_untrained(
    network: str, *, mean: Values | None = None, std: Values | None = None, image_size: int | None = None,
    in_channels: int | None = None,
) -> Preparation:  # fmt: skip
    """The preparation of a network without weights: that of its first published ones but for the size.

    Raises   InputError if there is no such network, or mean or std do not fit the channels
    """
    base = variant(network).base
    native, row = variant(base).native, nearest_published(base, None)
    channels = in_channels or (3 if row else native.in_channels)
    check_per_channel(channels, mean, std)
    own_mean, own_std = (row.mean, row.std) if row else ((GRAY,), (SPREAD,))
    side = image_size or native.image_size
    return Preparation(channels, side, side, mean or per_channel(own_mean, channels), std or per_channel(own_std, channels))


def with_size(row: Checkpoint, side: int) -> Checkpoint:
    """The same preparation for other pixels a side: the same share of the picture is cut off."""
    return replace(row, image_size=side, crop=side, resize=round(row.resize * side / row.crop))


def per_channel(values: Values, channels: int) -> Values:
    """The values, or their average for each channel of a network that is built for other channels."""
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def check_per_channel(channels: int, mean: Values | None, std: Values | None) -> None:
    """Raises InputError unless a mean and a standard deviation that are given have a number up to 1 for each channel."""
    for name, values in (("mean", mean), ("std", std)):
        if values is None:
            continue
        if len(values) != channels:
            raise InputError(f"{name} needs a number for each of the {channels} channels, got {len(values)}")
        if max(values) > 1:
            given, scaled = (",".join(f"{value / scale:.4g}" for value in values) for scale in (1, 255))
            raise InputError(f"{name} is that of pixels from 0 to 1, got {given}, which is of 0 to 255: give {scaled}")
        if not all(map(isfinite, values)):
            raise InputError(f"{name} needs finite numbers, got {','.join(map(str, values))}")
    if std is not None and min(std) <= 0:
        raise InputError(f"std needs to be above 0 for each channel, got {','.join(map(str, std))}")


def size_of_run(weights: Place) -> tuple[int | None, int | None]:
    """Channels and pixels a side that a run folder was trained with; None and None for other weights."""
    if not is_run(weights):
        return None, None
    preparation, _ = preparation_of_run(Run.open(Path(weights)))
    return preparation.channels, preparation.image_size


def published_words(network: str, weights: str, preparation: Preparation) -> str:
    """How photographs are cut, with a word of caution where the weights bear no published name."""
    base = variant(network).base
    row = nearest_published(base, weights)
    if row is None or preparation.fit == "contain":
        return cut_words(preparation)
    caution = "" if published_as(base, weights) else "no published name, so "
    return (
        f"{caution}images as {row.tag} has them: shorter side {row.resize} pixels ({row.interpolation}), "
        f"middle {row.crop}x{row.crop}"
    )


def cut_words(preparation: Preparation) -> str:
    """How pictures are cut where no publication says it."""
    side = preparation.image_size
    if preparation.fit == "contain":
        return f"whole images in {side}x{side} pixels, on black"
    return f"images as their square middle at {side}x{side} pixels"


def statistics_words(preparation: Preparation) -> str:
    """The mean and the standard deviation that images are normalized with."""
    mean, std = (" ".join(f"{value:.4g}" for value in values) for values in (preparation.mean, preparation.std))
    return f"mean {mean}, standard deviation {std}"
