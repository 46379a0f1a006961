"""How anything is shown: tables as wide as the terminal, JSON for programs, numbers for people."""

import json
import shlex
import sys
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def command() -> str:
    """What was typed."""
    return shlex.join(["convatlas", *sys.argv[1:]])


def dump(value: Any) -> None:
    """JSON for other programs."""
    print(json.dumps(value, indent=2, allow_nan=False))


def show(table: Table) -> None:
    """A table as wide as the terminal; as wide as it needs to be where there is none."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)


def table(*columns: str, left: int = 1) -> Table:
    """An airy table: the first columns are words, the others numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", no_wrap=i >= left)
    return made
