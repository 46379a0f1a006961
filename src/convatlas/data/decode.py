"""A folder's pictures looked at or decoded by threads: the broken ones named, the rest held or streamed."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from ..errors import InputError
from . import picture
from .arrays import Labels
from .images import Resident, Streamed, evenly

T = TypeVar("T")

_NAMED = 5
_BLOCK = 4096  # pictures asked for at a time, so that a million of them are not a million futures
_SHOWN_FROM = 500  # images; fewer are done before a bar would be read


@dataclass(slots=True)
class Files:
    """Some pictures of a folder, and the broken ones that were taken out of them."""

    root: Path
    names: list[str]
    labels: Labels
    broken: dict[str, str] = field(default_factory=dict)

    def without_broken(self, of: str) -> bool:
        """Takes out what cannot be opened; whether all that is left is gray."""
        gray: list[bool | None] = []
        for name, is_gray in zip(
            self.names, map_pictures(self.root, self.names, picture.is_gray, f"looking at {of}"), strict=True
        ):
            gray.append(is_gray if isinstance(is_gray, bool) else None)
            if isinstance(is_gray, picture.Unreadable):
                self.broken[name] = str(is_gray)
        self._keep([found is not None for found in gray])
        return all(found for found in gray if found is not None)

    def resident(self, channels: int, side: int, of: str) -> Resident:
        """All pictures decoded; those that fail only now are taken out too."""
        x = np.empty((len(self.names), channels, side, side), np.uint8)
        kept: list[bool] = []
        count = 0
        squares = map_pictures(self.root, self.names, lambda path: picture.square(path, channels, side), f"decoding {of}")
        for name, square in zip(self.names, squares, strict=True):
            if isinstance(square, picture.Unreadable):
                self.broken[name] = str(square)
            else:
                x[count] = square
                count += 1
            kept.append(not isinstance(square, picture.Unreadable))
        self._keep(kept)
        return Resident(torch.from_numpy(x[:count]), torch.from_numpy(self.labels))

    def streamed(self, channels: int, side: int, strict: bool, frame: picture.Frame | None = None) -> Streamed:
        labels = torch.from_numpy(self.labels)
        return Streamed(self.root, self.names, labels, channels=channels, side=side, strict=strict, frame=frame)

    def some(self, count: int) -> "Files":
        """At most `count` of them, spread evenly."""
        places = evenly(len(self.names), count)
        return Files(self.root, [self.names[i] for i in places], self.labels[places])

    def _keep(self, kept: list[bool]) -> None:
        self.names = [name for name, keep in zip(self.names, kept, strict=True) if keep]
        self.labels = self.labels[np.array(kept, bool)]


def broken_warning(parts: list[Files], strict: bool) -> tuple[str, ...]:
    """One warning that counts the broken pictures of all parts and names the first.

    Raises   InputError with the same words if the set has to be whole
    """
    broken = [f"{files.root / name} ({reason})" for files in parts for name, reason in files.broken.items()]
    if not broken:
        return ()
    total = sum(len(files.names) for files in parts) + len(broken)
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    words = f"{len(broken)} of {total} images cannot be read: {', '.join(broken[:_NAMED])}{more}"
    if strict:
        raise InputError(f"{words}; remove them, or go on without --strict")
    return (f"{words}; left out",)


def map_pictures(root: Path, names: list[str], do: Callable[[Path], T], title: str) -> Iterator[T | picture.Unreadable]:
    """What `do` makes of each picture, in their order, by a thread a core; a broken one gives the reason instead."""

    def tried(name: str) -> T | picture.Unreadable:
        try:
            return do(root / name)
        except picture.Unreadable as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        blocks = (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))
        yield from _shown((result for block in blocks for result in threads.map(tried, block)), len(names), title)


def _shown(results: Iterator[T], total: int, title: str) -> Iterable[T]:
    if total < _SHOWN_FROM:
        return results
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(results, title, total, console=console, transient=True) if console.is_terminal else results
