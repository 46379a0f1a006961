"""The loss around the network's weights."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from ...data import Resident
from ...engine.tasks.classify import ClassMeter
from ...errors import InputError, count_of
from ...insight.landscape import landscape
from ...insight.subject import BATCH, Subject
from ...views import landscape as view
from ..picture import Picture

IMAGES = 256


def pictures(
    subject: Subject, *, at: Sequence[int], count: int | None, steps: int, reach: float, seed: int
) -> Iterator[Picture]:
    """The landscape on some images, spread evenly over the set; `steps` and `reach` set the grid.

    Raises   InputError if the classes of the images are not known
    """
    if not subject.labeled:
        raise InputError("a loss landscape needs images whose classes are known: give a labeled set with --data")
    subject.check_places(at)
    places = list(at) or subject.evenly(count or IMAGES)
    images = Resident(subject.pixels(places), subject.labels[torch.as_tensor(places, dtype=torch.int64)])
    meter, batches = partial(ClassMeter, subject.classes), partial(subject.batches, BATCH, images)
    grid = landscape(subject.model, batches, meter, reach=reach, steps=steps, seed=seed)
    middle = len(grid.along) // 2
    yield Picture(
        name="landscape",
        figure=view.figure(grid.along, grid.loss),
        title=f"Loss around {subject.title}",
        caption=(
            f"Cross-entropy of {count_of(grid.images, 'image')} on {steps} × {steps} points along two random directions "
            f"(seeds {2 * seed} and {2 * seed + 1}), each filter as long as the network's own; norms and biases stay, and "
            "norms keep their "
            f"running statistics. The cross is the network: loss {grid.center:.3g}, accuracy "
            f"{100 * grid.accuracy[middle, middle]:.1f} %; {view.describe(grid.along, grid.loss).partition(' and ')[2]}. "
            "Contours are cubic splines of the loss's logarithm."
        ),
    )
