"""Finds a network's tensors in what a file holds: in entries of a checkpoint, under prefixes, in other libraries' names."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, join_names
from ..ops.paths import ancestors, is_inside
from .formats import MARK, split_entry

State = dict[str, Tensor]
Renames = Sequence[tuple[str, str]]
PART = re.compile(r"(.+)\[(\d)\]")  # a name that renames give to one of several tensors that are one of ours
# What torch.compile and parallel training put before the names of a module, anywhere in them.
WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


@dataclass(frozen=True, slots=True)
class Find:
    """A network's tensors under our names, where in the file they were, and the tensors that lie elsewhere in it."""

    state: State
    place: str  # the entries and prefixes before their names, with dots between; empty where there is nothing
    elsewhere: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to find them, in words."""
        found = (f"found under {self.place}",) if self.place else ()
        return (*found, *((f"left out: {join_names(self.elsewhere, 3)}",) if self.elsewhere else ()))


def flatten(content: Mapping[Any, Any], before: str = "", depth: int = 8) -> State:
    """The tensors in dictionaries within dictionaries, by their keys with dots between.

    What lies in lists or under numbers belongs to optimizers.

    Shapes   tensors of any shape
    """
    found: State = {}
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Tensor):
            found[f"{before}{key}"] = value
        elif isinstance(key, str) and isinstance(value, Mapping) and depth:
            found |= flatten(value, f"{before}{key}.", depth - 1)
    return found


def find_tensors(tensors: State, own: Mapping[str, Tensor], spellings: Sequence[Renames], source: str | Path) -> Find:
    """The tensors of the network whose state dict is `own`: those of the file where most names and sizes fit.

    Names fit as they are or in one of the spellings. An entry that the source names stands for those below it.

    Shapes   tensors of any shape → the same, but where parts of one of ours are joined
    Raises   InputError if two places fit, two tensors would get one name, or there is no such entry
    """
    path, entry = split_entry(source)
    if entry:
        tensors = enter(tensors, entry, path)
    scores = {
        (place, number): score(tensors, place, own, renames)
        for place in likely_places(tensors, len(own))
        for number, renames in enumerate(spellings)
    }
    place, number = max(scores, key=lambda key: (*scores[key], len(key[0])))
    most = scores[place, number][0]
    if not any(scores[place, number]):
        place = max((p for p, _ in scores if all(is_inside(key, p) for key in tensors)), key=len)
    rivals = {p for (p, _), (sized, _) in scores.items() if most and 2 * sized >= most and are_apart(p, place)}
    if rivals:
        same = [p for (p, _), (sized, _) in scores.items() if sized == most and is_inside(place, p)]
        here = min((p for p in same if all(are_apart(p, rival) for rival in rivals)), key=len)
        there = sorted({here, *(p for p in rivals if not any(is_inside(p, other) for other in rivals if other != p))})
        raise InputError(
            f"{path} holds such a network {len(there)} times, under {' and '.join(map(repr, there))}: "
            f"name the one you mean, as in {path}{MARK}{there[-1]}"
        )
    inside = {below(key, place): value for key, value in tensors.items() if is_inside(key, place)}
    counters = [key for key, value in inside.items() if key not in own and not value.ndim and "." not in key]  # of averages
    elsewhere = (*(key for key in tensors if not is_inside(key, place)), *counters)
    for key in counters:
        del inside[key]
    state = rename_tensors(inside, own, spellings[number])
    return Find(state, ".".join(filter(None, (entry, place))), elsewhere)


def enter(tensors: State, entry: str, path: Path) -> State:
    """The tensors below an entry, by their names there.

    Shapes   tensors of any shape → the same
    Raises   InputError if there are none
    """
    inside = {below(key, entry): value for key, value in tensors.items() if is_inside(key, entry) and key != entry}
    if not inside:
        entries = list(dict.fromkeys(key.partition(".")[0] for key in tensors))
        raise InputError(f"{path} has no entry {entry!r} with tensors: it has {join_names(entries)}")
    return inside


def likely_places(tensors: State, count: int) -> list[str]:
    """The entries and prefixes with enough tensors for a network of so many; the empty one, for all, is always there."""
    places = Counter(place for key in tensors for place in ancestors(key.rpartition(".")[0]))
    return list({"": 0, **{place: 0 for place, size in places.items() if 4 * size >= count or size == len(tensors)}})


def score(tensors: State, place: str, own: Mapping[str, Tensor], renames: Renames) -> tuple[int, int]:
    """How many of a network's tensors lie in a place: those of the right size, and those of the right name.

    Shapes   tensors and own of any shape
    """
    sized, named = set(), set()
    for key, value in tensors.items():
        if is_inside(key, place):
            name = own_name(below(key, place), own, renames)
            part = PART.fullmatch(name)
            whole = part[1] if part else name
            if whole in own:
                named.add(whole)
                if part or own[whole].numel() == value.numel():
                    sized.add(whole)
    return len(sized), len(named)


def are_apart(a: str, b: str) -> bool:
    """Whether neither of two places lies in the other."""
    return not is_inside(a, b) and not is_inside(b, a)


def below(key: str, place: str) -> str:
    """A name without the place it lies in."""
    return key[len(place) + 1 :] if place else key


def own_name(key: str, own: Mapping[str, Tensor], renames: Renames) -> str:
    """Our name for a tensor; a name that is not ours is renamed."""
    if key in own:
        return key
    key = WRAPPERS.sub("", key)
    if key in own:
        return key
    for pattern, replacement in renames:
        key = re.sub(pattern, replacement, key)
    return key


def rename_tensors(state: State, own: Mapping[str, Tensor], renames: Renames) -> State:
    """The tensors under our names, parts of one joined; a name that becomes empty is dropped.

    Shapes   tensors of any shape → the same, but for those that are joined along their first axis
    Raises   InputError if two tensors would get the same name
    """
    result: State = {}
    for key, value in state.items():
        name = own_name(key, own, renames)
        if name in result:
            raise InputError(f"the file holds {name} twice, once as {key}: it mixes two ways of naming")
        if name:
            result[name] = value
    return join_parts(result, own)


def join_parts(state: State, own: Mapping[str, Tensor]) -> State:
    """The tensors with those joined that renames call parts of one: `qkv.weight[0]`, `[1]` and `[2]`.

    Shapes   parts (k, …) → (their sum, …)
    Raises   InputError for parts that cannot be joined
    """
    parts: dict[str, dict[int, Tensor]] = {}
    for name in [name for name in state if name not in own]:
        if match := PART.fullmatch(name):
            parts.setdefault(match[1], {})[int(match[2])] = state.pop(name)
    for name, pieces in parts.items():
        if set(pieces) == {0, 2} and name.endswith("bias"):  # keys of attention, whose bias changes nothing
            pieces[1] = torch.zeros_like(pieces[0])
        try:
            state[name] = torch.cat([pieces[n] for n in sorted(pieces)])
        except (RuntimeError, TypeError):
            shapes = ", ".join(str(tuple(pieces[n].shape)) for n in sorted(pieces))
            raise InputError(f"the parts of {name} do not fit together: their shapes are {shapes}") from None
    return state
