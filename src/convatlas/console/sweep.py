"""What `convatlas sweep` shows: one line per trial with the best so far, then the best setting with its test figure apart."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..engine.events import Epoch, Started
from ..engine.task import Measure
from ..errors import count_of
from ..files import write_json, write_text
from ..studies.attempts import Attempt, AttemptEnded, AttemptStarted, BestStarted
from ..studies.factors import cell_title
from .terminal import dump

if TYPE_CHECKING:
    from ..studies.sweep import Sweep


@contextmanager
def follow_trials(measure: Measure, quiet: bool) -> Iterator[Callable[[Any], None]]:
    """A function that shows each event: one line per trial, and a bar on a terminal; nothing if quiet."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) if console.is_terminal else nullcontext() as progress:
        yield TrialLines(console, measure, progress)


class TrialLines:
    """Writes a line for each trial that came to its end, and what the data and the weights have to say once."""

    def __init__(self, console: Console, measure: Measure, progress: Progress | None) -> None:
        self.console, self.measure, self.progress = console, measure, progress
        self.bar = progress.add_task("", total=None) if progress else None
        self.name, self.epochs, self.total, self.said = "", 0, 0, False

    def __call__(self, event: Any) -> None:
        if isinstance(event, AttemptStarted):
            self.name, self.total = f"trial {event.number} [{event.number + 1}/{event.total}]", event.total
            self.show_bar(self.name, completed=event.number, total=event.total)
        elif isinstance(event, BestStarted):
            self.name = "the best setting"
            self.show_bar(self.name, completed=self.total)
            self.write(f"training the best setting, that of trial {event.best.number}, to test it once")
        elif isinstance(event, Started):
            self.epochs = event.epochs
            for words in () if self.said else (*(f"warning: {one}" for one in event.warnings), *event.notes):
                self.write(words)
            self.said = True
        elif isinstance(event, Epoch):
            self.show_bar(f"{self.name}  epoch {event.epoch} of {self.epochs}")
        elif isinstance(event, AttemptEnded):
            self.write(attempt_line(event.attempt, event.total, event.best, self.measure))

    def write(self, words: str) -> None:
        """Prints a line, above the bar if there is one."""
        self.console.print(words, markup=False, soft_wrap=True)

    def show_bar(self, words: str, completed: int | None = None, total: int | None = None) -> None:
        """Moves the bar, where there is one."""
        if self.progress and self.bar is not None:
            self.progress.update(self.bar, description=words, completed=completed, total=total)


def attempt_line(attempt: Attempt, total: int, best: Attempt | None, measure: Measure) -> str:
    """`trial 3 [4/12]  lr=0.0123, width=16  val 95.83 %  best so far 96.53 % (trial 1)`."""
    figure = "" if attempt.figure is None else f"  val {measure.write(attempt.figure)}"
    status = "" if attempt.chooses else f"  {attempt.status}{f': {attempt.reason}' if attempt.reason else ''}"
    if attempt.status == "pruned":
        status = f"  pruned after epoch {attempt.epochs}"
    leader = f"  best so far {measure.write(best.figure or 0)} (trial {best.number})" if best else ""
    return f"trial {attempt.number} [{attempt.number + 1}/{total}]  {cell_title(attempt.settings)}{figure}{status}{leader}"


def print_sweep(sweep: "Sweep", command: str, quiet: bool, as_json: bool) -> None:
    """Writes results.json, results.csv and sweep.png, prints the best setting and what it is worth."""
    from ..views.save import save
    from ..views.sweep import figure

    results = sweep.results(command)
    write_json(sweep.folder / "results.json", results)
    write_text(sweep.folder / "results.csv", trials_csv(results))
    picture = save(figure(results), sweep.folder / "sweep.png")
    if as_json:
        dump(results)
        return
    best, measure = results["best"], sweep.measure
    chosen = next(trial for trial in results["trials"] if trial["number"] == results["chosen"])
    print(
        f"best setting  {', '.join(f'{name}={text}' for name, text in chosen['settings'].items())}   (trial {chosen['number']})"
    )
    print(f"validation    {measure.write(chosen['figure']):>8}   n = {best['val']['n']:,}, which chose it")
    if not quiet:
        print(optimism(results["candidates"]))
    if test := best["test"]:
        print(f"test          {measure.write(test[measure.key]):>8}   n = {test['n']:,}, used once, after the choice")
    else:
        print("test          there are no test images, so nothing says what the setting is worth on new ones")
    print(f"run folder {best['folder']}")
    if not quiet:
        print(f"picture    {picture}")


def optimism(candidates: int) -> str:
    """What the best of several validation figures is worth."""
    return (
        f"The best of {count_of(candidates, 'validation figure')} is optimistic, since chance helped to choose it."
        if candidates > 1
        else "One validation figure: nothing was chosen."
    )


def trials_csv(results: Mapping[str, Any]) -> str:
    """One row per trial."""
    text = io.StringIO()
    names = [one["name"] for one in results["search"]]
    key = f"val_{results['measure']['key']}"
    columns = ["number", "status", *names, key, "val_loss", "epochs", "seconds", "reason"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for one in results["trials"]:
        own = {name: one[name] for name in ("number", "status", "epochs", "seconds", "reason")}
        writer.writerow({**own, **one["settings"], key: one["figure"], "val_loss": one["loss"]})
    return text.getvalue()
