"""A whole data set in memory: the result of every source of arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (n, c, h, w)
Labels = NDArray[np.int64]  # (n,), 0 to k - 1


@dataclass(frozen=True, slots=True)
class Arrays:
    """Training and test images with the names of their classes."""

    x_train: Pixels
    y_train: Labels
    x_test: Pixels
    y_test: Labels
    classes: tuple[str, ...]
