"""Walks folders for pictures: each folder once, regular files only; what is left out is remembered, so that it can be told."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, count_of, join_names
from .picture_file import ENDINGS, holds_picture

_LITTER = frozenset({
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "folder.htt", "picasa.ini", "icon\r",
    "__macosx", "temporary items", "network trash folder", "thevolumesettingsfolder",
    "$recycle.bin", "recycler", "recycled", "system volume information", "found.000",
    "@eadir", "@tmp", "@thumb", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",
    "lost+found", "__pycache__",
})  # fmt: skip
_DEEP = 2  # folders below a litter folder in which its pictures lie
_NAMED = 5


def is_litter(name: str) -> bool:
    """Whether a file or folder is what systems, programs and network drives leave: hidden ones, thumbnails, waste bins."""
    return name.startswith(".") or name.casefold() in _LITTER


def plain_name(name: str) -> str:
    """A file's or folder's name as text, the same whatever the locale and however a system writes an accent."""
    return unicodedata.normalize("NFC", portable_name(name))


def portable_name(name: str) -> str:
    """A name that was read in any locale, as one of UTF-8 reads it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def local_name(name: str) -> str:
    """A portable name, as this locale reads it."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def ending_of(name: str) -> str:
    """The ending of a file's name, in small letters."""
    return Path(name).suffix.lower()


@dataclass(slots=True)
class LeftOut:
    """What a walk left out, by paths below its root."""

    root: Path
    litter: list[str] = field(default_factory=list)  # with pictures in it
    links: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)  # pipes, sockets and devices
    closed: list[str] = field(default_factory=list)  # folders that may not be read

    def words(self) -> tuple[str, ...]:
        """A sentence for each kind."""
        kinds = (
            (self.litter, "item", "of a system or program passed over in"),
            (self.links, "link", "to a folder above, or to one that is read already, left out of"),
            (self.special, "file", "that is a pipe, socket or device left out of"),
            (self.closed, "folder", "that may not be read left out of"),
        )
        return tuple(
            f"{count_of(len(names), noun)} {what} {self.root}: {join_names(sorted(names), _NAMED)}"
            for names, noun, what in kinds
            if names
        )


class Walk:
    """A walk through one folder, or through some folders below it; a link to a folder is followed once.

    A link is left out that leads to a folder above, into one of the folders themselves, or where another link has led.
    """

    def __init__(self, root: Path, places: Iterable[Path] = ()) -> None:
        self.root = root
        self.places = [os.path.realpath(place) for place in places] or [os.path.realpath(root)]
        self.followed: list[str] = []
        self.left_out = LeftOut(root)

    def list_folder(self, place: Path, *, enter: bool = True) -> tuple[list[str], list[str]]:
        """The names of the folders, unless they are not to be entered, and of the files in a folder, in order.

        To be asked once of each folder, for a link is followed once.

        Raises   InputError if it may not be read
        """
        try:
            with os.scandir(place) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"cannot read {place}: {error.strerror or error}") from error
        linked = bool(self.followed) and not any(is_below(os.path.realpath(place), own) for own in self.places)
        folders, files = [], []
        for entry in entries:
            if is_litter(entry.name):
                self._note_litter(entry)
            elif is_folder(entry):
                if enter and self._may_enter(entry, linked):
                    folders.append(entry.name)
            elif is_file(entry):
                files.append(entry.name)
            else:
                self.left_out.special.append(path_below(entry.path, self.root))
        return folders, files

    def files(self, place: Path) -> Iterator[str]:
        """The paths of all files below a folder; those in a folder come before those in its sub-folders."""
        try:
            folders, files = self.list_folder(place)
        except InputError:
            self.left_out.closed.append(path_below(place, self.root))
            return
        yield from (str(place / name) for name in files)
        for name in folders:
            yield from self.files(place / name)

    def _may_enter(self, entry: "os.DirEntry[str]", linked: bool) -> bool:
        if not (linked or entry.is_symlink()):
            return True
        real = os.path.realpath(entry.path)
        if entry.is_symlink():
            above = any(is_below(own, real) for own in self.places)
            known = any(is_below(real, own) and not hidden_in(real, own) for own in self.places)
            seen = above or known or any(is_below(real, other) for other in self.followed)
        else:
            seen = real in self.followed
        if seen:
            self.left_out.links.append(path_below(entry.path, self.root))
        elif entry.is_symlink():
            self.followed.append(real)
        return not seen

    def _note_litter(self, entry: "os.DirEntry[str]") -> None:
        if ending_of(entry.name) in ENDINGS if not is_folder(entry) else holds_pictures(entry.path, _DEEP):
            self.left_out.litter.append(path_below(entry.path, self.root))


def path_below(path: str | Path, root: Path) -> str:
    """A path relative to a folder that it lies in."""
    start = f"{root}{os.sep}"
    text = os.fspath(path)
    return text[len(start) :] if text.startswith(start) else os.path.relpath(text, root)


def is_below(path: str, folder: str) -> bool:
    """Whether a real path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def hidden_in(path: str, folder: str) -> bool:
    """Whether a walk through the folder passes over the path."""
    return any(map(is_litter, Path(os.path.relpath(path, folder)).parts)) and path != folder


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def is_file(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a file, a link to one, or a link to nothing, which is then told as an image that cannot be read."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True


def holds_pictures(folder: str, deep: int) -> bool:
    """Whether a picture lies in a folder, at most so many folders down."""
    try:
        with os.scandir(folder) as entries:
            below = []
            for entry in entries:
                if is_folder(entry):
                    below.append(entry.path)
                elif ending_of(entry.name) in ENDINGS:
                    return True
    except OSError:
        return False
    return deep > 0 and any(holds_pictures(path, deep - 1) for path in below)


def others_words(names: Sequence[str], place: Path) -> tuple[str, ...]:
    """A sentence for files that are no pictures, if there are any: how many, their endings and the first names."""
    if not names:
        return ()
    endings = join_names(sorted({ending_of(name) or "no ending" for name in names}), _NAMED)
    count = count_of(len(names), "file")
    return (f"{count} of no image format ({endings}) left out of {place}: {join_names(names, _NAMED)}",)


def walk_pictures(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """The names of all pictures below a folder, relative to it, in order; and a sentence for each kind of what was left out."""
    walk = Walk(root)
    names: list[str] = []
    others: list[str] = []
    for path in walk.files(root):
        (names if holds_picture(Path(path)) else others).append(path_below(path, root))
    return sorted(names), (*others_words(sorted(others), root), *walk.left_out.words())
