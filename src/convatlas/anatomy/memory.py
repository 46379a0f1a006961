"""Peak memory of a forward pass or a training step, from a run on the meta device that adds up the storages alive."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from ..ops.trace import tensors
from .layer import Shape
from .layers import example, without_values
from .saved_activations import place


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a pass, without the workspace of kernels.

    Units   bytes
    """

    weights: int  # parameters and buffers
    working: int  # the most that is alive at once beside these: images, activations, gradients

    @property
    def total(self) -> int:
        return self.weights + self.working


def peak_memory(model: nn.Module, size: Shape, *, batch: int = 1, training: bool = False) -> Memory:
    """The memory of one forward pass, or of one training step up to the optimizer's own state.

    Shapes   size (channels, height, width)
    """
    x = example(model, size, batch)
    with without_values(model):
        held = {place(value): value.untyped_storage().nbytes() for value in (*model.parameters(), *model.buffers())}
        watch = Alive(held)
        model.train(training)
        with torch.set_grad_enabled(training), watch:
            watch.add(x)
            y = model(x)
            if training:
                del x
                logits = tensors(y)
                del y
                trained = [p for p in model.parameters() if p.requires_grad]
                torch.autograd.grad(logits, trained, [torch.empty_like(v) for v in logits], allow_unused=True)
    return Memory(sum(held.values()), watch.peak)


class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that are alive after each operation, without those of the weights."""

    def __init__(self, held: dict[int, int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = held
        self.living: dict[int, tuple[StorageWeakRef, int]] = {}
        self.total = self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation loads torch.compile, which takes a second

    def add(self, value: Tensor) -> None:
        """Counts a tensor's storage until it is freed."""
        storage = value.untyped_storage()
        key = place(value)
        if key in self.held:
            return
        if key in self.living:
            self.total -= self.living[key][1]
        self.living[key] = StorageWeakRef(storage), storage.nbytes()  # type: ignore[no-untyped-call]
        self.total += storage.nbytes()
        if self.total > self.peak:
            for dead in [key for key, (ref, _) in self.living.items() if ref.expired()]:  # type: ignore[no-untyped-call]
                self.total -= self.living.pop(dead)[1]
            self.peak = max(self.peak, self.total)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        y = function(*args, **(kwargs or {}))
        for value in tensors(y):
            self.add(value)
        return y
