"""Predictions for picture files: one line each, JSON, or a table for other programs."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from ..errors import InputError, count_of
from ..files import check_is_new, replace_file
from ..streams import escape_controls, reader_left
from .terminal import dump, telling_what_is_kept

if TYPE_CHECKING:
    from ..studies.predict import Prediction

MANY = 64  # pictures; with fewer there is no progress bar
STDOUT = Path("-")


def check_csv(path: Path | None, as_json: bool) -> None:
    """Raises InputError if the table would fall on a file, into no folder, or between the lines of JSON."""
    if path == STDOUT:
        if as_json:
            raise InputError("--csv - and --json both want standard output: name a file for one of them")
    else:
        check_is_new(path, "--csv")


def print_predictions(
    predictions: Iterable["Prediction"],
    notes: Iterable[str],
    count: int,
    topk: int,
    *,
    as_json: bool,
    table: Path | None = None,
    timed: bool = False,
) -> None:
    """The likeliest classes of each of about `count` images, as they come; notes go to standard error.

    Where there are frames of films, `timed`, their times are shown too.

    Raises   InputError if the table cannot be written
    """
    for note in notes:
        print(escape_controls(note), file=sys.stderr)
    if table == STDOUT:
        write(predictions if sys.stdout.isatty() else follow_progress(predictions, count), topk, sys.stdout, timed)
    elif table is not None:
        # a name that is no text goes out as the bytes it is made of
        with (
            telling_what_is_kept(lambda: f"{table} was not written"),
            replace_file(table) as temporary,
            temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            rows, unreadable = write(follow_progress(predictions, count), topk, file, timed)
        if as_json:
            dump({"csv": str(table), "images": rows, "unreadable": unreadable})
        else:
            broken = f", {unreadable:,} of them unreadable" if unreadable else ""
            print(f"{escape_controls(table)}  {count_of(rows, 'image')}{broken}")
    elif as_json:
        dump([as_plain(one, timed) for one in follow_progress(predictions, count)])
    else:
        for one in predictions if sys.stdout.isatty() else follow_progress(predictions, count):
            words = "   ".join(f"{name} {100 * p:.1f} %" for name, p in one.classes)
            at = "" if one.time is None else f"  {clock(one.time)}"
            print(escape_controls(f"{one.path}{at}  {words or f'cannot be read: {one.error}'}", line=""), flush=True)
            if reader_left():
                break


def as_plain(one: "Prediction", timed: bool) -> dict[str, Any]:
    """A prediction as JSON has it."""
    classes = [{"name": name, "probability": p} for name, p in one.classes]
    return {"image": str(one.path)} | ({"time": one.time} if timed else {}) | {"classes": classes, "error": one.error}


def clock(seconds: float) -> str:
    """A time in a film: minutes, and seconds to the tenth."""
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def write(predictions: Iterable["Prediction"], topk: int, file: IO[str], timed: bool = False) -> tuple[int, int]:
    """One row per image: path, likeliest classes with probabilities, and why there are none; returns how many have none.

    Before that, how many there are. Frames of films have their time too, in seconds.
    """
    ranks = [("predicted", "probability"), *((f"class_{i}", f"probability_{i}") for i in range(2, topk + 1))]
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["path", *["time"] * timed, *(name for pair in ranks for name in pair), "error"])
    count = unreadable = 0
    for one in predictions:
        cells = [cell for name, p in one.classes for cell in (name, f"{p:.6g}")]
        at = [] if not timed else ["" if one.time is None else f"{one.time:.3f}"]
        rows.writerow([one.path, *at, *cells, *[""] * (2 * topk - len(cells)), one.error or ""])
        count += 1
        unreadable += one.error is not None
        if file is sys.stdout and reader_left():
            break
    return count, unreadable


def follow_progress(predictions: Iterable["Prediction"], count: int) -> Iterator["Prediction"]:
    """The predictions, with a progress bar on a terminal where there are many."""
    console = Console(stderr=True, highlight=False)
    if count < MANY or not console.is_terminal:
        yield from predictions
        return
    with Progress(console=console, transient=True, redirect_stdout=False) as bar:
        yield from bar.track(predictions, count, description="predicting")
