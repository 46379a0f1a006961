"""Thumbnails that show the same picture, mirrored or not, without comparing each with each.

A picture's code is one bit for each of the 64 lowest frequencies of its cosine transform: the sign. Scaling, compression and
light change few of them, and a mirror turns all those of odd horizontal frequency, so the code of the mirror image is known.
A crop moves all frequencies: the middle of each picture has a code of its own. What has a similar code is a copy if the
thumbnails are correlated too.

Source   the code: Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", the DCT-based function;
         differs: signs in place of a comparison with the median. The search: Norouzi, Punjani and Fleet 2012, "Fast Search in
         Hamming Space with Multi-Index Hashing", arXiv:1307.2982, §3
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .picture_info import SIDE

Thumbnails = NDArray[np.uint8]
Codes = NDArray[np.uint64]
Places = NDArray[np.int64]

BITS, BANDS = 64, 4
RADIUS = 11  # bits in which the codes of copies may differ: two in the nearest of the four bands
MARGIN = 0.03  # of a side, that a cropped copy lacks all around
LIKENESS = 0.9  # correlation of the thumbnails of copies, at least
FLAT = 2.0  # standard deviation in levels of gray; below it there is nothing to compare
_WIDTH = BITS // BANDS
_WITHIN = RADIUS // BANDS
_BLOCK = 2**21  # pairs compared together


@dataclass(frozen=True, slots=True)
class Copies:
    """Two thumbnails of the same picture by their places, the earlier one first."""

    first: int
    second: int
    mirrored: bool
    correlation: float


def find_copies(thumbnails: Thumbnails) -> list[Copies]:
    """Every pair of copies among thumbnails that show something; of equal thumbnails only the first is compared.

    Shapes   thumbnails (n, 16, 16) uint8
    """
    if not len(thumbnails):
        return []
    _, firsts = np.unique(thumbnails.reshape(len(thumbnails), -1), axis=0, return_index=True)
    places = np.sort(firsts[~is_flat(thumbnails)[firsts]])
    plain = thumbnails[places], codes(thumbnails[places])
    middle = middles(plain[0]), codes(middles(plain[0]))
    pairs: dict[tuple[int, int], Copies] = {}
    for mirrored in (True, False):  # of copies both ways, the one that is not mirrored counts
        for (x, mine), (y, theirs) in ((plain, plain), (plain, middle), (middle, plain)):
            for left, right in neighbors(mine, theirs ^ MIRROR if mirrored else theirs):
                likeness = correlation(x[left], y[right][:, :, ::-1] if mirrored else y[right])
                for i, j, value in zip(places[left].tolist(), places[right].tolist(), likeness.tolist(), strict=True):
                    known = pairs.get((i, j))
                    if value >= LIKENESS and (known is None or known.mirrored != mirrored or known.correlation < value):
                        pairs[i, j] = Copies(i, j, mirrored, value)
    return [pairs[pair] for pair in sorted(pairs)]


def middles(thumbnails: Thumbnails) -> Thumbnails:
    """The thumbnails without a margin of 3 % on each side, by linear interpolation, as a cropped copy has them.

    Shapes   (n, 16, 16) → (n, 16, 16)
    """
    place = (MARGIN + (1 - 2 * MARGIN) * (np.arange(SIDE) + 0.5) / SIDE) * SIDE - 0.5
    weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(SIDE)))
    return np.asarray((weights @ thumbnails @ weights.T).round().astype(np.uint8))


def is_flat(thumbnails: Thumbnails) -> NDArray[np.bool_]:
    """Which thumbnails show hardly anything.

    Shapes   thumbnails (n, 16, 16) → (n,)
    """
    return np.asarray(thumbnails.std((1, 2)) < FLAT)


def codes(thumbnails: Thumbnails) -> Codes:
    """The signs of the lowest frequencies, the lowest in the lowest bit.

    Shapes   thumbnails (n, 16, 16) → (n,) uint64
    """
    spectrum = _COSINES @ thumbnails.astype(np.float64) @ _COSINES.T
    signs = spectrum[:, *_FREQUENCIES.T] > 0
    return np.asarray(signs.astype(np.uint64) @ _POWERS)


def correlation(x: Thumbnails, y: Thumbnails) -> NDArray[np.float64]:
    """The correlation of each pair of thumbnails, -1 to 1.

    Shapes   x, y (n, 16, 16) → (n,)
    """
    a, b = (t.reshape(len(t), -1) - t.mean((1, 2))[:, None] for t in (x, y))
    return np.asarray((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)))


def neighbors(codes: Codes, others: Codes) -> Iterator[tuple[Places, Places]]:
    """All i < j for which codes[i] and others[j] differ in at most 11 bits, each pair once, in blocks.

    Of 11 differing bits at most two lie in one of the four bands: only those who nearly share a band are compared.
    """
    for band in range(BANDS):
        mine, theirs = _band(codes, band), _band(others, band)
        order = np.argsort(theirs, kind="stable")
        starts = np.searchsorted(theirs[order], np.arange(2**_WIDTH + 1))
        for change in _CHANGES:
            for left, place in _spans(starts[mine ^ change], starts[(mine ^ change) + 1]):
                right = order[place]
                ahead = left < right
                left, right = left[ahead], right[ahead]  # noqa: PLW2901
                differs = codes[left] ^ others[right]
                near = np.bitwise_count(differs) <= RADIUS
                for earlier in range(band):  # that band has given the pair already
                    near &= np.bitwise_count(_band(differs, earlier)) > _WITHIN
                if near.any():
                    yield left[near], right[near]


def _band(codes: Codes, band: int) -> Places:
    return ((codes >> np.uint64(_WIDTH * band)) & np.uint64(2**_WIDTH - 1)).astype(np.int64)


def _spans(low: Places, high: Places) -> Iterator[tuple[Places, Places]]:
    """Each i beside each place from low[i] to high[i] - 1, a block of rows at a time."""
    count = high - low
    ends, start = np.cumsum(count), 0
    while start < len(ends):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + _BLOCK, side="right")), start + 1)
        part = count[start:stop]
        offset = low[start:stop] - (ends[start:stop] - part - done)
        yield np.repeat(np.arange(start, stop), part), np.arange(part.sum()) + np.repeat(offset, part)
        start = stop


_COSINES = np.cos(np.pi * np.outer(np.arange(SIDE), 2 * np.arange(SIDE) + 1) / (2 * SIDE))
_FREQUENCIES = np.array(
    sorted(((v, u) for v in range(SIDE) for u in range(SIDE) if u or v), key=lambda f: (f[0] ** 2 + f[1] ** 2, f))[:BITS]
)  # (vertical, horizontal)
_POWERS = np.uint64(1) << np.arange(BITS, dtype=np.uint64)
MIRROR = np.uint64((_FREQUENCIES[:, 1] % 2).astype(np.uint64) @ _POWERS)
_CHANGES = [sum(1 << bit for bit in bits) for size in range(_WITHIN + 1) for bits in combinations(range(_WIDTH), size)]
