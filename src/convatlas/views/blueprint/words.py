"""What the boxes say: operations with their numbers, letters for numbers that differ from block to block."""

from collections.abc import Sequence
from dataclasses import dataclass

from .blocks import Kind
from .nodes import Node

SLOTS = ("height", "side", "width", "groups", "squeeze", "heads", "window")
LETTERS = {"height": "k", "side": "k", "groups": "g", "heads": "h", "squeeze": "s", "window": "w"}
WIDTHS = "cdefmnpqrtuvyz"
KIN = {"squeeze": "width", "side": "height"}  # numbers that may be said in terms of each other
COLUMNS = 9  # of a table of letters
RATIO = 8
SIGNS = {"add": "+", "mul": "×", "sub": "−", "concat": "concat"}


@dataclass(frozen=True, slots=True)
class Words:
    """Lines of text in a box, the first one its name."""

    first: str
    rest: str = ""


Table = tuple[tuple[str, tuple[str, ...]], ...]
"""Letter → its value in each kind of block, in order."""


def words_of(node: Node, numbers: dict[str, str], tail: str, stride: str) -> Words:
    """The words of a node whose numbers are given as text."""
    get = numbers.get
    side = f"{get('height', '')}×{get('side', '')}"
    if node.kind.endswith(" conv") or node.kind == "conv":
        name = {"dw conv": "depthwise"}.get(node.kind, "conv")
        dilated = f" d={node.numbers['dilation']}" if "dilation" in node.numbers else ""
        width = f", {numbers['width']}" if "width" in numbers else ""
        grouped = f"{numbers['groups']} groups" if "groups" in numbers else ""
        return Words(f"{name} {side}{width}{stride}{dilated}", " · ".join(filter(None, (grouped, tail))))
    first, width = node.kind, f", {numbers['width']}" if "width" in numbers else ""
    if node.kind.endswith("pool"):
        size = f"{side}{stride}" if "height" in numbers else "global" if "global" in node.kind else "adaptive"
        first, tail = node.kind.removeprefix("global "), " · ".join(filter(None, (size, tail)))
    elif node.kind == "neighbors":
        first = f"concat {side} neighbors"
    elif node.kind == "SE":
        first = "squeeze–excite" + (f", {numbers['squeeze']}" if get("squeeze", "0") != "0" else "")
    elif node.kind == "attention":
        window = f"{numbers['window']}×{numbers['window']} windows" if "window" in numbers else ""
        first += f", {numbers['heads']} heads" if "heads" in numbers else ""
        tail = " · ".join(filter(None, (window, tail)))
    elif node.kind in ("norm", "act"):
        first, tail = tail, ""
    return Words(f"{first}{width}", tail)


def stride_of(strides: set[int]) -> str:
    """The strides of a layer in all its blocks, in brackets where they differ."""
    if strides <= {1}:
        return ""
    return f" /{strides.pop()}" if len(strides) == 1 else f" (/{max(strides)})"


def plainly(node: Node, *, width: bool = False) -> Words:
    """The words of a layer that stands alone; its width is in the shape that is said below it."""
    numbers = {key: str(value) for key, value in node.numbers.items() if width or key != "width"}
    return words_of(node, numbers, " · ".join(node.tail), stride_of({node.numbers.get("stride", 1)}))


