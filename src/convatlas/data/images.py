"""Images that can be asked for by number: held as bytes, or decoded when they are needed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import picture


def evenly(n: int, count: int) -> NDArray[np.int64]:
    """The ascending places of `count` of n things, spread evenly, the first and the last among them; all if there are fewer.

    Shapes   → (min(n, count),)
    """
    return np.linspace(0, n - 1, min(n, count)).astype(np.int64)


class Images(Protocol):
    """Labeled images of one size.

    Shapes   labels (n,) int64; size (h, w); pixels(indices) uint8 (k, c, h, w)
    """

    @property
    def labels(self) -> Tensor: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def pixels(self, indices: Tensor) -> Tensor: ...


class Resident:
    """The whole set as bytes in memory, and on each device that asks, once."""

    def __init__(self, x: Tensor, labels: Tensor) -> None:
        self.x, self.labels = x, labels
        self._copies: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        return self.x.shape[2], self.x.shape[3]

    @property
    def channels(self) -> int:
        return self.x.shape[1]

    def pixels(self, indices: Tensor) -> Tensor:
        return self.x.index_select(0, indices)

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

    Shapes   labels (n,) int64; pixels(indices) uint8 (k, channels, side, side)
    """

    def __init__(
        self, root: Path, names: Sequence[str], labels: Tensor, *, channels: int, side: int, strict: bool = False,
        frame: picture.Frame | None = None,
    ) -> None:  # fmt: skip
        self.root, self.labels, self.channels, self.side, self.strict = root, labels, channels, side, strict
        self.frame = frame
        # Bytes in one block: a list of strings would be copied page by page in every worker as its counts are touched.
        self.names: NDArray[np.bytes_] = np.array([os.fsencode(name) for name in names], dtype=np.bytes_)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        return self.side, self.side

    def path(self, index: int) -> Path:
        return self.root / os.fsdecode(bytes(self.names[index]))

    def pixels(self, indices: Tensor) -> Tensor:
        """The whole square middle of each picture, or what the frame makes of it.

        Raises   picture.Unreadable if one cannot be decoded
        """
        squares = [picture.square(self.path(i), self.channels, self.side, self.frame) for i in indices.tolist()]
        return torch.from_numpy(np.stack(squares))
