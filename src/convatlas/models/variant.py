"""A network's name, read once: `resnet50:groups=32,base_width=4` is a variant of the catalog with two ablations.

A network of the user's own is named by its place, `mynet.py:Net` or `package.module:function`, with the ablations after a
second colon. Ablations are fields of the family's Spec. A tuple is written `depths=3-3-3`, which no shell changes, or as in
Python, `depths=(3,3,3)`; a switch `True`, `true`, `yes` and their opposites; a text bare or in quotes; a number as in Python.
"""

import ast
import keyword
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ..errors import InputError, unknown_name
from ..trust import is_own, place_and_rest
from .families import CATALOG
from .family import Family, Native
from .own import own_family

SWITCHES = {"true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of the catalog or a network of the user's own, with or without ablations."""

    name: str  # in one spelling: ablations as a shell takes them
    base: str  # the published variant, or the place of the user's code
    changes: Mapping[str, Any]  # the ablations: fields of its Spec
    family: Family
    spec: Any  # the family's Spec with them
    native: Native

    def with_changes(self, changes: Mapping[str, Any]) -> "Variant":
        """The variant with more ablations; they win over its own.

        Raises   InputError for a field that does not exist or a value of another type
        """
        if not changes:
            return self
        return build_variant(self.base, {**self.changes, **changes})


def variant(name: str | Variant) -> Variant:
    """What a name means; a variant is returned as it is.

    Raises   InputError for an unknown network, with the nearest names, or an unknown or unfitting ablation
    """
    return name if isinstance(name, Variant) else build_variant(*parse(name))


def build_variant(base: str, changes: Mapping[str, Any]) -> Variant:
    """The variant of that name with these ablations.

    Raises   InputError for an unknown network, an unknown field or a value of another type
    """
    family = family_of(base, tuple(changes))
    changes = {family.aliases.get(key, key): value for key, value in changes.items()}
    changes = {key: respell(value, family.spellings.get(key, {})) for key, value in changes.items()}
    spec = with_changes(base, family.variants[base], changes)
    values = {key: getattr(spec, key) for key in changes}
    return Variant(write_name(base, values), base, values, family, spec, family.native_of(base))


def family_of(base: str, changes: tuple[str, ...] = ()) -> Family:
    """The family of a variant or of a network of the user's own; `changes` are the names of ablations.

    Raises   InputError for an unknown network, with the nearest names, or code that may not be executed or raises
    """
    if is_own(base):
        return own_family(base, changes)
    if base in CATALOG:
        return CATALOG[base]
    if (Path(base) / "recipe.json").is_file():
        raise InputError(f"{base} is a run folder, where the name of a network is needed: `convatlas list` shows them all.")
    if base.endswith(".py"):
        raise InputError(f"{base} needs the class or function that makes the network: write {base}:NAME")
    raise unknown_name("network", base, CATALOG, "`convatlas list` shows them all; one of your own is FILE.py:CLASS.")


def parse(name: str) -> tuple[str, dict[str, Any]]:
    """`"resnet50:groups=32,base_width=4"` → `("resnet50", {"groups": 32, "base_width": 4})`.

    Raises   InputError if what follows the colon is no list of key=value with plain values
    """
    own = place_and_rest(name)
    base, rest = own or (name.partition(":")[0], name.partition(":")[2] if ":" in name else None)
    if rest is None:
        return base, {}
    try:
        call = ast.parse(f"f({rest})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise ValueError
        changes = {str(k.arg): read_value(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        needed = f"write ablations as NAME:key=value,key=value, such as {base}:depths=3-3-3,width=32"
        raise InputError(f"cannot read {rest!r} in {name!r}: {needed}") from None
    return base, changes


def read_value(value: ast.expr) -> Any:
    """The number, switch, text or tuple that an expression stands for.

    Raises   ValueError if it stands for anything else
    """
    if isinstance(value, ast.Name):
        return SWITCHES.get(value.id, value.id)
    if isinstance(value, ast.BinOp):
        return tuple(read_dashes(value))
    return ast.literal_eval(value)


def read_dashes(value: ast.expr) -> list[int | bool]:
    """The numbers of `3-4-6-3`, the switches of `false-true-true`.

    Raises   ValueError for anything but whole numbers and switches with a - between them
    """
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub):
        return [*read_dashes(value.left), *read_dashes(value.right)]
    if isinstance(value, ast.Constant) and type(value.value) in (int, bool):
        return [value.value]  # type: ignore[list-item]
    if isinstance(value, ast.Name) and value.id in SWITCHES:
        return [SWITCHES[value.id]]
    raise ValueError


def write_name(base: str, changes: Mapping[str, Any]) -> str:
    """The name that `parse` reads, with tuples as a shell takes them."""
    return f"{base}:{','.join(f'{key}={write_value(value)}' for key, value in changes.items())}" if changes else base


def write_value(value: Any) -> str:
    """`3-3-3` for a tuple of whole numbers, a bare word for a text that is one, else as Python writes it."""
    if isinstance(value, tuple) and len(value) > 1 and all(type(item) in (int, bool) and item >= 0 for item in value):
        return "-".join(map(str, value))
    bare = isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value, re.ASCII)
    return value if bare and not keyword.iskeyword(value) and value not in SWITCHES else repr(value)


def respell(value: Any, spellings: Mapping[Any, Any]) -> Any:
    """A value of an ablation as its field has it today."""
    return spellings.get(value, value) if isinstance(value, Hashable) else value


def with_changes(name: str, spec: Any, changes: Mapping[str, Any]) -> Any:
    """A variant's Spec with some fields replaced.

    A list does for a tuple, since JSON has no other, and a number for a tuple of equal ones: `depths=3` is `depths=3-3-3`.

    Raises   InputError for a field that does not exist or a value of another type
    """
    kinds = {field.name: field.type for field in fields(spec)}
    values = {}
    for key, value in changes.items():
        if key not in kinds:
            raise unknown_name(f"ablation of {name}", key, kinds)
        values[key] = as_kind(value, kinds[key])
        if kinds[key] is not Any and not fits(values[key], kinds[key]):
            raise InputError(f"{key} of {name} needs {kind_text(kinds[key], getattr(spec, key))}, got {write_value(value)}")
    return replace(spec, **values)


def as_kind(value: Any, kind: Any) -> Any:
    """The value as the field has it: a tuple for a list, or for a number that stands for each of a tuple's."""
    if isinstance(value, list):
        return tuple(value)
    items = () if get_origin(kind) is Literal else get_args(kind)
    return (value,) * (1 if ... in items else len(items)) if items and type(value) in (int, bool) else value


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what a field of a Spec declares: a number, a switch, a choice, or a tuple of positive numbers."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if items := get_args(kind):
        return (
            isinstance(value, tuple)
            and (len(value) == len(items) or (... in items and len(value) > 0))
            and all(type(item) is items[0] and (item > 0 or items[0] is bool) for item in value)
        )
    return type(value) is kind or (kind is float and type(value) is int)


def kind_text(kind: Any, example: Any) -> str:
    """What a field of a Spec takes, in words, with an example."""
    if get_origin(kind) is Literal:
        *some, last = get_args(kind)
        return f"{', '.join(some)} or {last}"
    if items := get_args(kind):
        each = "switches" if items[0] is bool else "positive whole numbers"
        return f"{each if ... in items else f'{len(items)} {each}'} such as {write_value(example)}"
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}
    return words[kind] if kind is bool else f"{words[kind]} such as {write_value(example)}"
