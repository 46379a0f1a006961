"""Windows that slide over a padded image while the output fills up; of a transposed layer, windows that are stamped onto it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from ..anatomy.arithmetic import Convolution, Size
from ..errors import InputError
from ..files import replace_file, write_text
from . import save, style
from .stage import BOARD, MARGIN, Rect, Stage, extent, place_scenes, scenes

MOVING, STILL = (".svg", ".gif"), (".png", ".pdf")
SECONDS, PAUSE = 0.5, 3  # of a step; how many steps the last one stays
STEPS, PANEL, BETWEEN = 4, 132, 34  # of a still picture: panels in a row, pixels of a board and between panels

Layers = Sequence[tuple[Convolution, Size]]


def write(layers: Layers, path: Path, theme: str = "light") -> Path:
    """Draws layers, each with the size of its input: .svg and .gif move, .png and .pdf show a few steps.

    Raises   InputError for another ending or theme, more than four layers, or windows too large to draw
    """
    kind = path.suffix.lower()
    if kind not in MOVING + STILL:
        raise InputError(f"the sliding windows are written as {', '.join(MOVING + STILL)}, got {path.name!r}")
    save.check_theme(theme)
    if kind == ".svg":
        write_text(path, svg(layers, theme))
    elif kind == ".gif":
        with replace_file(path) as temporary:
            gif(layers, temporary, theme)
    else:
        save.save(figure(layers), path, theme)
    return path


def figure(layers: Layers) -> Figure:
    """Four steps of each layer, from the first window to the last.

    Raises   InputError as `write`
    """
    first = place_scenes(scenes(layers), MARGIN, 0, PANEL)
    pitch = max(stage.width for stage in first) + BETWEEN
    with style.context():
        chart, axes = blank_chart(max(MARGIN + STEPS * pitch - BETWEEN + MARGIN, extent(first)[0]), extent(first)[1])
        for stage in first:
            write_heading(axes, stage)
            steps = sorted({round(i * (stage.count - 1) / (STEPS - 1)) for i in range(STEPS)})
            for i, step in enumerate(steps):
                panel = replace(stage, x=MARGIN + i * pitch)
                paint(axes, panel.still())
                draw_step(axes, panel, step)
                words = f"window {step + 1} of {panel.count}"
                axes.text(panel.x, panel.y + panel.height + 17, words, color=style.MUTED, va="baseline")
    return chart


def frames(layers: Layers, theme: str = "light") -> Iterable[Image.Image]:
    """The moving picture, image by image; the last one holds all windows."""
    placed = place_scenes(scenes(layers), MARGIN, 0, BOARD)
    last = max(stage.count for stage in placed)
    with style.context():
        chart, axes = blank_chart(*extent(placed))
        for stage in placed:
            write_heading(axes, stage)
            write_legends(axes, stage)
            paint(axes, stage.still())
        canvas = FigureCanvasAgg(chart)
        rest = list(axes.get_children())
        for i in range(last):
            for stage in placed:
                draw_step(axes, stage, i * stage.count // last)
            with save.dark_inks(chart) if theme == "dark" else save.light_inks():
                canvas.draw()  # type: ignore[no-untyped-call]
                yield Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]
            for artist in set(axes.get_children()) - set(rest):
                artist.remove()


def gif(layers: Layers, path: Path, theme: str = "light") -> None:
    """Writes the moving picture with one palette for all images."""
    drawn = list(frames(layers, theme))
    palette = drawn[-1].quantize(128, dither=Image.Dither.NONE)
    first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in drawn)
    times = [int(1000 * SECONDS)] * len(drawn)
    times[-1] *= PAUSE
    first.save(path, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=True)


def blank_chart(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty picture whose units are pixels, y downwards."""
    chart, axes = style.canvas(ceil(width), ceil(height), left=0, right=0, top=0, bottom=0)
    axes.set_xlim(0, ceil(width))
    axes.set_ylim(ceil(height), 0)
    axes.set_axis_off()
    return chart, axes


def write_heading(axes: Axes, stage: Stage) -> None:
    axes.text(stage.x, stage.y - 34, stage.scene.title, size=15, color=style.INK, va="baseline")
    axes.text(stage.x, stage.y - 15, stage.scene.subtitle, color=style.MUTED, va="baseline")


def write_legends(axes: Axes, stage: Stage) -> None:
    for x, y, words in stage.legends():
        axes.text(x, y, words, color=style.MUTED, va="baseline")


def paint(axes: Axes, rects: Iterable[Rect]) -> None:
    """Rectangles, those that look alike at once."""
    looks: dict[tuple[str, float, str, float, bool], list[list[tuple[float, float]]]] = {}
    for r in rects:
        right, bottom = r.x + r.width, r.y + r.height
        corners = [(r.x, r.y), (right, r.y), (right, bottom), (r.x, bottom)]
        looks.setdefault((r.fill, r.opacity, r.edge, r.weight, r.dashed), []).append(corners)
    for (fill, opacity, edge, weight, dashed), polygons in looks.items():
        face = "none" if fill == "none" else (fill, opacity)
        line = (0, (2, 2)) if dashed else "-"
        axes.add_collection(
            PolyCollection(polygons, facecolors=face, edgecolors=edge, linewidths=weight, linestyles=line, zorder=2),
            autolim=False,
        )


