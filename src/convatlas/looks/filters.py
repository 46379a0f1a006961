"""What the kernels of the first layer, or of any other, look for."""

from collections.abc import Iterator

from ..insight.filters import SHOWN, Filters, filters
from ..insight.subject import Subject
from ..views import filters as views
from ..views.ramps import number
from .picture import LookOptions, Picture


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """A figure for each layer."""
    found = [filters(subject, layer, shown=wish.count or SHOWN, seed=wish.seed) for layer in wish.layers or (None,)]
    before = "before training" if subject.run else "random initial state"
    for each in found:
        name = "filters" if not wish.layers else f"filters-{each.name}"
        title = f"Kernels of {each.name}, {subject.title}"
        yield Picture(name, views.figure(each, ("as they are", before)), title, caption(each))


def caption(found: Filters) -> str:
    """What is shown, in which order and on which scale."""
    shape = "x".join(map(str, found.shape))
    now, initial = views.scales(found)
    if found.kind == "matrix":
        rows, columns = found.kernels.shape
        what = f"The 1x1 kernels of {found.name} (weights {shape}) as a matrix of {rows} outputs and {columns} inputs"
        what += (
            "" if rows * columns == found.total else f", those with the largest norms of {found.shape[0]} and {found.shape[1]}"
        )
    else:
        left = found.total - len(found.kernels)
        rest = f"; the {left:,} with smaller norms are left out" if left else ""
        between = " between one input and one output" if found.kind == "plain" and found.shape[1] > 1 else ""
        what = f"{len(found.kernels)} kernels{between} of {found.name} (weights {shape}){rest}"
    code = (
        "gray is zero, and red, green and blue are the three inputs"
        if found.kind == "colored"
        else "white is zero, orange positive, blue negative"
    )
    scale = f"on a shared scale of ±{number(now)}" if now == initial else (
        f"on a scale of ±{number(now)}, at the right ±{number(initial)}, {max(now, initial) / min(now, initial):.2g} times "
        f"{'finer' if initial < now else 'coarser'}"
    )  # fmt: skip
    order = f"with the {found.order}" if "norm" in found.order else found.order
    return (
        f"{what}, sorted {order}, and at the right the same ones before they learnt; {scale} "
        f"({100 * (1 - views.CLIPPED):.1f} % of the weights lie beyond); {code}."
    )
