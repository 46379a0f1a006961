"""Progress of a run: bars for people, lines for files."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .engine.events import Epoch, Finished, Started, Step, Unfrozen
from .errors import count_of
from .streams import escape_controls

Watch = Callable[[Any], None]
REFRESH = 0.1  # seconds between looks at the loss, each of which waits for the device


def line(name: str, event: Epoch, started: Started) -> str:
    """An epoch in words."""
    epochs, val = started.epochs, validation(event, started)
    measured = f"  val {val:>8}" if val else ""
    return (
        f"{name}  epoch {event.epoch:>{len(str(epochs))}}/{epochs}  loss {event.train_loss:.4f}{measured}  "
        f"lr {event.learning_rate:.4g}  {event.images_per_second:,.0f} images/s  {event.seconds:.1f} s"
    )


def validation(event: Epoch, started: Started) -> str:
    """The deciding figure on the validation images; empty if there are none."""
    value = event.val[started.decides.key]
    return "" if value is None else started.decides.write(value)


def heading(event: Any) -> str | None:
    """The network, seed and place of a comparison's next trial."""
    return f"{event.network} seed {event.seed} [{event.number}/{event.of}]" if hasattr(event, "of") else None


def remark(event: Any) -> str | None:
    """What is frozen, is unfrozen or fails, in one line."""
    if isinstance(event, Unfrozen):
        return f"from epoch {event.epoch}: {event.words}"
    return f"{event.network} failed: {event.reason}" if hasattr(event, "reason") else None


@contextmanager
def lines(console: Console, name: str) -> Iterator[Watch]:
    """One line per epoch, for logs and pipes."""
    current = name
    started: Started

    def watch(event: Any) -> None:
        nonlocal current, started
        if isinstance(event, Started):
            started = event
            for warning in event.warnings:
                console.print(f"warning: {escape_controls(warning)}", markup=False, soft_wrap=True)
            for note in event.notes:
                console.print(escape_controls(note), markup=False, soft_wrap=True)
            if event.epoch or event.step:
                console.print(
                    f"{current}  continues in epoch {event.epoch + 1} after {count_of(event.step, 'step')}", markup=False
                )
        elif isinstance(event, Epoch):
            console.print(line(current, event, started), markup=False, soft_wrap=True)
        elif text := remark(event):
            console.print(text, markup=False, soft_wrap=True)
        elif title := heading(event):
            current = title
            if event.done:
                console.print(f"{current}  is finished already", markup=False)

    yield watch


@contextmanager
def bars(console: Console, name: str) -> Iterator[Watch]:
    """A bar over all steps of a run with time left, images a second and the current figures."""
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[figures]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        yield Bars(progress, name)


class Bars:
    """The bar of the current run."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.name = progress, name
        self.bar: TaskID | None = None
        self.started: Started
        self.looked, self.images, self.since, self.val = 0.0, 0, 0.0, ""

    def __call__(self, event: Any) -> None:
        now = time.perf_counter()
        if isinstance(event, Step):
            self.images += event.images
            if now - self.looked > REFRESH:
                self.step(event, now)
        elif isinstance(event, Started):
            self.begin(event)
        elif isinstance(event, Epoch):
            if val := validation(event, self.started):
                self.val = f"  val {val}"
            self.images, self.since = 0, now
        elif isinstance(event, Finished) and self.bar is not None:
            self.progress.update(self.bar, completed=self.started.epochs * self.started.steps)
        elif text := remark(event):
            self.progress.console.print(text, markup=False)
        elif title := heading(event):
            self.name = title
            if event.done:
                self.progress.console.print(f"{title}  is finished already", markup=False)

    def begin(self, event: Started) -> None:
        """A new bar, filled as far as a resumed run has come."""
        for warning in event.warnings:
            self.progress.console.print(f"warning: {escape_controls(warning)}", markup=False)
        for note in event.notes:
            self.progress.console.print(escape_controls(note), markup=False)
        self.started, self.val, self.images, self.since = event, "", 0, time.perf_counter()
        total, done = event.epochs * event.steps, event.epoch * event.steps + event.step
        self.bar = self.progress.add_task(self.name.replace("[", r"\["), total=total, completed=done, figures="")

    def step(self, event: Step, now: float) -> None:
        """Moves the bar and reads the loss."""
        self.looked = now
        speed = self.images / max(now - self.since, 1e-9)
        figures = f"epoch {event.epoch}/{self.started.epochs}  loss {event.loss.item():.3f}{self.val}  {speed:,.0f} images/s"
        if self.bar is not None:
            done = (event.epoch - 1) * self.started.steps + event.step
            self.progress.update(self.bar, completed=done, figures=figures)
