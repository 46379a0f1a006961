"""A network of the user's own as a family with one variant: its signature is the Spec, its stem and head are found by running.

The class or function is called with what its signature has of num_classes, in_channels (or in_chans) and image_size (or
img_size); its other keywords are the ablations. Class attributes STEM, HEADS and AUXILIARY, names of modules, go before what
is found.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from ..ops.conv import guard_thin_convolutions
from .code import Code, code_of, explain_own_errors
from .family import Family, Native, Suits
from .trial import check_output, heads_of, stem_of

ARGUMENTS = {
    "num_classes": ("num_classes",),
    "in_channels": ("in_channels", "in_chans"),
    "image_size": ("image_size", "img_size"),
}
"""What a network is called with, and the names its signature may have for it."""

NORMS = (nn.modules.batchnorm._BatchNorm,)  # noqa: SLF001 (the only name for batch norms of all dimensions)
PLAIN = (bool, int, float, str)
EMPTY: Any = inspect.Parameter.empty  # the default of a keyword without one
UNSET: Any = object()  # that of one that is not passed on


@dataclass(frozen=True, slots=True)
class Signature:
    """How a class or function is called: the names it has for what it is asked for, and its other keywords."""

    arguments: dict[str, str]  # num_classes, in_channels, image_size → its own name
    changes: dict[str, Any]  # keyword → default; EMPTY where it has none
    takes_any: bool  # keyword

    def native(self, code: Code, parameters: dict[str, Any]) -> Native:
        """The classes, channels and pixels it was written for: its own defaults, else CIFAR's or a library's."""
        usual = Native(1000, 3, 224, 32) if code.package else Native(10, 3, 32, 1)

        def default(name: str, otherwise: int) -> int:
            value = parameters.get(self.arguments.get(name, ""))
            value = value[0] if isinstance(value, tuple | list) and value else value
            return value if type(value) is int and value > 0 else otherwise

        return Native(
            default("num_classes", usual.num_classes),
            default("in_channels", usual.in_channels),
            default("image_size", usual.image_size),
            usual.smallest,
        )


def signature_of(code: Code) -> tuple[Signature, dict[str, Any]]:
    """The signature of a class or function, and the defaults of all of its keywords.

    Raises   InputError if it has no signature
    """
    with explain_own_errors(code.place):  # some functions in C have none
        parameters = inspect.signature(code.make).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    arguments = {}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name, spellings in ARGUMENTS.items():
        if spelling := next((one for one in spellings if one in defaults), None):
            arguments[name] = spelling
    changes = {name: value for name, value in defaults.items() if name not in arguments.values()}
    return Signature(arguments, changes, takes_any), defaults


@cache
def own_family(place: str, more: tuple[str, ...] = ()) -> Family:
    """The family of one network at a place of code; `more` are ablations that a signature with `**kwargs` takes unnamed.

    Raises   InputError if the code may not be executed, cannot be found, or raises
    """
    code = code_of(place)
    signature, defaults = signature_of(code)
    native = signature.native(code, defaults)
    added = {name: UNSET for name in more if signature.takes_any and name not in signature.changes}
    changes = {name: value for name, value in (signature.changes | added).items() if is_plain(value)}
    spec = make_dataclass(
        "Spec", [(name, kind_of_default(value), field(default=as_tuple(value))) for name, value in changes.items()], frozen=True
    )()
    lists = frozenset(name for name, value in changes.items() if isinstance(value, list))
    build = partial(build_own, code, signature, lists)
    build.__module__ = code.module.__name__  # whose docstring says what the network is
    stem, heads, norms = find_ends(code, build, spec, native)
    suits = Suits("sgd", lr=0.2, weight_decay=5e-4) if norms else Suits("adamw", lr=1e-3, weight_decay=1e-2)
    return Family(
        name=place,
        title=place.rpartition(":")[2],
        papers=(),
        ideas=(),
        build=build,
        variants={place: spec},
        native=native,
        suits=suits,
        stem=stem,
        heads=heads,
        auxiliary=auxiliary_heads(code),
        years={place: 0},
    )


def is_plain(value: Any) -> bool:
    """Whether a keyword with this default can be changed by name: a number, switch, text, tuple of them, None or no default."""
    if isinstance(value, tuple | list):
        return bool(value) and all(type(item) in (int, bool) for item in value)
    return value is None or value in (EMPTY, UNSET) or type(value) in PLAIN


def kind_of_default(value: Any) -> Any:
    """The type of an ablation, from its default; Any where the default does not tell."""
    if isinstance(value, tuple | list):
        return tuple[type(value[0]), ...]  # type: ignore[misc]
    return type(value) if type(value) in PLAIN else Any


def as_tuple(value: Any) -> Any:
    """A list as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def build_own(  # noqa: PLR0917 (the last four are those of family.Build)
    code: Code, signature: Signature, lists: frozenset[str], spec: Any, num_classes: int, in_channels: int, image_size: int
) -> nn.Module:
    """The network, tried on images without values; `num_classes` 0 puts an identity in place of its head.

    Raises   InputError if it cannot be called, is no network, cannot take the images, or gives something else than logits
    """
    values = {"num_classes": num_classes or 1, "in_channels": in_channels, "image_size": image_size}
    changes = {
        name: list(value) if name in lists else value
        for name in vars(spec)
        if (value := getattr(spec, name)) not in (EMPTY, UNSET)
    }
    if lacking := [name for name, value in vars(spec).items() if value is EMPTY]:
        raise InputError(
            f"{code.place} needs a value for {lacking[0]}: give it a default, or write {code.place}:{lacking[0]}=…"
        )
    with explain_own_errors(code.place):
        model = call(code, signature, values, changes)
    if not isinstance(model, nn.Module):
        raise InputError(f"{code.place} needs to make a torch.nn.Module, got {type(model).__name__}")
    if next(model.parameters(), None) is None:
        raise InputError(
            f"{code.place} makes a module without parameters, so there is nothing to train: does its __init__ set any?"
        )
    check_output(code, model, (in_channels, image_size, image_size), num_classes or 1)
    if not num_classes:
        for name in heads_of(code, model, (in_channels, image_size, image_size), 1):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.Identity())
    guard_thin_convolutions(model)
    return model


