"""A picture or film from an address, fetched only where that was asked for, within limits of size and time."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from ..data.film import is_film
from ..data.picture_file import first_bytes, kind_of
from ..errors import InputError
from ..files import is_address, writing_to
from ..offline import offline
from ..weights.download import CHUNK, NetworkError, Redirects, is_safe

MOST_BYTES = 256 << 20
MOST_SECONDS = 120.0
STALL = 20.0  # seconds without a byte


def check_address(address: str, fetch: bool) -> None:
    """Raises InputError for an address that is not to be fetched, or over a connection that anyone may change."""
    if not fetch:
        raise InputError(f"{address} is an address, and addresses are not fetched unless asked for: add --fetch")
    if offline():
        raise InputError(f"CONVATLAS_OFFLINE forbids fetching {address}: give a file")
    if not is_safe(address):
        raise InputError(f"--fetch needs an address that begins with https://, got {address}")


def fetch_picture(address: str, into: Path) -> Path:
    """The file, told by its content to be a picture or a film.

    Raises   InputError if it is neither, or larger than 256 MiB; NetworkError if the server or the network refuses
    """
    request = Request(address, headers={"User-Agent": "convatlas", "Accept-Encoding": "identity"})  # noqa: S310 - checked
    started = time.monotonic()
    try:
        with build_opener(Redirects).open(request, timeout=STALL) as answer, writing_to(into), into.open("xb") as file:
            length = str(answer.headers.get("Content-Length", ""))
            size = int(length) if length.isdecimal() else 0
            check_size(address, size)
            while chunk := answer.read1(CHUNK):
                file.write(chunk)
                check_size(address, file.tell())
                if time.monotonic() - started > MOST_SECONDS:
                    raise NetworkError(f"{address} takes longer than {MOST_SECONDS:.0f} seconds: fetch it yourself")
            if file.tell() < size:
                raise NetworkError(f"{address} ended after {file.tell():,} of {size:,} bytes: try again")
    except HTTPError as error:
        error.close()
        raise NetworkError(f"cannot fetch {address}: the server answers {error.code} {error.reason}") from None
    except (URLError, TimeoutError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise NetworkError(f"cannot fetch {address}: {getattr(error, 'reason', None) or error}") from None
    head = first_bytes(into)
    if kind_of(head) is None and not is_film(into):
        page = head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml"))
        what = "a web page" if page else "neither a picture nor a film"
        raise InputError(f"{address} is {what}: give the address of the picture itself")
    return into


def check_size(address: str, size: int) -> None:
    """Raises InputError for more bytes than are fetched."""
    if size > MOST_BYTES:
        raise InputError(f"{address} has more than {MOST_BYTES >> 20} MiB: fetch it yourself, and give the file")


def fetch_all(words: Sequence[str], fetch: bool, folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The paths that words name, those of addresses fetched into a folder, and the address of each of these.

    Raises   InputError, NetworkError
    """
    for word in words:
        if is_address(word):
            check_address(word, fetch)
    files = {word: folder / str(i) for i, word in enumerate(words) if is_address(word)}
    for address, file in files.items():
        fetch_picture(address, file)
    return [files.get(word) or Path(word) for word in words], {file: address for address, file in files.items()}
