"""Flags that several commands share; those of training are made from the fields of Recipe."""

from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Group, Parameter, Token

from ..engine.recipe import GROUPS, Recipe


def make_flags() -> Any:
    """A dataclass with a flag for each field of Recipe except the network; a flag that was not given is None."""
    hints = get_type_hints(Recipe)
    groups = {name: Group(name, sort_key=place) for place, name in enumerate(GROUPS)}
    rows = []
    for f in fields(Recipe):
        if f.name != "model":
            default = f.metadata["default"] or default_text(f.default)
            limits = f.metadata["range"]
            words = " ".join(filter(None, (f.metadata["help"], limits and limits.text(), default and f"[{default}]")))
            converter = thread_count if f.name == "threads" else CONVERTERS.get(hints[f.name])
            parameter = Parameter(help=words, converter=converter, group=groups[f.metadata["group"]], negative_iterable="")
            rows.append((f.name, Annotated[hints[f.name] | None, parameter], field(default=None)))
    result = make_dataclass("Flags", rows, kw_only=True)
    result.__module__ = __name__
    return Parameter(name="*")(result)


def whole_number(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts itself would round 2.5."""
    text = tokens[0].value
    if not text.lstrip("+-").isdecimal():
        raise ValueError(f'unable to convert "{text}" into int')
    return int(text)


def thread_count(kind: Any, tokens: Sequence[Token]) -> int | None:
    """A number of threads; None for auto."""
    return None if tokens[0].value == "auto" else whole_number(kind, tokens)


def split_words(_: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Words with spaces or commas between them."""
    return tuple(word for token in tokens for word in token.value.split(",") if word)


def split_numbers(_: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Numbers with spaces or commas between them."""
    return tuple(float(number) for token in tokens for number in token.value.split(",") if number)


def default_text(value: Any) -> str:
    """A default as the help shows it: yes, no or the value; nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def field_help(name: str) -> str:
    """What a field of Recipe is, in a sentence."""
    return next(str(f.metadata["help"]) for f in fields(Recipe) if f.name == name)


CONVERTERS = {int: whole_number, int | None: whole_number, tuple[float, ...] | None: split_numbers}
Flags = make_flags()
MANY = Parameter(consume_multiple=True, negative="", show_default=False)
Words = Annotated[tuple[str, ...], MANY, Parameter(converter=split_words)]
Channels = Annotated[tuple[float, ...] | None, Parameter(converter=split_numbers, negative="")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", show_default=False, help="Print only the result.")]
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print the result as JSON.")]
Resume = Annotated[bool, Parameter(name="--resume", negative="", show_default=False, help="Continue the run in --out.")]
Out = Annotated[Path | None, Parameter(name="--out", help="New folder for the results. [a new folder under runs/]")]
Weights = Annotated[
    str | None, Parameter(help="Published weights (a tag, or default) or a weight file, if RUN is the name of a network.")
]
DataDir = Annotated[Path | None, Parameter(name="--data-dir", help="Folder that holds the data sets.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda or mps.")]
Threads = Annotated[int | None, Parameter(converter=thread_count, help=f"{field_help('threads')} [auto]")]
Theme = Annotated[str, Parameter(help="light, dark or transparent.")]
Mean = Annotated[Channels, Parameter(help="Mean of each channel, with commas between, instead of the weights' own.")]
Std = Annotated[Channels, Parameter(help="Standard deviation of each channel, with commas between.")]
Fit = Annotated[str | None, Parameter(help=f"{field_help('fit')} [by weights]")]
White = Annotated[int | None, Parameter(converter=whole_number, help=f"{field_help('white')} [by weights]")]
BatchSize = Annotated[int, Parameter(help="Images per forward pass.")]
TrainedOn = Annotated[str | None, Parameter(help="Data set that a weight file was trained on, if not --data.")]


def given_flags(chosen: Any) -> dict[str, Any]:
    """The flags that were given, by name."""
    values = {f.name: getattr(chosen, f.name) for f in fields(chosen)} if chosen else {}
    return {name: value for name, value in values.items() if value is not None}
