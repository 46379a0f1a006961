"""What a network says of picture files: a line each, JSON, or a table for other programs."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from ..errors import InputError
from ..files import replacing
from .terminal import dump

if TYPE_CHECKING:
    from ..studies.predict import Answer

MANY = 64  # pictures from which a bar is worth its place
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


def predictions(
    answers: Iterable["Answer"], note: str, count: int, topk: int, *, as_json: bool, table: Path | None = None
) -> None:
    """The likeliest classes of each of `count` images, as they come; on standard error which network says so."""
    print(note, file=sys.stderr)
    if table == STDOUT:
        write(answers if sys.stdout.isatty() else followed(answers, count), topk, sys.stdout)
    elif table is not None:
        # a name that is no text goes out as the bytes it is made of
        with replacing(table) as temporary, temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            unreadable = write(followed(answers, count), topk, file)
        if as_json:
            dump({"csv": str(table), "images": count, "unreadable": unreadable})
        else:
            print(f"{table}  {count:,} images{f', {unreadable:,} of them unreadable' if unreadable else ''}")
    elif as_json:
        dump(
            [
                {"image": str(a.path), "classes": [{"name": n, "probability": p} for n, p in a.classes], "error": a.error}
                for a in followed(answers, count)
            ]
        )
    else:
        for answer in answers if sys.stdout.isatty() else followed(answers, count):
            said = "   ".join(f"{name} {100 * p:.1f} %" for name, p in answer.classes)
            print(f"{answer.path}  {said or f'cannot be read: {answer.error}'}", flush=True)


def write(answers: Iterable["Answer"], topk: int, file: IO[str]) -> int:
    """A row an image: path, the likeliest classes with their probabilities, and why there are none; how many those were."""
    ranks = [("predicted", "probability"), *((f"class_{i}", f"probability_{i}") for i in range(2, topk + 1))]
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["path", *(name for pair in ranks for name in pair), "error"])
    unreadable = 0
    for answer in answers:
        said = [cell for name, p in answer.classes for cell in (name, f"{p:.6g}")]
        rows.writerow([answer.path, *said, *[""] * (2 * topk - len(said)), answer.error or ""])
        unreadable += answer.error is not None
    return unreadable


def followed(answers: Iterable["Answer"], count: int) -> Iterator["Answer"]:
    """The answers, with a bar on a terminal where there are many."""
    seen = Console(stderr=True, highlight=False)
    if count < MANY or not seen.is_terminal:
        yield from answers
        return
    with Progress(console=seen, transient=True, redirect_stdout=False) as bar:
        yield from bar.track(answers, count, description="predicting")
