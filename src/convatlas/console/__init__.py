"""What the command line shows: tables and JSON on standard output, progress on standard error."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..streams import escape_controls
from ..trust import is_own
from ..views.numbers import count
from .terminal import dump, show, table

if TYPE_CHECKING:
    from ..catalog import Row
    from ..data import Source
    from ..engine.record import Run
    from ..engine.task import Measure, Task
    from ..progress import Watch
    from ..studies.measure import Measurement


def print_networks(rows: Sequence["Row"], as_json: bool) -> None:
    """The catalog."""
    if as_json:
        dump([{name: getattr(row, name) for name in row.__slots__} for row in rows])
        return
    shown = table("network", "year", "parameters", "MACs", "input", "top-1 %", "published on")
    shown.columns[-1].justify = "left"
    for row in rows:
        size = f"{row.in_channels}x{row.image_size}x{row.image_size}"
        top1 = "" if row.top1 is None else f"{row.top1:.2f}"
        shown.add_row(row.name, str(row.year), count(row.parameters), count(row.macs), size, top1, row.top1_on)
    show(shown)


def print_data_sets(rows: Sequence[tuple["Source", Path | None]], as_json: bool) -> None:
    """The data sets."""
    if as_json:
        names = ("name", "title", "train", "test", "channels", "size", "license", "home")
        dump(
            [
                {name: getattr(source, name) for name in names}
                | {"classes": list(source.classes), "on_disk": str(where) if where else None}
                for source, where in rows
            ]
        )
        return
    shown = table("data set", "train", "test", "classes", "size", "license", "on disk")
    for column in shown.columns[-2:]:
        column.justify = "left"
        column.no_wrap = False
    for source, where in rows:
        size = f"{source.channels}x{source.size}x{source.size}"
        here = str(where) if where else "no: downloaded when first used"
        shown.add_row(
            source.name, f"{source.train:,}", f"{source.test:,}", str(len(source.classes)), size, source.license, here
        )
    show(shown)
    print("A folder of images (train/CLASS/… val/CLASS/…, or CLASS/… alone) or an .npz file works as well: --data PATH")


@contextmanager
def follow_progress(name: str, quiet: bool, log: AbstractContextManager["Watch"] | None = None) -> Iterator["Watch"]:
    """A function that shows each event: bars on a terminal, one line per epoch elsewhere, nothing if quiet; and logs it."""
    from ..progress import bars, lines

    console = Console(stderr=True, highlight=False)
    with log or show_nothing() as write:
        if quiet:
            yield write
            return
        with bars(console, name) if console.is_terminal else lines(console, name) as watch:

            def both(event: Any) -> None:
                watch(event)
                write(event)

            yield both


@contextmanager
def show_nothing() -> Iterator["Watch"]:
    """A function that shows nothing."""
    yield lambda _: None


def print_run(run: "Run", quiet: bool, as_json: bool, notes: Sequence[str] = ()) -> None:
    """The figures of a run, what was chosen for it and why, where it lies and how to try it."""
    from ..runs.build import task_of_run

    metrics = run.metrics
    if as_json:
        dump({"run": str(run.path), **metrics})
        return
    measures = informative_measures(task_of_run(run), len(run.environment["data"]["classes"]))
    for split, words in (("val", "validation"), ("test", "test")):
        if metrics[split]:
            print(f"{words:<10} {figures_line(metrics[split], measures)}")
            if tta := metrics.get("tta"):
                print(f"{'':<10} {figures_line(tta[split], measures)}   with test-time augmentation ({tta['views']})")
    if not quiet:
        for note in notes:
            print(escape_controls(note))
        print(f"trained in {metrics['seconds']:.0f} s{best_epoch_words(metrics)}")
    print(escape_controls(f"run folder {run.path}"))
    if not quiet:
        trust = " --trust-code" if is_own(run.recipe.model) else ""
        print(f"try it     convatlas predict {shlex.quote(str(run.path))} IMAGE...{trust}")


def best_epoch_words(metrics: Mapping[str, Any]) -> str:
    """Which epoch's weights a run with patience kept."""
    return f", the weights of epoch {metrics['best_epoch']} of {metrics['epochs']}" if "best_epoch" in metrics else ""


def informative_measures(task: "Task", classes: int) -> list["Measure"]:
    """The measures that say something of so many classes."""
    return [measure for measure in task.measures if classes >= measure.classes]


def figures_line(values: Mapping[str, Any], measures: Sequence["Measure"]) -> str:
    """What was measured over a split, in one line."""
    decides, *others = measures
    rest = [f"{measure.noun} {measure.write(values[measure.key]):>8}" for measure in others]
    return "   ".join([f"{decides.write(values[decides.key]):>8}", *rest, f"loss {values['loss']:.4f}", f"n = {values['n']:,}"])


def print_classes(measurement: "Measurement") -> None:
    """The figures of each class that has images, where each is decided by itself."""
    scores = measurement.scores
    measures = [measure for measure in measurement.task.measures if measure.key in scores.per_class]
    if not measures:
        return
    shown = table("class", "images", *(measure.title for measure in measures))
    for i, (name, n) in enumerate(zip(measurement.classes, scores.tables["images_per_class"], strict=True)):
        values = [scores.per_class[measure.key][i] for measure in measures]
        if n:
            cells = [measure.write(value or 0.0, 1) for measure, value in zip(measures, values, strict=True)]
            shown.add_row(Text(name), f"{n:,}", *(cell.removesuffix(" %") for cell in cells))
    show(shown)


def print_evaluation(measurement: "Measurement", as_json: bool) -> None:
    """Figures over a split, and of each class how many are right."""
    scores, classes = measurement.scores, measurement.classes
    if as_json:
        dump(scores.to_json() | {"classes": list(classes), "notes": list(measurement.notes)})
        return
    for note in measurement.notes:
        print(escape_controls(note), file=sys.stderr)
    print(figures_line(scores.to_json(), informative_measures(measurement.task, len(classes))))
    if "confusion" not in scores.tables:
        print_classes(measurement)
        return
    shown = table("class", "images", "right %", "mostly taken for")
    shown.columns[-1].justify = "left"
    each = zip(classes, scores.per_class["accuracy"], scores.tables["confusion"], strict=True)
    for i, (name, accuracy, row) in enumerate(each):
        if accuracy is None:
            continue
        wrong = max((count, j) for j, count in enumerate(row) if j != i) if len(row) > 1 else (0, i)
        taken = f"{classes[wrong[1]]} ({wrong[0]})" if wrong[0] else ""
        shown.add_row(Text(name), f"{sum(row):,}", f"{100 * accuracy:.1f}", Text(taken))
    show(shown)
