"""The subject of every look: a network and the images it is shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data import Batches, Feed, Images, Resident
from ..data.images import evenly
from ..errors import InputError
from .cam import cam_layer

BATCH = 128  # images in a forward pass by default


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in evaluation mode, images it was not trained on, and how they are prepared for it.

    Shapes   images give uint8 (k, channels, h, w) and int64 labels (n,), −1 where the class is not known
    Units    mean and std per channel, of pixels in [0, 1]
    """

    name: str  # as `create_model` takes it
    title: str  # name, data and weights in a few words, for captions
    model: nn.Module
    fresh: Callable[[], nn.Module]  # the same network before training
    head: str  # the module that names the classes
    stem: str  # the module that sees the image
    classes: tuple[str, ...]
    images: Images
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: Images | None = None
    val: Images | None = None
    run: Path | None = None  # the run folder it comes from
    paths: tuple[str, ...] = field(default=(), repr=False)  # files of the images, if they come from files
    notes: tuple[str, ...] = field(default=(), repr=False)  # what has to be known of the images
    memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False)  # what was computed once; `replace` empties it

    def __len__(self) -> int:
        return len(self.images)

    @property
    def task(self) -> str:
        """What is learned from such images: a name of `engine.tasks.TASKS`."""
        return self.images.targets.task

    @property
    def labels(self) -> Tensor:
        """(n,) int64; −1 where no single class is known."""
        numbers = self.images.targets.strata()
        return torch.full((len(self),), -1) if numbers is None else numbers

    @property
    def labeled(self) -> bool:
        """Whether the classes of all images are known."""
        return bool((self.labels >= 0).all())

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of the network's input."""
        return len(self.mean), self.image_size, self.image_size

    @cached_property
    def cam_layer(self) -> str:
        """The layer for class activation maps.

        Raises   InputError if no layer has spatial extent
        """
        return cam_layer(self.model, self.size)

    def check_places(self, places: Sequence[int]) -> None:
        """Raises InputError for a place without an image."""
        if any(not 0 <= place < len(self) for place in places):
            raise InputError(f"images have the places 0 to {len(self) - 1}, got {', '.join(map(str, places))}")

    def pixels(self, places: Sequence[int]) -> Tensor:
        """Images as they are stored.

        Shapes   → (k, channels, h, w) uint8
        """
        return self.images.pixels(torch.as_tensor(places, dtype=torch.int64))

    def x(self, places: Sequence[int]) -> Tensor:
        """Images as the network sees them.

        Shapes   → (k, channels, image_size, image_size) float32, normalized
        """
        chosen = Resident(self.pixels(places), self.labels[torch.as_tensor(places, dtype=torch.int64)])
        return torch.cat([x for x, _ in self.batches(images=chosen)])

    def batches(self, size: int = BATCH, images: Images | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalized images and labels in order, one batch in memory at a time.

        Shapes   → (n, channels, image_size, image_size) float32 and (n,) int64 each
        """
        feed = Feed(size, self.image_size, self.mean, self.std)
        return Batches(self.images if images is None else images, feed).epoch()

    def evenly(self, count: int) -> list[int]:
        """Places of so many images, spread evenly over all."""
        return evenly(len(self), count).tolist()
