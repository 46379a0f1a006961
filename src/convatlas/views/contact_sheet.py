"""Contact sheets: the most central images of each cluster, and a page that holds all sheets."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from . import style
from .grid import GAP, LINE, Line, Pixels, page, shorten_to_width
from .looks_page import Panel, Section
from .neighbors import draw_match
from .page import render

SIDE, ACROSS, HEAD = 128, 8, 58
TITLE = 15
QUALITY, WIDE = 82, 1160  # of a sheet in the page


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """An image of a cluster; None where the file is missing; `usual` if its class is the cluster's most common one."""

    pixels: Pixels | None
    name: str
    label: str | None
    distance: float
    usual: bool = True


def figure(title: str, words: str, cards: Sequence[Card]) -> Figure:
    """The images in rows, the most central first, each over its class, if known, and its distance to the center."""
    columns = min(ACROSS, max(len(cards), 4))
    rows = max(1, -(-len(cards) // columns))
    tall = SIDE + LINE + 8 + GAP
    width, height = GAP + columns * (SIDE + GAP), HEAD + rows * tall
    with style.context():
        chart, axes = style.canvas(width, height, left=0, right=0, top=0, bottom=0)
        axes.text(GAP, 24, shorten_to_width(title, width - 2 * GAP, TITLE), size=TITLE, color=style.INK, weight="bold")
        axes.text(GAP, 43, shorten_to_width(words, width - 2 * GAP), size=style.TEXT, color=style.MUTED)
        for place, card in enumerate(cards):
            row, column = divmod(place, columns)
            ink = style.FAINT if card.label is None or card.usual else style.WRONG
            line = Line(card.label or card.name, f"{card.distance:.2f}", style.MUTED if ink == style.FAINT else ink)
            draw_match(axes, card.pixels, ink, (line,), at=(GAP + column * (SIDE + GAP), HEAD + row * tall), side=SIDE)
        page(axes, width, height)
    return chart


def sheets_page(title: str, sheets: Sequence[tuple[str, str, Path]], facts: Sequence[tuple[str, str]], command: str) -> str:
    """One self-contained HTML page with one sheet per cluster: title, caption and the file of each."""
    panels = []
    for words, caption, path in sheets:
        with Image.open(path) as sheet:
            shown = sheet.convert("RGB")
        shown.thumbnail((WIDE, WIDE))
        stream = io.BytesIO()
        shown.save(stream, "WEBP", quality=QUALITY)
        address = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
        drawn = f'<img src="{address}" alt="{escape(words)}" style="width:100%;height:auto;display:block">'
        panels.append(Panel(words, caption, drawn, shown.width, path.name))
    section = Section("clusters", "the most central images of each cluster, and their distance to its center", tuple(panels))
    return render(
        "looks.html.j2", title=title, kind="clusters", verb="cluster", facts=facts, sections=[section], command=command
    )
