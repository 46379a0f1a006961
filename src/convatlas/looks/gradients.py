"""How gradients flow through the depth while a network learns, alone or beside others."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..insight.flow import APART, HEALTHY, STEPS, Flow, flow
from ..insight.subject import Subject
from ..models import family_of
from ..views import flow as views
from ..views.ramps import number
from .picture import LookOptions, Picture

BESIDE = 2  # networks a figure has room for, besides the subject


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """One figure; options: `against`, networks to train beside the subject, `steps`, and `batch`, images in each."""
    options = wish.options
    names = names_in(options.get("against"))
    for name in names:
        family_of(name)  # raises for an unknown one before anything is trained
    steps, batch = (whole(options.get(key), key) for key in ("steps", "batch"))
    flows = [flow(subject, steps=steps or STEPS, batch=batch, seed=wish.seed)]
    flows += [flow(subject, steps=steps or STEPS, batch=batch, seed=wish.seed, name=name) for name in names]
    title = f"Gradient flow of {' and '.join([subject.name, *names])}"
    yield Picture("gradients", views.figure(flows), title, " ".join(map(caption, flows)) + " " + CONVENTION)


CONVENTION = (
    f"Marked by convention: vanishing where the norm is {APART:g} times below that of the last quarter of the layers or the "
    f"step below {HEALTHY[0]:g} of the weights, exploding where the norm is {APART:g} times above or the step longer than the "
    "weights."
)


def caption(found: Flow) -> str:
    """Numbers of one network: spread of the gradients at both ends of the training, and what is marked."""
    n = len(found.layers)
    first, last = (spread(found.gradients[k]) for k in (0, -1))
    before, after = (told(*masks) for masks in (found.first, found.last))
    return (
        f"{found.title}: {n} layers with weights, batches of {found.batch}, {found.optimizer}; the largest gradient norm is "
        f"{number(first)} times the smallest before the first update, when {before}, and {number(last)} times after "
        f"{found.steps[-1]}, when {after}; the loss goes from {found.losses[0]:.2f} to {found.losses[-1]:.2f}."
    )


def told(vanishing: NDArray[np.bool_], exploding: NDArray[np.bool_]) -> str:
    """How many layers are marked."""
    counts = [f"{int(mask.sum())} {word}" for mask, word in ((vanishing, "vanish"), (exploding, "explode")) if mask.any()]
    return " and ".join(counts) or "none is marked"


def spread(values: NDArray[np.float64]) -> float:
    """Largest by smallest of the norms that are not zero."""
    fit = values[np.isfinite(values) & (values > 0)]
    return float(fit.max() / fit.min()) if fit.size else float("nan")


def names_in(given: object) -> list[str]:
    """Names from a row of them or a line with commas.

    Raises   InputError for more than a figure holds
    """
    names = [name.strip() for name in (given.split(",") if isinstance(given, str) else list(given or ()))]  # type: ignore[call-overload]
    if len(names) > BESIDE:
        raise InputError(f"a figure of gradients has room for {BESIDE} networks beside the subject, got {', '.join(names)}")
    return names


def whole(given: object, name: str) -> int | None:
    """A number of at least 1."""
    if given is None:
        return None
    if not str(given).isdigit() or int(str(given)) < 1:
        raise InputError(f"{name} needs a whole number of at least 1, got {given}")
    return int(str(given))
