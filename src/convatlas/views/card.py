"""The model card of a run: Markdown that any reader shows, under the front matter that a hub reads."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..engine.task import Measure
from .numbers import thousands
from .style import plain

SPECIAL = re.compile(r"[\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture that lies beside the card, and what it shows."""

    file: str
    title: str
    caption: str


def page(*, pictures: Sequence[Plate], left_out: Sequence[tuple[str, str]] = (), **values: Any) -> str:
    """The card; the same values give the same text, and no name in them can be more than text."""
    environment = Environment(  # noqa: S701  # what is inserted is made harmless for Markdown, which HTML's escapes are not
        loader=FileSystemLoader(Path(__file__).parent),
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "yaml": lambda value: Markdown(json.dumps(value, ensure_ascii=False)),
        "code": code,
        "percent": markdown_percent,
        "figure": figure,
        "thousands": thousands,
        "link": lambda url: Markdown(f"<{url}>"),  # of our own tables
        "listed": lambda names: Markdown(", ".join(map(escape, names))),
        "numbers": lambda values: " ".join(f"{value:.4g}" for value in values),
        "safe": Markdown,
    }
    text = environment.get_template("card.md.j2").render(pictures=pictures, left_out=left_out, **values)
    return re.sub(r"\n{3,}", "\n\n", text)


def escape(value: Any) -> Any:
    """Text without any meaning for Markdown or HTML, on one line; numbers and Markdown as they are."""
    if isinstance(value, Markdown) or not isinstance(value, str):
        return value
    line = html.escape(" ".join(plain(value).split()), quote=False)
    return SPECIAL.sub(r"\\\g<0>", line)


def code(value: str) -> Markdown:
    """Text between backticks, more of them than it has itself; in a table its bars stay in their cell."""
    line = " ".join(plain(value).split())
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return Markdown(f"{fence}{space}{line.replace('|', chr(92) + '|')}{space}{fence}")


def figure(value: float, measure: Measure) -> str:
    """The figure of a measure in a table, without its unit."""
    return markdown_percent(value, 2) if measure.kind == "percent" else Markdown(f"{value:.4g}")


def markdown_percent(share: float, places: int = 1) -> str:
    """A share as a percentage."""
    return Markdown(f"{100 * share:.{places}f}")
