"""Is a folder of images fit to learn from: broken files, balance of the classes, sizes of the images, duplicates.

Duplicates matter most in two parts, since a test on remembered images flatters, and in two classes, since one is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import decode, folder
from ..data.picture_file import Unreadable
from ..data.picture_info import picture_info, reduced_pixels
from ..errors import count_of, join_names
from .copies import Image, Pair, find_copies
from .training_check import images_for_training, scan_for_training, trees_of

UNEVEN = 3  # the largest class so many times the smallest is worth a word
USUAL_SIDE = 224  # pixels that most networks of the catalog see
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Check:
    """What was found in a folder; `pairs` has those first that stand in two parts, then those in two classes."""

    root: Path
    parts: tuple[str, ...]
    classes: tuple[str, ...]
    images: tuple[Image, ...]
    broken: dict[str, str]  # path and reason
    others: tuple[str, ...]  # files that are no images
    pairs: tuple[Pair, ...]
    training: Mapping[str, int]  # images of each part that training would take, by default; none if it would refuse
    refusal: str = ""  # why it would
    notes: tuple[str, ...] = ()  # what it would not read
    unused: bool = False  # whether there are images among that

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Readable images by part and class."""
        counts = Counter((image.part, image.label) for image in self.images)
        return {part: {label: counts[part, label] for label in self.classes} for part in self.parts}

    @cached_property
    def groups(self) -> list[list[int]]:
        """The places of images that are joined by pairs, directly or through others."""
        leader = list(range(len(self.images)))

        def root(i: int) -> int:
            while leader[i] != i:
                leader[i] = leader[leader[i]]
                i = leader[i]
            return i

        for pair in self.pairs:
            a, b = sorted((root(pair.first), root(pair.second)))
            leader[b] = a
        groups = defaultdict(list)
        for i in sorted({place for pair in self.pairs for place in (pair.first, pair.second)}):
            groups[root(i)].append(i)
        return list(groups.values())

    @cached_property
    def leaks(self) -> dict[tuple[str, str], list[int]]:
        """For two parts that share images, those of the later one that the earlier one has too."""
        leaks: dict[tuple[str, str], list[int]] = defaultdict(list)
        for group in self.groups:
            for late, part in enumerate(self.parts):
                here = [i for i in group if self.images[i].part == part]
                for early in self.parts[:late]:
                    if here and any(self.images[i].part == early for i in group):
                        leaks[part, early] += here
        return dict(leaks)

    @cached_property
    def conflicts(self) -> list[list[int]]:
        """Groups of copies that stand in more than one class."""
        return [group for group in self.groups if len({self.images[i].label for i in group}) > 1]

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """By part the classes it has no readable image of."""
        gaps = {part: [label for label, count in row.items() if not count] for part, row in self.counts.items()}
        return {part: labels for part, labels in gaps.items() if labels}

    @property
    def sound(self) -> bool:
        """Whether it can be trained on, and nothing is broken, missing, left out, in two parts or in two classes."""
        faults = self.broken or self.missing or self.leaks or self.conflicts
        return not (self.refusal or self.unused or faults)

    @property
    def verdict(self) -> str:
        """Whether it can be trained on, as which classes and parts."""
        if self.refusal:
            return f"cannot be trained on: {self.refusal}"
        if absent := self.missing.get(self.parts[0]):
            return f"cannot be trained on: no image of {join_names(absent, _NAMED)} can be read"
        names = {"train": "training", "val": "validation", "test": "test"}
        parts = [
            f"{count:,} for {names[part]}" if count else f"none for {names[part]}" for part, count in self.training.items()
        ]
        return f"can be trained on: {len(self.classes)} classes ({join_names(self.classes)}); images: {', '.join(parts)}"

    def paths(self, pair: Pair) -> tuple[str, str]:
        """Where its two images lie."""
        return self.images[pair.first].path, self.images[pair.second].path

    def fault(self, pair: Pair) -> str:
        """What is wrong with having both, if they stand in two parts or in two classes."""
        a, b = self.images[pair.first], self.images[pair.second]
        faults = [f"{a.part} | {b.part}"] * (a.part != b.part) + [f"{a.label} | {b.label}"] * (a.label != b.label)
        return ", ".join(faults)

    def pixels(self, pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Its two images, upright, reduced to what a page shows.

        Shapes   (h, w, 3) each
        """
        first, second = (reduced_pixels(self.root / path) for path in self.paths(pair))
        return first, second

    def ratio(self, part: str) -> float | None:
        """Images of its largest class for each of its smallest; None if that is empty."""
        row = self.counts[part].values()
        return max(row) / min(row) if min(row, default=0) else None

    def sizes(self) -> dict[str, Any]:
        """Sides and proportions of the images, and how many are small, gray, transparent or turned."""
        infos = [image.glimpse for image in self.images]
        measures: dict[str, list[float]] = {
            "width": [g.width for g in infos],
            "height": [g.height for g in infos],
            "aspect_ratio": [round(g.width / g.height, 4) for g in infos],
        }
        return {
            name: {"min": min(values), "median": float(np.median(values)), "max": max(values)} if values else None
            for name, values in measures.items()
        } | {
            f"smaller_than_{USUAL_SIDE}": sum(min(g.width, g.height) < USUAL_SIDE for g in infos),
            "gray": sum(g.gray for g in infos),
            "color": sum(not g.gray for g in infos),
            "transparent": sum(g.alpha for g in infos),
            "turned_by_exif": sum(g.rotated for g in infos),
        }

    def warnings(self) -> list[str]:
        """A sentence for each thing to mend, with its remedy."""
        return [*self.notes, *self._about_files(), *self._about_classes(), *self._about_copies()]

    def _about_files(self) -> Iterator[str]:
        if self.broken:
            names = join_names([f"{path} ({reason})" for path, reason in self.broken.items()], _NAMED)
            total = len(self.images) + len(self.broken)
            yield f"{len(self.broken)} of {total:,} images cannot be read: {names}; replace or remove them"
        if self.others:
            yield f"{count_of(len(self.others), 'file')} of no image format left out: {join_names(self.others, _NAMED)}"

    def _about_classes(self) -> Iterator[str]:
        for part, labels in self.missing.items():
            of = "there is" if part == "all" else f"{part} has"
            yield f"{of} no readable image of {join_names(labels, _NAMED)}: add some, or remove the class from every part"
        learned = self.parts[0]
        ratio = self.ratio(learned)
        if ratio is not None and ratio > UNEVEN:
            row = self.counts[learned]
            least, most = min(row, key=row.__getitem__), max(row, key=row.__getitem__)
            yield (
                f"{most} has {ratio:.1f} times the images of {least} ({row[most]:,} and {row[least]:,}): "
                "train with --balance weights or --balance sampling"
            )

    def _about_copies(self) -> Iterator[str]:
        for (part, early), places in self.leaks.items():
            names = join_names([self.images[i].path for i in places], _NAMED)
            count = f"{count_of(len(places), 'image')} of {part}"
            yield f"{count} stand{'s' * (len(places) == 1)} in {early} too: {names}; remove them from one of the two"
        cut = self.parts[0]
        spare = sum(max(sum(self.images[i].part == cut for i in group) - 1, 0) for group in self.groups)
        if spare and "val" not in self.parts:
            of = "" if cut == "all" else f" of {cut}"
            yield (
                f"{count_of(spare, 'image')}{of} {'is a copy' if spare == 1 else 'are copies'} of others: "
                "a split could put them on both sides; keep one of each"
            )
        for group in self.conflicts[:_NAMED]:
            names = join_names([self.images[i].path for i in group], _NAMED)
            yield f"the same picture stands in two classes: {names}; keep it in the right one"
        if len(self.conflicts) > _NAMED:
            yield f"{count_of(len(self.conflicts) - _NAMED, 'more picture')} in two classes, all of them in --json"

    def results(self) -> dict[str, Any]:
        """All figures, for JSON."""

        def paths(places: Sequence[int]) -> list[str]:
            return [self.images[i].path for i in places]

        return {
            "folder": str(self.root),
            "images": len(self.images),
            "sound": self.sound,
            "verdict": self.verdict,
            "training": dict(self.training) or None,
            "warnings": self.warnings(),
            "parts": {
                part: {"images": sum(row.values()), "classes": row, "largest_to_smallest": self.ratio(part)}
                for part, row in self.counts.items()
            },
            "sizes": self.sizes(),
            "broken": [{"path": path, "reason": reason} for path, reason in self.broken.items()],
            "others": list(self.others),
            "missing": self.missing,
            "leaks": [{"part": part, "in": early, "images": paths(places)} for (part, early), places in self.leaks.items()],
            "two_classes": [paths(group) for group in self.conflicts],
            "duplicates": [
                {
                    "first": self.paths(pair)[0],
                    "second": self.paths(pair)[1],
                    "kind": pair.kind,
                    "correlation": round(pair.correlation, 4),
                }
                for pair in self.pairs
            ],
        }


def check(root: Path) -> Check:
    """Reads every picture of a folder once, and those twice that may be the same.

    Raises   InputError if the folder has no pictures
    """
    source, refusal = scan_for_training(root)
    trees = trees_of(source) if source else folder.parts(root)
    places = [
        (posix_path(tree.root.relative_to(root) / name), part, tree.classes[label])
        for part, tree in trees.items()
        for name, label in zip(tree.names, tree.labels.tolist(), strict=True)
    ]
    images, broken = [], {}
    infos = decode.map_pictures(root, [path for path, _, _ in places], picture_info, f"looking at {root.name}")
    for (path, part, label), info in zip(places, infos, strict=True):
        if isinstance(info, Unreadable):
            broken[path] = str(info)
        else:
            images.append(Image(path, part, label, info))
    others = tuple(posix_path(tree.root.relative_to(root) / name) for tree in trees.values() for name in tree.others)
    classes = tuple(sorted({label for tree in trees.values() for label in tree.classes}))
    pairs = sorted(find_copies(root, images), key=lambda pair: sort_key(pair, images))
    about = (source.notes, source.unused) if source else ((), False)
    return Check(
        root,
        tuple(trees),
        classes,
        tuple(images),
        broken,
        others,
        tuple(pairs),
        images_for_training(root, source, broken),
        refusal,
        *about,
    )


def sort_key(pair: Pair, images: Sequence[Image]) -> tuple[bool, bool, float, int]:
    """Sorts pairs in two parts before those in two classes, and these before the rest; the most alike first."""
    a, b = images[pair.first], images[pair.second]
    return a.part == b.part, a.label == b.label, -pair.correlation, pair.first


def posix_path(path: PurePath) -> str:
    """A path with slashes on every system."""
    return path.as_posix()
