"""Training as a generator: whoever iterates sees every event, whoever stops iterating stops the run."""

from collections.abc import Iterator

import torch
from torch import nn

from ..data import Data
from ..data.stream import explaining_killed_workers
from ..ops.malloc import keep_freed_memory
from .events import Event, Started
from .hardware import choose_device, choose_precision, environment
from .recipe import Recipe
from .record import Run
from .session import Session
from .stop import Interrupted, out_of_memory, stop_requests
from .strategy import Stages


def train(
    model: nn.Module,
    data: Data,
    recipe: Recipe,
    run: Run,
    image_size: int,
    *,
    stages: Stages | None = None,
    teacher: nn.Module | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Trains from where the run folder stands and leaves everything in it; `notes` go into the first event.

    The last epoch's weights (or their average) are what is tested, once, at the end; validation images are looked at after
    each epoch and change nothing, unless the recipe has patience: then they choose the epoch. `stages` are what a strategy
    freezes, `teacher` gives logits for the same images. Same recipe, machine and thread count: same bits, also when resumed.

    Shapes   the model maps x (n, channels, image_size, image_size) to logits (n, classes)
    Raises   Diverged, Interrupted and OutOfMemory; the run folder then holds the last saved state
    """
    torch.manual_seed(recipe.seed)
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    run.describe(data, image_size, environment(device, precision))
    memory = out_of_memory(recipe.batch_size, recipe.accumulate)
    with keep_freed_memory(), stop_requests() as stop, explaining_killed_workers(), memory:
        bench = Session(model, data, recipe, image_size, (device, precision), stages=stages, teacher=teacher)
        if state := run.load_state():
            bench.restore(state, run)
        run.keep_epochs(bench.at.epoch)
        yield Started(recipe.epochs, bench.steps, bench.at.epoch, bench.at.step, data.warnings, notes)
        while not bench.done:
            yield from bench.one_epoch(run, stop)
            yield bench.close_epoch(run)
            if stop.is_set():
                raise Interrupted(f"after epoch {bench.at.epoch} of {recipe.epochs}", run.path)
        yield bench.finish(run)
        if stop.is_set():  # a comparison has more to do
            raise Interrupted("after the last epoch", run.path)
