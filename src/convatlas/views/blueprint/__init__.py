"""Blueprints: a network as its paper would draw it, made from the traced graph alone."""

from matplotlib.figure import Figure

from ...anatomy.layers import Anatomy
from .. import style
from .blocks import Kind, Plan, kinds_of, plan_of, stages_of
from .inset import Inset
from .nodes import graph_of
from .pen import NOTE, Pen
from .strip import Strip, amount, column_of, image, shape_text
from .words import words_in

WIDTH = 1280.0
MARGIN, HEAD, BETWEEN, UNDER = 28.0, 76.0, 16.0, 26.0
NARROWEST = 420.0


def figure(anatomy: Anatomy, *, width: float = WIDTH, year: int | None = None) -> Figure:
    """The whole network in a row, and each kind of block opened up below.

    Units   width in pixels of the page; the height follows from what there is to show
    """
    plan = plan_of(graph_of(anatomy), anatomy.modules)
    stages, kinds = stages_of(plan.main), kinds_of(plan)
    names = dict.fromkeys(tuple(kind.titles) for kind in kinds)
    colors = {title: style.series(n)[0] for n, titles in enumerate(names) for title in titles}
    if not kinds:
        colors = {
            "conv": style.series(0)[0],
            "dw conv": style.series(2)[0],
            "group conv": style.series(0)[0],
            "linear": style.series(1)[0],
        }
    with style.context():
        columns = [image(anatomy.size), *(column_of(stage, colors, count_inner_blocks(plan)) for stage in stages)]
        strip = Strip(columns, stages, width - 2 * MARGIN)
        insets = [Inset(k, *words_in(k, [s.paths for s in stages]), colors, stride_word(k, kinds)) for k in kinds]
        shelves = arrange_in_rows(insets, width - 2 * MARGIN)
        inner = max(strip.width, *(sum(i.width + BETWEEN for i in shelf) - BETWEEN for shelf in shelves), NARROWEST)
        notes = notes_of(insets)
        below = sum(max(i.height for i in shelf) + BETWEEN for shelf in shelves) + (UNDER if shelves else 0)
        pen = Pen(inner + 2 * MARGIN, HEAD + strip.height + below + MARGIN + (16 if notes else 0))
        caption(pen, anatomy, year)
        strip.draw(pen, MARGIN + (inner - strip.width) / 2, HEAD)
        top = HEAD + strip.height + UNDER
        for shelf in shelves:
            gap = min(2 * BETWEEN, (inner - sum(i.width for i in shelf)) / max(len(shelf) - 1, 1))
            x = MARGIN + (inner - sum(i.width for i in shelf) - gap * (len(shelf) - 1)) / 2
            for inset in shelf:
                inset.draw(pen, x, top)
                x += inset.width + gap
            top += max(i.height for i in shelf) + BETWEEN
        if notes:
            pen.words(MARGIN, top + 8, notes, size=NOTE, color=style.MUTED, ha="left")
    return pen.figure


def caption(pen: Pen, anatomy: Anatomy, year: int | None) -> None:
    """What the network is and what it costs."""
    facts = [str(year)] if year else []
    facts += [f"{amount(anatomy.parameters)} parameters", f"{amount(anatomy.macs)} MACs", f"input {shape_text(anatomy.size)}"]
    pen.words(MARGIN, MARGIN + 4, style.short(anatomy.name or "network", 40), size=20, ha="left", weight="bold")
    pen.words(MARGIN, MARGIN + 29, "  ·  ".join(facts), size=12, color=style.MUTED, ha="left")


def stride_word(kind: Kind, kinds: list[Kind]) -> str:
    """What tells a block from another of its name, if it is that all of them halve the map."""
    namesakes = [other for other in kinds if other is not kind and other.titles == kind.titles]
    return " · stride 2" if namesakes and halves(kind) and not any(halves(other) for other in namesakes) else ""


def halves(kind: Kind) -> bool:
    return all(any(node.numbers.get("stride", 1) > 1 for node in member.values()) for member in kind.members)


def count_inner_blocks(plan: Plan) -> dict[str, tuple[str, int]]:
    """The blocks within blocks: path → what they are and how many."""
    blocks = {}
    for path, graph in plan.graphs.items():
        inside = [node.kind for node in graph.values() if node.numbers.get("block")]
        if len(inside) > 1 and len(set(inside)) == 1:
            blocks[path] = inside[0], len(inside)
    return blocks


def arrange_in_rows(insets: list[Inset], width: float) -> list[list[Inset]]:
    """Insets in rows that fit the page."""
    shelves: list[list[Inset]] = []
    for inset in insets:
        if shelves and sum(i.width + BETWEEN for i in shelves[-1]) + inset.width <= width:
            shelves[-1].append(inset)
        else:
            shelves.append([inset])
    return shelves


def notes_of(insets: list[Inset]) -> str:
    """What the signs mean that occur."""
    notes = []
    if any(i.kind.optional and not i.dense for i in insets):
        notes.append("dashed: not in every block")
    if any("(/" in w.first for i in insets for w in i.words.values()):
        notes.append("(/2): stride 2 in some")
    if any(i.table for i in insets):
        notes.append("letters: their values in the order of the network")
    return "  ·  ".join(notes)


__all__ = ["WIDTH", "figure"]
