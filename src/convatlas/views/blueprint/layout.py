"""Places for the boxes of a graph: a row for each step of the longest way through it, a column for each branch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from .nodes import INPUT

LANE = 9.0  # pixels that a line which passes by needs
APART = 12.0
GAP = 20.0  # pixels between rows


@dataclass(frozen=True, slots=True)
class Box:
    """A node to be placed, with the size of what it says."""

    width: float
    height: float
    inputs: tuple[int, ...]
    joins: bool = False  # whether its inputs count alike, as those of a concatenation do


@dataclass(slots=True)
class Placed:
    """Centers of the boxes and bends of the lines between them, y downwards from 0."""

    x: dict[int, float]
    y: dict[int, float]
    lanes: dict[tuple[int, int], float | None]  # the x at which a line passes rows, None if it passes none
    rows: dict[int, int]
    size: tuple[float, float]


@dataclass(slots=True)
class Grid:
    """Rows of places, each a node or a lane of a line that passes."""

    rows: list[list[object]]
    row: dict[object, int]
    half: dict[object, float] = field(default_factory=dict)


def place_boxes(boxes: Mapping[int, Box]) -> Placed:
    """Where everything goes; −1 is a box too."""
    row = longest(boxes)
    grid = arrange_in_grid(boxes, row)
    x = columns(boxes, grid)
    left = min(x[item] - grid.half[item] for item in x)
    x = {item: value - left for item, value in x.items()}
    y: dict[int, float] = {}
    top = 0.0
    for r in range(len(grid.rows)):
        inside = [key for key in boxes if row[key] == r]
        tall = max(boxes[key].height for key in inside)
        y |= dict.fromkeys(inside, top + tall / 2)
        top += tall + GAP
    lanes = {
        (i, key): x.get((i, key, row[i] + 1)) for key, box in boxes.items() for i in box.inputs
    }  # fmt: skip
    width = max(x[item] + grid.half[item] for item in x)
    return Placed({k: x[k] for k in boxes}, y, lanes, row, (width, top - GAP))


def longest(boxes: Mapping[int, Box]) -> dict[int, int]:
    """The row of each box: steps of the longest way to it."""
    row: dict[int, int] = {}
    for key, box in sorted(boxes.items()):
        row[key] = max((row[i] + 1 for i in box.inputs), default=0)
    return row


def arrange_in_grid(boxes: Mapping[int, Box], row: dict[int, int]) -> Grid:
    """The rows, each from left to right: branches as they run, lanes of skips to their right, crossings swept out."""
    rows: list[list[object]] = [[] for _ in range(max(row.values()) + 1)]
    half: dict[object, float] = {}
    links: dict[object, list[object]] = {}
    for key, box in sorted(boxes.items()):
        rows[row[key]].append(key)
        half[key] = box.width / 2
        for i in box.inputs:
            before: object = i
            for r in range(row[i] + 1, row[key]):
                lane = (i, key, r)
                rows[r].append(lane)
                half[lane] = LANE / 2
                links.setdefault(lane, []).append(before)
                before = lane
            links.setdefault(key, []).append(before)
    for above, line in pairwise(rows):
        over = {item: k for k, item in enumerate(above)}
        line.sort(key=lambda item: (mean([over[a] for a in links[item]], 0), isinstance(item, tuple), str(item)))
    best = untangle(rows, links)
    return Grid(best, {item: r for r, line in enumerate(best) for item in line}, half)


def untangle(rows: list[list[object]], links: Mapping[object, list[object]]) -> list[list[object]]:
    """The order with the fewest crossings of some sweeps down and up, each place moved to the middle of its neighbors."""
    best = [list(line) for line in rows]
    fewest = crossings(best, links)
    children: dict[object, list[object]] = {}
    for item, above in links.items():
        for a in above:
            children.setdefault(a, []).append(item)
    for sweep in range(6):
        if not fewest:
            break
        down = sweep % 2 == 0
        for r in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            others = {item: at for at, item in enumerate(rows[r - 1 if down else r + 1])}
            near = links if down else children
            now = {item: at for at, item in enumerate(rows[r])}
            rows[r].sort(key=lambda item: (mean([others[n] for n in near.get(item, ())], now[item]), now[item]))
        if (count := crossings(rows, links)) < fewest:
            best, fewest = [list(line) for line in rows], count
    return best


def mean(values: list[int], default: float) -> float:
    return sum(values) / len(values) if values else default


def crossings(rows: list[list[object]], links: Mapping[object, list[object]]) -> int:
    count = 0
    for above, below in pairwise(rows):
        at = {item: k for k, item in enumerate(above)}
        ends = [sorted(at[a] for a in links.get(item, ())) for item in below]
        count += sum(a > b for k, left in enumerate(ends) for a in left for right in ends[k + 1 :] for b in right)
    return count


def columns(boxes: Mapping[int, Box], grid: Grid) -> dict[object, float]:
    """The x of all centers: what follows one upon the other stands straight, branches stand side by side."""
    chain = chains(boxes, grid)
    members: dict[object, list[object]] = {}
    for item, head in chain.items():
        members.setdefault(head, []).append(item)
    x: dict[object, float] = dict.fromkeys(members, 0.0)
    for _ in range(len(members) + 1):  # each chain right of all its left neighbors
        moved = False
        for line in grid.rows:
            for a, b in pairwise(line):
                least = x[chain[a]] + grid.half[a] + grid.half[b] + APART
                if x[chain[b]] < least - 1e-6:
                    x[chain[b]], moved = least, True
        if not moved:
            break
    center_joins(x, chain, members, boxes, grid)
    return {item: x[head] for item, head in chain.items()}


def center_joins(
    x: dict[object, float],
    chain: dict[object, object],
    members: dict[object, list[object]],
    boxes: Mapping[int, Box],
    grid: Grid,
) -> None:
    """Moves forks and joins that have their rows for themselves over the middle of their branches."""
    alone = {head for head, items in members.items() if all(len(grid.rows[grid.row[item]]) == 1 for item in items)}
    near: dict[object, set[object]] = {}
    for key, box in boxes.items():
        for i in box.inputs:
            passes = grid.row[key] - grid.row[i] > 1
            near.setdefault(key, set()).add((i, key, grid.row[key] - 1) if passes else i)
            near.setdefault(i, set()).add((i, key, grid.row[i] + 1) if passes else key)
    for head in sorted(alone, key=str):
        reached = [x[chain[n]] for item in members[head] for n in near.get(item, ()) if chain[n] != head]
        if len(reached) > 1:
            x[head] = (min(reached) + max(reached)) / 2
        elif reached:
            x[head] = reached[0]


def chains(boxes: Mapping[int, Box], grid: Grid) -> dict[object, object]:
    """Each place → the first one of those that stand in one straight line with it."""
    readers: dict[int, list[int]] = {}
    for key, box in sorted(boxes.items()):
        for i in box.inputs:
            readers.setdefault(i, []).append(key)
    head: dict[object, object] = {}
    for key, box in sorted(boxes.items()):
        head[key] = key
        parent = None if box.joins and len(box.inputs) > 1 else max(box.inputs, key=lambda i: (grid.row[i], -i), default=None)
        if parent is not None and heir(parent, boxes, readers, grid) == key:
            head[key] = head[parent]
        for i in box.inputs:
            first = head[i] if len(readers[i]) == 1 else (i, key, grid.row[i] + 1)
            for r in range(grid.row[i] + 1, grid.row[key]):
                head[i, key, r] = first
    return head


def heir(key: int, boxes: Mapping[int, Box], readers: Mapping[int, list[int]], grid: Grid) -> int | None:
    """The reader that stands straight below a box: the one with the longest way to go; none if all ways are equal branches."""
    below = readers.get(key, [])
    if len(below) < 2:
        return below[0] if below else None
    reach = [descendants(reader, readers) for reader in below]
    meeting = min(set.intersection(*reach), default=None)
    if meeting is not None and boxes[meeting].joins:
        return None
    return max(below, key=lambda reader: (-grid.row[reader], way(reader, readers, meeting), -reader))


def descendants(key: int, readers: Mapping[int, list[int]]) -> set[int]:
    found, todo = {key}, [key]
    while todo:
        for reader in readers.get(todo.pop(), []):
            if reader not in found:
                found.add(reader)
                todo.append(reader)
    return found


def way(key: int, readers: Mapping[int, list[int]], end: int | None) -> int:
    """Steps of the longest way from a box to another."""
    steps = {end: 0}
    for at in sorted(descendants(key, readers), reverse=True):
        if at != end:
            steps[at] = 1 + max((steps[reader] for reader in readers.get(at, []) if reader in steps), default=0)
    return steps[key]


__all__ = ["INPUT", "Box", "Placed", "place_boxes"]
