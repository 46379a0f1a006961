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
    by_layer: Counter[str] = Counter()
    fresh: list[Tensor] = []
    alive: list[Any] = []

    def pack(value: Tensor) -> Tensor:
        if place(value) not in held:
            held.add(place(value))
            fresh.append(value)
        return value

    def see(o: Operation) -> None:
        alive.append(o.output)  # else its place could be taken twice
        by_layer[o.layer] += sum(value.untyped_storage().nbytes() for value in fresh)
        fresh.clear()

    with torch.enable_grad(), saved_tensors_hooks(pack, lambda value: value), Trace(model, see):
        alive.append(model(x))
    return by_layer


def place(value: Tensor) -> int:
    """The identity of a tensor's storage: it tells tensors apart that have no address.

    Shapes   any
    """
    return value.untyped_storage()._cdata  # noqa: SLF001
