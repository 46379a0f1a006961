"""Which tensor of the reference belongs to which of ours."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

State = Mapping[str, Tensor]
SAME = "under the same names"


@dataclass(frozen=True, slots=True)
class Pairing:
    """Their name → our name, for every tensor of both, and how the pairs were made."""

    ours: Mapping[str, str]
    how: str

    def to_ours(self, theirs: State, own: State) -> State:
        """Their tensors under our names; what was a linear layer and is a 1x1 convolution gets the shape."""
        return with_versions({mine: theirs[key].reshape(own[mine].shape) for key, mine in self.ours.items()}, theirs)

    def to_theirs(self, ours: State, own: State) -> State:
        """Our tensors under their names."""
        return with_versions({key: ours[mine].reshape(own[key].shape) for key, mine in self.ours.items()}, ours)


def with_versions(state: dict[str, Tensor], of: State) -> State:
    """The tensors with the versions of their modules, which some networks need for loading.

    Shapes   tensors of any shape → the same
    """
    result = OrderedDict(state)
    result._metadata = getattr(of, "_metadata", None)  # type: ignore[attr-defined]  # noqa: SLF001 (so state_dict passes it on)
    return result


def pairing(theirs: State, ours: State, renames: Sequence[tuple[str, str]]) -> Pairing | str:
    """By the same names, the family's renames, or in order where the shapes agree one by one; else the difference in words."""
    if theirs.keys() == ours.keys():
        return Pairing({key: key for key in theirs}, SAME)
    renamed = {key: key if key in ours else rename(key, renames) for key in theirs}
    if sorted(renamed.values()) == sorted(ours):
        return Pairing(renamed, "renamed as the family says")
    if [shape(value) for value in theirs.values()] == [shape(value) for value in ours.values()]:
        return Pairing(dict(zip(theirs, ours, strict=True)), "in order, since the names differ")
    missing, surplus = sorted(renamed.values() - ours.keys()), sorted(ours.keys() - renamed.values())
    differences = [f"{words} {len(keys)} such as {keys[0]}" for words, keys in (("lacks", missing), ("adds", surplus)) if keys]
    return f"{len(ours)} tensors: {', '.join(differences)}"


def rename(key: str, renames: Sequence[tuple[str, str]]) -> str:
    """Their name as the family writes it."""
    for pattern, replacement in renames:
        key = re.sub(pattern, replacement, key)
    return key


def shape(value: Tensor) -> list[int]:
    """The shape without axes of length one.

    Shapes   any
    """
    return [n for n in value.shape if n > 1]
