"""Prints the results of `convatlas weights`."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import count_of
from ..views.numbers import count
from ..weights import Checkpoint, fetch
from ..weights.download import progress_bar
from .terminal import dump, show, table


def print_weights(rows: Sequence[tuple[Checkpoint, Sequence[Path]]], as_json: bool) -> None:
    """Prints published weights, and which of them are on this disk."""
    if as_json:
        dump([asdict(row) | {"file": row.file, "on_disk": str(places[0]) if places else None} for row, places in rows])
        return
    listing = table("network", "tag", "size", "parameters", "top-1 %", "top-5 %", "input", "license", "on disk", left=2)
    for column in listing.columns[-2:]:
        column.justify = "left"
    for row, places in rows:
        accuracies = ("" if value is None else f"{value:.2f}" for value in (row.acc1, row.acc5))
        side = f"3x{row.image_size}x{row.image_size}"
        tag = f"{row.tag} *" if row.default else row.tag
        here = "yes" if places else ""
        cells = row.name, tag, size(row), count(row.parameters), *accuracies, side, row.license, here
        listing.add_row(*cells)
    show(listing)
    print("* default")


def size(row: Checkpoint) -> str:
    """The size of a file: 44.7 MiB."""
    return f"{row.mebibytes:,.1f} MiB"


def fetch_and_print(checkpoint: Checkpoint) -> None:
    """Fetches a file with a progress bar and prints its path."""
    with progress_bar(checkpoint.file) as watch:
        place = fetch(checkpoint, watch)
    if "NC" in checkpoint.license:
        print(f"{checkpoint.file} is under {checkpoint.license}: not for commercial use", file=sys.stderr)
    print(place, flush=True)


def print_verification(checked: Iterable[tuple[Checkpoint, Path, str]], as_json: bool) -> bool:
    """Prints one line per file as soon as its hash is computed; returns whether all files are whole."""
    rows = []
    for row, place, digest in checked:
        whole = digest.startswith(row.sha256)
        rows.append({"name": row.name, "tag": row.tag, "path": str(place), "sha256": digest, "whole": whole})
        if not as_json:
            verdict = "whole" if whole else f"BROKEN: sha256 {digest[: len(row.sha256)]}…, published {row.sha256}…"
            print(f"{row.name} {row.tag}  {place}  {verdict}", flush=True)
    broken = [str(row["path"]) for row in rows if not row["whole"]]
    if as_json:
        dump(rows)
    elif broken:
        print(f"{len(broken)} of {len(rows)} broken; `convatlas weights fetch` replaces them: {', '.join(broken)}")
    else:
        print(f"{count_of(len(rows), 'file')}, all whole" if rows else "no published weights on disk")
    return not broken