def call(code: Code, signature: Signature, values: dict[str, int], changes: dict[str, Any]) -> Any:
    """Calls the class or function; one with `**kwargs` is asked for what it takes, one name after the other.

    Raises   whatever it raises
    """
    words = {signature.arguments[name]: value for name, value in values.items() if name in signature.arguments}
    if signature.takes_any:
        words = {spelling: value for name, value in values.items() for spelling in ARGUMENTS[name]} | words
    while True:
        try:
            return code.make(**words, **changes)
        except TypeError as error:
            refused = next(
                (name for name in words if name not in signature.arguments.values() and f"'{name}'" in str(error)), None
            )
            if not signature.takes_any or refused is None:
                raise
            del words[refused]


def find_ends(code: Code, build: Callable[..., nn.Module], spec: Any, native: Native) -> tuple[str, tuple[str, ...], bool]:
    """The stem, the heads and whether there are batch norms, of the network as it was written.

    Raises   InputError as `build_own`
    """
    size = (native.in_channels, native.image_size, native.image_size)
    with torch.random.fork_rng(devices=()):
        model = build(spec, native.num_classes, native.in_channels, native.image_size)
    return (
        stem_of(code, model),
        heads_of(code, model, size, native.num_classes),
        any(isinstance(m, NORMS) for m in model.modules()),
    )


def auxiliary_heads(code: Code) -> tuple[str, ...]:
    """The modules that the class names as heads that help training and may be left out."""
    named: str | Sequence[str] = getattr(code.make, "AUXILIARY", ())
    return (named,) if isinstance(named, str) else tuple(named) if isinstance(named, tuple | list) else ()
