"""A look as a value: its name, its options and the function that draws it. Light, so that `--help` can import every look."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, unknown_name
from ..ranges import Range

if TYPE_CHECKING:
    from ..insight.subject import Subject
    from .picture import Picture

WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "yes or no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a look: a flag of `convatlas look` and a keyword of the function that draws."""

    name: str  # of the keyword
    kind: type  # int, float, str or bool
    help: str  # what it means, with its default, in a few words
    default: Any = None
    many: bool = False  # several values, which come as a tuple
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    keyword: str = ""  # where the name is a word of Python

    @property
    def key(self) -> str:
        """The keyword that the drawing function takes."""
        return self.keyword or self.name

    @property
    def need(self) -> str:
        """What a value has to be, for errors."""
        return f"{WORDS[self.kind]}{' of' * (self.at_least is not None)} {self.allowed}".rstrip()

    @property
    def allowed(self) -> Range:
        """The numbers that it may be."""
        return Range(at_least=self.at_least, above=self.above, below=self.below)

    def parse(self, value: Any) -> Any:
        """The value of the option from what was typed or passed; None is the default.

        Raises   InputError that names the option, what it needs and what came
        """
        if value is None:
            return self.default
        if self.many:
            return tuple(map(self.parse_one, (value,) if isinstance(value, str) else value)) or self.default
        return self.parse_one(value)

    def parse_one(self, value: Any) -> Any:
        """One value, converted and checked.

        Raises   InputError, naming the option, if it is of another kind or out of range
        """
        try:
            parsed: Any = value if self.kind in (str, bool) else self.kind(value if self.kind is float else str(value))
        except (TypeError, ValueError):
            parsed = None
        valid = isinstance(parsed, self.kind)
        if valid and self.kind in (int, float):
            valid = abs(parsed) < 2**63 and parsed in self.allowed
        if not valid:
            raise InputError(f"--{self.name} needs {self.need}, got {value!r}")
        if self.choices and parsed not in self.choices:
            raise unknown_name(self.name, parsed, self.choices)
        return parsed


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a network."""

    name: str
    words: str  # what the pictures show, in one phrase
    pictures: "Callable[..., Iterator[Picture]]"  # (subject, **options), with every option of the look
    options: tuple[Option, ...] = ()
    tasks: tuple[str, ...] = ()  # tasks whose networks have this look; empty for all

    def parse(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The options by keyword: those in `values` (by name), parsed, and the defaults of the others.

        Raises   InputError for a value out of range
        """
        return {option.key: option.parse(values.get(option.name)) for option in self.options}

    def draw(self, subject: "Subject", **values: Any) -> "Iterator[Picture]":
        """The pictures, each as soon as it is ready; `values` are options by name.

        Raises   InputError for an unknown option, a value out of range, or a subject without this look
        """
        check_names(values, (self,))
        return self.draw_with(subject, self.parse(values))

    def draw_with(self, subject: "Subject", options: Mapping[str, Any]) -> "Iterator[Picture]":
        """The pictures with options that are parsed already.

        Raises   InputError for a subject without this look
        """
        if self.tasks and subject.task not in self.tasks:
            from ..engine.tasks import TASKS

            own = " or ".join(TASKS[name].noun for name in self.tasks)
            raise InputError(
                f"{self.name} is for networks that learn {own}, and {subject.title} learns {TASKS[subject.task].noun}"
            )
        return self.pictures(subject, **options)


def distribute(values: Mapping[str, Any], looks: tuple[Look, ...]) -> list[dict[str, Any]]:
    """The values that each of several looks takes: of an option with choices those that it knows, `pca` or `gradcam`.

    Raises   InputError for an option that none of the looks has, or a choice that none of them knows
    """
    check_names(values, looks)
    shares: list[dict[str, Any]] = [{} for _ in looks]
    for name, value in values.items():
        takers = [(share, option) for share, look in zip(shares, looks, strict=True) for option in look.options
                  if option.name == name]  # fmt: skip
        known = {choice for _, option in takers for choice in option.choices}
        chosen = (value,) if isinstance(value, str) else value
        for share, option in takers:
            share[name] = tuple(v for v in chosen if v in option.choices) if option.many and option.choices else value
        if known and takers[0][1].many:
            for choice in chosen:
                if choice not in known:
                    raise unknown_name(name, choice, known)
    return shares


def check_names(values: Mapping[str, Any], looks: tuple[Look, ...]) -> None:
    """Raises InputError for an option that none of the looks has."""
    known = {option.name for look in looks for option in look.options}
    for name in values:
        if name not in known:
            raise unknown_name(f"option of {', '.join(look.name for look in looks)}", name, known)


AT = Option(name="at", kind=int, many=True, default=(), at_least=0, help="which images, by their place in the set")
LAYER = Option(name="layer", kind=str, many=True, default=(), help="layers, as `convatlas show --depth 9` names them")
CLASS = Option(name="class", keyword="of_class", kind=str, help="images of one class, by its name or number")
SEED = Option(name="seed", kind=int, default=0, at_least=0, below=2**32, help="seed of what is drawn at random [0]")


def count_option(words: str) -> Option:
    """How many of something a look shows."""
    return Option(name="count", kind=int, at_least=1, help=words)
