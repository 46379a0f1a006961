"""The loss around the network's weights."""

from collections.abc import Iterator
from functools import partial

import torch

from ..data import Resident
from ..engine.tasks.classify import ClassMeter
from ..errors import InputError
from ..insight.landscape import REACH, STEPS, landscape
from ..insight.subject import BATCH, Subject
from ..views import landscape as view
from .picture import LookOptions, Picture

IMAGES = 256


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """The landscape on some images, spread evenly over the set; options `steps` and `reach` set the grid.

    Raises   InputError if the classes of the images are not known
    """
    if not subject.labelled:
        raise InputError("a loss landscape needs images whose classes are known: give a labelled set with --data")
    steps, reach = number(wish, "steps", STEPS), number(wish, "reach", REACH)
    places = list(wish.places) or subject.evenly(wish.count or IMAGES)
    shown = Resident(subject.pixels(places), subject.labels[torch.as_tensor(places, dtype=torch.int64)])
    meter = partial(ClassMeter, subject.classes)
    batches = partial(subject.batches, BATCH, shown)
    seen = landscape(subject.model, batches, meter, reach=reach, steps=int(steps), seed=wish.seed)
    middle = len(seen.along) // 2
    yield Picture(
        name="landscape",
        figure=view.figure(seen.along, seen.loss),
        title=f"Loss around {subject.title}",
        caption=(
            f"Cross-entropy of {seen.images} images on {int(steps)} × {int(steps)} points along two random "
            f"directions (seeds {2 * wish.seed} and {2 * wish.seed + 1}), as long as the weights, filter by filter; norms and "
            f"biases stay, and norms keep their running statistics. The cross is the network: loss {seen.center:.3g}, accuracy "
            f"{100 * seen.accuracy[middle, middle]:.1f} %; {view.describe(seen.along, seen.loss).partition(' and ')[2]}. "
            "Lines run between the points as cubic splines of the loss's logarithm."
        ),
    )


def number(wish: LookOptions, name: str, default: float) -> float:
    """An option that is a number.

    Raises   InputError if it is none
    """
    value = wish.options.get(name, default)
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"{name} needs a number, got {value!r}") from None
