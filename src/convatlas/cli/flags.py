"""Flags that several commands share; those of training are made from the fields of Recipe."""

from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Group, Parameter, Token

from ..engine.recipe import GROUPS, Recipe
from ..ranges import Range, range_of
from .numbers import Number, number, split_numbers, split_whole_numbers


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
            converter = THREADS if f.name == "threads" else CONVERTERS.get(hints[f.name])
            parameter = Parameter(help=words, converter=converter, group=groups[f.metadata["group"]], negative_iterable="")
            rows.append((f.name, Annotated[hints[f.name] | None, parameter], field(default=None)))
    result = make_dataclass("Flags", rows, kw_only=True)
    result.__module__ = __name__
    return Parameter(name="*")(result)


def split_words(_: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Words with spaces or commas between them."""
    return tuple(word for token in tokens for word in token.value.split(",") if word)


def default_text(value: Any) -> str:
    """A default as the help shows it: yes, no or the value; nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def field_help(name: str) -> str:
    """What a field of Recipe is, in a sentence."""
    return next(str(f.metadata["help"]) for f in fields(Recipe) if f.name == name)


CONVERTERS: dict[Any, Any] = {
    int: Number(int), int | None: Number(int), float: Number(float), float | None: Number(float),
    tuple[float, ...] | None: split_numbers, tuple[int, ...] | None: split_whole_numbers,
}  # fmt: skip
THREADS = Number(int, Range(at_least=1), auto=True)
Flags = make_flags()
MANY = Parameter(consume_multiple=True, negative="", show_default=False)
Words = Annotated[tuple[str, ...], MANY, Parameter(converter=split_words)]
Channels = Annotated[tuple[float, ...] | None, Parameter(converter=split_numbers, negative="")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", show_default=False, help="Print only the result.")]
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print the result as JSON.")]
Resume = Annotated[
    bool,
    Parameter(name="--resume", negative="", show_default=False, help="Continue the run in --out."),
]
Log = Annotated[
    tuple[str, ...],
    MANY,
    Parameter(name="--log", converter=split_words, help="Log for tensorboard, mlflow or wandb too, offline."),
]
Out = Annotated[Path | None, Parameter(name="--out", help="New folder for the results. [a new folder under runs/]")]
Weights = Annotated[
    str | None, Parameter(help="Published weights (a tag, or default) or a weight file, if RUN is the name of a network.")
]
DataDir = Annotated[Path | None, Parameter(name="--data-dir", help="Folder that holds the data sets.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1 for the second GPU, or mps.")]
Threads = Annotated[int | None, Parameter(converter=THREADS, help=f"{field_help('threads')} [auto]")]
Theme = Annotated[str, Parameter(help="light, dark or transparent.")]
Mean = Annotated[Channels, Parameter(help="Mean of each channel, with commas between, instead of the weights' own.")]
Std = Annotated[Channels, Parameter(help="Standard deviation of each channel, with commas between.")]
Fit = Annotated[str | None, Parameter(help=f"{field_help('fit')} [by weights]")]
White = Annotated[
    int | None, Parameter(converter=Number(int, range_of(Recipe, "white")), help=f"{field_help('white')} [by weights]")
]
BatchSize = Annotated[int, number("Images per forward pass.", at_least=1)]
TrainedOn = Annotated[str | None, Parameter(help="Data set that a weight file was trained on, if not --data.")]


def given_flags(chosen: Any) -> dict[str, Any]:
    """The flags that were given, by name."""
    values = {f.name: getattr(chosen, f.name) for f in fields(chosen)} if chosen else {}
    return {name: value for name, value in values.items() if value is not None}
