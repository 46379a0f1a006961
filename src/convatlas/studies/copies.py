"""Which images of a folder show the same: pixel by pixel, nearly, or mirrored."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data import decode, duplicates
from ..data.picture_file import Unreadable
from ..data.picture_info import PictureInfo, digest


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A readable picture of the folder, its path relative to it."""

    path: str
    part: str
    label: str
    glimpse: PictureInfo


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images, by their places, that show the same: pixel by pixel, nearly, or nearly and mirrored."""

    first: int
    second: int
    kind: str  # same, near, mirrored
    correlation: float


def find_copies(root: Path, images: Sequence[Image]) -> list[Pair]:
    """The pairs that show the same; of many equal images each is paired with the first."""
    if not images:
        return []
    thumbnails = np.stack([image.glimpse.thumbnail for image in images])
    near = [
        Pair(a.first, a.second, "mirrored" if a.mirrored else "near", a.correlation) for a in duplicates.find_copies(thumbnails)
    ]
    groups = defaultdict(list)
    for place, image in enumerate(images):
        groups[image.glimpse.thumbnail.tobytes()].append(place)
    equal = [group for group in groups.values() if len(group) > 1]
    marks = digests(root, images, sorted({i for group in equal for i in group} | may_be_equal(near, images)))
    flat = duplicates.is_flat(thumbnails)
    pairs = []
    for group in equal:
        leaders: dict[bytes, int] = {}
        for place in group:
            leader = leaders.setdefault(marks[place] or b"%d" % place, place)
            if leader != place:
                pairs.append(Pair(leader, place, "same", 1.0))
            elif place != group[0] and not flat[place]:
                pairs.append(Pair(group[0], place, "near", 1.0))
    for pair in near:
        same = pair.kind == "near" and marks.get(pair.first) is not None and marks.get(pair.first) == marks.get(pair.second)
        pairs.append(Pair(pair.first, pair.second, "same", 1.0) if same else pair)
    return pairs


def may_be_equal(near: Sequence[Pair], images: Sequence[Image]) -> set[int]:
    """The images of near pairs that may be equal pixel by pixel, since their sizes are equal."""

    def size(place: int) -> tuple[int, int]:
        return images[place].glimpse.width, images[place].glimpse.height

    return {i for p in near if p.kind == "near" and size(p.first) == size(p.second) for i in (p.first, p.second)}


def digests(root: Path, images: Sequence[Image], places: Sequence[int]) -> dict[int, bytes | None]:
    """A digest of all pixels by place; None for a picture that can no longer be read."""
    marks = decode.map_pictures(root, [images[i].path for i in places], digest, "comparing pixels")
    return {i: None if isinstance(mark, Unreadable) else mark for i, mark in zip(places, marks, strict=True)}
