"""Batches for a network, which depend on the seed, the epoch and the step alone."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .augment import augment_batch
from .chance import MIXING, chances
from .feed import Feed
from .images import Images, Resident, Streamed, class_labels
from .mixing import mix_batch
from .splits import balanced_order
from .stream import Stream, explaining_killed_workers
from .targets import Target
from .windows import Stretch, fit

DEVICE_SHARE = 0.25  # of an accelerator's free memory that a resident set may take
_ORDER, _AUGMENT, _ROUND = 0, 1, 3  # what a random number is for; stream.py has the other


class Batches:
    """The batches of a set, epoch by epoch.

    `epoch(number, start)` depends on the feed's seed, the epoch and the step alone: it neither reads nor moves the global
    random state, and an epoch started at step k gives the very batches an uninterrupted one would have given from there.
    Pixels: augmented at the stored size, then made image_size a side. To cover it, up to 1.5 times larger by zeros around them,
    beyond that by bilinear interpolation, smaller by antialiased bilinear interpolation; to contain them, always in their
    proportions, with zeros on the right or below. Zoom alone gives image_size at once. Targets move with their pixels.

    Raises   InputError if targets are to be mixed that cannot be, or a class number is beyond the feed's classes, or classes
             are to be balanced where there are none
    """

    def __init__(self, images: Images, feed: Feed) -> None:
        self.images, self.feed, self.targets = images, feed, images.targets
        self.device = torch.device(feed.device)
        self.mean = torch.tensor(feed.mean, dtype=torch.float32, device=self.device) * 255
        self.scale = (1 / (torch.tensor(feed.std, dtype=torch.float32, device=self.device) * 255))[:, None, None]
        self.shift = -self.mean[:, None, None] * self.scale
        self.format = torch.channels_last if feed.channels_last else torch.contiguous_format
        self.streaming = isinstance(images, Streamed)
        # Workers that decode zoom into the whole picture themselves, so that the device need not.
        zoomed = isinstance(images, Streamed) and not images.is_zoomed_later
        self.augment = replace(feed.augment, zoom=1.0) if feed.augment and zoomed else feed.augment
        self.mixes = feed.augment is not None and feed.augment.mixes
        self._stream: Stream | None = None
        if self.mixes:
            self._check_mixing()
        if feed.balanced:
            class_labels(self.targets)

    def __len__(self) -> int:
        steps = len(self.images) / self.feed.batch_size
        return math.floor(steps) if self.feed.drop_last else math.ceil(steps)

    def epoch(self, number: int = 0, start: int = 0) -> Iterator[tuple[Tensor, Target]]:
        """Normalized images and their targets, from step `start` on.

        Shapes   float32 (n, c, image_size, image_size); labels (n,) int64, or where mixup or CutMix mixes images (n, classes)
                 float32, rows of weights that sum to 1; masks (n, image_size, image_size) uint8; or Boxes of n images
        """
        order = self.order(number)
        batch = self.feed.batch_size
        parts = [order[step * batch : (step + 1) * batch] for step in range(start, len(self))]
        seeds = torch.randint(2**62, (len(self),), generator=self._generator(_AUGMENT, number)).tolist()
        with explaining_killed_workers(), closing(self._stored(parts, number, start)) as stored:
            for step, x, target in stored:
                yield self._ready(x, target.to(self.device, non_blocking=True), seeds[start + step])

    def order(self, number: int) -> Tensor:
        """Which image comes when in an epoch; a balanced one leaves out images of large classes, which later epochs show.

        Shapes   → (n,) int64
        """
        count = len(self.images)
        if not self.feed.shuffle and not self.feed.balanced:
            return torch.arange(count)
        order = torch.randperm(count, generator=self._generator(_ORDER, number))
        if self.feed.balanced:
            order = balanced_order(class_labels(self.targets), number, self._generator(_ROUND, 0))[order]
        return order

    def _check_mixing(self) -> None:
        for name in ("mixup", "cutmix"):
            if getattr(self.feed.augment, name) and name not in self.targets.mixes:
                raise InputError(f"{name} makes no sense for images that have {self.targets.noun}: leave it out")
        labels = self.targets.strata()
        if labels is None or not len(labels):
            return
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= self.feed.classes:
            raise InputError(
                f"mixing {self.feed.classes} classes needs labels below that, got {lowest} to {highest}: check classes"
            )

    def _generator(self, purpose: int, number: int) -> torch.Generator:
        words = np.random.SeedSequence((purpose, self.feed.seed % 2**64, number)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))

    def _stored(self, parts: list[Tensor], number: int, start: int) -> Generator[tuple[int, Tensor, Target]]:
        if isinstance(self.images, Streamed):
            self._stream = self._stream or Stream(self.images, self.feed)
            yield from self._stream.epoch(number, parts, start)
        elif isinstance(self.images, Resident):
            x = self.images.on(self.device, DEVICE_SHARE)
            for step, indices in enumerate(parts):
                target = self.targets.take(indices)
                if self.feed.shuffle or self.feed.balanced:
                    yield step, x.index_select(0, indices.to(x.device, non_blocking=True)), target
                else:
                    yield step, x[int(indices[0]) : int(indices[-1]) + 1], target
        else:
            for step, indices in enumerate(parts):
                yield step, self.images.pixels(indices), self.targets.take(indices)

    def _ready(self, x: Tensor, target: Target, seed: int) -> tuple[Tensor, Target]:
        x, side = x.to(self.device, non_blocking=True), self.feed.image_size
        if self.augment:
            chance = chances(len(x), torch.Generator().manual_seed(seed))
            x, target = augment_batch(x, target, self.targets, self.augment, side=side, mean=self.mean, chance=chance)
        window = fit((x.shape[2], x.shape[3]), side, self.feed.fit)
        if window:
            target = self.targets.see(target, window)
        # What is added around an image is black, so it comes before the mean is taken away.
        if window and not isinstance(window, Stretch):
            x = window.see(x)
        x = x.to(torch.float32).mul_(self.scale).add_(self.shift)
        if isinstance(window, Stretch):
            x = window.see(x)
        if self.augment and self.mixes:
            x, target = mix_batch(x, target, self.augment, self.feed.classes, chance[MIXING])
        return x.contiguous(memory_format=self.format), target
