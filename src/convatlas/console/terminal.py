"""How anything is shown: tables as wide as the terminal, JSON for programs, numbers for people."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..streams import escape_controls


def command() -> str:
    """What was typed."""
    return shlex.join(["convatlas", *sys.argv[1:]])


@contextmanager
def telling_what_is_kept(words: Callable[[], str]) -> Iterator[None]:
    """Adds to Ctrl-C what the block has left on disk.

    Raises   KeyboardInterrupt with these words
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(*stop.args or (words(),)) from None


def resume_words(command: str, folder: Path) -> str:
    """What is kept of runs that were stopped, and how to go on."""
    return f"what is in {folder} is kept. Continue with: convatlas {command} --out {shlex.quote(str(folder))} --resume"


def dump(value: Any) -> None:
    """JSON for other programs."""
    print(json.dumps(value, indent=2, allow_nan=False))


def show(table: Table) -> None:
    """A table as wide as the terminal; as wide as it needs to be where there is none. Its cells cannot steer the terminal."""
    for column in table.columns:
        column._cells = [escape_cell(cell) for cell in column.cells]  # noqa: SLF001 - rich has no other way to change them
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)


def escape_cell(cell: Any) -> Any:
    """A cell of a table without control characters, in its style."""
    words = cell.plain if isinstance(cell, Text) else cell
    if not isinstance(words, str) or words == (plain := escape_controls(words)):
        return cell
    return Text(plain, cell.style) if isinstance(cell, Text) else plain


def table(*columns: str, left: int = 1) -> Table:
    """An airy table: the first columns are words, the others numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", no_wrap=i >= left)
    return made
