"""All pictures of a network on one page."""

from collections.abc import Sequence
from dataclasses import dataclass

from .page import render


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture as the page shows it; `file` and `page` lie beside the page."""

    title: str
    caption: str
    svg: str  # made by style.svg, which escapes what it holds
    width: int  # pixels of the page
    file: str
    page: str | None = None  # its interactive form


@dataclass(frozen=True, slots=True)
class Section:
    """The pictures of one look, or why there is none."""

    name: str
    words: str
    plates: tuple[Plate, ...]
    problem: str = ""


def page(title: str, sections: Sequence[Section], facts: Sequence[tuple[str, str]], command: str) -> str:
    """One self-contained HTML page; the same pictures give the same page."""
    return render("album.html.j2", title=title, kind="album", verb="look", facts=facts, sections=sections, command=command)
