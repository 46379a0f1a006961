"""Where published weights lie: a folder of files, each checked against its hash, fetched when first needed."""

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
from .bar import bar
from .checkpoints import MIB, Checkpoint, find
from .download import PATIENCE, NetworkError, Part, Patience, Watch, download, safe, silent

POLL = 0.2  # seconds between looks at what another process fetches


def folder() -> Path:
    """`weights` in CONVATLAS_CACHE, or in the user's cache folder."""
    return cache("CONVATLAS_CACHE", "convatlas") / "weights"


def cache(variable: str, name: str) -> Path:
    """The folder that a variable names, or a program's own in the user's cache folder."""
    if named := os.environ.get(variable):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / name


def path(checkpoint: Checkpoint) -> Path:
    """Where a file lies once it is fetched."""
    return folder() / checkpoint.file


def held(checkpoint: Checkpoint) -> list[Path]:
    """Where a file lies now, whole or not: in our folder, in torch hub's."""
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
    if not safe(mirror):
        raise InputError(f"CONVATLAS_MIRROR needs an address that begins with https://, got {mirror!r}")
    return mirror.rstrip("/") + urlsplit(checkpoint.url).path


def offline() -> bool:
    """Whether CONVATLAS_OFFLINE forbids the network."""
    return os.environ.get("CONVATLAS_OFFLINE", "").lower() not in ("", "0", "no", "false", "off")


def fetch(checkpoint: Checkpoint, watch: Watch = silent, patience: Patience = PATIENCE) -> Path:
    """The file, whole and checked; fetched first if neither our folder nor torch hub's has it.

    What a broken connection has brought stays beside it as `.part`, and the next call goes on from there. Several
    processes may ask for the same file: one fetches it, the others wait.

    Raises   InputError if it would have to be fetched while CONVATLAS_OFFLINE forbids that; ConvAtlasError if the network,
             the server or the disk refuses, or if what came is another file
    """
    for place in held(checkpoint):
        if is_whole(place, checkpoint):
            return place
    target = path(checkpoint)
    if offline():
        state = f"{target} is broken" if target.is_file() else f"{checkpoint.file} is not in {target.parent}"
        raise InputError(f"{state}, and CONVATLAS_OFFLINE forbids to fetch it: {by_hand(checkpoint)}")
    url = address(checkpoint)
    logging.getLogger(__name__).info("fetching %s into %s", url, target.parent)
    make_folder(target.parent)
    part = target.with_name(f"{target.name}.part")
    with locked(part, checkpoint, watch):
        if target.is_file() and is_whole(target, checkpoint):  # another process was quicker
            return target
        with writing_to(part), Part(part) as growing:
            make_room(growing, checkpoint)
            try:
                download(url, growing, checkpoint, watch, patience)
            except NetworkError as error:
                raise NetworkError(f"{error}. Or {by_hand(checkpoint)}") from None
            os.fsync(growing.file.fileno())
        with writing_to(target):
            part.replace(target)
    return target


def by_hand(checkpoint: Checkpoint) -> str:
    """What to do without a network."""
    return f"put {checkpoint.url} ({checkpoint.mebibytes:,.1f} MiB) as {checkpoint.file} into {folder()}"


def make_room(part: Part, checkpoint: Checkpoint) -> None:
    """Raises ConvAtlasError if the disk has no room for what is still to come."""
    where = part.path.parent
    needed, free = checkpoint.size - part.size, shutil.disk_usage(where).free
    if needed > free:
        raise ConvAtlasError(
            f"{checkpoint.file} needs {needed / MIB:,.0f} MiB more in {where}, which has {free / MIB:,.0f} MiB left: "
            "free some space, or name another folder with CONVATLAS_CACHE"
        )


@contextmanager
def locked(part: Path, checkpoint: Checkpoint, watch: Watch) -> Iterator[None]:
    """For one process at a time; while another one fetches, shows how far that is."""
    lock = FileLock(part.with_name(f".{checkpoint.file}.lock"))
    while not lock.is_locked:
        try:
            with writing_to(part):
                lock.acquire(POLL)
        except Timeout:
            here = part.stat().st_size if part.exists() else 0
            watch(here, checkpoint.size, "another process fetches it")
    try:
        yield
    finally:
        lock.release()


def source(name: str, weights: str | Path) -> Path:
    """What `weights` means for a network: a file or run folder if it is one, otherwise the published file of that tag.

    A file that has to be fetched shows a bar on a terminal.

    Raises   InputError if there is neither; what `fetch` raises
    """
    if is_place(weights):
        return Path(weights)
    checkpoint = find(name, str(weights))
    with bar(checkpoint.file) as watch:
        return fetch(checkpoint, watch)


def is_place(weights: str | Path) -> bool:
    """Whether it is a file or a run folder, or at least written as a path: tags have neither separators nor suffixes."""
    place = Path(weights)
    written = isinstance(weights, Path) or bool(place.suffix) or len(place.parts) != 1
    return written or place.is_file() or (place / "model.safetensors").is_file()
