"""A folder's pictures, checked or decoded by threads: broken ones are reported, the rest is held in memory or streamed."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError, count_of, join_names
from . import picture
from .arrays import Labels
from .dataset import targets_of
from .feed import WHITE
from .images import Resident, Streamed, evenly
from .picture_file import Unreadable, count_channels

T = TypeVar("T")

_NAMED = 5
_BLOCK = 4096  # pictures submitted at a time, so that a million of them are not a million futures
_BAR_FROM = 500  # images; fewer are done before a progress bar could be read


@dataclass(slots=True)
class Files:
    """Some pictures of a folder, and the broken ones that were taken out of them."""

    root: Path
    names: list[str]
    labels: Labels
    broken: dict[str, str] = field(default_factory=dict)

    def remove_broken(self, title: str) -> int:
        """Removes what cannot be opened, and what has other channels than most; returns the channels of what is left.

        These are 1 if all is gray, else 3; more for TIFF files of many channels.
        """
        results = list(map_pictures(self.root, self.names, count_channels, f"checking {title}"))
        usual = Counter(max(count, 3) if count != 2 else 2 for count in results if isinstance(count, int)).most_common(1)
        most = usual[0][0] if usual else 3
        for name, count in zip(self.names, results, strict=True):
            if isinstance(count, Unreadable):
                self.broken[name] = str(count)
            elif count != most and (count, most) != (1, 3):
                self.broken[name] = f"{count_of(count, 'channel')}, and most have {most}"
        self._keep([name not in self.broken for name in self.names])
        return max((count for count in results if isinstance(count, int) and count <= most), default=3)

    def resident(self, channels: int, side: int, title: str, *, fit: str = "cover", white: int = WHITE) -> Resident:
        """All pictures decoded; those that fail only now are removed too.

        Shapes   images of (channels, side, side)
        """
        x = np.empty((len(self.names), channels, side, side), np.uint8)
        readable: list[bool] = []
        count = 0

        def read(path: Path) -> NDArray[np.uint8]:
            return picture.square(path, channels, side, fit=fit, white=white)

        squares = map_pictures(self.root, self.names, read, f"decoding {title}")
        for name, square in zip(self.names, squares, strict=True):
            if isinstance(square, Unreadable):
                self.broken[name] = str(square)
            else:
                x[count] = square
                count += 1
            readable.append(not isinstance(square, Unreadable))
        self._keep(readable)
        return Resident(torch.from_numpy(x[:count]), targets_of(self.labels))

    def stream(
        self, channels: int, side: int, strict: bool, frame: picture.Frame | None = None, *, fit: str = "cover",
        white: int = WHITE,
    ) -> Streamed:  # fmt: skip
        """The pictures, decoded when they are needed."""
        return Streamed(
            self.root, self.names, targets_of(self.labels), channels=channels, side=side, strict=strict, frame=frame,
            fit=fit, white=white,
        )  # fmt: skip

    def sample(self, count: int) -> "Files":
        """At most `count` of them, spread evenly."""
        places = evenly(len(self.names), count)
        return Files(self.root, [self.names[i] for i in places], self.labels[places])

    def _keep(self, chosen: list[bool]) -> None:
        self.names = [name for name, keep in zip(self.names, chosen, strict=True) if keep]
        self.labels = self.labels[np.array(chosen, bool)]


def broken_warning(parts: list[Files], strict: bool) -> tuple[str, ...]:
    """One warning that counts the broken pictures of all parts and names the first.

    Raises   InputError with the same words if the set has to be whole
    """
    broken = [f"{files.root / name} ({reason})" for files in parts for name, reason in files.broken.items()]
    if not broken:
        return ()
    total = sum(len(files.names) for files in parts) + len(broken)
    words = f"{len(broken)} of {total} images cannot be read: {join_names(broken, _NAMED)}"
    if strict:
        raise InputError(f"{words}; remove them, or go on without --strict")
    return (f"{words}; left out",)


def map_pictures(root: Path, names: list[str], do: Callable[[Path], T], title: str) -> Iterator[T | Unreadable]:
    """What `do` makes of each picture, in their order, by one thread per core; a broken one gives the reason instead."""

    def attempt(name: str) -> T | Unreadable:
        try:
            return do(root / name)
        except Unreadable as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        blocks = (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))
        yield from _with_progress((result for block in blocks for result in threads.map(attempt, block)), len(names), title)


def _with_progress(results: Iterator[T], total: int, title: str) -> Iterable[T]:
    if total < _BAR_FROM:
        return results
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(results, title, total, console=console, transient=True) if console.is_terminal else results
