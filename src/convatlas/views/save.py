"""Figures as files: PNG, SVG and PDF, on paper, dark or transparent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure

from ..errors import InputError, unknown_name
from ..files import check_is_new, free_path, replace_file
from . import style

FORMATS = ("png", "svg", "pdf")
THEMES = ("light", "dark", "transparent")
DPI = 144  # of PNG: two dots for each pixel of the page
COLORS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def save(figure: Figure, path: Path, theme: str = "light") -> Path:
    """Writes a figure in the format that the file's name ends in, whole or not at all.

    Raises   InputError for another format or theme
    """
    kind = format_of(path)
    check_theme(theme)
    nothing: dict[str, Any] = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with style.context(), dark_inks(figure) if theme == "dark" else light_inks(), replace_file(path) as temporary:
        figure.savefig(
            temporary, format=kind, dpi=DPI, transparent=theme == "transparent", metadata=nothing or None,
            facecolor="none" if theme == "transparent" else figure.get_facecolor(),
        )  # fmt: skip
    return path


def format_of(path: Path) -> str:
    """The format that a file's name ends in.

    Raises   InputError for one that pictures are not written in
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"a picture is written as {', '.join(f'.{name}' for name in FORMATS)}, got {path.name!r}")
    return kind


def check_picture(path: Path | None, theme: str = "light", flag: str = "--out") -> None:
    """Raises InputError for a picture that is there already, or that could not be written."""
    check_theme(theme)
    if path is not None:
        format_of(path)
        check_is_new(path, flag)


def picture_path(out: Path | None, name: str, theme: str) -> Path:
    """The path of a picture: `out`, or the name, numbered where there is such a file already.

    Raises   InputError for a format or theme that there is not, and for a file that there is already
    """
    check_picture(out, theme)
    return out or free_path(Path(name))


def check_theme(theme: str) -> None:
    """Raises InputError for a theme that there is not."""
    if theme not in THEMES:
        raise unknown_name("theme", theme, THEMES)


@contextmanager
def light_inks() -> Iterator[None]:
    yield


@contextmanager
def dark_inks(figure: Figure) -> Iterator[None]:
    """The figure with each ink exchanged for its dark one, as long as the block runs; mapped colors stay."""
    inks = dict(style.INKS.values())
    undo: list[tuple[Callable[[Any], object], Any]] = []
    for artist in figure.findobj(include_self=True):
        if isinstance(artist, ScalarMappable) and artist.get_array() is not None:
            continue
        for name in COLORS:
            get, change = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if get and change:
                exchange_inks(get(), change, inks, undo)
    try:
        yield
    finally:
        for change, value in reversed(undo):
            change(value)


def exchange_inks(value: Any, change: Callable[[Any], object], inks: dict[str, str], undo: list[tuple[Any, Any]]) -> None:
    """Sets the dark inks in the place of light ones, opacity kept, and remembers what was there."""
    try:
        colors = to_rgba_array(value)
    except (ValueError, TypeError):  # "auto", "inherit", "none"
        return
    nights = [inks.get(to_hex(color)) if color[3] > 0 else None for color in colors]
    if not any(nights):
        return
    changed = np.array([(*to_rgba_array(night)[0, :3], c[3]) if night else c for night, c in zip(nights, colors, strict=True)])
    undo.append((change, value))
    change(changed if np.ndim(value) > 1 else tuple(changed[0]))


__all__ = ["FORMATS", "THEMES", "check_theme", "save"]
