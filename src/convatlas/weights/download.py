"""One file over HTTPS: tried again where the network fails, continued where it stopped, accepted only if its hash is right."""

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import ConvAtlasError
from ..files import writing_to

Watch = Callable[[int, int, str], None]  # bytes so far, bytes in all as published, why it waits

CHUNK = 1 << 18
ENOUGH = 1 << 20  # bytes; an attempt that brings as many does not count as failed
AGAIN = (408, 425, 429)  # status codes worth another attempt, beside the server's own failures from 500


class Wanted(Protocol):
    """What `download` needs to know of a file."""

    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a network: `tries` is the number of attempts in a row that bring next to nothing.

    Units    stall and pause in seconds
    """

    stall: float = 30.0  # without a byte, until the connection counts as dead
    tries: int = 5
    pause: float = 0.5  # before the second attempt; doubled before each further one


PATIENCE = Patience()


class NetworkError(ConvAtlasError):
    """The network failed, the server refused, or it sent another file."""


class Interrupted(Exception):
    """The download stopped for a reason that may pass: it is worth another attempt."""


def ignore_progress(_here: int, _size: int, _note: str) -> None:
    """A `Watch` that shows nothing."""


def is_safe(url: str) -> bool:
    """Whether nobody can change the file on its way: https, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))


class Redirects(HTTPRedirectHandler):
    """Follows only to safe addresses."""

    def redirect_request(  # noqa: PLR0917  # the standard library's signature
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not is_safe(newurl):
            fp.close()
            raise NetworkError(f"{req.full_url} leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Part:
    """The beginning of a file and its hash so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("a+b", buffering=0)
        self.file.seek(0)
        self.sha256, self.size = hashlib.sha256(), 0
        while chunk := self.file.read(CHUNK):
            self.sha256.update(chunk)
            self.size += len(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()

    def write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:  # a disk that fills takes a piece first and refuses only the next one
            with writing_to(self.path):
                taken = self.file.write(left)
            self.sha256.update(left[:taken])
            self.size += taken
            left = left[taken:]

    def restart(self) -> None:
        self.file.truncate(0)
        self.sha256, self.size = hashlib.sha256(), 0


def download(url: str, part: Part, wanted: Wanted, watch: Watch, patience: Patience) -> None:
    """Fills the part until its hash is the wanted one.

    Raises   NetworkError if the server refuses, stops sending, or sends another file; ConvAtlasError if the disk is full
    """
    failures, furthest = 0, part.size
    while not part.sha256.hexdigest().startswith(wanted.sha256):
        try:
            attempt(url, part, wanted, watch, patience.stall)
        except Interrupted as reason:
            gained, furthest = part.size - furthest, max(part.size, furthest)
            failures = 1 if gained >= ENOUGH else failures + 1
            if failures >= patience.tries:
                rest = f"; {part.size:,} bytes are kept, and the same command continues from there" if part.size else ""
                raise NetworkError(f"cannot fetch {url}: {reason}, {failures} times in a row{rest}") from None
            watch(part.size, wanted.size, f"{reason}, trying again")
            time.sleep(patience.pause * 2 ** (failures - 1))


def attempt(url: str, part: Part, wanted: Wanted, watch: Watch, stall: float) -> None:
    """One connection: continues at the end of the part, or starts over if the server cannot continue.

    Raises   Interrupted if another attempt may help; NetworkError if none will
    """
    most = wanted.size + wanted.size // 8 + ENOUGH  # published sizes are rounded
    headers = {"User-Agent": "convatlas", "Accept-Encoding": "identity"}
    resumed = part.size
    if resumed:
        headers["Range"] = f"bytes={resumed}-"
    with sort_errors(url, part):
        answer = build_opener(Redirects).open(Request(url, headers=headers), timeout=stall)  # noqa: S310  # `is_safe` has seen it
    with answer:
        if resumed and not is_continuation(answer, resumed):
            part.restart()
            resumed = 0
        length = answer.headers.get("Content-Length", "")
        promised = part.size + int(length) if length.isdecimal() else None
        if promised and promised > most:
            raise NetworkError(f"{url} offers {promised:,} bytes where about {wanted.size:,} are published: another file")
        while True:
            with sort_errors(url, part):
                chunk = answer.read1(CHUNK)
            if not chunk:
                break
            part.write(chunk)
            watch(part.size, wanted.size, "")
            if part.size > most:
                part.restart()
                raise NetworkError(f"{url} does not end where it should, after about {wanted.size:,} bytes: another file")
    check_file(url, part, wanted, promised, resumed=bool(resumed))


def check_file(url: str, part: Part, wanted: Wanted, promised: int | None, *, resumed: bool) -> None:
    """Checks a body that has ended against its hash; a wrong one is deleted.

    Raises   Interrupted if it is cut short; NetworkError if it is another file
    """
    digest, size = part.sha256.hexdigest(), part.size
    if digest.startswith(wanted.sha256):
        return
    if promised and size < promised:
        raise Interrupted(f"the connection ended after {size:,} of {promised:,} bytes")
    part.restart()
    if resumed:
        raise Interrupted("the bytes on disk belong to another file")
    raise NetworkError(
        f"{url} is not the published file: its sha256 is {digest}, which should begin with {wanted.sha256}, "
        f"and its {size:,} bytes should be about {wanted.size:,}"
    )


def is_continuation(answer: Any, size: int) -> bool:
    """Whether the server continues after so many bytes, as requested."""
    return answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {size}-")


@contextmanager
def sort_errors(url: str, part: Part) -> Iterator[None]:
    """Turns errors of the network into `Interrupted`, which may pass, and `NetworkError`, which will not.

    Raises   Interrupted, NetworkError
    """
    try:
        yield
    except HTTPError as error:
        error.close()
        if error.code == 416:
            part.restart()
        elif error.code < 500 and error.code not in AGAIN:
            raise NetworkError(f"cannot fetch {url}: the server answers {error.code} {error.reason}") from error
        raise Interrupted(f"the server answers {error.code} {error.reason}") from error
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise NetworkError(f"cannot fetch {url}: its certificate is refused ({error.reason.verify_message})") from error
        raise Interrupted(f"no connection ({error.reason})") from error
    except TimeoutError as error:
        raise Interrupted("the server has fallen silent") from error
    except (HTTPException, OSError) as error:
        raise Interrupted(f"the connection broke ({str(error) or type(error).__name__})") from error


@contextmanager
def progress_bar(name: str) -> Iterator[Watch]:
    """A progress bar with bytes, speed and time left on standard error, from the first bytes to the end of the block."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}", markup=False, style="dim"),
    )  # fmt: skip
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def watch(done: int, size: int, note: str) -> None:
        if not progress.tasks:
            progress.start()
            progress.add_task(name, total=size, completed=done, note=note)
        progress.update(progress.tasks[0].id, total=max(done, size), completed=done, note=note)

    try:
        yield watch
    finally:
        progress.stop()
