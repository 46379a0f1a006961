"""Which files a run was trained, validated and tested on, so that it finds these again when their folder has changed."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, count_of, join_names
from .arrays import Labels
from .folder import Folder, Tree
from .walk import local_name, plain_name, portable_name

FORMAT = 1
PARTS = ("train", "val", "test")
GONE = -1  # bytes of a file that is not there
_NAMED = 3


class ListedFile(NamedTuple):
    """A file by its path below the folder, with its part, its class or its classes, its size in bytes and its group."""

    part: str  # train, val or test
    path: str
    label: int | list[int]
    size: int
    group: str | None


@dataclass(frozen=True, eq=False)
class FileList:
    """The files of a run in the order in which they were found, and what else is needed to open them alone."""

    classes: tuple[str, ...]
    channels: int
    images: int  # that there were, those that were not used among them
    files: tuple[ListedFile, ...]

    @classmethod
    def of(cls, source: Folder, parts: Mapping[str, tuple[Path, Sequence[str]]], channels: int) -> "FileList":
        """The list of images that were divided into parts, each with the root and the names of its files."""
        part_of = {root / name: part for part, (root, names) in parts.items() for name in names}
        trees = [tree for tree in (source.train, source.val, source.test) if tree is not None]
        rows = [
            ListedFile(
                part_of[path],
                portable_name(Path(os.path.relpath(path, source.place)).as_posix()),
                plain_label(tree.labels[i]),
                size_of(path),
                None if tree.groups is None else str(tree.groups[i]),
            )
            for tree in trees
            for i, path in enumerate(tree.root / name for name in tree.names)
            if path in part_of
        ]
        place = {path: at for at, path in enumerate(source.order)}
        rows.sort(key=lambda file: place.get(file.path, 0))
        return cls(source.train.classes, channels, sum(len(tree.names) for tree in trees), tuple(rows))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FileList":
        """The list that `to_text` wrote.

        Raises   KeyError, TypeError or ValueError if it is none
        """
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}")
        rows = tuple(ListedFile(*row) for row in values["files"])
        return cls(tuple(map(str, values["classes"])), int(values["channels"]), int(values["images"]), rows)

    def to_text(self) -> str:
        """JSON with one line per file."""
        head = {"format": FORMAT, "digest": self.digest, "images": self.images, "channels": self.channels}
        rows = ",\n".join(json.dumps(file) for file in self.files)
        return f'{json.dumps(head | {"classes": self.classes})[:-1]}, "files": [\n{rows}\n]}}\n'

    @cached_property
    def digest(self) -> str:
        """A hash that differs if a file has another name, part, class or size."""
        return hashlib.sha256(json.dumps([self.classes, self.files]).encode()).hexdigest()

    def find(self, root: Path, read: Callable[[], Folder]) -> "FoundFiles":
        """Which of the files are below a folder as they were; `read` reads all that there is now."""
        rows = [(file, size_of(root / local_name(file.path))) for file in self.files]
        gone = tuple(file for file, size in rows if size == GONE)
        changed = tuple(file for file, size in rows if size not in (GONE, file.size))
        return FoundFiles(root, self, tuple(file for file, size in rows if size == file.size), gone, changed, read)

    def labels_of(self, files: Sequence[ListedFile]) -> Labels:
        """The classes of some of the files.

        Shapes   → (n,), or (n, classes) of 0 and 1 where images have several
        """
        if not any(isinstance(file.label, list) for file in self.files):
            return np.array([file.label for file in files], np.int64)
        table = np.zeros((len(files), len(self.classes)), np.int64)
        for row, file in zip(table, files, strict=True):
            row[file.label] = 1
        return table


class KeptFiles(NamedTuple):
    """The files of an earlier run that are to be taken in place of all that there are."""

    files: FileList
    pool: bool = False  # divide those of training and validation into folds anew
    complete: bool = False  # refuse unless all of these are there


@dataclass(frozen=True, eq=False)
class FoundFiles:
    """What has become of the files of a list."""

    root: Path
    listed: FileList
    there: tuple[ListedFile, ...]
    gone: tuple[ListedFile, ...]
    changed: tuple[ListedFile, ...]  # of another size
    read: Callable[[], Folder]

    def folder(self, *, pool: bool = False, complete: bool = False) -> Folder:
        """The files that are there, in their parts; with `pool`, training and validation images in one.

        Raises   InputError if none is there, or if all of these have to be and are not
        """
        if not self.there:
            raise InputError(
                f"{self.root} holds none of the {count_of(len(self.listed.files), 'image')} that the run was trained and "
                f"tested on, such as {self.listed.files[0].path}: if they were moved, name their folder with --data"
            )
        if complete:
            self.check_complete()

        def tree(*parts: str) -> Tree | None:
            files = [file for file in self.there if file.part in parts]
            names = tuple(str(Path(local_name(file.path))) for file in files)
            groups = np.array([file.group for file in files], np.str_) if files and files[0].group is not None else None
            labels = self.listed.labels_of(files)
            return Tree(self.root, self.listed.classes, names, labels, (), groups) if files or "train" in parts else None

        train = tree("train", "val") if pool else tree("train")
        if train is None:
            raise TypeError("a training part is never None")
        val, test = None if pool else tree("val"), tree("test")
        order = tuple(file.path for file in self.there)
        return Folder(train, val, test, False, self.words(), False, self.listed.channels, self.root, order)

    def words(self) -> tuple[str, ...]:
        """What has changed since the run began, in a sentence, if anything has."""
        classes, images = self.now()
        before = self.listed.classes
        new = images - (self.listed.images - len(self.gone))
        kinds = (
            [f"{len(classes)} classes now, {len(before)} then"]
            if {*map(plain_name, classes)} != {*map(plain_name, before)}
            else []
        )
        kinds += [f"{count_of(new, 'new image')}, not used"] if new > 0 else []
        kinds += [f"{count_of(len(self.gone), 'image')} gone ({first_names(self.gone)})"] if self.gone else []
        other = f"{count_of(len(self.changed), 'image')} with other contents, not used ({first_names(self.changed)})"
        kinds += [other] if self.changed else []
        return (f"{self.root} has changed since the run began: {'; '.join(kinds)}",) if kinds else ()

    def now(self) -> tuple[tuple[str, ...], int]:
        """The classes and the number of images that there are now, whether or not they were listed."""
        try:
            source = self.read()
        except InputError:  # it could not be trained on as it is now
            return self.listed.classes, 0
        trees = [tree for tree in (source.train, source.val, source.test) if tree is not None]
        return source.train.classes, sum(len(tree.names) for tree in trees)

    def check_complete(self) -> None:
        """Raises InputError unless all training and validation images are there, as the run needs them to go on."""
        lost = [file for file in (*self.gone, *self.changed) if file.part != "test"]
        if lost:
            raise InputError(
                f"{count_of(len(lost), 'image')} of {self.root} that the run learns from or is validated on "
                f"{'is' if len(lost) == 1 else 'are'} gone or changed ({first_names(lost)}): restore them, or start a new run"
            )


def first_names(files: Sequence[ListedFile]) -> str:
    """The first paths and how many more there are."""
    return join_names([file.path for file in files], _NAMED)


def plain_label(label: Any) -> int | list[int]:
    """The number of a class; of a row of 0 and 1 the numbers of all that are 1."""
    return np.flatnonzero(label).tolist() if np.ndim(label) else int(label)


def size_of(path: Path) -> int:
    """Bytes of a file; GONE if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return GONE
