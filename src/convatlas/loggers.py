"""The events of a run for programs that draw them: TensorBoard, MLflow, Weights & Biases.

All of them write files into the run folder while the run goes on, and none uses the network.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from .engine.events import Epoch, Finished, Started, Step
from .engine.record import Run
from .errors import ConvAtlasWarning, InputError, unknown_name

EVERY = 16  # steps between two that are logged, besides the last one of an epoch


class Writer(Protocol):
    """Where numbers go, by name and step, counted from 1 over the whole run."""

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Adds the values at a step."""

    def close(self) -> None:
        """Leaves nothing unwritten."""


class TensorBoard:
    """Event files in the run folder; what a resumed run computes again hides what was written before."""

    def __init__(self, run: Run, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(run.path), purge_step=done + 1)

    def write(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()


class MLflow:
    """A store of files, mlruns in the run folder, with one run that a resumed one goes on with."""

    def __init__(self, run: Run, done: int) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        self.client = MlflowClient((run.path.absolute() / "mlruns").as_uri())
        known = self.client.search_runs(["0"], max_results=1)
        if known:
            self.id = known[0].info.run_id
            self.client.update_run(self.id, "RUNNING")
        else:
            self.id = self.client.create_run("0", run_name=run.path.absolute().name).info.run_id
            for name, value in run.recipe.to_json().items():
                self.client.log_param(self.id, name, value)
        self.client.set_tag(self.id, "resumed_after_step", done)

    def write(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.client.log_metric(self.id, name, value, step=step)

    def close(self) -> None:
        self.client.set_terminated(self.id)


class WeightsAndBiases:
    """Weights & Biases offline, in wandb of the run folder: `wandb sync` sends it, if anything is to be sent."""

    def __init__(self, run: Run, done: int) -> None:
        for name in ("WANDB_ERROR_REPORTING", "WANDB_X_DISABLE_META"):
            os.environ.setdefault(name, "false" if "ERROR" in name else "true")
        import wandb

        name = run.path.absolute().name
        quiet = wandb.Settings(silent=True, console="off", disable_git=True, x_disable_meta=True, x_disable_stats=True)
        self.run = wandb.init(
            project="convatlas", name=name, id=f"{name}-{run.recipe.seed}", resume="allow", mode="offline",
            dir=str(run.path), config=run.recipe.to_json(), settings=quiet,
        )  # fmt: skip

    def write(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        self.run.finish()


@dataclass(frozen=True, slots=True)
class Logger:
    """A program to log for: the library it needs, and what writes for it."""

    library: str
    open: Callable[[Run, int], Writer]


LOGGERS = {
    "tensorboard": Logger("tensorboard", TensorBoard),
    "mlflow": Logger("mlflow", MLflow),
    "wandb": Logger("wandb", WeightsAndBiases),
}


def check_loggers(names: Sequence[str]) -> None:
    """Raises InputError for a program that is unknown, or whose library is not installed."""
    for name in names:
        if name not in LOGGERS:
            raise unknown_name("--log", name, LOGGERS)
        if find_spec(LOGGERS[name].library) is None:
            raise InputError(f"--log {name} needs the package {LOGGERS[name].library}: pip install 'convatlas[{name}]'")


@contextmanager
def log_events(run: Run, names: Sequence[str]) -> Iterator[Callable[[Any], None]]:
    """A function that writes each event of a run for these programs."""
    log = EventLog(run, names)
    try:
        yield log
    finally:
        log.close()


class EventLog:
    """Writes events as numbers; a program that fails is left out with a warning, since the training is worth more."""

    def __init__(self, run: Run, names: Sequence[str]) -> None:
        self.run, self.names, self.writers, self.steps = run, tuple(dict.fromkeys(names)), dict[str, Writer](), 1

    def __call__(self, event: Any) -> None:
        if isinstance(event, Started):
            self.steps = event.steps
            done = event.epoch * event.steps + event.step
            for name in self.names:
                with self.leaving_out(name):
                    self.writers[name] = LOGGERS[name].open(self.run, done)
        elif isinstance(event, Step):
            if event.step % EVERY == 0 or event.step == self.steps:
                values = {"step/loss": event.loss.item(), "step/learning_rate": event.learning_rate}
                self.write(values, (event.epoch - 1) * self.steps + event.step)
        elif isinstance(event, Epoch):
            self.write(event.to_json(), event.epoch * self.steps)
        elif isinstance(event, Finished):
            splits = {split: event.metrics[split] or {} for split in ("train", "val", "test")}
            values = {f"final/{split}_{name}": value for split, figures in splits.items() for name, value in figures.items()}
            self.write(values, event.metrics["epochs"] * self.steps)

    def write(self, values: Mapping[str, Any], step: int) -> None:
        """Writes what are numbers of these."""
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
        for name, writer in list(self.writers.items()):
            with self.leaving_out(name):
                writer.write(numbers, step)

    @contextmanager
    def leaving_out(self, name: str) -> Iterator[None]:
        """Goes on without a program that fails."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (libraries raise what they like)
            self.writers.pop(name, None)
            words = (
                f"--log {name} has failed and is left out: {str(error).strip().partition(chr(10))[0] or type(error).__name__}"
            )
            warnings.warn(words, ConvAtlasWarning, stacklevel=2)

    def close(self) -> None:
        """Closes all."""
        for name, writer in list(self.writers.items()):
            with self.leaving_out(name):
                writer.close()
