"""What `convatlas weights` shows."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from ..views.numbers import count
from ..weights import Checkpoint, fetch
from ..weights.bar import bar
from .terminal import dump, show, table


def listed(rows: Sequence[tuple[Checkpoint, Sequence[Path]]], as_json: bool) -> None:
    """Published weights, and which of them are here."""
    if as_json:
        dump([asdict(row) | {"file": row.file, "on_disk": str(places[0]) if places else None} for row, places in rows])
        return
    shown = table("network", "tag", "size", "parameters", "top-1 %", "top-5 %", "input", "license", "on disk", left=2)
    for column in shown.columns[-2:]:
        column.justify = "left"
    for row, places in rows:
        accuracies = ("" if value is None else f"{value:.2f}" for value in (row.acc1, row.acc5))
        side = f"3x{row.image_size}x{row.image_size}"
        tag = f"{row.tag} *" if row.default else row.tag
        here = "yes" if places else ""
        cells = row.name, tag, size(row), count(row.parameters), *accuracies, side, row.license, here
        shown.add_row(*cells)
    show(shown)
    print("* default")


def size(row: Checkpoint) -> str:
    """Of a file, as people say it."""
    return f"{row.mebibytes:,.1f} MiB"


def fetched(checkpoint: Checkpoint) -> None:
    """Fetches a file behind a bar and prints where it lies."""
    with bar(checkpoint.file) as watch:
        place = fetch(checkpoint, watch)
    if "NC" in checkpoint.license:
        print(f"{checkpoint.file} is under {checkpoint.license}: not for commercial use", file=sys.stderr)
    print(place, flush=True)


def verified(checked: Iterable[tuple[Checkpoint, Path, str]], as_json: bool) -> bool:
    """A line a file as its hash is known; whether all are whole."""
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
        print(f"{len(rows)} files, all whole" if rows else "no published weights on disk")
    return not broken