def draw_step(axes: Axes, stage: Stage, step: int) -> None:
    """What has changed by this step."""
    window, cell = stage.outlines(step)
    paint(axes, stage.left_behind(step))
    paint(axes, (Rect(window.x + r.x, window.y + r.y, r.width, r.height, r.fill, r.opacity) for r in stage.window(0.5)))
    for x, y, u, v in stage.rays(step):
        axes.plot([x, u], [y, v], color=style.FAINT, linewidth=0.9)
    paint(axes, (window, cell))


def svg(layers: Layers, theme: str = "light") -> str:
    """The moving picture as one SVG without scripts: each layer runs at its own pace within the common time."""
    placed = place_scenes(scenes(layers), MARGIN, 0, BOARD)
    width, height = map(ceil, extent(placed))
    last = max(stage.count for stage in placed)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
        f' role="img" font-family="DejaVu Sans,Verdana,sans-serif" font-size="{style.TEXT}">',
        f"<title>{escape('; '.join(stage.scene.title for stage in placed))}</title>",
        f'<rect width="{width}" height="{height}" fill="{style.PAPER}"/>' if theme != "transparent" else "",
    ]
    for number, stage in enumerate(placed):
        scene = stage.scene
        parts += [
            f'<text x="{stage.x}" y="{stage.y - 34:g}" font-size="15" fill="{style.INK}">{escape(scene.title)}</text>',
            f'<text x="{stage.x}" y="{stage.y - 15:g}" fill="{style.MUTED}">{escape(scene.subtitle)}</text>',
            *(f'<text x="{x:g}" y="{y:g}" fill="{style.MUTED}">{escape(words)}</text>' for x, y, words in stage.legends()),
            tags(stage.still()),
            f'<defs><g id="w{number}">{tags(stage.window(0.5))}</g>',
            f'<g id="s{number}">{tags(stage.left_behind(0)) if scene.layer.transposed else ""}</g></defs>',
        ]
        total = (last - 1 + PAUSE) * SECONDS
        starts = [-(-i * last // stage.count) * SECONDS / total for i in range(stage.count)]
        (x, y), _ = stage.at(0)
        for i, begin in enumerate(starts):
            (u, v), _ = stage.at(i)
            stamp = f'<use href="#s{number}" x="{u - x:.4g}" y="{v - y:.4g}"/>'
            done = stamp if scene.layer.transposed else tags(stage.left_behind(i)[i:])
            parts.append(f"<g>{visible(begin, 1.0, total)}{done}</g>")
        for i, (begin, end) in enumerate(pairwise([*starts, 1.0])):
            (u, v), _ = stage.at(i)
            rays = "".join(f"M{a:.4g} {b:.4g}L{c:.4g} {d:.4g}" for a, b, c, d in stage.rays(i))
            window = f'<use href="#w{number}" x="{u:.4g}" y="{v:.4g}"/>'
            rays = f'<path d="{rays}" stroke="{style.FAINT}" stroke-width=".9"/>'
            parts.append(f"<g>{visible(begin, end, total)}{window}{rays}{tags(stage.outlines(i))}</g>")
    drawn = "".join([*parts, "</svg>\n"])
    if theme == "dark":
        for light, night in style.INKS.values():
            drawn = drawn.replace(light, night)
    return drawn


def visible(begin: float, end: float, total: float) -> str:
    """Visible from one share of the time to another."""
    times = [(0.0, "hidden")] * (begin > 0) + [(begin, "visible")] + [(end, "hidden")] * (end < 1)
    values, keys = ";".join(value for _, value in times), ";".join(f"{at:.4g}" for at, _ in times)
    return (
        f'<animate attributeName="visibility" calcMode="discrete" values="{values}" keyTimes="{keys}" '
        f'dur="{total:g}s" repeatCount="indefinite"/>'
    )


def tags(rects: Iterable[Rect]) -> str:
    """Rectangles as SVG, a path for all that look alike."""
    looks: dict[str, list[str]] = {}
    for r in rects:
        look = f'fill="{r.fill}"' + f' fill-opacity="{r.opacity:g}"' * (r.opacity < 1)
        if r.edge != "none":
            look += f' stroke="{r.edge}" stroke-width="{r.weight:g}"' + ' stroke-dasharray="2 2"' * r.dashed
        looks.setdefault(look, []).append(f"M{r.x:.4g} {r.y:.4g}h{r.width:.4g}v{r.height:.4g}h-{r.width:.4g}z")
    return "".join(f'<path d="{"".join(path)}" {look}/>' for look, path in looks.items())


__all__ = ["figure", "frames", "svg", "write"]