def words_in(kind: Kind, stages: Sequence[Sequence[str]]) -> tuple[dict[int, Words], Table]:
    """The words of each place of a kind of block, and the values of the letters in them.

    `stages` are the paths of the blocks of each stage of the network.
    """
    slots = [(at, name) for at, node in kind.graph.items() for name in SLOTS if name in node.numbers]
    rows = [tuple(m[at].numbers.get(name) if at in m else None for at, name in slots) for m in kind.members]
    columns = distinct(rows)
    if len(columns) > COLUMNS:
        columns = distinct(
            [row for _, row in sorted({stage_of(p, stages): r for p, r in zip(kind.paths, rows, strict=True)}.items())]
        )
    texts, table = write_letters(slots, columns, distinct(rows))
    words = {}
    for at, node in kind.graph.items():
        versions = [m[at] for m in kind.members if at in m]
        tails = [v.tail for v in versions]
        tail = " · ".join("/".join(dict.fromkeys(words)) for words in zip(*tails, strict=False))
        if len({v.numbers.get("shifted", 0) for v in versions}) > 1:
            tail = "alternately shifted"
        numbers = {name: texts[at, name] for name in SLOTS if (at, name) in texts}
        words[at] = words_of(node, numbers, tail, stride_of({v.numbers.get("stride", 1) for v in versions}))
    return words, table


Row = tuple[int | None, ...]
Slot = tuple[int, str]  # place and name of a number


def distinct(rows: Sequence[Row]) -> list[Row]:
    """Rows that differ, one that lacks something joined with the one before it."""
    out: list[Row] = []
    for row in rows:
        if out and all(a is None or b is None or a == b for a, b in zip(out[-1], row, strict=True)):
            out[-1] = tuple(b if a is None else a for a, b in zip(out[-1], row, strict=True))
        elif row not in out:
            out.append(row)
    return out


def stage_of(path: str, stages: Sequence[Sequence[str]]) -> int:
    """The place of the stage that a block stands in."""
    return next(k for k, paths in enumerate(stages) if any(path == p or path.startswith(f"{p}.") for p in paths))


def write_letters(slots: Sequence[Slot], columns: Sequence[Row], rows: Sequence[Row]) -> tuple[dict[Slot, str], Table]:
    """The text of each number: itself, or a letter where it differs, or so many times a letter; and the letters' values."""
    values = {slot: tuple(row[k] for row in rows) for k, slot in enumerate(slots)}
    place = {slot: k for k, slot in enumerate(slots)}
    found: dict[Slot, tuple[Slot, int, int] | int] = {}
    bases: list[Slot] = []
    for slot in sorted(slots, key=lambda slot: (slot[1] == "squeeze", None in values[slot], values[slot][0] or 0)):
        known = {value for value in values[slot] if value is not None}
        if len(known) == 1:
            found[slot] = known.pop()
            continue
        near = (b for b in bases if (KIN.get(b[1], b[1]) == KIN.get(slot[1], slot[1])))
        pairs = ((b, ratio(values[slot], values[b])) for b in near)
        base, (times, part) = next(((b, r) for b, r in pairs if r), (slot, (1, 1)))
        found[slot] = base, times, part
        if base == slot:
            bases.append(slot)
    spare, letters = iter(WIDTHS), dict[Slot, str]()
    texts = {}
    for slot in slots:
        what = found[slot]
        if isinstance(what, int):
            texts[slot] = str(what)
            continue
        base, times, part = what
        if base not in letters:
            own = LETTERS.get(base[1], "")
            letters[base] = own if own and own not in letters.values() else next(spare)
        texts[slot] = f"{times if times > 1 else ''}{letters[base]}{f'/{part}' if part > 1 else ''}"
    return texts, shorten_table({letter: tuple(c[place[base]] for c in columns) for base, letter in letters.items()})


def ratio(values: Row, base: Row) -> tuple[int, int] | None:
    """How many times the base, or which part of it, all values are that there are."""
    pairs = [(a, b) for a, b in zip(values, base, strict=True) if a is not None]
    for times in range(1, RATIO + 1):
        if all(b is not None and a == times * b for a, b in pairs):
            return times, 1
        if all(b is not None and times * a == b for a, b in pairs):
            return 1, times
    return None


def shorten_table(letters: dict[str, Row]) -> Table:
    """The table's text, its middle left out where it is long."""
    table = []
    for letter, values in letters.items():
        texts = tuple("–" if value is None else str(value) for value in values)
        table.append((letter, texts if len(texts) <= COLUMNS + 1 else (*texts[:5], "…", *texts[-3:])))
    return tuple(table)
