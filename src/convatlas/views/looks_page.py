"""All pictures of a network on one page."""

from collections.abc import Sequence
from dataclasses import dataclass

from .page import render


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture on the page; `file` and `page` lie beside the page."""

    title: str
    caption: str
    svg: str  # made by style.svg, which escapes what it holds
    width: int  # pixels of the page
    file: str
    page: str | None = None  # its interactive form


@dataclass(frozen=True, slots=True)
class Section:
    """The pictures of one look, or the reason why there is none."""

    name: str
    words: str
    panels: tuple[Panel, ...]
    problem: str = ""


def page(title: str, sections: Sequence[Section], facts: Sequence[tuple[str, str]], command: str) -> str:
    """One self-contained HTML page; the same pictures give the same page."""
    return render("looks.html.j2", title=title, kind="looks", verb="look", facts=facts, sections=sections, command=command)
