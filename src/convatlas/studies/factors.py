"""Factors: what is varied between trainings, a field of the recipe or an ablation of the network, and its levels."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_type_hints

from ..engine.recipe import Recipe
from ..errors import InputError, unknown_name
from ..models import Variant, variant
from ..models.variant import read_value, write_value

FIXED = {"model": "name another network", "seed": "give --seeds", "data": "compare on each set", "data_dir": "give --data-dir"}
"""Fields of a recipe that are no factors, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that is varied, with its levels in the order they were given."""

    name: str
    of_network: bool  # an ablation; else a field of the recipe
    levels: tuple[Any, ...]

    def apply(self, recipe: Recipe, level: Any) -> Recipe:
        """The recipe with this level; `none` or `off` is None where a field that is no text may be it.

        Raises   InputError for a value of another type or out of range
        """
        if self.of_network:
            return replace(recipe, model=variant(recipe.model).with_changes({self.name: level}).name)
        if level in ("none", "off"):
            types = get_args(get_type_hints(Recipe)[self.name])
            level = None if type(None) in types and str not in types else level
        return replace(recipe, **{self.name: level})

    def value_in(self, recipe: Recipe) -> Any:
        """The level that a recipe has."""
        return getattr(variant(recipe.model).spec if self.of_network else recipe, self.name)


def read_factors(texts: Sequence[str], recipe: Recipe) -> list[Factor]:
    """Factors as a command line names them, `kernel=3,5,7`, each with the levels as the network or recipe spells them.

    Raises   InputError for a field that does not exist or is named twice, a value it cannot take, or a single level
    """
    factors = [read_factor(text, recipe) for text in texts]
    names = [factor.name for factor in factors]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{twice} is varied twice: give all of its values at once, --vary {twice}=A,B,C")
    return factors


def read_factor(text: str, recipe: Recipe) -> Factor:
    """One factor, `kernel=3,5,7`.

    Raises   InputError as `read_factors`
    """
    name, values = split_factor(text)
    network = variant(recipe.model)
    field, of_network = field_of(name, network)
    factor = with_levels(Factor(field, of_network, ()), values, recipe, text)
    if len(factor.levels) < 2:
        raise InputError(f"{text} has one value, so nothing is varied: give two or more, {name}=A,B")
    return factor


def with_levels(factor: Factor, values: Sequence[Any], recipe: Recipe, text: str) -> Factor:
    """The factor with these values as its levels, as the network or recipe spells them; `text` is what the user wrote.

    Raises   InputError for a value it cannot take, or one that is named twice
    """
    levels = tuple(factor.value_in(factor.apply(recipe, value)) for value in values)
    if len(dict.fromkeys(levels)) < len(levels):
        raise InputError(f"{text} names a value twice: name each once")
    return replace(factor, levels=levels)


def split_factor(text: str) -> tuple[str, list[Any]]:
    """`depths=1-1-1,3-3-3` → the name and the values.

    Raises   InputError if it cannot be read
    """
    name, equals, rest = text.partition("=")
    try:
        call = ast.parse(f"f({rest})", mode="eval").body
        if not equals or not name.strip().isidentifier() or not isinstance(call, ast.Call) or call.keywords or not call.args:
            raise ValueError
        return name.strip(), [read_value(value) for value in call.args]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise InputError(
            f"cannot read {text!r}: name a field and its values, such as kernel=3,5,7 or depths=1-1-1,3-3-3"
        ) from None


def field_of(name: str, network: Variant) -> tuple[str, bool]:
    """The field that a name means, and whether it is one of the network.

    Raises   InputError if there is none, there are two, or it cannot be varied
    """
    name = name.replace("-", "_")
    own = network.family.aliases.get(name, name)
    of_network = own in {field.name for field in fields(network.spec)}
    of_recipe = name in {field.name for field in fields(Recipe)}
    if name in FIXED and not of_network:
        raise InputError(f"{name} is not varied here: {FIXED[name]}")
    if of_network and of_recipe:
        raise InputError(
            f"{name} is a field of the recipe and one of {network.base}: write the network's own after its name instead"
        )
    if not of_network and not of_recipe:
        known = [field.name for field in (*fields(network.spec), *fields(Recipe)) if field.name not in FIXED]
        raise unknown_name(f"ablation of {network.base} or field of a recipe", name, known)
    return own if of_network else name, of_network


def level_text(level: Any) -> str:
    """A level as a name has it: 3-3-3, yes, 0.1."""
    if isinstance(level, bool):
        return "yes" if level else "no"
    return "none" if level is None else str(write_value(level))


def cell_title(levels: Mapping[str, Any]) -> str:
    """`kernel=3, depths=1-1-1`."""
    return ", ".join(f"{name}={level_text(level)}" for name, level in levels.items())
