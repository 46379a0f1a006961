"""The one loop that runs a network over batches without learning from them."""

from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..ops.malloc import keep_freed_memory
from ..ops.mode import eval_mode
from .task import Meter, Output, Scores, Target

Batch = tuple[Tensor, Target]


def outputs(
    model: nn.Module, batches: Iterable[Batch], autocast: AbstractContextManager[Any] | None = None
) -> Generator[tuple[Output, Target]]:
    """What the model gives for each batch in evaluation mode, beside the batch's target.

    When the iteration ends or is left, each of the model's modules is in the mode it was in.
    Shapes   batches of x (n, c, h, w) float and a target
    """
    with keep_freed_memory(), eval_mode(model):
        for x, target in batches:
            with torch.inference_mode(), autocast or nullcontext():  # left at each batch: they would hold for the caller too
                output = model(x)
            yield output, target


def evaluate(
    model: nn.Module, batches: Iterable[Batch], meter: Meter, autocast: AbstractContextManager[Any] | None = None
) -> Scores:
    """What the meter reads after all batches.

    Shapes   batches of x (n, c, h, w) float and a target
    """
    for output, target in outputs(model, batches, autocast):
        meter.add(output, target)
    return meter.scores()
