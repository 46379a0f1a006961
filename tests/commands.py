"""All commands of the command line, with the paragraphs of their help."""

from collections.abc import Iterator

import pytest
from cyclopts import App

from convatlas.cli import app


def commands(parent: App, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in parent:
        if not name.startswith("-"):
            yield (*path, name), parent[name]
            yield from commands(parent[name], (*path, name))


EVERY = [pytest.param(path, command, id=" ".join(path)) for path, command in commands(app)]


def paragraphs(command: App) -> list[str]:
    return [" ".join(part.split()) for part in command.help.split("\n\n")]
