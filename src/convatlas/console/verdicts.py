"""The certificate as it is made: a line a network, on a terminal with a bar below."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from .terminal import command, dump

if TYPE_CHECKING:
    from ..verify import Verdict

STYLES = {"DIFFERS": "bold red", "differs knowingly": "yellow"}


def certified(found: Iterable["Verdict"], names: Sequence[str], html: Path | None, as_json: bool) -> list["Verdict"]:
    """All verdicts, shown as they come; then their sum, or JSON, and the page."""
    from ..verify import summary

    began, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    verdicts = followed(found, names, as_json)
    if as_json:
        dump([verdict.to_json() for verdict in verdicts])
    else:
        print(f"\n{summary(verdicts)}")
    if html:
        from ..engine.hardware import environment
        from ..views.certificate import write

        made = {
            "command": command(),
            "created": created,
            "seconds": time.perf_counter() - began,
            "environment": environment("cpu", "32"),
        }
        page = write(verdicts, made, html)
        if not as_json:
            print(f"certificate {page}")
    return verdicts


def followed(found: Iterable["Verdict"], names: Sequence[str], quiet: bool) -> list["Verdict"]:
    """All verdicts, each printed as soon as it is there unless quiet."""
    out = Console(highlight=False, soft_wrap=True)
    seen = out if out.is_terminal else Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    kept = []
    with Progress(*columns, console=seen, transient=True, disable=not seen.is_terminal, redirect_stdout=False) as progress:
        task = progress.add_task(names[0], total=len(names))
        for verdict, following in zip(found, [*names[1:], ""], strict=True):
            kept.append(verdict)
            if not quiet:
                out.print(line(verdict))
            progress.update(task, advance=1, description=following)
    return kept


def line(verdict: "Verdict") -> Text:
    """Name, reference, parameters, largest difference, verdict."""
    apart = "" if verdict.difference is None else f"{verdict.difference:.0e}" if verdict.difference else "0"
    figures = f"{verdict.name:<20} {verdict.reference:<36} {verdict.parameters:>12,} {apart:>6}  "
    return Text(figures).append(str(verdict), STYLES.get(verdict.outcome, ""))
