"""The names of classes where no data set brings them."""

from pathlib import Path

from ..errors import InputError


def number_classes(count: int) -> tuple[str, ...]:
    """Names for classes of which nothing but their number is known."""
    return tuple(f"class {i}" for i in range(count))


def read_classes(path: Path, count: int) -> tuple[str, ...]:
    """The classes that a file names, one per line.

    Raises   InputError if it cannot be read or has another number of lines
    """
    try:
        names = tuple(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--classes needs a text file with one name per line, but {path} cannot be read ({error})") from None
    if len(names) != count:
        raise InputError(f"--classes needs one line for each of the {count} classes, but {path} has {len(names)}")
    return names
