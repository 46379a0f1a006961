"""What can be read in a figure: no text over another, none off the page."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text

from convatlas.views import style


def texts(figure: Figure, drawn: Callable[[Text], bool] = Text.get_visible) -> list[tuple[str, Any]]:
    """Each text with its box, in pixels."""
    with style.context():
        figure.draw_without_rendering()
        found = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible() and drawn(t)]
        return [(t.get_text(), t.get_window_extent()) for t in found]


def assert_legible(figure: Figure, margin: float = 1, drawn: Callable[[Text], bool] = Text.get_visible) -> None:
    """No text covers another or leaves the page by more than `margin` pixels."""
    found = texts(figure, drawn)
    assert found
    width, height = figure.canvas.get_width_height()
    off = [t for t, b in found if min(b.x0, b.y0) < -margin or b.x1 > width + margin or b.y1 > height + margin]
    assert not off, off
    pairs = combinations(found, 2)
    covered = [
        (a, b) for (a, p), (b, q) in pairs if min(p.x1, q.x1) - max(p.x0, q.x0) > 1 and min(p.y1, q.y1) - max(p.y0, q.y0) > 2
    ]
    assert not covered, covered
