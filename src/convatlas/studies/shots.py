"""What is predicted one after the other: picture files, and the frames of films and cameras."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from ..data.film import Camera, count_stills, is_film, stills
from ..data.picture_file import Unreadable
from ..errors import InputError

EVERY = 1.0  # seconds between the frames of a film


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, or why there is none; a frame has the time at which it is shown, in seconds."""

    name: Path | str
    picture: Path | Image.Image | None
    time: float | None = None
    error: str = ""


def has_frames(source: Path | Camera) -> bool:
    """Whether it is a film or a camera."""
    return isinstance(source, Camera) or is_film(source)


def shots(sources: Sequence[Path | Camera], every: float = EVERY, most: int | None = None) -> Iterator[Shot]:
    """The pictures, and of each film at most `most` frames, one every so many seconds."""
    for source in sources:
        if isinstance(source, Path) and not is_film(source):
            yield Shot(source, source)
            continue
        name = source if isinstance(source, Path) else str(source)
        try:
            for still in islice(stills(source, every), most):
                yield Shot(name, still.picture, still.time)
        except Unreadable as error:
            yield Shot(name, None, error=str(error))


def count_shots(sources: Sequence[Path | Camera], every: float = EVERY, most: int | None = None) -> int:
    """About how many there will be."""
    counts = [count_stills(source, every) if has_frames(source) else 1 for source in sources]
    return sum(min(count, most) if most else count for count in counts)


def cameras(number: int | None, most: int | None, *, collected: bool) -> list[Path | Camera]:
    """The camera of that number, if there is one.

    Raises   InputError if its frames are to be collected until its end, which a camera has none of
    """
    if number is None:
        return []
    if collected and most is None:
        raise InputError("--camera never ends, and --json and --csv wait for the end: add --frames N, or take --csv -")
    return [Camera(number)]


def check_frames(sources: Sequence[Path | Camera], every: object, most: object) -> bool:
    """Whether there are frames among the sources.

    Raises   InputError if flags that are for frames are given and there are none
    """
    timed = any(map(has_frames, sources))
    for flag, value in (("--every", every), ("--frames", most)):
        if value is not None and not timed:
            raise InputError(f"{flag} is for films and cameras, and there is none: leave it out")
    return timed
