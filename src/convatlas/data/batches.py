"""Batches ready for a network, the same again whenever the same seed, epoch and step are asked for."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from . import augment as ops
from .balance import balanced
from .chance import MIXING, chances
from .feed import Feed
from .images import Images, Resident, Streamed
from .mixing import mixed
from .stream import Stream, explaining_killed_workers

DEVICE_SHARE = 0.25  # of an accelerator's free memory that a resident set may take
_ORDER, _AUGMENT, _ROUND = 0, 1, 3  # what a random number is for; stream.py has the other


class Batches:
    """The batches of a set, epoch by epoch.

    `epoch(number, start)` depends on the feed's seed, the epoch and the step alone: it neither reads nor moves the global
    random state, and an epoch started at step k gives the very batches an uninterrupted one would have given from there.
    Pixels: augmented at the stored size, then made image_size a side: up to 1.5 times larger by zeros around them, beyond
    that by bilinear interpolation, smaller by antialiased bilinear interpolation. Zoom alone gives image_size at once.

    Raises   InputError if labels are to be mixed and one of them is beyond the feed's classes
    """

    def __init__(self, images: Images, feed: Feed) -> None:
        self.images, self.feed = images, feed
        self.device = torch.device(feed.device)
        self.mean = torch.tensor(feed.mean, dtype=torch.float32, device=self.device) * 255
        self.scale = (1 / (torch.tensor(feed.std, dtype=torch.float32, device=self.device) * 255))[:, None, None]
        self.shift = -self.mean[:, None, None] * self.scale
        self.format = torch.channels_last if feed.channels_last else torch.contiguous_format
        self.streaming = isinstance(images, Streamed)
        # Workers that decode zoom into the whole picture themselves, so that the device need not.
        self.augment = replace(feed.augment, zoom=1.0) if feed.augment and self.streaming else feed.augment
        self.mixes = feed.augment is not None and feed.augment.mixes
        self._stream: Stream | None = None
        if self.mixes and len(images):
            lowest, highest = int(images.labels.min()), int(images.labels.max())
            if lowest < 0 or highest >= feed.classes:
                raise InputError(
                    f"mixing {feed.classes} classes needs labels below that, got {lowest} to {highest}: check classes"
                )

    def __len__(self) -> int:
        steps = len(self.images) / self.feed.batch_size
        return math.floor(steps) if self.feed.drop_last else math.ceil(steps)

    def epoch(self, number: int = 0, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalized images float32 (n, c, image_size, image_size) and labels int64 (n,), from step `start` on.

        Where mixup or CutMix mixes images, labels are float32 (n, classes): rows of weights that sum to 1.
        """
        order = self.order(number)
        batch = self.feed.batch_size
        parts = [order[step * batch : (step + 1) * batch] for step in range(start, len(self))]
        labels = self.images.labels
        seeds = torch.randint(2**62, (len(self),), generator=self._chance(_AUGMENT, number)).tolist()
        with explaining_killed_workers(), closing(self._stored(parts, number, start)) as stored:
            for step, indices, x in stored:
                yield self._ready(x, labels[indices].to(self.device, non_blocking=True), seeds[start + step])

    def order(self, number: int) -> Tensor:
        """Which image comes when in an epoch; a balanced one leaves out images of large classes, which later epochs show."""
        count = len(self.images)
        if not self.feed.shuffle and not self.feed.balanced:
            return torch.arange(count)
        order = torch.randperm(count, generator=self._chance(_ORDER, number))
        if self.feed.balanced:
            order = balanced(self.images.labels, number, self._chance(_ROUND, 0))[order]
        return order

    def _chance(self, purpose: int, number: int) -> torch.Generator:
        words = np.random.SeedSequence((purpose, self.feed.seed % 2**64, number)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))

    def _stored(self, parts: list[Tensor], number: int, start: int) -> Generator[tuple[int, Tensor, Tensor]]:
        if isinstance(self.images, Streamed):
            self._stream = self._stream or Stream(self.images, self.feed)
            yield from self._stream.epoch(number, parts, start)
        elif isinstance(self.images, Resident):
            x = self.images.on(self.device, DEVICE_SHARE)
            for step, indices in enumerate(parts):
                if self.feed.shuffle or self.feed.balanced:
                    yield step, indices, x.index_select(0, indices.to(x.device, non_blocking=True))
                else:
                    yield step, indices, x[int(indices[0]) : int(indices[-1]) + 1]
        else:
            for step, indices in enumerate(parts):
                yield step, indices, self.images.pixels(indices)

    def _ready(self, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        x = x.to(self.device, non_blocking=True)
        if self.augment:
            chance = chances(len(x), torch.Generator().manual_seed(seed))
            x = ops.augmented(x, self.augment, self.feed.image_size, self.mean, chance)
        size, longest = self.feed.image_size, max(x.shape[2:])
        if x.shape[2:] != (size, size) and longest <= size < 1.5 * longest:
            x = ops.surrounded(x, size)
        fits = x.shape[2:] == (size, size)
        x = x.to(torch.float32).mul_(self.scale).add_(self.shift)
        x = x if fits else ops.resize(x, size)
        if self.augment and self.mixes:
            x, y = mixed(x, y, self.augment, self.feed.classes, chance[MIXING])
        return x.contiguous(memory_format=self.format), y
