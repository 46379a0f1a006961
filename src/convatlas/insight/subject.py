"""What is looked at: a network and the images it is shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Batches, Feed, Images, Resident

BATCH = 128  # images in a forward pass, if nobody says otherwise


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in evaluation mode, images it was not trained on, and how it wants to see them.

    Shapes   images give uint8 (k, channels, h, w) and int64 labels (n,), −1 where the class is not known
    Units    mean and std a channel each, of pixels in [0, 1]
    """

    name: str  # as `create_model` takes it
    title: str  # name, data and weights in a few words, for captions
    model: nn.Module
    fresh: Callable[[], nn.Module]  # the same network as it was before it learnt
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

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labels(self) -> Tensor:
        """(n,) int64."""
        return self.images.labels

    @property
    def labelled(self) -> bool:
        """Whether the classes of all images are known."""
        return bool((self.labels >= 0).all())

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of what the network sees."""
        return len(self.mean), self.image_size, self.image_size

    def pixels(self, places: Sequence[int]) -> Tensor:
        """Images as they are stored: uint8 (k, channels, h, w)."""
        return self.images.pixels(torch.as_tensor(places, dtype=torch.int64))

    def x(self, places: Sequence[int]) -> Tensor:
        """Images as the network sees them: float32 (k, channels, image_size, image_size)."""
        chosen = Resident(self.pixels(places), self.labels[torch.as_tensor(places, dtype=torch.int64)])
        return torch.cat([x for x, _ in self.batches(images=chosen)])

    def batches(self, size: int = BATCH, images: Images | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalized images (n, channels, image_size, image_size) and labels (n,), in order, one batch in memory at a time."""
        feed = Feed(size, self.image_size, self.mean, self.std)
        return Batches(self.images if images is None else images, feed).epoch()

    def evenly(self, count: int) -> list[int]:
        """Places of so many images, spread evenly over all."""
        n = len(self)
        count = min(count, n)
        return sorted({round(i * (n - 1) / max(count - 1, 1)) for i in range(count)})
