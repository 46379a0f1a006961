"""Heights for the nodes of a graph that runs from left to right, so that few of its lines cross or touch another node."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LANES = 19
"""Heights to choose from, in halves: two nodes a whole one apart leave room for a title between them."""
APART = 92.0  # pixels: nodes nearer than this to each other have titles that may touch
CROSSING, TOUCHING, CROWDED = 8.0, 14.0, 60.0  # what each costs, in lanes of a line's way up or down
MAIN, OTHER = 0.6, 0.15  # what a lane up or down costs on the line to a node's first parent, and on the others
SWEEPS = 8

Heights = NDArray[np.float64]


def choose_lanes(places: Mapping[str, float], edges: Sequence[tuple[str, str]]) -> dict[str, float]:
    """A height for each node: from left to right each takes the cheapest, then all are looked at again until none moves.

    The same graph gives the same heights. `edges` are (child, parent), the first of each child its main one.

    Units    places in pixels from the left · heights in lanes from the top, in steps of a half
    """
    names = sorted(places, key=lambda name: places[name])
    index = {name: i for i, name in enumerate(names)}
    graph = Graph(np.array([places[name] for name in names]), [(index[parent], index[child]) for child, parent in edges])
    heights = np.full(len(names), np.nan)
    for _ in range(SWEEPS):
        before = heights.copy()
        for node in range(len(names)):
            heights[node] = graph.cheapest(node, heights)
        if np.array_equal(before, heights):
            break
    heights -= heights.min()
    return {name: float(heights[i]) for name, i in index.items()}


class Graph:
    """Nodes from left to right and the lines between them."""

    def __init__(self, x: Heights, lines: Sequence[tuple[int, int]]) -> None:
        self.x = x
        self.start, self.end = np.array(lines).T
        children = [end for _, end in lines]
        self.weight = np.array([OTHER if end in children[:i] else MAIN for i, end in enumerate(children)])
        shared = (self.start[:, None] == self.start) | (self.end[:, None] == self.end)
        shared |= (self.start[:, None] == self.end) | (self.end[:, None] == self.start)
        self.separate = np.triu(~shared)
        self.near = np.triu(np.abs(x[:, None] - x) < APART, 1)
        self.between = (x > x[self.start, None] + 1) & (x < x[self.end, None] - 1)  # lines, nodes

    def cheapest(self, node: int, heights: Heights) -> float:
        """The best height of one node, the others staying where they are."""
        choices = [lane / 2 for lane in range(LANES)]
        middle = LANES / 4
        trials = []
        for choice in choices:
            trial = heights.copy()
            trial[node] = choice
            trials.append((self.cost(trial), abs(choice - middle), choice))
        return min(trials)[2]

    def cost(self, y: Heights) -> float:
        """What the heights cost; a node without one does not count.

        Shapes   y (nodes,), not a number where a node has no height yet
        """
        a, b = y[self.start], y[self.end]
        u, v = self.x[self.start], self.x[self.end]
        drawn = ~np.isnan(a + b)
        ways = float((self.weight * np.abs(a - b))[drawn].sum())
        with np.errstate(invalid="ignore"):
            slope = (b - a) / (v - u)
            left, right = np.maximum(u[:, None], u), np.minimum(v[:, None], v)
            apart = [(a + slope * (x - u)) - (a[:, None] + slope[:, None] * (x - u[:, None])) for x in (left, right)]
            crossing = (left < right) & (apart[0] * apart[1] < 0) & self.separate
            on_line = a[:, None] + slope[:, None] * (self.x - u[:, None])
            touching = self.between & (np.abs(on_line - y) < 0.4)
            crowded = self.near & (np.abs(y[:, None] - y) < 0.8)
        return ways + CROSSING * crossing.sum() + TOUCHING * touching.sum() + CROWDED * crowded.sum()
