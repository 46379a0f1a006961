"""What a run reports while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .task import Measure


@dataclass(frozen=True, slots=True)
class Started:
    """Before the first step; `epoch` and `step` are where a resumed run goes on."""

    epochs: int
    steps: int  # in each epoch
    epoch: int
    step: int
    decides: Measure  # the figure of validation that counts
    warnings: tuple[str, ...] = ()  # of the data
    notes: tuple[str, ...] = ()  # what became of the weights it starts from


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """Where a strategy freezes or unfreezes: what learns from the beginning of an epoch on, counted from 1."""

    epoch: int
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """After each batch. The loss stays on the device: reading it makes the processor wait."""

    epoch: int
    step: int
    loss: Tensor
    learning_rate: float
    images: int  # in the batch


@dataclass(frozen=True, slots=True)
class Epoch:
    """After each pass; what events.jsonl holds. Epochs count from 1, shares lie in [0, 1]."""

    epoch: int
    train_loss: float
    val: Mapping[str, float | None]  # the loss and the figure that decides, by key; None without validation images
    learning_rate: float  # of the last step
    images_per_second: float  # of the training part
    seconds: float  # training and validation
    other_load: float | None = None  # share of all cores that other programs took meanwhile, in the training part

    def to_json(self) -> dict[str, Any]:
        """Plain values by name; those of validation as `val_loss` and the like."""
        return {
            "epoch": self.epoch,
            "train_loss": self.train_loss,
            **{f"val_{key}": value for key, value in self.val.items()},
            "learning_rate": self.learning_rate,
            "images_per_second": self.images_per_second,
            "seconds": self.seconds,
            "other_load": self.other_load,
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """After the last epoch: what metrics.json holds."""

    metrics: dict[str, Any]


Event = Started | Unfrozen | Step | Epoch | Finished


def is_epoch_line(row: Mapping[str, Any]) -> bool:
    """Whether a line of events.jsonl is one that an epoch wrote: its number, and nothing but numbers."""
    plain = all(value is None or (type(value) in (int, float)) for value in row.values())
    return plain and isinstance(row.get("epoch"), int) and row["epoch"] > 0
