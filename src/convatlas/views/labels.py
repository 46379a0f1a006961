"""Where names go beside the things they name, so that none covers another: small, deterministic, without a plotting library."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

RINGS = (3.0, 9.0, 16.0, 25.0, 36.0, 50.0, 70.0)  # distance of a label from its point, in pixels
PASSES = 3


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its lower left corner.

    Units   pixels, y upwards
    """

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: "Box") -> float:
        """The area both cover."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        along = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return across * along if across > 1e-9 and along > 1e-9 else 0.0

    def inside(self, area: "Box") -> bool:
        """Whether the area holds all of it."""
        return (
            area.x <= self.x
            and area.y <= self.y
            and self.x + self.width <= area.x + area.width + 1e-9
            and self.y + self.height <= area.y + area.height + 1e-9
        )

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Its point that is nearest to a point."""
        return min(max(x, self.x), self.x + self.width), min(max(y, self.y), self.y + self.height)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near to the wanted ones as a gap between neighbors allows, inside [low, high], in the same order.

    Where the gap does not fit so often, it shrinks until it does.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[tuple[float, int]] = []  # (mean, members) of wanted minus rank * gap, increasing: least squares
    for rank, i in enumerate(order):
        blocks.append((wanted[i] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    starts = [start for start, members in blocks for _ in range(members)]
    top = high - gap * (len(wanted) - 1)
    placed = [0.0] * len(wanted)
    for rank, i in enumerate(order):
        placed[i] = min(max(starts[rank], low), top) + rank * gap
    return placed


def place(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    area: Box,
    obstacles: Iterable[Box] = (),
) -> list[Box]:
    """A box for each point's label: inside the area, near its point, clear of other labels and, if it can, of the obstacles.

    Each label takes the cheapest of eight directions on growing rings, then of a grid over the whole area; a few passes let
    early ones move once the others stand.
    """
    walls = [*obstacles, *(Box(x - 4, y - 4, 8, 8) for x, y in points)]
    placed: list[Box | None] = [None] * len(points)
    for _ in range(PASSES):
        for i, (point, label) in enumerate(zip(points, sizes, strict=True)):
            others = [box for j, box in enumerate(placed) if box is not None and j != i]
            placed[i] = _cheapest(point, label, area, others, walls)
    return [box for box in placed if box is not None]


def _cheapest(point: tuple[float, float], label: tuple[float, float], area: Box, others: list[Box], walls: list[Box]) -> Box:
    best, least = _fitted(Box(*point, *label), area), float("inf")
    for candidates in (_around(point, label), _everywhere(label, area)):
        for rank, box in enumerate(candidates):
            if not box.inside(area):
                continue
            x, y = box.nearest(*point)
            far = ((x - point[0]) ** 2 + (y - point[1]) ** 2) ** 0.5
            hidden = sum(1e6 + box.overlap(other) for other in others if box.overlap(other))
            cost = hidden + 12 * sum(box.overlap(wall) for wall in walls) + 3 * far + rank / 1000
            if cost < least:
                best, least = box, cost
        if least < 1e6:
            break
    return best


def _around(point: tuple[float, float], label: tuple[float, float]) -> Iterator[Box]:
    (x, y), (w, h) = point, label
    for ring in RINGS:
        side = ring + 4
        yield Box(x + side, y - h / 2, w, h)
        yield Box(x - side - w, y - h / 2, w, h)
        yield Box(x - w / 2, y + side, w, h)
        yield Box(x - w / 2, y - side - h, w, h)
        for across in (x + ring * 0.8, x - ring * 0.8 - w):
            yield Box(across, y + ring * 0.8 + 1, w, h)
            yield Box(across, y - ring * 0.8 - 1 - h, w, h)


def _everywhere(label: tuple[float, float], area: Box) -> Iterator[Box]:
    (w, h), steps = label, 24
    for row in range(steps + 1):
        for column in range(steps + 1):
            yield Box(area.x + (area.width - w) * column / steps, area.y + (area.height - h) * row / steps, w, h)


def _fitted(box: Box, area: Box) -> Box:
    x = max(area.x, min(box.x, area.x + area.width - box.width))
    y = max(area.y, min(box.y, area.y + area.height - box.height))
    return Box(x, y, box.width, box.height)
