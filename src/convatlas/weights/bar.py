"""How a download is followed on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from .download import Watch


@contextmanager
def bar(name: str) -> Iterator[Watch]:
    """A bar with bytes, speed and time left on standard error, which appears with the first bytes and goes when all is done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}", markup=False, style="dim"),
    )  # fmt: skip
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def watch(here: int, size: int, note: str) -> None:
        if not progress.tasks:
            progress.start()
            progress.add_task(name, total=size, completed=here, note=note)
        progress.update(progress.tasks[0].id, total=max(here, size), completed=here, note=note)

    try:
        yield watch
    finally:
        progress.stop()
