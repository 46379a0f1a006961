"""Files that are either whole or not there: written beside their name, flushed to disk, then renamed."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import ConvAtlasError, InputError

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EFBIG: "the file would be larger than this disk allows: choose another one",
    errno.EROFS: "the folder is read-only: choose another one",
    errno.EACCES: "permission denied: choose a folder you may write to",
    errno.EPERM: "permission denied: choose a folder you may write to",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another one",
    errno.ENOENT: "a part of the path does not exist and cannot be made: choose another one",
    errno.EEXIST: "there is a file of that name: choose another one",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write into a sentence that names the path and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        kind = ConvAtlasError if error.errno in _FULL else InputError
        raise kind(f"cannot write {path}: {_REMEDIES[error.errno]}") from error


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where missing."""
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def is_occupied(folder: Path) -> bool:
    """Whether a path is a file, or a folder that is not empty."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def check_is_new(path: Path) -> None:
    """Checks that a file can be written.

    Raises   InputError if it exists already, or its folder does not
    """
    if path.exists():
        raise InputError(f"{path} is there already: choose another --out, or remove it first")
    if not path.absolute().parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist, make it first")


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
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes readable JSON, whole or not at all; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises   InputError if the file is missing or is not JSON
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not readable JSON ({error}): it may have been cut short; use a fresh folder") from None
