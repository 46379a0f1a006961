"""Files that are either whole or not there: written beside their name, flushed to disk, then renamed."""

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from .errors import ConvAtlasError, InputError, first_line

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file would be larger than this disk allows: choose another one",
    errno.EROFS: "the folder is read-only: choose another one",
    errno.EACCES: "permission denied: choose a folder you may write to",
    errno.EPERM: "permission denied: choose a folder you may write to",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another one",
    errno.ENOENT: "a part of the path does not exist and cannot be made: choose another one",
    errno.EEXIST: "there is a file of that name: choose another one",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}
_DAMAGED = "it is damaged, or from another version"
_SHOWN = 40  # characters of a value
_PICTURES = (".png", ".svg", ".pdf")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/+", re.IGNORECASE)


def is_address(word: str) -> bool:
    """Whether it begins as an address of the web does."""
    return ADDRESS.match(word) is not None


def missing_words(path: Path | str, remedy: str = "") -> str:
    """Why there is no such file or folder, in words, and what to do."""
    if begin := ADDRESS.match(str(path)):
        scheme = begin[0].partition(":")[0]
        return f"{scheme}://{str(path)[begin.end() :]} is an address, and addresses are not fetched: give a file or folder"
    return f"{path} does not exist{f': {remedy}' if remedy else ''}"


class NoRoom(ConvAtlasError):
    """The disk has no room for a file."""


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write into a sentence that names the path and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        kind = NoRoom if error.errno in _FULL else InputError
        raise kind(f"cannot write {path}: {_REMEDIES[error.errno]}") from error


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where missing."""
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def is_occupied(folder: Path) -> bool:
    """Whether a path is a file, or a folder that is not empty."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def check_is_new(path: Path | None, flag: str = "--out") -> None:
    """Checks that a file can be written, before any work is done: nothing is overwritten.

    Raises   InputError if it exists already, or its folder does not, or is read-only
    """
    if path is None:
        return
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} exists and nothing is overwritten: choose another {flag}, or remove it first")
    if not path.absolute().parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist, make it first")
    check_is_writable(path, path.absolute().parent)


def check_are_new(files: Mapping[str, Path | None]) -> None:
    """The same for the files of several flags, which have to differ.

    Raises   InputError as `check_is_new` does, and for one file that two flags name
    """
    flags: dict[Path, str] = {}
    for flag, path in files.items():
        check_is_new(path, flag)
        if path is not None and (other := flags.setdefault(path.absolute(), flag)) != flag:
            raise InputError(f"{other} and {flag} both name {path}: give each its own file")


def check_folder_is_new(folder: Path | None, flag: str = "--out") -> None:
    """Checks that a folder can be made and filled, before any work is done: nothing is overwritten.

    Raises   InputError if it holds anything, is a file, or lies where nothing can be written
    """
    if folder is None:
        return
    if is_occupied(folder):
        raise InputError(f"{folder} is not empty and nothing is overwritten: choose another {flag}, or empty it first")
    check_is_writable(folder, next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists()))


def check_is_writable(path: Path, folder: Path) -> None:
    """Raises InputError if nothing can be written into the folder of a path, NoRoom if its disk is full."""
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: {_REMEDIES[errno.ENOTDIR]}")
    with writing_to(path), TemporaryFile(dir=folder):  # the system's own answer: permission, read-only, full
        pass


def free_path(path: Path) -> Path:
    """The path itself, or the first of path-2, path-3, … that does not exist; the ending of a picture stays the last part."""
    ending = path.suffix if path.suffix in _PICTURES else ""
    stem = path.name.removesuffix(ending)
    return next(one for n in count(1) if not (one := path.with_name(f"{stem}{f'-{n}' * (n > 1)}{ending}")).exists())


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`; it takes that name only if the block ends well: nobody reads half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing_to(path):
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes the whole text or nothing."""
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")  # names that are no text stay


def write_json(path: Path, value: Any) -> None:
    """Writes readable JSON, whole or not at all; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


class JsonObject(dict[str, Any]):
    """An object of a JSON file. A name that it lacks is an error which names the file, since its writer writes all of them.

    Raises   InputError in place of KeyError
    """

    path: Path

    def __missing__(self, name: str) -> Any:
        raise InputError(f"{self.path} lacks {name!r}: {_DAMAGED}")


def read_json(path: Path) -> Any:
    """The value in a JSON file; its objects name the file where they lack something.

    Raises   InputError if the file is missing or is not JSON
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not readable JSON ({first_line(error)}): it may have been cut short; use a fresh folder"
        ) from None


def parse_json(text: str, path: Path) -> Any:
    """The value of a text in JSON that a file holds.

    Raises   ValueError or RecursionError if it is none
    """

    def build(values: dict[str, Any]) -> JsonObject:
        built = JsonObject(values)
        built.path = path
        return built

    return json.loads(text, object_hook=build)


def read_object(path: Path, **kinds: Any) -> JsonObject:
    """The object in a JSON file, with what it needs to hold: a kind, a list of a kind, or a mapping of names to such.

    Raises   InputError if the file is missing, is not JSON, or holds something else
    """
    values = read_json(path)
    check_kind(values, kinds, path, "")
    return values


def check_kind(value: Any, kind: Any, path: Path, name: str) -> None:
    """Checks a part of what a JSON file holds.

    Raises   InputError that names the file, the part and what it needs to be
    """
    if isinstance(kind, dict):
        if not isinstance(value, JsonObject):
            raise InputError(f"{path} needs {f'{name} to be ' * bool(name)}an object, got {shown(value)}: {_DAMAGED}")
        for key, inner in kind.items():
            check_kind(value[key], inner, path, key)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise InputError(f"{path} needs {name} to be a list, got {shown(value)}: {_DAMAGED}")
        for one in value:
            check_kind(one, kind[0], path, f"each of {name}")
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{path} holds {shown(value)} as {name}: {_DAMAGED}")


def shown(value: Any) -> str:
    """A value as an error repeats it."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
