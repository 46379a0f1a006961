"""The certificate as it is made: one line per network, on a terminal with a progress bar below."""

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


def print_verdicts(results: Iterable["Verdict"], names: Sequence[str], html: Path | None, as_json: bool) -> list["Verdict"]:
    """All verdicts, printed as they come; then their summary, or JSON, and the page."""
    from ..verify import summary

    began, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    verdicts = follow_verdicts(results, names, as_json)
    if as_json:
        dump([verdict.to_json() for verdict in verdicts])
    else:
        print(f"\n{summary(verdicts)}")
    if html:
        from ..engine.hardware import environment
        from ..views.certificate import write

        origin = {
            "command": command(),
            "created": created,
            "seconds": time.perf_counter() - began,
            "environment": environment("cpu", "32"),
        }
        page = write(verdicts, origin, html)
        if not as_json:
            print(f"certificate {page}")
    return verdicts


def follow_verdicts(results: Iterable["Verdict"], names: Sequence[str], quiet: bool) -> list["Verdict"]:
    """All verdicts, each printed as soon as it is there, unless quiet."""
    out = Console(highlight=False, soft_wrap=True)
    screen = out if out.is_terminal else Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    verdicts = []
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal, redirect_stdout=False) as progress:
        task = progress.add_task(names[0], total=len(names))
        for verdict, following in zip(results, [*names[1:], ""], strict=True):
            verdicts.append(verdict)
            if not quiet:
                out.print(line(verdict))
            progress.update(task, advance=1, description=following)
    return verdicts


def line(verdict: "Verdict") -> Text:
    """Name, reference, parameters, largest difference, verdict."""
    apart = "" if verdict.difference is None else f"{verdict.difference:.0e}" if verdict.difference else "0"
    figures = f"{verdict.name:<20} {verdict.reference:<36} {verdict.parameters:>12,} {apart:>6}  "
    return Text(figures).append(str(verdict), STYLES.get(verdict.outcome, ""))
