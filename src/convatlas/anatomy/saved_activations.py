"""What a training step keeps for its backward pass, found without values."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from ..ops.trace import Operation, Trace


def kept_bytes(model: nn.Module, x: Tensor) -> Counter[str]:
    """Bytes that a training step keeps for its backward pass, by the layer that first asks for them; weights aside.

    Shapes   model in training mode and x on the meta device
    """
    held = {place(p) for p in model.parameters()}
    kept: Counter[str] = Counter()
    fresh: list[Tensor] = []
    alive: list[Any] = []

    def pack(value: Tensor) -> Tensor:
        if place(value) not in held:
            held.add(place(value))
            fresh.append(value)
        return value

    def see(o: Operation) -> None:
        alive.append(o.output)  # else its place could be taken twice
        kept[o.layer] += sum(value.untyped_storage().nbytes() for value in fresh)
        fresh.clear()

    with torch.enable_grad(), saved_tensors_hooks(pack, lambda value: value), Trace(model, see):
        alive.append(model(x))
    return kept


def place(value: Tensor) -> int:
    """What tells tensors apart that have no address: the storage they look at."""
    return value.untyped_storage()._cdata  # noqa: SLF001
