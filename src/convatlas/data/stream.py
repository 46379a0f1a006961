"""Worker processes that decode the next batches while the network learns from this one."""

import multiprocessing
import os
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ..errors import ConvAtlasError, ConvAtlasWarning, InputError
from . import picture
from .feed import Feed
from .images import Streamed
from .picture_file import Unreadable
from .targets import Boxes, Target
from .windows import Cut

Order = tuple[int, int, NDArray[np.int64]]  # the epoch, the first image's place in it, which images to decode for one batch
Decoded = tuple[Any, Any, Target, list[str]]  # the images that could be read, pixels, masks or boxes, and words for the rest

_ZOOM = 2  # what a random number is for; batches.py has the others
_MOST_WORKERS = 8
_LOCKS = 4  # of each worker; torch takes three, and eight for all
_AHEAD = 2  # batches each worker may be ahead
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only its free space is asked for


class Stream:
    """The decoded batches of a streamed set; its workers live as long as it does."""

    def __init__(self, images: Streamed, feed: Feed) -> None:
        workers = _possible_workers(min(_cores(), _MOST_WORKERS) if feed.workers is None else feed.workers)
        zoom = feed.augment.zoom if feed.augment and not images.is_zoomed_later else 1.0
        side = feed.image_size if zoom < 1 else images.side
        bytes_ahead = (workers * _AHEAD + 1) * feed.batch_size * images.channels * side**2
        self.images, self.reported, self.epochs, self.batch = images, set[str](), 0, feed.batch_size
        self.plan = _Plan()
        self.loader: DataLoader[Decoded] = DataLoader(
            _Decoder(images, zoom, side, feed, shared=bytes_ahead < _shared_memory() / 2),
            sampler=self.plan,
            batch_size=None,
            collate_fn=_as_is,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=_AHEAD if workers else None,
            pin_memory=torch.device(feed.device).type == "cuda",
            generator=torch.Generator(),  # else it would draw from the global one
        )

    def epoch(self, number: int, parts: list[Tensor], start: int = 0) -> Generator[tuple[int, Tensor, Target]]:
        """Each batch's place after step `start`, its pixels and its targets; broken pictures are left out and reported once.

        Raises   InputError on a broken picture of a strict set
        """
        self.plan.orders = [(number, step * self.batch, part.numpy()) for step, part in enumerate(parts, start)]
        self.epochs += 1
        mine = self.epochs
        for step, (indices, pixels, moved, broken) in enumerate(self.loader):
            self._report(broken)
            if len(indices):
                target = self.images.targets.take(torch.as_tensor(indices)) if moved is None else as_tensors(moved)
                yield step, torch.as_tensor(pixels), target
            if self.epochs != mine:
                raise RuntimeError("another epoch of the same batches has begun: one pool of workers serves one at a time")

    def _report(self, broken: list[str]) -> None:
        for words in broken:
            if self.images.strict:
                raise InputError(f"{words}; remove it, or go on without --strict")
            if words not in self.reported:
                self.reported.add(words)
                warnings.warn(f"{words}; it is left out", ConvAtlasWarning, stacklevel=2)


@contextmanager
def explaining_killed_workers() -> Iterator[None]:
    """Says what a killed worker most likely means; torch raises it wherever the main process happens to be.

    Raises   ConvAtlasError
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise ConvAtlasError(
            "a process that decodes images was killed, most likely for lack of memory: "
            "take a smaller batch size, or fewer workers"
        ) from error


class _Plan(Sampler[Order]):
    """The orders of the epoch to come; the workers outlive it, so they get it batch by batch."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)


class _Decoder(Dataset[Decoded]):
    def __init__(self, images: Streamed, zoom: float, side: int, feed: Feed, shared: bool) -> None:
        self.images, self.zoom, self.side, self.shared = images, zoom, side, shared
        self.seed, self.balanced, self.fit = feed.seed, feed.balanced, feed.fit
        self.moves = images.targets.moves  # class numbers are looked up where the batch arrives

    def __getitem__(self, order: Order) -> Decoded:
        number, first, indices = order
        readable: list[int] = []
        moved: list[Target] = []
        pixels = np.empty((len(indices), self.images.channels, self.side, self.side), np.uint8)
        broken: list[str] = []
        for place, index in enumerate(indices.tolist(), first):
            try:
                pixels[len(readable)], target = self._read(number, index, place)
            except Unreadable as error:
                broken.append(f"{self.images.path(index)} cannot be read ({error})")
            else:
                readable.append(index)
                moved.append(target)
        places, images = np.array(readable, np.int64), pixels[: len(readable)]
        target = self.images.targets.join(moved) if self.moves and moved else None
        # Shared memory saves a copy, but a container may have little of it; arrays go through a pipe.
        if self.shared:
            return torch.from_numpy(places), torch.from_numpy(images), target, broken
        return places, images, as_arrays(target), broken

    def _read(self, number: int, index: int, place: int) -> tuple[NDArray[np.uint8], Target]:
        if self.images.frame is not None and self.zoom == 1:
            images = self.images
            return picture.square(images.path(index), images.channels, self.side, images.frame, white=images.white), None
        view = self._view(number, index, place)
        if not self.moves:
            return view.pixels, None
        cut = Cut(torch.tensor([view.region]), torch.tensor([view.size]), self.side)
        return view.pixels, self.images.targets.take(torch.tensor([index]), cut)

    def _view(self, number: int, index: int, place: int) -> picture.View:
        path, channels, white = self.images.path(index), self.images.channels, self.images.white
        if self.zoom == 1:
            return (picture.whole if "contain" in (self.fit, self.images.fit) else picture.middle)(
                path, channels, self.side, white
            )
        # A balanced epoch shows an image of a small class several times, each time through another window.
        words = (_ZOOM, self.seed % 2**64, number, index)
        rng = np.random.default_rng((*words, place) if self.balanced else words)
        return picture.window(path, channels, self.side, self.zoom, rng, white=white)


def as_arrays(target: Target) -> Any:
    """A batch of masks or boxes without its tensors, which would travel through shared memory."""
    if isinstance(target, Boxes):
        return replace(target, **{f.name: as_arrays(getattr(target, f.name)) for f in fields(target)})
    return target if target is None else target.numpy()


def as_tensors(target: Any) -> Target:
    """The batch that `as_arrays` was given."""
    if isinstance(target, Boxes):
        return replace(target, **{f.name: as_tensors(getattr(target, f.name)) for f in fields(target)})
    return target if target is None else torch.as_tensor(target)


def _as_is(decoded: Any) -> Any:
    return decoded


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _possible_workers(count: int) -> int:
    """As many processes; none, with a warning, where the system lacks room for the locks that they and torch need."""
    try:
        locks = [multiprocessing.get_context().Lock() for _ in range(_LOCKS * (count + 4) if count else 0)]
    except OSError as error:
        words = f"no worker processes for images ({_SHARED_MEMORY}: {error.strerror or error}): they are decoded one by one"
        warnings.warn(words, ConvAtlasWarning, stacklevel=3)
        return 0
    del locks
    return count


def _shared_memory() -> float:
    if not _SHARED_MEMORY.is_dir():
        return float("inf")
    room = os.statvfs(_SHARED_MEMORY)
    return room.f_bavail * room.f_frsize
