"""The training curves of a run: losses, accuracy and learning rate over its epochs."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...engine.record import Run
from ...errors import InputError
from ...insight.subject import Subject
from ...views import curves
from ...views.numbers import duration, finite, significant
from ...views.scales import Accuracy, Loss
from ..picture import Picture

Rows = list[dict[str, Any]]


def pictures(subject: Subject) -> Iterator[Picture]:
    """The curves of the run.

    Raises   InputError for a network that is no run, or a run without a finished epoch
    """
    if subject.run is None:
        raise InputError(f"curves needs a run folder, as `convatlas train` writes it, and {subject.title} was not trained here")
    rows = Run.open(subject.run).epochs()
    if not rows:
        raise InputError(
            f"{subject.run} has finished no epoch yet: continue it with `convatlas train --out {subject.run} --resume`"
        )
    losses = tuple(lines(rows, {"training": "train_loss", "validation": "val_loss"}))
    accuracies = tuple(lines(rows, {"validation": "val_accuracy"}))
    rates = tuple(lines(rows, {"lr": "learning_rate"}))
    panels = [
        curves.Panel(title, panel, scale.of(values(panel), *more))
        for title, panel, scale, more in (
            ("Loss", losses, Loss, ()),
            ("Validation accuracy, %", accuracies, Accuracy, (validation_images(subject),)),
            ("Learning rate after the epoch", rates, Loss, ()),
        )
        if panel
    ]
    yield Picture("curves", curves.panels(panels), f"Training curves of {subject.title}", caption(rows))


def lines(rows: Rows, keys: Mapping[str, str]) -> Iterator[curves.Line]:
    """One line per measured quantity, named with its last value."""
    for place, (name, key) in enumerate(keys.items()):
        if points := curves.over_seeds({"runs": [{"epochs": rows}]}, key):
            last = points[-1][1]
            value = f"{100 * last:.1f} %" if "accuracy" in key else significant(last)
            yield curves.Line(f"{name} {value}" if len(keys) > 1 else value, points, place)


def values(panel: tuple[curves.Line, ...]) -> list[float]:
    """All values of some lines."""
    return [value for line in panel for _, value, _, _ in line.points]


def validation_images(subject: Subject) -> int:
    """How many images the validation accuracy was measured on."""
    return len(subject.val) if subject.val is not None else 0


def caption(rows: Rows) -> str:
    """How many epochs, how long, and when validation was best."""
    seconds = sum(finite(row.get("seconds")) or 0 for row in rows)
    length = f"{len(rows)} epoch{'s' * (len(rows) > 1)} in {duration(seconds)}"
    known = [(value, int(row["epoch"])) for row in rows if (value := finite(row.get("val_accuracy"))) is not None]
    if not known:
        return f"{length}; no images were kept for validation."
    best, epoch = max(known, key=lambda pair: pair[0])
    return f"{length}; validation accuracy ends at {100 * known[-1][0]:.2f} %, its best is {100 * best:.2f} % in epoch {epoch}."
