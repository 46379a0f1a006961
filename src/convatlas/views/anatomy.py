"""The anatomy of a network as a page: stages, and a tree of its modules to unfold layer by layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..anatomy.arithmetic import shape_text
from ..anatomy.layers import Anatomy
from ..anatomy.memory import Memory
from ..anatomy.outline import Line, name_of, tree, walk
from ..errors import count_of
from ..files import write_text
from . import style
from .blueprint import figure
from .layers import cells, shape, share, some
from .numbers import count, size
from .page import render

SCREEN = 40  # lines

Needs = tuple[Memory, Memory, int]
"""Peak memory of one image, and of a training step with so many images."""


def write(anatomy: Anatomy, needs: Needs, command: str, path: Path) -> Path:
    """Writes the page, whole or not at all."""
    write_text(path, page(anatomy, needs, command))
    return path


def page(anatomy: Anatomy, needs: Needs, command: str) -> str:
    """One self-contained HTML page; the same anatomy gives the same page."""
    inference, training, batch = needs
    title = anatomy.name or "A network"
    return render(
        "anatomy.html.j2",
        title=title,
        kind="anatomy",
        verb="show",
        summary=summary(anatomy),
        facts=[
            ("Input", shape_text(anatomy.size)),
            ("Parameters", f"{anatomy.parameters:,}"),
            ("MACs, FLOPs", f"{count(anatomy.macs)}, {count(anatomy.flops)}"),
            ("Activations", f"{size(anatomy.bytes)}, {size(anatomy.kept)} kept"),
            ("Memory, 1 image", size(inference.total)),
            (f"Memory, step of {batch}", size(training.total)),
        ],
        blueprint=style.svg(figure(anatomy), f"Blueprint of {title}", summary(anatomy)),
        stages=[stage(row, anatomy) for row in anatomy.stages],
        idle=anatomy.idle and (count(anatomy.idle), share(anatomy.idle, anatomy.parameters)),
        heads=heads(anatomy),
        lines=branches(tree(anatomy), anatomy, open_levels(tree(anatomy))),
        command=command,
    )


def summary(anatomy: Anatomy) -> str:
    """Where the cost lies, in a sentence."""
    rows = anatomy.stages
    if not rows or not anatomy.macs or not anatomy.parameters:
        return f"{count_of(len(anatomy.layers), 'layer')} and operations."
    costly, heavy = max(rows, key=lambda row: row.macs), max(rows, key=lambda row: row.parameters)
    took = f"takes {100 * costly.macs / anatomy.macs:.0f} % of the multiply-accumulates"
    held = f"holds {100 * heavy.parameters / anatomy.parameters:.0f} % of the parameters"
    where = (
        f"{word_of(costly.name)} {took} and {held}"
        if costly is heavy
        else f"{word_of(costly.name)} {took}, {word_of(heavy.name)} {held}"
    )
    return f"{count_of(len(anatomy.layers), 'layer')} and operations in {count_of(len(rows), 'stage')}: {where}."


def word_of(stage: str) -> str:
    """A stage in a sentence."""
    return "the head" if stage == "head" else f"the stage at {stage}"


def stage(row: Any, anatomy: Anatomy) -> dict[str, Any]:
    """A stage as the page shows it; widths in percent."""
    return {
        "name": row.name,
        "output": shape_text(row.output_shape),
        "layers": len(row.layers),
        "parameters": some(row.parameters, count),
        "parameter_share": share(row.parameters, anatomy.parameters),
        "parameter_width": 100 * row.parameters / max(anatomy.parameters, 1),
        "macs": some(row.macs, count),
        "mac_share": share(row.macs, anatomy.macs),
        "mac_width": 100 * row.macs / max(anatomy.macs, 1),
        "activations": some(row.bytes, size),
        "kept": some(row.kept, size),
    }


def heads(anatomy: Anatomy) -> list[str]:
    """Of the columns of figures."""
    return list(cells(Line(("",), "", anatomy.layers[:1]), anatomy)) if anatomy.layers else []


def open_levels(lines: Sequence[Line]) -> int:
    """How many levels stand open at first: what is about a screen."""
    levels = [level for level, _, _ in walk(lines)]
    return max((top for top in range(max(levels, default=0) + 1) if sum(level <= top for level in levels) <= SCREEN), default=0)


def branches(lines: Sequence[Line], anatomy: Anatomy, levels: int, above: Line | None = None) -> list[dict[str, Any]]:
    """Lines as the page shows them, the first levels of them open."""
    return [
        {
            "name": name_of(line, above),
            "full": line.name,
            "title": line.title,
            "cells": cells(line, anatomy),
            "width": 100 * line.macs / max(anatomy.macs, 1),
            "open": levels > 0 and line.opens,
            "change": f"{shape(line.input_shape)} → {shape(line.output_shape)}",
            "inside": branches(line.inside, anatomy, levels - 1, line),
        }
        for line in lines
    ]
