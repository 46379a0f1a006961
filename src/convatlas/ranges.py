"""Ranges as data: a field says what it may be, one check holds it to that, and help prints it."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

from .errors import InputError

_LARGE = 2**20  # powers of two from here on are printed as such


@dataclass(frozen=True, slots=True)
class Range:
    """Between which finite numbers a value has to be; None is no limit."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def text(self) -> str:
        """The same as a sentence."""
        return f"{str(self).capitalize()}."

    def __str__(self) -> str:
        limits = ((f.name.replace("_", " "), getattr(self, f.name)) for f in fields(self))
        return " and ".join(f"{word} {_number(limit)}" for word, limit in limits if limit is not None)


def within(**limits: float) -> dict[str, Range]:
    """The metadata of a dataclass field whose value, where it is not None, has to be in a range."""
    return {"range": Range(**limits)}


def limited_field(default: Any, **limits: float) -> Any:
    """A dataclass field with a default and a range."""
    return field(default=default, metadata=within(**limits))


def range_of(owner: Any, name: str) -> Range:
    """The range of a field of a dataclass."""
    return next(f.metadata["range"] for f in fields(owner) if f.name == name)


def check_ranges(value: Any, label: Callable[[str], str] = lambda name: name.replace("_", " ")) -> None:
    """Holds each field of a dataclass to its range; `label` is what an error calls a field by.

    Raises   InputError that names the field, the range and the value
    """
    for f in fields(value):
        number, allowed = getattr(value, f.name), f.metadata.get("range")
        if allowed and number is not None and number not in allowed:
            raise InputError(f"{label(f.name)} needs to be {allowed}, got {number}")


def _number(limit: float) -> str:
    whole = int(limit)
    return f"2^{whole.bit_length() - 1}" if whole >= _LARGE and whole & (whole - 1) == 0 else f"{limit:g}"
