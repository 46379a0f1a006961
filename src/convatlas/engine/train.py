"""Training as a generator: whoever iterates sees every event, whoever stops iterating stops the run."""

from collections.abc import Iterator

import torch
from torch import nn

from ..data import Data
from ..data.stream import explaining_killed_workers
from ..ops.malloc import keep_freed_memory
from .events import Event, Started
from .hardware import environment
from .judge import close_epoch, finish
from .machine import machine_of_run, machine_to_train, use_threads
from .recipe import Recipe
from .record import Run
from .session import Session
from .stop import Interrupted, out_of_memory, stop_requests
from .strategy import Stages
from .task import Task
from .tasks import TASKS


def train(  # noqa: PLR0913 (each is a choice of its own)
    model: nn.Module,
    data: Data,
    recipe: Recipe,
    run: Run,
    image_size: int,
    *,
    task: Task | None = None,
    stages: Stages | None = None,
    teacher: nn.Module | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Trains from where the run folder stands and leaves everything in it; `notes` go into the first event.

    The last epoch's weights (or their average) are what is tested, once, at the end; validation images are looked at after
    each epoch and change nothing, unless the recipe has patience: then they choose the epoch. The task is the data's if none
    is given, `stages` are what a strategy freezes, `teacher` answers for the same images. Same recipe, machine and thread
    count: same bits, also when resumed.

    Shapes   the model takes x (n, channels, image_size, image_size) and gives what the task's loss and meter take
    Raises   Diverged, Interrupted and OutOfMemory; the run folder then holds the last saved state
    """
    torch.manual_seed(recipe.seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    memory = out_of_memory(recipe.batch_size, recipe.accumulate)
    task = task or TASKS[data.task]
    with keep_freed_memory(), stop_requests() as stop, explaining_killed_workers(), memory:
        machine = machine_of_run(run) or machine_to_train(model, data, recipe, image_size, task.loss(recipe, data, None))
        if recipe.threads is None:
            notes = (*notes, *machine.notes())
        run.describe(data, image_size, environment(machine.device, machine.precision, machine.threads))
        with use_threads(machine.threads):
            device_and_precision = machine.device, machine.precision
            session = Session(model, data, recipe, image_size, device_and_precision, task=task, stages=stages, teacher=teacher)
            if state := run.load_state():
                session.restore(state, run)
            run.save_extension()
            run.keep_epochs(session.at.epoch)
            notes = (*notes, *extension_notes(session, run))
            at, decides = session.at, session.task.measures[0]
            yield Started(recipe.epochs, session.steps, at.epoch, at.step, decides, data.warnings, notes)
            while not session.done:
                yield from session.train_epoch(run, stop)
                yield close_epoch(session, run)
                if stop.is_set():
                    raise Interrupted(f"after epoch {session.at.epoch} of {recipe.epochs}", run.path)
            yield finish(session, run)
        if stop.is_set():  # a comparison has more to do
            raise Interrupted("after the last epoch", run.path)


def extension_notes(session: Session, run: Run) -> tuple[str, ...]:
    """How the schedule goes on where a run has just been extended."""
    recipe, at = session.recipe, session.at
    if not run.extending or (at.epoch, at.step) != (recipe.extended[-1] if recipe.extended else 0, 0):
        return ()
    session.learning.enter(at.epoch)
    before, after = run.epochs()[-1]["learning_rate"], session.learning_rate(0)
    last = recipe.epochs
    which = f"epochs {at.epoch + 1} to {last} follow" if at.epoch + 1 < last else f"epoch {last} follows"
    schedule = f"{which} the {recipe.schedule} schedule of {last} epochs"
    return (f"{schedule}: the learning rate was {before:.3g} and is {after:.3g} now",)
