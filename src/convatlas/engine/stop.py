"""Why a run ends before its last epoch, each reason with a sentence that says how to go on."""

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ConvAtlasError, explaining_memory
from ..files import NoRoom


class Diverged(ConvAtlasError):
    """The loss is no number any more."""


class Interrupted(ConvAtlasError):
    """The user asked to stop; the state is saved."""

    exit_code = 130

    def __init__(self, where: str, folder: Path, command: str = "train") -> None:
        super().__init__(f"stopped {where}, all saved. Continue with: {resume_command(command, folder)}")
        self.where = where


class DiskFull(NoRoom):
    """The disk has no room for what a run writes; what was written before is kept."""

    def __init__(self, what: str, folder: Path, command: str = "train") -> None:
        super().__init__(f"{what}. Then continue with: {resume_command(command, folder)}")
        self.what = what


def resume_command(command: str, folder: Path) -> str:
    """What goes on with the work in a folder."""
    return f"convatlas {command} --out {shlex.quote(str(folder))} --resume"


@contextmanager
def explaining_full_disk(folder: Path, command: str) -> Iterator[None]:
    """Says how the work in a folder goes on once the disk has room.

    Raises   DiskFull
    """
    try:
        yield
    except NoRoom as error:
        raise DiskFull(error.what if isinstance(error, DiskFull) else str(error), folder, command) from error


@contextmanager
def out_of_memory(batch_size: int, accumulate: int) -> Iterator[None]:
    """Turns every allocator's way of giving up into one sentence with the batch size to try.

    Raises   OutOfMemory in place of the allocator's error
    """
    remedy = "try a smaller network or smaller images"
    if batch_size > 1:
        half = batch_size // 2
        remedy = f"try --batch-size {half} --accumulate {accumulate * batch_size // half}, which takes the same steps"
    with explaining_memory(f"with batches of {batch_size}: {remedy}"):
        yield


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets, so that a step is finished and saved; the second one ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, _: Any) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
