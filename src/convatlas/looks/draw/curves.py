"""The training curves of a run: losses, accuracy and learning rate over its epochs."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...engine.record import Run
from ...engine.task import Measure
from ...errors import InputError, count_of
from ...insight.subject import Subject
from ...runs.build import task_of_run
from ...views import curves
from ...views.numbers import duration, finite, significant
from ...views.scales import Loss
from ..picture import Picture

Rows = list[dict[str, Any]]


def pictures(subject: Subject) -> Iterator[Picture]:
    """The curves of the run.

    Raises   InputError for a network that is no run, or a run without a finished epoch
    """
    if subject.run is None:
        raise InputError(f"curves needs a run folder, as `convatlas train` writes it, and {subject.title} was not trained here")
    run = Run.open(subject.run)
    rows = run.epochs()
    if not rows:
        raise InputError(
            f"{subject.run} has finished no epoch yet: continue it with `convatlas train --out {subject.run} --resume`"
        )
    measure = task_of_run(run).measures[0]
    rates = tuple(lines(rows, {"lr": "learning_rate"}))
    panels = [*training_panels(rows, measure, validation_images(subject)),
              curves.Panel("Learning rate after the epoch", rates, Loss.of(values(rates)))]  # fmt: skip
    yield Picture("curves", curves.panels(panels), f"Training curves of {subject.title}", caption(rows, measure))


def training_panels(rows: Rows, measure: Measure, images: int) -> Iterator[curves.Panel]:
    """The losses, and the figure that decides where images were kept for validation."""
    losses = tuple(lines(rows, {"training": "train_loss", "validation": "val_loss"}))
    yield curves.Panel("Loss", losses, Loss.of(values(losses)))
    if figures := tuple(lines(rows, {"validation": f"val_{measure.key}"}, measure)):
        yield curves.Panel(f"Validation {measure.title}", figures, curves.scale_of(measure, values(figures), images))


def lines(rows: Rows, keys: Mapping[str, str], measure: Measure | None = None) -> Iterator[curves.Line]:
    """One line per measured quantity, named with its last value."""
    for place, (name, key) in enumerate(keys.items()):
        if points := curves.over_seeds({"runs": [{"epochs": rows}]}, key):
            last = points[-1][1]
            value = measure.write(last, 1) if measure else significant(last)
            yield curves.Line(f"{name} {value}" if len(keys) > 1 else value, points, place)


def values(panel: tuple[curves.Line, ...]) -> list[float]:
    """All values of some lines."""
    return [value for line in panel for _, value, _, _ in line.points]


def validation_images(subject: Subject) -> int:
    """The number of validation images."""
    return len(subject.val) if subject.val is not None else 0


def caption(rows: Rows, measure: Measure) -> str:
    """How many epochs, how long, and when validation was best."""
    seconds = sum(finite(row.get("seconds")) or 0 for row in rows)
    length = f"{count_of(len(rows), 'epoch')} in {duration(seconds)}"
    known = [(value, int(row["epoch"])) for row in rows if (value := finite(row.get(f"val_{measure.key}"))) is not None]
    if not known:
        return f"{length}; no images were kept for validation."
    best, epoch = max(known, key=lambda pair: measure.rank(pair[0]))
    end, top = measure.write(known[-1][0]), measure.write(best)
    return f"{length}; validation {measure.noun} ends at {end}, its best is {top} in epoch {epoch}."
