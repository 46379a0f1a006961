"""What a network costs on this machine: seconds and bytes, measured."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

Mixed = Callable[[], AbstractContextManager[object]]
LONG_ENOUGH = 0.4  # seconds a measurement takes at least
WARM_UP = 3


def seconds_per_batch(model: nn.Module, x: Tensor, autocast: Mixed = nullcontext) -> float:
    """Median seconds of one forward pass in evaluation mode.

    Shapes   x (n, c, h, w) on the model's device
    """
    was_training = model.training
    model.eval()
    taken: list[float] = []
    with torch.inference_mode(), autocast():
        for _ in range(WARM_UP):
            model(x)
        while sum(taken) < LONG_ENOUGH or len(taken) < WARM_UP:
            wait(x.device)
            began = time.perf_counter()
            model(x)
            wait(x.device)
            taken.append(time.perf_counter() - began)
    model.train(was_training)
    return statistics.median(taken)


def wait(device: torch.device) -> None:
    """Until the accelerator has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def training_memory(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[nn.Module, Tensor, Tensor], Mapping[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    *,
    autocast: Mixed = nullcontext,
) -> int:
    """Most bytes that tensors hold at once in a training step: weights, gradients, optimizer state, activations, the batch.

    Two steps are made with `optimizer`, since the first one allocates its state; the model is in training mode, as far as it
    learns.

    Shapes   x (n, c, h, w) and its target y, both on the model's device; the loss gives scalars that are added
    Units    bytes asked of PyTorch's allocator; what the processor's kernels take for themselves is not seen
    """

    def step() -> None:
        with autocast():
            parts = loss(model, x, y)
        torch.autograd.backward(list(parts.values()))
        optimizer.step()
        optimizer.zero_grad()

    step()
    if x.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(x.device)
        step()
        return torch.cuda.max_memory_allocated(x.device)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's own log, which would reach the terminal
    held = sum(t.nbytes for t in tensors_of(model, optimizer)) + x.nbytes + y.nbytes
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    return held + max(0, rise(profiler))


def tensors_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Parameters, buffers and optimizer state.

    Shapes   → tensors of any shape
    """
    state = [value for entry in optimizer.state.values() for value in entry.values() if isinstance(value, Tensor)]
    return [*model.parameters(), *model.buffers(), *state]


def rise(profiler: torch.profiler.profile) -> int:
    """The highest sum of allocations minus frees in a profile."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8", errors="replace"))["traceEvents"]
    moves = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]")
    total = highest = 0
    for _, size in moves:
        total += size
        highest = max(highest, total)
    return highest
