"""What a sweep has tried: settings with their validation figures, and what it reports while it goes on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .factors import level_text

COMPLETE, PRUNED, DIVERGED, FAILED, REPEATED = STATUSES = "complete", "pruned", "diverged", "failed", "repeated"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One setting that was tried, and what it came to on the validation images."""

    number: int
    folder: str
    status: str  # one of STATUSES
    settings: Mapping[str, Any]  # the value of each field that is searched
    epochs: int
    seconds: float
    figure: float | None = None  # where it is complete of the weights that count, else of its last epoch
    loss: float | None = None
    reason: str | None = None  # why it is not complete

    @property
    def chooses(self) -> bool:
        """Whether its figure is one that the best is chosen from."""
        return self.status == COMPLETE and self.figure is not None

    def to_json(self) -> dict[str, Any]:
        """Plain values, those of the settings as the command line has them."""
        return asdict(self) | {"settings": {name: level_text(value) for name, value in self.settings.items()}}


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt begins or goes on."""

    number: int
    total: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt came to its end, and the best so far."""

    attempt: Attempt
    total: int
    best: Attempt | None


@dataclass(frozen=True, slots=True)
class BestStarted:
    """The search is over: the best setting is trained as an ordinary run and tested."""

    best: Attempt
