"""A network of four layers that trains in no time, and what its training told."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from convatlas.engine.events import Epoch, Event, Started, Step, Unfrozen
from convatlas.engine.record import Run

SIDE = 8


class Small(nn.Module):
    def __init__(self, norm: bool = True, dropout: float = 0.2, c_in: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, 8, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = nn.Linear(128, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.pool(self.norm(self.conv(x)).relu()).flatten(1)))


@dataclass
class Told:
    """What a training told, without its figures of time."""

    run: Run
    steps: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    epochs: list[tuple[Any, ...]] = field(default_factory=list)
    first: tuple[int, int] = (0, 0)
    learns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        from safetensors.torch import load_file

        return load_file(self.run.path / "model.safetensors")

    @property
    def figures(self) -> dict[str, Any]:
        return timeless(self.run.metrics)


def note(told: Told, event: Event) -> None:
    if isinstance(event, Step):
        told.steps.append(event.loss.item())
        told.rates.append(event.learning_rate)
    elif isinstance(event, Started):
        told.notes += event.notes
    elif isinstance(event, Unfrozen):
        told.learns.append(event.words)
    elif isinstance(event, Epoch):
        told.epochs.append((event.epoch, event.train_loss, event.val["loss"], event.val["accuracy"], event.learning_rate))


def timeless(figures: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the clock, nor on what else the machine does."""
    return {name: value for name, value in figures.items() if "second" not in name and name != "other_load"}


def same(a: Told, b: Told) -> None:
    """Bit for bit."""
    assert a.figures == b.figures
    assert a.weights.keys() == b.weights.keys()
    for name, tensor in a.weights.items():
        assert torch.equal(tensor, b.weights[name]), name
    rows = [[timeless(row) for row in told.run.epochs()] for told in (a, b)]
    assert rows[0] == rows[1]
