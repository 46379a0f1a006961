"""What can be compared without a value: parameters, names, shapes, types, multiply-accumulates, sides of the maps."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from torch import Tensor, nn

from ..anatomy.macs import macs
from ..models import count_parameters
from ..models.family import Family, Native
from .names import SAME, Pairing, shape
from .papers import KNOWN, NUMBERS, SIDES, printed
from .references import Reference
from .verdict import Check, Outcome, same


def tensors(ours: nn.Module, theirs: nn.Module, pairs: Pairing | str) -> Iterator[Check]:
    """Parameters, names and their order, shapes, types.

    Shapes   both on the meta device, built for the same image
    """
    yield same("parameters", f"{count_parameters(ours):,}", f"{count_parameters(theirs):,}")
    if isinstance(pairs, str):
        yield Check("names", Outcome.DIFFERS, pairs)
        return
    mine, other = ours.state_dict(), theirs.state_dict()
    if pairs.how == SAME:
        order = [*zip(mine, other, strict=True), *zip_longest(trained(ours), trained(theirs), fillvalue="nothing")]
        yield first("names", order, f"{len(mine)}, in the same order")
    else:
        yield Check("names", Outcome.EQUAL, f"{len(mine)}, {pairs.how}")
    rows = [(name, mine[name], other[key]) for key, name in pairs.ours.items()]
    form = shape if pairs.how != SAME else lambda value: list(value.shape)
    yield first("shapes", [(f"{name} {form(a)}", f"{name} {form(b)}") for name, a, b in rows], f"{len(rows)}")
    types = sorted({str(a.dtype).removeprefix("torch.") for _, a, _ in rows})
    yield first("types", [(f"{name} {a.dtype}", f"{name} {b.dtype}") for name, a, b in rows], ", ".join(types))


def trained(model: nn.Module) -> list[str]:
    """The names of what is trained."""
    return [name for name, p in model.named_parameters() if p.requires_grad]


def first(name: str, pairs: Iterable[tuple[str, str]], words: str) -> Check:
    """The check of a whole list, with its first difference."""
    found, expected = next(((a, b) for a, b in pairs if a != b), (words, words))
    return same(name, found, expected)


def multiplied(ours: nn.Module, theirs: nn.Module, native: Native, reference: Reference) -> Check:
    """Multiply-accumulates of one published image against the published figure, or against those counted in the reference."""
    found = giga(macs(ours, native.in_channels, native.image_size))
    published = reference.published(native.image_size)
    if published is None:
        return same("MACs", found, giga(macs(theirs, native.in_channels, native.image_size)), "counted in both")
    return same("MACs", found, f"{published:.3f}G", "published")


def paper(name: str, family: Family, ours: nn.Module) -> Iterator[Check]:
    """The paper's own numbers, and its table of output sizes.

    Shapes   ours on the meta device, built for the published image
    """
    native = family.native_of(name)
    counted, sides = walked(ours, native)
    if numbers := NUMBERS.get(name):
        auxiliary = tuple(f"{head}." for head in family.auxiliary)
        main = sum(p.numel() for key, p in ours.named_parameters() if not key.startswith(auxiliary))
        for check, value, number in (("paper's parameters", main, numbers.parameters), ("paper's MACs", counted, numbers.macs)):
            if number:
                yield against_paper(name, check, printed(value, number), number, numbers.source)
    if table := SIDES.get(name) or (SIDES.get(family.name) if native.image_size == family.native.image_size else None):
        yield against_paper(name, "maps", listed(sides), listed(table[0]), table[1])


def against_paper(name: str, check: str, found: str, expected: str, source: str) -> Check:
    """The check of a number in print; a difference may be known."""
    why = KNOWN.get((name, check, found, expected))
    return Check(check, Outcome.KNOWN, found, expected, why) if why else same(check, found, expected, source)


def giga(counted: int) -> str:
    """Multiply-accumulates to the third decimal, as they are published: 4.089G."""
    return f"{counted / 1e9:.3f}G"


def listed(sides: Iterable[int]) -> str:
    """Sides as a paper lists them."""
    return ", ".join(map(str, sides))


def walked(model: nn.Module, native: Native) -> tuple[int, list[int]]:
    """Multiply-accumulates of one image, and the side of the maps each time it becomes smaller.

    Shapes   maps are (1, c, side, side), or (1, side, side, c) in transformers
    """
    sides: list[int] = []

    def look(_: nn.Module, __: object, y: object) -> None:
        if isinstance(y, Tensor) and y.ndim == 4:
            side = y.shape[2] if y.shape[2] == y.shape[3] else y.shape[1] if y.shape[1] == y.shape[2] else 0
            if 1 < side < min(sides, default=side + 1):
                sides.append(side)

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    counted = macs(model, native.in_channels, native.image_size)
    for hook in hooks:
        hook.remove()
    return counted, sides
