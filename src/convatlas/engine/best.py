"""Early stopping: the epoch that did best on the validation images, and its weights."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(slots=True)
class Best:
    """The best epoch so far, counted from 1: the one with the highest accuracy, then with the lowest loss."""

    epoch: int = 0
    figures: tuple[float, float] = (-1.0, 0.0)  # accuracy, negative loss
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, epoch: int, accuracy: float, loss: float, model: nn.Module) -> None:
        """Takes an epoch that is better than all before."""
        if (accuracy, -loss) > self.figures:
            self.epoch, self.figures = epoch, (accuracy, -loss)
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def to_state(self) -> dict[str, Any]:
        """Plain values and tensors by name."""
        return {"epoch": self.epoch, "figures": list(self.figures), "weights": self.weights}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Best":
        """What `to_state` gave."""
        accuracy, loss = state["figures"]
        return cls(state["epoch"], (accuracy, loss), dict(state["weights"]))
