"""One style for every picture: inks, a page-ready SVG, and text that is measured before it is drawn.

Pictures are drawn in the light inks below; `svg` exchanges each for a CSS variable of the same name, so that one SVG is right
on light and on dark pages, and still right on its own.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

# Ten hues apart by at least 0.09 in OKLab, also as protanopes and deuteranopes see them, with a contrast of 3 on the page.
SERIES_LIGHT = (
    "#3d60bb", "#d97e00", "#0c979a", "#9f4213", "#5d1d50", "#e65173", "#758bfe", "#383b00", "#48576d", "#24209b",
)  # fmt: skip
SERIES_DARK = (
    "#9db2fd", "#cba80c", "#73d094", "#d74207", "#b950b2", "#fedde8", "#7b7dff", "#fcf041", "#89a1a5", "#837468",
)  # fmt: skip
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2)))

INK, MUTED, FAINT, GRID, PAPER = "#1d1e23", "#62646d", "#a4a5ab", "#e6e4dd", "#fffefb"
RIGHT, WRONG = "#18794a", "#c2321b"
INKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ink": (INK, "#e9e8e4"),
        "muted": (MUTED, "#a2a4ac"),
        "faint": (FAINT, "#65676f"),
        "grid": (GRID, "#2b2d33"),
        "paper": (PAPER, "#15161a"),
        "right": (RIGHT, "#55c98c"),
        "wrong": (WRONG, "#ff7a63"),
        **{f"series-{i}": pair for i, pair in enumerate(zip(SERIES_LIGHT, SERIES_DARK, strict=True), start=1)},
    }
)
FONT = "DejaVu Sans"  # ships with matplotlib and runs wide: what is clear of its neighbor here is clear in the page's font
TEXT = 11.5  # pixels
LINE = 14.0  # pixels from one line of text to the next

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "convatlas",
    "figure.dpi": 72,
    "savefig.dpi": "figure",
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": MUTED,
    "axes.labelsize": TEXT,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "xtick.major.size": 4,
    "ytick.major.size": 0,
    "xtick.major.width": 0.8,
    "xtick.minor.size": 0,
    "font.family": [FONT],
    "font.size": TEXT,
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "path.simplify": False,
}
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"#([\w.-]+)")


@contextmanager
def context() -> Iterator[None]:
    """The style, for as long as the block runs; no global setting is left changed."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the page has a font for it, or shows a box
        yield


def canvas(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes inside these margins.

    Units   pixels of the page
    """
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure, figure.add_axes(box)


def headline(figure: Figure, text: str) -> None:
    """What the vertical axis measures, set level in the upper left corner where it is read first."""
    figure.text(0, 1 - 11 / (72 * figure.get_figheight()), text, color=MUTED, size=TEXT, ha="left", va="baseline")


def place_text(
    figure: Figure,
    x: float,
    y: float,
    text: str,
    ink: str = INK,
    *,
    align: Literal["left", "right"] = "left",
    size: float = TEXT,
) -> None:
    """Text on the base line at a place of the figure.

    Units   pixels from the lower left corner
    """
    wide, high = page_size(figure)
    figure.text(x / wide, y / high, text, color=ink, size=size, ha=align, va="baseline")


def page_size(figure: Figure) -> tuple[float, float]:
    """The width and height of a figure.

    Units   pixels
    """
    return 72 * figure.get_figwidth(), 72 * figure.get_figheight()


def series(index: int) -> tuple[str, Any]:
    """The color and the dash of the network at this place; the eleventh starts again with another dash."""
    return SERIES_LIGHT[index % len(SERIES_LIGHT)], DASHES[index // len(SERIES_LIGHT) % len(DASHES)]


def plain(text: object) -> str:
    """Text without control characters, which neither XML nor a plot can hold."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Cf", "Cn") else c for c in str(text))


def short(text: object, length: int = 22) -> str:
    """The text, its middle left out where it is longer than this."""
    whole = plain(text)
    if len(whole) <= length:
        return whole
    return f"{whole[: (length - 1) * 2 // 3].rstrip()}…{whole[-((length - 1) // 3) :].lstrip()}"


@lru_cache(maxsize=4096)
def width(text: str, size: float = TEXT) -> float:
    """How wide a line of text is drawn.

    Units   pixels
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        font = get_font(findfont(FONT))
        font.set_size(size, 72)
        font.set_text(text)
        pixels: float = font.get_width_height()[0] / 64
        return pixels


def svg(figure: Figure, title: str = "", description: str = "") -> str:
    """The figure as inline SVG: scalable, without background, its inks CSS variables, its text text in the page's font.

    The same figure and title give the same string; ids start with a hash of the content, so that many fit into one page.
    """
    with context():
        stream = io.StringIO()
        nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    drawn = stream.getvalue()
    prefix = f"v{sha256(f'{drawn}|{title}|{description}'.encode()).hexdigest()[:10]}"
    root = ET.fromstring(drawn)  # noqa: S314 (matplotlib wrote it a moment ago)
    _drop(root, {"style", "metadata"})
    used = {match for e in root.iter() for value in e.attrib.values() for match in _REFERENCE.findall(value)}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            key.rpartition("}")[2]: _attribute(key, value, prefix)
            for key, value in element.attrib.items()
            if key != "id" or value in used
        }
        element.tail = None
        if element.tag != "text":
            element.text = None
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{prefix}-title {prefix}-desc",
        "style": "width:100%;height:auto;stroke-linejoin:round",
    }
    for place, (name, words) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(name, {"id": f"{prefix}-{name}"})
        element.text = plain(words)
        root.insert(place, element)
    return ET.tostring(root, encoding="unicode")


def _drop(root: ET.Element, names: set[str]) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in names:
                parent.remove(child)


def _attribute(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return f"{prefix}-{value}"
    if key.endswith("href"):
        return "".join(value.split()) if value.startswith("data:") else value.replace("#", f"#{prefix}-")
    if key == "style":
        value = re.sub(r"font-family:[^;]*;?\s*", "", value)
        for name, (light, _) in INKS.items():
            value = value.replace(light, f"var(--{name},{light})")
        return re.sub(r"\s*([;:])\s*", r"\1", value)
    value = value.replace("url(#", f"url(#{prefix}-")
    return _NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), " ".join(value.split()))
