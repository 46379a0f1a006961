"""A data set ready to learn from: three parts that never overlap, and what a network needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .arrays import Labels, class_gaps
from .feed import Augment

if TYPE_CHECKING:
    from torch import Tensor

    from .file_list import FileList
    from .images import Images
    from .targets import Targets


@dataclass(frozen=True, eq=False)
class Data:
    """A set ready to learn from.

    Shapes   size (h, w) of the stored training images in pixels
    Units    mean and std of the training images, per channel, in [0, 1]
    """

    name: str
    title: str
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]
    train: "Images"
    val: "Images | None"
    test: "Images | None"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment  # what suits the set
    warnings: tuple[str, ...]
    files: "FileList | None" = None  # of images in files: which are in which part
    digests: Mapping[str, str] = field(default_factory=dict)  # of arrays: a hash for train and test

    @property
    def task(self) -> str:
        """What there is to learn from it: a name of `engine.tasks.TASKS`."""
        return self.train.targets.task

    @property
    def storage(self) -> str:
        """Whether the images are held in memory or decoded each epoch: training sees other windows of them."""
        from .images import Streamed

        return "decoded each epoch" if isinstance(self.train, Streamed) else "held in memory"


def targets_of(labels: Labels) -> "Targets":
    """The targets of images with these labels: one class each, or several.

    Shapes   labels (n,) or (n, classes) of 0 and 1
    """
    import torch

    from .targets import Labels as ClassNumbers
    from .targets import LabelSets

    return (LabelSets if labels.ndim == 2 else ClassNumbers)(torch.from_numpy(labels))


def gap_warnings(classes: tuple[str, ...], parts: dict[str, Labels]) -> tuple[str, ...]:
    """A sentence for each part that has no image of some class."""
    absent = {of: class_gaps(labels, len(classes)) for of, labels in parts.items()}
    return tuple(
        f"{of} has no image of {', '.join(classes[label] for label in gaps.first)}{gaps.more}: its figures leave them out"
        for of, gaps in absent.items()
        if gaps
    )


def channel_statistics(x: "Tensor") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images, in [0, 1], exact to float64.

    Shapes   x (n, c, h, w) → (c,) and (c,)
    """
    import torch

    counts = torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in x.unbind(1)]).double()
    level = torch.arange(256, dtype=torch.float64) / 255
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ level
    std = ((share * (level - mean[:, None]) ** 2).sum(1)).sqrt().clamp(min=1 / 255)  # a flat channel stays finite
    return tuple(mean.tolist()), tuple(std.tolist())
