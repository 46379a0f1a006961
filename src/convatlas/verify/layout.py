"""What can be compared without computing a value: parameters, names, shapes, types, multiply-accumulates, sides of the maps."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from torch import Tensor, nn

from ..anatomy.macs import macs
from ..models import Variant, count_parameters
from ..models.family import Native, Printed, Sides
from .names import SAME, Pairing, shape
from .references import Reference
from .verdict import Check, Outcome, equality_check


def compare_layouts(ours: nn.Module, theirs: nn.Module, pairs: Pairing | str) -> Iterator[Check]:
    """Parameters, names and their order, shapes, types.

    Shapes   both on the meta device, built for the same image
    """
    yield equality_check("parameters", f"{count_parameters(ours):,}", f"{count_parameters(theirs):,}")
    if isinstance(pairs, str):
        yield Check("names", Outcome.DIFFERS, pairs)
        return
    mine, other = ours.state_dict(), theirs.state_dict()
    if pairs.how == SAME:
        order = [*zip(mine, other, strict=True), *zip_longest(trainable(ours), trainable(theirs), fillvalue="nothing")]
        yield compare_lists("names", order, f"{len(mine)}, in the same order")
    else:
        yield Check("names", Outcome.EQUAL, f"{len(mine)}, {pairs.how}")
    rows = [(name, mine[name], other[key]) for key, name in pairs.ours.items()]
    form = shape if pairs.how != SAME else lambda value: list(value.shape)
    yield compare_lists("shapes", [(f"{name} {form(a)}", f"{name} {form(b)}") for name, a, b in rows], f"{len(rows)}")
    types = sorted({str(a.dtype).removeprefix("torch.") for _, a, _ in rows})
    yield compare_lists("types", [(f"{name} {a.dtype}", f"{name} {b.dtype}") for name, a, b in rows], ", ".join(types))


def trainable(model: nn.Module) -> list[str]:
    """The names of the trainable parameters."""
    return [name for name, p in model.named_parameters() if p.requires_grad]


def compare_lists(name: str, pairs: Iterable[tuple[str, str]], words: str) -> Check:
    """The check of a whole list, with its first difference."""
    own, expected = next(((a, b) for a, b in pairs if a != b), (words, words))
    return equality_check(name, own, expected)


def compare_macs(ours: nn.Module, theirs: nn.Module, native: Native, reference: Reference) -> Check:
    """Multiply-accumulates of one published image against the published figure, or against those counted in the reference."""
    own = giga(macs(ours, native.in_channels, native.image_size))
    published = reference.published_macs(native.image_size)
    if published is None:
        return equality_check("MACs", own, giga(macs(theirs, native.in_channels, native.image_size)), "counted in both")
    return equality_check("MACs", own, f"{published:.3f}G", "published")


def check_paper(network: Variant, ours: nn.Module) -> Iterator[Check]:
    """The paper's own numbers, and its table of output sizes.

    Shapes   ours on the meta device, built for the published image
    """
    family, name = network.family, network.base
    counted, sides = walk(ours, network.native)
    if printed := family.printed.get(name):
        auxiliary = tuple(f"{head}." for head in family.auxiliary)
        main = sum(p.numel() for key, p in ours.named_parameters() if not key.startswith(auxiliary))
        for check, value, number in (("parameters", main, printed.parameters), ("MACs", counted, printed.macs)):
            if number:
                yield printed_check(f"paper's {check}", format_like(value, number), number, printed.ours, printed)
    if table := family.sides_of(name):
        yield printed_check("maps", join_sides(sides), join_sides(table.sides), join_sides(table.ours), table)


def printed_check(check: str, value: str, expected: str, known: str, paper: Printed | Sides) -> Check:
    """The check of a number in print; a difference may be known, down to the network's own number."""
    if known and value == known:
        return Check(check, Outcome.KNOWN, value, expected, paper.why)
    return equality_check(check, value, expected, paper.source)


def format_like(value: int, like: str) -> str:
    """A number as a paper prints another one: 25,028,904 like "25.0M" is "25.0M", like "1,000" "25,028,904"."""
    unit = {"M": 1e6, "G": 1e9}.get(like[-1])
    decimals = len(like[:-1].partition(".")[2])
    return f"{value / unit:.{decimals}f}{like[-1]}" if unit else f"{value:,}"


def giga(counted: int) -> str:
    """Multiply-accumulates to the third decimal, as they are published: 4.089G."""
    return f"{counted / 1e9:.3f}G"


def join_sides(sides: Iterable[int]) -> str:
    """Sides as a paper lists them."""
    return ", ".join(map(str, sides))


def walk(model: nn.Module, native: Native) -> tuple[int, list[int]]:
    """Multiply-accumulates of one image, and the side of the maps each time it becomes smaller.

    Shapes   maps are (1, c, side, side), or (1, side, side, c) in transformers
    """
    sides: list[int] = []

    def note_side(_: nn.Module, __: object, y: object) -> None:
        if isinstance(y, Tensor) and y.ndim == 4:
            side = y.shape[2] if y.shape[2] == y.shape[3] else y.shape[1] if y.shape[1] == y.shape[2] else 0
            if 1 < side < min(sides, default=side + 1):
                sides.append(side)

    hooks = [module.register_forward_hook(note_side) for module in model.modules()]
    counted = macs(model, native.in_channels, native.image_size)
    for hook in hooks:
        hook.remove()
    return counted, sides
