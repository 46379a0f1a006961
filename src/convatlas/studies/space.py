"""The space that a sweep searches: a range of numbers or some values for each field of the recipe or ablation."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args

from ..engine.recipe import Recipe, flag
from ..errors import InputError
from ..models import variant
from ..models.variant import read_value
from ..runs.build import SPLIT
from .factors import FIXED, Factor, field_of, level_text, split_factor, with_levels

if TYPE_CHECKING:
    from optuna.trial import Trial

LOGARITHMIC = 10  # times the lower end: from there on a range of positive numbers is searched by its logarithm
DIGITS = 3  # of a fraction, so that a setting can be typed again
RULE = f"log scale where both ends are positive and b is at least {LOGARITHMIC} times a; whole numbers stay whole"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What is searched in one field: a range, or the values that `factor` has."""

    factor: Factor
    low: float = 0
    high: float = 0
    whole: bool = False

    @property
    def name(self) -> str:
        return self.factor.name

    @property
    def is_range(self) -> bool:
        """Whether it goes from low to high; else it has values."""
        return not self.factor.levels

    @property
    def logarithmic(self) -> bool:
        """Whether equal ratios are equally likely, instead of equal steps."""
        return self.is_range and self.low > 0 and self.high >= LOGARITHMIC * self.low

    @property
    def size(self) -> int | None:
        """How many values it has; None for fractions."""
        if self.is_range:
            return int(self.high - self.low) + 1 if self.whole else None
        return len(self.factor.levels)

    def params(self) -> list[Any]:
        """All values as the study has them: whole numbers, or the text of each choice."""
        return list(range(int(self.low), int(self.high) + 1)) if self.is_range else list(map(level_text, self.factor.levels))

    def suggest(self, trial: "Trial") -> Any:
        """What the study tries next."""
        if not self.is_range:
            return self.value(trial.suggest_categorical(self.name, self.params()))
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.logarithmic)
        return self.value(trial.suggest_float(self.name, self.low, self.high, log=self.logarithmic))

    def value(self, param: Any) -> Any:
        """The value of the field for one that the study has: a fraction in few digits, a choice instead of its text."""
        if not self.is_range:
            return self.factor.levels[self.params().index(param)]
        return param if self.whole else min(max(float(f"{param:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        """As the command line has it."""
        values = ("None" if level is None else level_text(level) for level in self.factor.levels)
        return f"{self.name}={f'{self.low}..{self.high}' if self.is_range else ','.join(values)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        ends = {"low": self.low, "high": self.high} if self.is_range else {"values": self.params()}
        return {"name": self.name, "of_network": self.factor.of_network, "logarithmic": self.logarithmic, **ends}


def read_space(texts: Sequence[str], recipe: Recipe, given: Mapping[str, Any]) -> list[Dimension]:
    """Ranges and values as a command line names them, `lr=0.01..0.5` or `depths=1-1-1,3-3-3`; `given` are other flags.

    Raises   InputError for a field that does not exist or is named twice, and for an empty range or one it cannot take
    """
    if not texts:
        raise InputError("nothing to search: name a field with its range or values, --search lr=0.01..0.5 --search width=8,16")
    space = [read_dimension(text, recipe) for text in texts]
    names = [dimension.name for dimension in space]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{twice} is searched twice: give it one range or all of its values at once, --search {twice}=A,B,C")
    network = variant(recipe.model)
    for dimension in space:
        if dimension.name in (network.changes if dimension.factor.of_network else given):
            raise InputError(f"{dimension.name} is given and searched: leave one of the two out")
    return space


def read_dimension(text: str, recipe: Recipe) -> Dimension:
    """One of them.

    Raises   InputError as `read_space`
    """
    name, _, rest = text.partition("=")
    if ".." in rest:
        factor = searched_field(name.strip(), recipe)
        return read_range(text, factor, recipe)
    name, values = split_factor(text)
    factor = with_levels(searched_field(name, recipe), values, recipe, text)
    if len(factor.levels) < 2:
        raise InputError(f"{text} has one value, so nothing is searched: give a range, {name}=A..B, or values, {name}=A,B")
    return Dimension(factor)


def searched_field(name: str, recipe: Recipe) -> Factor:
    """The field that a name means, without values.

    Raises   InputError if there is none, or it has to be the same in all trials
    """
    plain = name.replace("-", "_")
    if plain in SPLIT:
        raise InputError(
            f"{name} is not searched: validation images have to be the same in all trials. Give {flag(plain)} once"
        )
    network = variant(recipe.model)
    if plain in FIXED and plain not in {field.name for field in fields(network.spec)}:
        raise InputError(f"{name} is not searched: it is the same in all trials, give it once")
    return Factor(*field_of(name, network), ())


def read_range(text: str, factor: Factor, recipe: Recipe) -> Dimension:
    """A range, `lr=0.01..0.5`.

    Raises   InputError as `read_space`
    """
    name, _, rest = text.partition("=")
    owner = variant(recipe.model).spec if factor.of_network else recipe
    kinds = number_kinds(next(field.type for field in fields(owner) if field.name == factor.name))
    if not kinds:
        raise InputError(f"{name} takes no numbers, so it has no range: name its values, {name}=A,B")
    low, high = (read_end(end, text) for end in rest.split("..", 1))
    if low > high:
        raise InputError(f"{text} runs downwards: write {name}={high:g}..{low:g}")
    if low == high:
        raise InputError(f"{text} is an empty range: its ends are equal, and nothing is searched")
    whole = float not in kinds or (int in kinds and isinstance(low, int) and isinstance(high, int))
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise InputError(f"{text} needs whole numbers: {name} takes no fractions")
    for end in (low, high):
        factor.apply(recipe, end if whole else float(end))
    return Dimension(factor, low, high, whole)


def number_kinds(kind: Any) -> set[Any]:
    """Which numbers a field takes, int or float; both for one that takes anything, none for a text or a switch."""
    if kind is Any:
        return {int, float}
    if isinstance(kind, UnionType):
        return set().union(*map(number_kinds, get_args(kind)))
    items = set(get_args(kind)) - {...}  # of a tuple, for which a number stands for equal ones
    return (items or {kind}) & {int, float}


def read_end(text: str, whole_text: str) -> int | float:
    """An end of a range.

    Raises   InputError if it is no number
    """
    try:
        value = read_value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"cannot read {whole_text!r}: a range has a number on each side, such as lr=0.01..0.5")
    return value


def space_size(space: Sequence[Dimension]) -> int | None:
    """How many settings there are; None if fractions are among them."""
    sizes = [dimension.size for dimension in space]
    return None if None in sizes else prod(size for size in sizes if size)


def every_setting(space: Sequence[Dimension]) -> list[dict[str, Any]]:
    """All settings of a space of limited size, as the study has them."""
    names = [dimension.name for dimension in space]
    return [dict(zip(names, values, strict=True)) for values in product(*(dimension.params() for dimension in space))]
