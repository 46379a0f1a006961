"""Chance: integers for each image, drawn once per batch, from which every augmentation takes its own rows.

Shapes   chance (rows, n) int64 in [0, 2^31), on the CPU
"""

import torch
from torch import Tensor

RANGE = 2**31
# Which rows are for what. New rows come last: a seed then gives the older ones the very integers it always gave them.
ZOOM, CROP, FLIP, CUTOUT, CHANGES, ERASING, MIXING = slice(4), 4, 5, slice(6, 8), slice(8, 10), slice(10, 15), slice(15, 20)
ROWS = 20


def chances(count: int, generator: torch.Generator) -> Tensor:
    """Twenty integers for each image, drawn on the CPU so that every device sees the same batch.

    Shapes   → (20, count) int64
    """
    return torch.randint(RANGE, (ROWS, count), generator=generator)


def uniform(chance: Tensor) -> Tensor:
    """The same chances as numbers strictly between 0 and 1, float64.

    Shapes   any → the same
    """
    return (chance.double() + 0.5) / RANGE
