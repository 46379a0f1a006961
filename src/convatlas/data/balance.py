"""Balanced epochs: every class equally often, whatever its size."""

import numpy as np
import torch
from torch import Tensor


def balanced(labels: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Which images epoch `number` draws, class by class: as many as there are, of every class as many to within one.

    The images of a class lie in a ring, in the order that `generator`, the same for all epochs, gives them, and each epoch goes
    on where the last one stopped. So small classes come round several times, no image of theirs more than once more often than
    another, and of large ones the images that an epoch leaves out begin the next.

    Shapes   labels (n,) → (n,) int64
    """
    ring = torch.randperm(len(labels), generator=generator)
    ring = ring[labels[ring].argsort(stable=True)]
    sizes = np.unique(labels.numpy(), return_counts=True)[1]
    quota, left = divmod(len(labels), max(len(sizes), 1))
    drawn, begin = np.empty(0, np.int64), 0
    for place, size in enumerate(sizes.tolist()):
        # What is left over goes to the classes in turn, and on in the next epoch.
        first, last = (quota * n + (left * n + len(sizes) - 1 - place) // len(sizes) for n in (number, number + 1))
        drawn = np.append(drawn, begin + np.arange(first, last) % size)
        begin += size
    return ring[torch.from_numpy(drawn)]
