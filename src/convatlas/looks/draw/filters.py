"""The kernels of the first layer, or of others, beside their random initialization."""

from collections.abc import Iterator, Sequence

from ...errors import count_of
from ...insight.filters import COUNT, Filters, filters
from ...insight.subject import Subject
from ...views import filters as view
from ...views.ramps import number
from ..picture import Picture


def pictures(subject: Subject, *, layer: Sequence[str], count: int | None, seed: int) -> Iterator[Picture]:
    """One figure per layer."""
    layers = [filters(subject, name, count=count or COUNT, seed=seed) for name in layer or (None,)]
    before = "before training" if subject.run else "random initialization"
    for kernels in layers:
        name = "filters" if not layer else f"filters-{kernels.name}"
        title = f"Kernels of {kernels.name}, {subject.title}"
        yield Picture(name, view.figure(kernels, ("current", before)), title, caption(kernels))


def caption(filters: Filters) -> str:
    """What is shown, in which order and on which scale."""
    shape = "x".join(map(str, filters.shape))
    now, initial = view.scales(filters)
    if filters.kind == "matrix":
        rows, columns = filters.kernels.shape
        what = f"The 1x1 kernels of {filters.name} (weights {shape}) as a matrix of {rows} outputs and {columns} inputs"
        if rows * columns != filters.total:
            what += f", those with the largest norms of {filters.shape[0]} and {filters.shape[1]}"
    else:
        omitted = filters.total - len(filters.kernels)
        rest = f"; the {omitted:,} with smaller norms are omitted" if omitted else ""
        between = " between one input and one output" if filters.kind == "plain" and filters.shape[1] > 1 else ""
        what = f"{count_of(len(filters.kernels), 'kernel')}{between} of {filters.name} (weights {shape}){rest}"
    code = (
        "gray is zero, and red, green and blue are the three inputs"
        if filters.kind == "colored"
        else "white is zero, orange positive, blue negative"
    )
    scale = f"on a shared scale of ±{number(now)}" if now == initial else (
        f"on a scale of ±{number(now)}, on the right ±{number(initial)}, {max(now, initial) / min(now, initial):.2g} times "
        f"{'finer' if initial < now else 'coarser'}"
    )  # fmt: skip
    order = f"with the {filters.order}" if "norm" in filters.order else filters.order
    return (
        f"{what}, sorted {order}, and on the right the same kernels before training; {scale} "
        f"({100 * (1 - view.CLIPPED):.1f} % of the weights lie beyond); {code}."
    )
