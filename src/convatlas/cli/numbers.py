"""Numbers as they are typed: of the right kind, finite and in their range, or a sentence that names the flag."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cyclopts import Parameter, Token

from ..errors import InputError
from ..ranges import Range

WHOLE, DECIMAL = re.compile(r"[+-]?[0-9]+"), re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
SPAN = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+) *(ms|s|min|)")
SHOWN = 40  # characters of what was typed that an error repeats
FINITE, REPRESENTABLE = Range(), Range(below=2.0**63)  # the second one as a whole number by torch and NumPy


@dataclass(frozen=True, slots=True)
class Number:
    """Turns what was typed into a whole number, or into one with decimals."""

    kind: type  # int or float
    allowed: Range = FINITE
    auto: bool = False  # whether `auto` may stand in its place, which is None

    def __call__(self, _: Any, tokens: Sequence[Token]) -> int | float | None:
        """The number.

        Raises   InputError that names the flag, what it needs and what came
        """
        return None if self.auto and tokens[0].value == "auto" else self.read(tokens[0], tokens[0].value)

    def read(self, token: Token, text: str) -> int | float:
        """One number of a flag.

        Raises   InputError as `__call__` does
        """
        whole = self.kind is int
        if not (WHOLE if whole else DECIMAL).fullmatch(text):
            what = f"a {'whole ' * whole}number{' or auto' * self.auto}"
            raise InputError(f"{name_of(token)} needs to be {what}, got {shorten(text)!r}")
        value = float(text)
        for allowed in (self.allowed, REPRESENTABLE if whole else FINITE):
            if value not in allowed:
                raise InputError(f"{name_of(token)} needs to be {str(allowed) or 'a finite number'}, got {shorten(text)}")
        return int(text) if whole else value


def name_of(token: Token) -> str:
    """What the command line calls the flag of a token."""
    return token.keyword or "the number"


def shorten(text: str) -> str:
    """What was typed, cut where nobody reads on."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def number(help_: str, kind: type = int, **limits: float) -> Parameter:
    """A flag with one number, which has to be in a range."""
    return Parameter(help=help_, converter=Number(kind, Range(**limits)))


def read_seconds(flag: str, typed: str) -> float:
    """A span of time in seconds: 2, 2s, 500ms or 1min.

    Raises   InputError if it is none, or not above 0
    """
    found = SPAN.fullmatch(typed.strip())
    span = float(found[1]) * {"ms": 0.001, "min": 60}.get(found[2], 1) if found else 0
    if span <= 0:
        raise InputError(f"{flag} needs to be a time such as 1s or 500ms, got {shorten(typed)!r}")
    return span


def split_numbers(_: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Numbers with spaces or commas between them.

    Raises   InputError if there is none, or something else
    """
    return split_all(tokens, Number(float).read, "0.5,0.5,0.5")


def split_whole_numbers(_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Whole numbers with spaces or commas between them.

    Raises   InputError if there is none, or something else
    """
    return tuple(map(int, split_all(tokens, Number(int).read, "10,20")))


def split_all(tokens: Sequence[Token], read: Callable[[Token, str], float], example: str) -> tuple[float, ...]:
    """What is read of each number of a flag.

    Raises   InputError if there is none
    """
    numbers = tuple(read(token, text) for token in tokens for text in token.value.split(",") if text.strip())
    if not numbers:
        raise InputError(f"{name_of(tokens[0])} needs numbers such as {example}, got {tokens[0].value!r}")
    return numbers
