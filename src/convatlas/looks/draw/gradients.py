"""Gradient flow: gradient norms and update-to-weight ratios over the depth during training, of one network or several."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, count_of
from ...insight.flow import APART, HEALTHY, Flow, flow
from ...insight.subject import Subject
from ...models import variant
from ...views import flow as view
from ...views.ramps import number
from ..picture import Picture

BESIDE = 2  # networks a figure has room for, besides the subject
CONVENTION = (
    f"Marked by convention: vanishing where the norm is {APART:g} times below that of the last quarter of the layers or the "
    f"step below {HEALTHY[0]:g} of the weights, exploding where the norm is {APART:g} times above or the step longer than the "
    "weights."
)


def pictures(subject: Subject, *, against: Sequence[str], steps: int, batch: int | None, seed: int) -> Iterator[Picture]:
    """One figure with one column per network.

    Raises   InputError for more networks than the figure has room for, or an unknown one
    """
    if len(against) > BESIDE:
        raise InputError(f"against needs at most {BESIDE} networks, got {', '.join(against)}")
    for name in against:
        variant(name)  # raises for an unknown one before anything is trained
    flows = [flow(subject, steps=steps, batch=batch, seed=seed, name=name) for name in (None, *against)]
    title = f"Gradient flow of {' and '.join([subject.name, *against])}"
    yield Picture("gradients", view.figure(flows), title, " ".join(map(caption, flows)) + " " + CONVENTION)


def caption(flow: Flow) -> str:
    """The numbers of one network: the range of its gradients before and after training, and the marked layers."""
    first, last = (ratio_of_extremes(flow.gradients[k]) for k in (0, -1))
    before, after = (marks(*masks) for masks in (flow.first, flow.last))
    return (
        f"{flow.title}: {count_of(len(flow.layers), 'layer')} with weights, batches of {flow.batch}, {flow.optimizer}; the "
        f"largest gradient norm is {number(first)} times the smallest before the first update, when {before}, and "
        f"{number(last)} times after {flow.steps[-1]}, when {after}; the loss goes from {flow.losses[0]:.2f} to "
        f"{flow.losses[-1]:.2f}."
    )


def marks(vanishing: NDArray[np.bool_], exploding: NDArray[np.bool_]) -> str:
    """How many layers are marked.

    Shapes   (layers,) each
    """
    counts = [f"{int(mask.sum())} {word}" for mask, word in ((vanishing, "vanish"), (exploding, "explode")) if mask.any()]
    return " and ".join(counts) or "none is marked"


def ratio_of_extremes(norms: NDArray[np.float64]) -> float:
    """The largest of the norms above zero by the smallest.

    Shapes   (layers,)
    """
    positive = norms[np.isfinite(norms) & (norms > 0)]
    return float(positive.max() / positive.min()) if positive.size else float("nan")
