"""A folder's pictures, checked or decoded by threads: broken ones are reported, the rest is held in memory or streamed."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from ..errors import InputError, join_names
from . import picture
from .arrays import Labels
from .dataset import targets_of
from .images import Resident, Streamed, evenly

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

    def remove_broken(self, title: str) -> bool:
        """Removes what cannot be opened; whether all that is left is gray."""
        gray: list[bool | None] = []
        results = map_pictures(self.root, self.names, picture.is_gray, f"checking {title}")
        for name, is_gray in zip(self.names, results, strict=True):
            gray.append(is_gray if isinstance(is_gray, bool) else None)
            if isinstance(is_gray, picture.Unreadable):
                self.broken[name] = str(is_gray)
        self._keep([result is not None for result in gray])
        return all(result for result in gray if result is not None)

    def resident(self, channels: int, side: int, title: str) -> Resident:
        """All pictures decoded; those that fail only now are removed too.

        Shapes   images of (channels, side, side)
        """
        x = np.empty((len(self.names), channels, side, side), np.uint8)
        readable: list[bool] = []
        count = 0
        squares = map_pictures(self.root, self.names, lambda path: picture.square(path, channels, side), f"decoding {title}")
        for name, square in zip(self.names, squares, strict=True):
            if isinstance(square, picture.Unreadable):
                self.broken[name] = str(square)
            else:
                x[count] = square
                count += 1
            readable.append(not isinstance(square, picture.Unreadable))
        self._keep(readable)
        return Resident(torch.from_numpy(x[:count]), targets_of(self.labels))

    def stream(self, channels: int, side: int, strict: bool, frame: picture.Frame | None = None) -> Streamed:
        """The pictures, decoded when they are needed."""
        return Streamed(
            self.root, self.names, targets_of(self.labels), channels=channels, side=side, strict=strict, frame=frame
        )

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


def map_pictures(root: Path, names: list[str], do: Callable[[Path], T], title: str) -> Iterator[T | picture.Unreadable]:
    """What `do` makes of each picture, in their order, by one thread per core; a broken one gives the reason instead."""

    def attempt(name: str) -> T | picture.Unreadable:
        try:
            return do(root / name)
        except picture.Unreadable as error:
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
