"""Levels of 16 bits as bytes."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvAtlasWarning
from .feed import WHITE

DEPTHS = (10, 12, 14)  # bits that cameras and scanners have, stored in 16
WARNED_BITS: set[int] = set()  # that were warned of in this process
DARK = 2 ** max(DEPTHS)  # pictures without a level from here on are likely of fewer bits than 16


def to_bytes(levels: NDArray[Any], white: int = WHITE) -> NDArray[np.uint8]:
    """Whole numbers on a scale to `white`, which becomes 255, as does what is above it; bytes stay what they are.

    Warns once where the levels are so low that white seems to be another one.

    Shapes   levels of any shape → the same
    Raises   ValueError for numbers below 0, above 65535 or with fractions
    """
    if levels.dtype == np.uint8:
        return levels
    if levels.dtype == bool:
        return levels.astype(np.uint8) * np.uint8(255)
    if levels.dtype.kind not in "ui":
        raise ValueError("floating-point pixels, whose range is unknown")
    least, most = int(levels.min()), int(levels.max())
    if least < 0 or most > WHITE:
        raise ValueError("more than 16 bits per pixel")
    if white == WHITE and 255 < most < DARK:
        warn_of_black(next(bits for bits in DEPTHS if most < 2**bits))
    scaled = (levels.astype(np.uint32) * 255 + white // 2) // white
    return np.minimum(scaled, 255).astype(np.uint8)


def warn_of_black(bits: int) -> None:
    """Warns, once in a process, that images of so many bits are taken for images of 16."""
    if bits not in WARNED_BITS:
        WARNED_BITS.add(bits)
        warnings.warn(
            f"an image of 16 bits uses only the lower {bits} of them: as white is {WHITE}, it is nearly black; "
            f"--white {2**bits - 1} makes that level white",
            ConvAtlasWarning,
            stacklevel=3,
        )
