"""The cache of published weights: a folder of files, each checked against its hash, fetched on first use."""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from ..errors import ConvAtlasError, InputError
from ..files import make_folder, writing_to
from ..offline import offline
from .checkpoints import MIB, Checkpoint, find
from .download import PATIENCE, NetworkError, Part, Patience, Watch, download, ignore_progress, is_safe, progress_bar
from .formats import STORED, split_entry

POLL = 0.2  # seconds between attempts while another process fetches the file


def folder() -> Path:
    """`weights` in CONVATLAS_CACHE, or in the user's cache folder."""
    return cache("CONVATLAS_CACHE", "convatlas") / "weights"


def cache(variable: str, name: str) -> Path:
    """The folder that an environment variable names, or a program's own in the user's cache folder."""
    if place := os.environ.get(variable):
        return Path(place).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / name


def path(checkpoint: Checkpoint) -> Path:
    """Where a file is stored once it is fetched."""
    return folder() / checkpoint.file


def copies_on_disk(checkpoint: Checkpoint) -> list[Path]:
    """The copies of a file on this disk, whole or broken: in our folder, in torch hub's."""
    places = (path(checkpoint), cache("TORCH_HOME", "torch") / "hub" / "checkpoints" / checkpoint.file)
    return [place for place in places if place.is_file()]


def digest(place: Path) -> str:
    """The sha256 of a file."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(place: Path, checkpoint: Checkpoint) -> bool:
    """Whether a file is the published one, by its hash."""
    try:
        return digest(place).startswith(checkpoint.sha256)
    except OSError:  # gone since, or not ours to read: another place may have it
        return False


def address(checkpoint: Checkpoint) -> str:
    """The URL to fetch from: the published one, or its path below CONVATLAS_MIRROR.

    Raises   InputError if the mirror is not reached by https
    """
    mirror = os.environ.get("CONVATLAS_MIRROR")
    if not mirror:
        return checkpoint.url
    if not is_safe(mirror):
        raise InputError(f"CONVATLAS_MIRROR needs an address that begins with https://, got {mirror!r}")
    return mirror.rstrip("/") + urlsplit(checkpoint.url).path


def fetch(checkpoint: Checkpoint, watch: Watch = ignore_progress, patience: Patience = PATIENCE) -> Path:
    """The file, whole and checked; fetched first if neither our folder nor torch hub's has it.

    After a broken connection the bytes so far stay beside it as `.part`, and the next call continues from there. Several
    processes may need the same file: one fetches it, the others wait.

    Raises   InputError if it would have to be fetched while CONVATLAS_OFFLINE forbids that; ConvAtlasError if the network,
             the server or the disk refuses, or if the server sends another file
    """
    for place in copies_on_disk(checkpoint):
        if is_whole(place, checkpoint):
            return place
    target = path(checkpoint)
    if offline():
        state = f"{target} is broken" if target.is_file() else f"{checkpoint.file} is not in {target.parent}"
        raise InputError(f"{state}, and CONVATLAS_OFFLINE forbids fetching it: {by_hand(checkpoint)}")
    url = address(checkpoint)
    logging.getLogger(__name__).info("fetching %s into %s", url, target.parent)
    make_folder(target.parent)
    part = target.with_name(f"{target.name}.part")
    with acquire_lock(part, checkpoint, watch):
        if target.is_file() and is_whole(target, checkpoint):  # another process was quicker
            return target
        with writing_to(part), Part(part) as partial:
            check_room(partial, checkpoint)
            try:
                download(url, partial, checkpoint, watch, patience)
            except NetworkError as error:
                raise NetworkError(f"{error}. Or {by_hand(checkpoint)}") from None
            os.fsync(partial.file.fileno())
        with writing_to(target):
            part.replace(target)
    return target


def by_hand(checkpoint: Checkpoint) -> str:
    """How to get the file without a network, as an instruction."""
    return f"put {checkpoint.url} ({checkpoint.mebibytes:,.1f} MiB) as {checkpoint.file} into {folder()}"


def check_room(part: Part, checkpoint: Checkpoint) -> None:
    """Checks that the disk has room for the rest of a file.

    Raises   ConvAtlasError if it has not
    """
    where = part.path.parent
    needed, free = checkpoint.size - part.size, shutil.disk_usage(where).free
    if needed > free:
        raise ConvAtlasError(
            f"{checkpoint.file} needs {needed / MIB:,.0f} MiB more in {where}, which has {free / MIB:,.0f} MiB left: "
            "free some space, or name another folder with CONVATLAS_CACHE"
        )


@contextmanager
def acquire_lock(part: Path, checkpoint: Checkpoint, watch: Watch) -> Iterator[None]:
    """Runs the block in one process at a time; while another one fetches, shows its progress."""
    lock = FileLock(part.with_name(f".{checkpoint.file}.lock"))
    while not lock.is_locked:
        try:
            with writing_to(part):
                lock.acquire(POLL)
        except Timeout:
            done = part.stat().st_size if part.exists() else 0
            watch(done, checkpoint.size, "another process fetches it")
    try:
        yield
    finally:
        lock.release()


def source(name: str, weights: str | Path) -> Path:
    """The file or run folder that `weights` names, or the published file of the network with that tag.

    A file that has to be fetched shows a progress bar on a terminal.

    Raises   InputError if there is no such file or tag; what `fetch` raises
    """
    if is_place(weights):
        return Path(weights)
    checkpoint = find(name, str(weights))
    with progress_bar(checkpoint.file) as watch:
        return fetch(checkpoint, watch)


def is_place(weights: str | Path) -> bool:
    """Whether it is a file or a run folder, or at least written as a path: tags have neither separators nor suffixes."""
    place = split_entry(weights)[0]
    looks_like_path = isinstance(weights, Path) or bool(place.suffix) or len(place.parts) != 1
    return looks_like_path or place.is_file() or any((place / name).is_file() for name in STORED)
