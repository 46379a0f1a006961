"""What a run tells while it goes on."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Started:
    """Before the first step; `epoch` and `step` are where a resumed run goes on."""

    epochs: int
    steps: int  # in each epoch
    epoch: int
    step: int
    warnings: tuple[str, ...] = ()  # of the data
    notes: tuple[str, ...] = ()  # what became of the weights it starts from


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """Where a strategy freezes or thaws: what learns from the beginning of an epoch on, counted from 1."""

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
    """After each pass; what events.jsonl holds. Epochs count from 1, accuracies lie in [0, 1]."""

    epoch: int
    train_loss: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float  # of the last step
    images_per_second: float  # of the training part
    seconds: float  # training and validation

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finished:
    """After the last epoch: what metrics.json holds."""

    metrics: dict[str, Any]


Event = Started | Unfrozen | Step | Epoch | Finished
