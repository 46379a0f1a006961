"""The predictions of a network: the scores of all classes for each image, computed once for all looks."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Images
from ..engine.evaluate import outputs
from ..errors import InputError, count_of, unknown_name
from .subject import Subject

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The scores of n images for k classes, in the order of the images.

    Shapes   logits (n, k); labels (n,), −1 where the class is not known
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
        """The most probable class of each image, (n,)."""
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
        """The second most probable class of each image, (n,); the predicted one where there is no other."""
        others = self.logits.copy()
        others[np.arange(len(self)), self.predicted] = -np.inf
        return others.argmax(1)


def predictions_of(subject: Subject, images: Images | None = None) -> Predictions:
    """The network's predictions for the subject's images, or for others.

    Those for the subject's own images are remembered until the network's weights change.

    Raises   InputError without images, or for NaN or infinite outputs
    """
    if images is not None:
        return predict(subject, images)
    state = [(v, None if v.is_inference() else v._version) for v in subject.model.state_dict(keep_vars=True).values()]  # noqa: SLF001
    before, predictions = subject.memory.get("predictions", ([], None))
    same = len(before) == len(state) and all(a is b and m == n for (a, m), (b, n) in zip(before, state, strict=True))
    if predictions is None or not same:
        predictions = predict(subject, subject.images)
        subject.memory["predictions"] = state, predictions
    return predictions


def predict(subject: Subject, images: Images) -> Predictions:
    """The predictions for some images, batch by batch in evaluation mode; the network is left as it was.

    Raises   InputError without images, or for NaN or infinite outputs
    """
    logits, done = None, 0
    for output, _ in outputs(subject.model, subject.batches(images=images)):
        y = output.float().numpy()
        if logits is None:
            logits = np.empty((len(images), y.shape[1]), np.float32)
        logits[done : done + len(y)] = y
        done += len(y)
    if logits is None:
        raise InputError("predictions need at least one image, and the set has none")
    if not np.isfinite(logits).all():
        raise InputError(f"{subject.title} gives NaN or infinite outputs: its weights have diverged, train it again")
    return Predictions(logits, images.labels.numpy().astype(np.int64))


def labeled_predictions(subject: Subject, what: str, least: int = 2) -> Predictions:
    """The predictions for images of known classes; `what` needs them, and at least so many classes.

    Raises   InputError if classes are unknown, fewer than needed, or not those of the network
    """
    if not subject.labeled:
        raise InputError(f"{what} needs the true class of every image: give labeled images, such as a set with --data")
    predictions = predictions_of(subject)
    if predictions.k < least:
        raise InputError(
            f"{what} needs a network with at least {count_of(least, 'class')}, and {subject.title} has {predictions.k}"
        )
    if (most := int(predictions.labels.max())) >= predictions.k:
        raise InputError(
            f"{subject.name} has {count_of(predictions.k, 'class')}, but a label is {most}: "
            "choose a set that the network was made for"
        )
    return predictions


def class_index(subject: Subject, name: str) -> int:
    """The number of a class, from its name or number.

    Raises   InputError with the nearest names for one that does not exist
    """
    if name in subject.classes:
        return subject.classes.index(name)
    same = [i for i, other in enumerate(subject.classes) if other.casefold() == name.casefold()]
    if len(same) == 1:
        return same[0]
    if name.isdecimal() and int(name) < len(subject.classes):
        return int(name)
    raise unknown_name("class", name, subject.classes, f"Its number, 0 to {len(subject.classes) - 1}, works as well.")


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Probabilities from scores divided by a temperature.

    Shapes   (n, k) → (n, k)
    """
    z = logits.astype(np.float32) / np.float32(temperature)
    z = np.exp(z - z.max(1, keepdims=True))
    z /= z.sum(1, keepdims=True)
    return z
