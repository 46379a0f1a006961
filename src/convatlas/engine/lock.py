"""One process at a time works in a folder; a second one is told which process that is."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar

from filelock import FileLock, Timeout

from ..errors import ConvAtlasError
from ..files import writing_to
from .stop import explaining_full_disk

LOCK, HOLDER = ".lock", ".holder"
PATIENCE = 15.0  # seconds in which the workers of a process that was killed notice it and let go


class InUse(ConvAtlasError):
    """Another process works in the folder."""


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keeps other processes out of an existing folder for as long as the block runs.

    The system takes the lock from a process that ends in any way, so a crash leaves none.

    Raises   InUse that names the process that holds it
    """
    lock = FileLock(folder / LOCK)
    with writing_to(folder):
        acquire(lock, folder)
        (folder / HOLDER).write_text(json.dumps({"process": os.getpid(), "host": platform.node()}), encoding="utf-8")
    try:
        yield
    finally:
        for name in (HOLDER, LOCK):  # before the lock is free: else it could be another process's
            with suppress(OSError):  # Windows keeps what is open
                (folder / name).unlink()
        lock.release()


class HasFolder(Protocol):
    """Something that works in a folder of its own."""

    folder: Path
    command_name: str


Worker = TypeVar("Worker", bound=HasFolder)
Item = TypeVar("Item")


def hold_own_folder(work: Callable[[Worker], Iterator[Item]]) -> Callable[[Worker], Iterator[Item]]:
    """A method that tells what it does, holds its object's folder meanwhile, and says how to go on after a full disk.

    Raises   InUse as `hold_folder`, DiskFull
    """

    @wraps(work)
    def work_alone(worker: Worker) -> Iterator[Item]:
        with explaining_full_disk(worker.folder, worker.command_name), hold_folder(worker.folder):
            yield from work(worker)

    return work_alone


def acquire(lock: FileLock, folder: Path) -> None:
    """Takes the lock; that of a process that is no more may still be held by its workers, for some seconds.

    Raises   InUse
    """
    try:
        lock.acquire(0)
    except Timeout:
        holder = read_holder(folder)
        if not has_died(holder):
            raise in_use(folder, holder) from None
        try:
            lock.acquire(PATIENCE)
        except Timeout:
            raise in_use(folder, holder) from None


def read_holder(folder: Path) -> dict[str, Any]:
    """The process and the host that hold a folder, as far as they are known."""
    try:
        return dict(json.loads((folder / HOLDER).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):  # it has only just begun, or ended
        return {}


def has_died(holder: dict[str, Any]) -> bool:
    """Whether the process that holds a folder was one of this host and is no more."""
    process = holder.get("process")
    if os.name != "posix" or holder.get("host") != platform.node() or not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    return False


def in_use(folder: Path, holder: dict[str, Any]) -> InUse:
    """The error that names the process."""
    process = f"process {holder['process']} on {holder['host']}" if {"process", "host"} <= holder.keys() else "another process"
    return InUse(f"{folder} is in use by {process}: wait until it has ended or stop it, or choose another --out")
