"""What code the user allows to be executed: networks that are no part of the catalog stand in files or libraries of others.

A place is `FILE.py:NAME` or `package.module:NAME`. Its code is executed only if the user named it: on the command line, or in
Python with trust_code=True. What a run folder names or keeps is executed only with --trust-code.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FILE = re.compile(r"((?:[A-Za-z]:[\\/])?[^:]+\.py):([A-Za-z_]\w*)(?::(.*))?", re.ASCII | re.DOTALL)
MODULE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+):([A-Za-z_]\w*)(?::(.*))?", re.ASCII | re.DOTALL)


@dataclass(slots=True)
class Trust:
    """What the user allows to be executed in this process."""

    places: set[str] = field(default_factory=set)
    all: bool = False  # the code that any run folder keeps, and whatever it names
    folders: set[Path] = field(default_factory=set)  # the code that these run folders keep
    changed: bool = False  # weights may be loaded though another text made them


TRUST = Trust()


def place_and_rest(name: str) -> tuple[str, str | None] | None:
    """`("mynet.py:Net", "width=32")` for `mynet.py:Net:width=32`; None for a name that is no place of code."""
    match = FILE.fullmatch(name) or MODULE.fullmatch(name)
    return (f"{match[1]}:{match[2]}", match[3]) if match else None


def is_own(name: str) -> bool:
    """Whether a name is a place of code, with or without ablations."""
    return place_and_rest(name) is not None


def allow(name: str) -> None:
    """Lets the code of a place be executed in this process, since the user named it; ablations do not matter."""
    if place := place_and_rest(name):
        TRUST.places.add(place[0])


def allow_named(words: Iterable[str]) -> None:
    """Allows every place that the words of a command line name, also before an @ as in `--teacher PLACE@WEIGHTS`."""
    for word in words:
        for name in (word, word.rpartition("@")[0]):
            allow(name)
