"""Images that can be asked for by number: held as bytes, or decoded when they are needed."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from . import picture
from .feed import WHITE
from .picture import PathTable
from .targets import Labels, Targets


def evenly(n: int, count: int) -> NDArray[np.int64]:
    """The ascending places of `count` of n things, spread evenly, the first and the last among them; all if there are fewer.

    Shapes   → (min(n, count),)
    """
    return np.linspace(0, n - 1, min(n, count)).astype(np.int64)


class Images(Protocol):
    """Images of one size with their targets.

    Shapes   labels (n,) int64; size (h, w); pixels(indices) uint8 (k, c, h, w)
    """

    @property
    def targets(self) -> Targets: ...
    @property
    def labels(self) -> Tensor: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def pixels(self, indices: Tensor) -> Tensor: ...
    def subset(self, indices: Tensor) -> "Images": ...


class Resident:
    """The whole set as bytes in memory, and on each device that asks, once.

    Shapes   x (n, c, h, w) uint8; targets (n,) int64 class numbers, or a value of data/targets.py
    """

    def __init__(self, x: Tensor, targets: Tensor | Targets) -> None:
        self.x = x
        self.targets: Targets = Labels(targets) if isinstance(targets, Tensor) else targets
        self._copies: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def labels(self) -> Tensor:
        return class_labels(self.targets)

    @property
    def size(self) -> tuple[int, int]:
        return self.x.shape[2], self.x.shape[3]

    @property
    def channels(self) -> int:
        return self.x.shape[1]

    def pixels(self, indices: Tensor) -> Tensor:
        return self.x.index_select(0, indices)

    def subset(self, indices: Tensor) -> "Resident":
        return Resident(self.pixels(indices), self.targets.subset(indices))

    def on(self, device: torch.device, share: float) -> Tensor:
        """The bytes on `device`, or where they are if they would take more than `share` of its free memory."""
        if device.type == self.x.device.type:
            return self.x
        if str(device) not in self._copies:
            free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")
            self._copies[str(device)] = self.x.to(device) if self.x.nbytes <= share * free else self.x
        return self._copies[str(device)]


class Streamed:
    """Picture files, decoded when asked for; all they keep in memory is one fixed-width table of names.

    Masks and boxes are those of the whole upright pictures, in their own pixels.

    Shapes   targets as for Resident; pixels(indices) uint8 (k, channels, side, side)
    Raises   InputError for a frame beside masks or boxes, which cannot follow it
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self, root: Path, names: Sequence[str], targets: Tensor | Targets, *, channels: int, side: int, strict: bool = False,
        frame: picture.Frame | None = None, fit: str = "cover", white: int = WHITE,
    ) -> None:  # fmt: skip
        self.root, self.channels, self.side, self.strict, self.frame = root, channels, side, strict, frame
        self.fit, self.white = fit, white
        self.targets: Targets = Labels(targets) if isinstance(targets, Tensor) else targets
        self.paths = PathTable(root, names)
        if frame is not None and self.targets.moves:
            raise InputError("masks and boxes cannot follow the frame of published weights: leave the frame out")

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def labels(self) -> Tensor:
        return class_labels(self.targets)

    @property
    def size(self) -> tuple[int, int]:
        return self.side, self.side

    @property
    def is_zoomed_later(self) -> bool:
        """Whether pictures are decoded whole and the device zooms into them, as it does where they are held in memory."""
        return self.fit == "contain" and self.targets.strata() is not None

    def path(self, index: int) -> Path:
        return self.paths[index]

    def pixels(self, indices: Tensor) -> Tensor:
        """The whole square middle of each picture, all of it to contain it, or what the frame makes of it.

        Raises   picture_file.Unreadable if one cannot be decoded
        """

        def read(index: int) -> NDArray[np.uint8]:
            return picture.square(
                self.path(index), self.channels, self.side, self.frame, fit=self.fit, white=self.white
            )  # fmt: skip

        return torch.from_numpy(np.stack([read(index) for index in indices.tolist()]))

    def subset(self, indices: Tensor) -> "Streamed":
        part = copy(self)
        part.paths, part.targets = self.paths.subset(indices.tolist()), self.targets.subset(indices)
        return part


def class_labels(targets: Targets) -> Tensor:
    """The class number of each image.

    Shapes   → (n,) int64
    Raises   InputError if images have several labels, masks or boxes instead
    """
    numbers = targets.strata()
    if numbers is None:
        raise InputError(f"these images have {targets.noun}, but one class number per image is needed")
    return numbers
