"""The flags of `convatlas look` that its looks declare as options."""

from collections.abc import Sequence
from dataclasses import field, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter, Token

from ..looks import LOOKS
from ..looks.look import Option
from .flags import MANY, given_flags, split_words

GROUP = Group("Options of looks", sort_key=1)
PREFIX = "look_"


def text(_: object, tokens: Sequence[Token]) -> Any:
    """What was typed, which the option parses."""
    return tokens[0].value


def look_flags() -> Any:
    """A dataclass with one flag for each option of the looks; None is what was not given."""
    by_name: dict[str, list[tuple[str, Option]]] = {}
    for each in LOOKS:
        for option in each.options:
            by_name.setdefault(option.name, []).append((each.name, option))
    rows = []
    for name, uses in by_name.items():
        option = uses[0][1]
        parameter = Parameter(name=f"--{name}", help=help_of(uses), group=GROUP, show_default=False)
        if option.kind is bool:
            kind: Any = Annotated[bool | None, parameter]
        elif option.many:
            several: Any = tuple.__class_getitem__((option.kind, ...))
            kind = Annotated[several | None, MANY, Parameter(converter=split_words), parameter]
        else:
            kind = Annotated[option.kind | None, Parameter(converter=text), parameter]
        rows.append((f"{PREFIX}{name}", kind, field(default=None)))  # `class` alone is a word of Python
    flags = make_dataclass("LookFlags", rows, kw_only=True)
    flags.__module__ = __name__
    return Parameter(name="*")(flags)


def help_of(uses: Sequence[tuple[str, Option]]) -> str:
    """What a flag means, for each group of looks that mean the same by it."""
    looks: dict[str, list[str]] = {}
    for look_name, option in uses:
        looks.setdefault(option.help, []).append(look_name)
    return "; ".join(f"{', '.join(names)}: {words}" for words, names in looks.items()) + "."


LookFlags = look_flags()


def values_of(flags: Any) -> dict[str, Any]:
    """The options that were typed, by name."""
    return {name.removeprefix(PREFIX): value for name, value in given_flags(flags).items()}
