"""What a network answers to images: the scores of all classes, kept for every look that asks about them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Images
from ..errors import InputError, unknown
from ..ops.mode import eval_mode
from .subject import Subject

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The scores of n images for k classes, in the order of the images.

    Shapes   logits (n, k), labels (n,) with −1 where the class is not known
    """

    logits: Floats
    labels: Ints

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def k(self) -> int:
        """How many classes there are."""
        return self.logits.shape[1]

    @cached_property
    def predicted(self) -> Ints:
        """The likeliest class of each image, (n,)."""
        return self.logits.argmax(1)

    @cached_property
    def probabilities(self) -> Floats:
        """Of all classes, (n, k)."""
        return softmax(self.logits)

    @cached_property
    def probability(self) -> Floats:
        """Of the predicted class, (n,)."""
        return self.probabilities.max(1)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Where the prediction is the label, (n,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @cached_property
    def runner_up(self) -> Ints:
        """The second likeliest class of each image, (n,); the predicted one where there is no other."""
        others = self.logits.copy()
        others[np.arange(len(self)), self.predicted] = -np.inf
        return others.argmax(1)


_known: WeakKeyDictionary[Subject, tuple[object, Predictions]] = WeakKeyDictionary()


def predictions_of(subject: Subject, images: Images | None = None) -> Predictions:
    """The network's answers to its images, or to others, batch by batch in evaluation mode; it is left as it was.

    Those to a subject's own images are remembered until its weights change.
    """
    if images is not None:
        return asked(subject, images)
    values = [*subject.model.parameters(), *subject.model.buffers()]
    stamp = tuple((id(v), None if v.is_inference() else v._version) for v in values)  # noqa: SLF001
    before, said = _known.get(subject, (None, None))
    if said is None or before != stamp:
        said = asked(subject, subject.images)
        _known[subject] = stamp, said
    return said


def asked(subject: Subject, images: Images) -> Predictions:
    """The answers to some images, computed."""
    logits, done = None, 0
    with eval_mode(subject.model), torch.inference_mode():
        for x, _ in subject.batches(images=images):
            y = subject.model(x).float().numpy()
            if logits is None:
                logits = np.empty((len(images), y.shape[1]), np.float32)
            logits[done : done + len(y)] = y
            done += len(y)
    if logits is None:
        raise InputError("there are no images to ask about: give a set with at least one")
    if not np.isfinite(logits).all():
        raise InputError(f"{subject.title} answers with scores that are no numbers: its weights need to be trained again")
    return Predictions(logits, images.labels.numpy().astype(np.int64))


def labelled(subject: Subject, what: str, least: int = 2) -> Predictions:
    """The answers to images whose classes are known, for `what` that needs them.

    Raises   InputError if classes are unknown, fewer than needed, or not those of the network
    """
    if not subject.labelled:
        raise InputError(f"{what} needs the true class of every image: give labelled images, such as a set with --data")
    said = predictions_of(subject)
    if said.k < least:
        raise InputError(f"{what} needs a network that tells {least} classes apart, and {subject.title} knows {said.k}")
    if (most := int(said.labels.max())) >= said.k:
        raise InputError(f"{subject.name} knows {said.k} classes, but a label says {most}: look at a set it was made for")
    return said


def class_index(subject: Subject, name: str) -> int:
    """The place of a class, asked for by its name or number.

    Raises   InputError with the nearest names for one that does not exist
    """
    if name in subject.classes:
        return subject.classes.index(name)
    same = [i for i, known in enumerate(subject.classes) if known.casefold() == name.casefold()]
    if len(same) == 1:
        return same[0]
    if name.isdecimal() and int(name) < len(subject.classes):
        return int(name)
    raise unknown("class", name, subject.classes, f"Its number, 0 to {len(subject.classes) - 1}, works as well.")


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Probabilities from scores divided by a temperature, row by row."""
    z = logits.astype(np.float32) / np.float32(temperature)
    z = np.exp(z - z.max(1, keepdims=True))
    z /= z.sum(1, keepdims=True)
    return z
