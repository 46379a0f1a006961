"""Predictions for picture files: one line each, JSON, or a table for other programs."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from ..errors import InputError
from ..files import replace_file
from ..streams import reader_left
from .terminal import dump, printable, telling_what_is_kept

if TYPE_CHECKING:
    from ..studies.predict import Prediction

MANY = 64  # pictures; with fewer there is no progress bar
STDOUT = Path("-")


def check_csv(path: Path | None, as_json: bool) -> None:
    """Raises InputError if the table would fall on a file, into no folder, or between the lines of JSON."""
    if path == STDOUT:
        if as_json:
            raise InputError("--csv - and --json both want standard output: name a file for one of them")
    elif path is not None and path.exists():
        raise InputError(f"{path} exists and nothing is overwritten: choose another --csv")
    elif path is not None and not path.parent.is_dir():
        raise InputError(f"--csv {path} needs the folder {path.parent}, which does not exist: make it first")


def print_predictions(
    predictions: Iterable["Prediction"],
    notes: Iterable[str],
    count: int,
    topk: int,
    *,
    as_json: bool,
    table: Path | None = None,
) -> None:
    """The likeliest classes of each of `count` images, as they come; notes go to standard error.

    Raises   InputError if the table cannot be written
    """
    for note in notes:
        print(printable(note), file=sys.stderr)
    if table == STDOUT:
        write(predictions if sys.stdout.isatty() else follow_progress(predictions, count), topk, sys.stdout)
    elif table is not None:
        # a name that is no text goes out as the bytes it is made of
        with (
            telling_what_is_kept(lambda: f"{table} was not written"),
            replace_file(table) as temporary,
            temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            unreadable = write(follow_progress(predictions, count), topk, file)
        if as_json:
            dump({"csv": str(table), "images": count, "unreadable": unreadable})
        else:
            print(f"{printable(table)}  {count:,} images{f', {unreadable:,} of them unreadable' if unreadable else ''}")
    elif as_json:
        dump(
            [
                {"image": str(a.path), "classes": [{"name": n, "probability": p} for n, p in a.classes], "error": a.error}
                for a in follow_progress(predictions, count)
            ]
        )
    else:
        for one in predictions if sys.stdout.isatty() else follow_progress(predictions, count):
            words = "   ".join(f"{name} {100 * p:.1f} %" for name, p in one.classes)
            print(printable(f"{one.path}  {words or f'cannot be read: {one.error}'}"), flush=True)
            if reader_left():
                break


def write(predictions: Iterable["Prediction"], topk: int, file: IO[str]) -> int:
    """One row per image: path, likeliest classes with probabilities, and why there are none; returns how many have none."""
    ranks = [("predicted", "probability"), *((f"class_{i}", f"probability_{i}") for i in range(2, topk + 1))]
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["path", *(name for pair in ranks for name in pair), "error"])
    unreadable = 0
    for one in predictions:
        cells = [cell for name, p in one.classes for cell in (name, f"{p:.6g}")]
        rows.writerow([one.path, *cells, *[""] * (2 * topk - len(cells)), one.error or ""])
        unreadable += one.error is not None
        if file is sys.stdout and reader_left():
            break
    return unreadable


def follow_progress(predictions: Iterable["Prediction"], count: int) -> Iterator["Prediction"]:
    """The predictions, with a progress bar on a terminal where there are many."""
    console = Console(stderr=True, highlight=False)
    if count < MANY or not console.is_terminal:
        yield from predictions
        return
    with Progress(console=console, transient=True, redirect_stdout=False) as bar:
        yield from bar.track(predictions, count, description="predicting")
