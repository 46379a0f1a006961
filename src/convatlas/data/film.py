"""Films and cameras: frames at even times, each as a picture."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from ..errors import InputError
from .picture_file import Unreadable, check_pixels, first_bytes, kind_of

ENDINGS = frozenset(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .wmv .mts .m2ts .3gp .ogv .flv".split())
EXTRA = "films and cameras need the package av: pip install 'convatlas[video]'"
# Containers that hold their pictures themselves: a play list could name other files and addresses.
_SAFE = {"protocol_whitelist": "file", "format_whitelist": "mov,matroska,avi,mpeg,mpegts,asf,ogg,flv"}
_CAMERAS = {"linux": ("/dev/video{}", "v4l2"), "darwin": ("{}", "avfoundation")}
_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}  # to the left


class Camera(NamedTuple):
    """A camera of this machine by its number."""

    number: int

    def __str__(self) -> str:
        return f"camera {self.number}"


class Still(NamedTuple):
    """A frame of a film, and when it is shown, in seconds from the first one."""

    time: float
    picture: Image.Image


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its first bytes, or by its ending where these say nothing."""
    head = first_bytes(path)
    if kind_of(head):
        return False
    known = head[4:8] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3" or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    return known or path.suffix.lower() in ENDINGS


def stills(film: Path | Camera, every: float) -> Iterator[Still]:
    """The first frame and then one every so many seconds, upright.

    Raises   Unreadable if the film is damaged or has no pictures; InputError without the reader, or for no such camera
    """
    with open_film(film) as container:
        if not container.streams.video:
            raise Unreadable("no pictures in it")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        first, due = None, 0.0
        for frame in container.decode(stream):
            now = time.monotonic() if frame.time is None else frame.time
            first = now if first is None else first
            if now - first >= due - every / 1000:
                due = every * (math.floor((now - first) / every + 1e-3) + 1)
                check_pixels(frame.width * frame.height)
                picture = frame.to_image()
                turn = _TURNS.get(round(frame.rotation) % 360)
                yield Still(now - first, picture if turn is None else picture.transpose(turn))


def count_stills(film: Path | Camera, every: float) -> int:
    """About how many frames `stills` gives; 1 where nobody knows."""
    if isinstance(film, Camera):
        return 1
    try:
        with open_film(film) as container:
            return int((container.duration or 0) / 1e6 / every) + 1
    except Unreadable:
        return 1


@contextmanager
def open_film(film: Path | Camera) -> Iterator[Any]:
    """The container that a film's pictures are decoded from.

    Raises   Unreadable, also for what goes wrong inside the block; InputError without the reader, or for no such camera
    """
    if find_spec("av") is None:
        raise InputError(EXTRA)
    import av

    place, options = camera_place(film.number) if isinstance(film, Camera) else (film, {"options": _SAFE})
    try:
        container = av.open(place, **options)
    except (OSError, ValueError) as error:  # FFmpeg's own errors are of these kinds
        words = getattr(error, "strerror", None) or str(error)
        if isinstance(film, Camera):
            raise InputError(f"{film} cannot be opened ({words}): give the number of another one to --camera") from None
        raise Unreadable(words) from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            raise Unreadable(error.strerror or str(error)) from None


def camera_place(number: int) -> tuple[str, dict[str, Any]]:
    """Where a camera is found, as the reader wants it.

    Raises   InputError on a system whose cameras have no numbers
    """
    if sys.platform not in _CAMERAS:
        raise InputError("--camera works on Linux and macOS: record a film, and give that")
    place, kind = _CAMERAS[sys.platform]
    return place.format(number), {"format": kind}
