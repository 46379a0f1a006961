"""Main effects and two-way interactions: what each choice did to the accuracy, over a grid of trained networks.

A main effect is the mean difference between networks that differ in one factor alone, its level against the base; an
interaction is a difference of such differences: what a level does beside a level of another factor, less what it does
beside that factor's base. (Some textbooks on factors of two levels report half of this interaction.)

Papers   Fisher 1935, The Design of Experiments, ch. 6 · Bouthillier et al. 2021, arXiv:2103.03098 (variance over seeds)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import count_of
from .paired_interval import half_width

Levels = Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A network of the grid: the level of each factor, the figure that decides for each seed, and which images it got right.

    A cell that lacks a seed, or has a figure that is no finite number, counts as missing.

    Shapes   `per_image` (seeds, images) in [0, 1], the same images for every seed and cell
    Units    figures are shares of one
    """

    levels: Levels
    figures: tuple[float, ...]
    per_image: NDArray[Any] | None = None


SignedCells = list[tuple[int, Cell]]
"""Networks with their signs, of which a difference, or a difference of differences, is the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A mean difference between networks, with its 95 % interval.

    Units   differences of shares of one
    """

    difference: float
    interval: tuple[float, float] | None  # None with one seed and no scores of images
    pairs: int  # comparisons of which it is the mean: of two networks, for an interaction of four
    seeds: int
    images: int  # 0 where the interval carries seeds alone

    @property
    def seeds_known(self) -> bool:
        """Whether the interval carries what another seed would change."""
        return self.seeds > 1

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval, and zero lies outside of it."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]

    @property
    def smallest(self) -> float | None:
        """The smallest difference whose interval would exclude zero, with this spread over seeds and images."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MainEffect(Contrast):
    """What a level of a factor changes against the factor's base, the mean over all settings of the others."""

    factor: str
    level: str
    base: str

    @property
    def name(self) -> str:
        """The level with its factor: kernel=7."""
        return f"{self.factor}={self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction(Contrast):
    """What a level of one factor changes more beside a level of another than beside the base of that other."""

    factor_a: str
    level_a: str
    factor_b: str
    level_b: str

    @property
    def name(self) -> str:
        """Both levels with their factors: kernel=7 × shortcut=no."""
        return f"{self.factor_a}={self.level_a} × {self.factor_b}={self.level_b}"


@dataclass(frozen=True, slots=True)
class CrossTable:
    """The mean figures over the levels of two factors, for the same settings of the others in each.

    Shapes   means (levels of a, levels of b); None where a network is missing
    """

    factor_a: str
    factor_b: str
    means: tuple[tuple[float | None, ...], ...]
    settings: int  # of the other factors, of which each figure is the mean


@dataclass(frozen=True, slots=True)
class Effects:
    """What a grid of networks tells about its factors; the first level of each factor is its base."""

    factors: Mapping[str, tuple[str, ...]]
    cells: int  # networks that have all their figures
    grid: int  # networks that the full grid would have
    seeds: int
    main: tuple[MainEffect, ...]
    interactions: tuple[Interaction, ...]
    tables: tuple[CrossTable, ...]  # of the pairs of factors that have an interaction
    without_pairs: tuple[str, ...]  # levels that no two networks compare with the base


def effects(factors: Mapping[str, Sequence[str]], cells: Sequence[Cell]) -> Effects:
    """Main effects and two-way interactions of a full grid, of a grid with holes, or of one change at a time.

    Raises   ValueError for a cell with other factors or levels, a second cell of the same levels, or scores of other shape
    """
    levels = {factor: tuple(offered) for factor, offered in factors.items()}
    grid = _Grid(levels, _whole_cells(levels, cells))
    main, without = [], []
    for factor, (base, *others) in levels.items():
        for level in others:
            if pairs := grid.comparisons([(1, {factor: level}), (-1, {factor: base})]):
                main.append(MainEffect(factor=factor, level=level, base=base, **_estimate(pairs)))
            else:
                without.append(f"{factor}={level}")
    interactions: list[Interaction] = []
    tables = []
    for a, b in combinations(levels, 2):
        if crossed := list(_interactions(grid, a, b)):
            interactions += crossed
            tables.append(_table(grid, a, b))
    seeds = max((len(cell.figures) for cell in grid.cells.values()), default=0)
    whole = prod(len(offered) for offered in levels.values())
    return Effects(levels, len(grid.cells), whole, seeds, tuple(main), tuple(interactions), tuple(tables), tuple(without))


def limits_text(found: Effects) -> str:
    """What these seeds and images cannot tell, in sentences: the smallest difference whose interval would exclude zero."""
    if not found.main:
        return "No two networks differ in one factor alone, so no effect can be told."
    least = [f"{_smallest_text(found.main)} for a main effect"]
    if found.interactions:
        least.append(f"{_smallest_text(found.interactions)} for an interaction")
    images = min(effect.images for effect in found.main)
    of = count_of(found.seeds, "seed") + (f" and {count_of(images, 'image')}" if images else "")
    sentences = [f"With {of}, the smallest difference whose 95 % interval would exclude zero is {', '.join(least)}."]
    if found.seeds == 1:
        sentences.append("With one seed, how much another seed would change a difference is unknown: the intervals carry the "
                         "choice of images alone, and are too narrow.")  # fmt: skip
    elif not all(effect.images for effect in found.main):
        sentences.append("The intervals carry the seeds alone, and not the choice of images.")
    tested = sum(one.interval is not None for one in (*found.main, *found.interactions))
    if tested > 1:
        sentences.append(f"Were there no effect at all, each of the {tested} intervals would still exclude zero with a "
                         f"probability of 5 %: expect {0.05 * tested:.1f} of them.")  # fmt: skip
    counts = [effect.pairs for effect in found.main]
    if len(found.factors) > 1 and max(counts) == 1 and not found.interactions:
        sentences.append("Each level was compared with its base beside one setting of the other factors: what it does beside "
                         "their other levels was not tried.")  # fmt: skip
    elif found.cells < found.grid:
        pairs = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
        sentences.append(f"{found.cells} of the grid's {found.grid} networks have figures: a main effect is the mean over "
                         f"{pairs} {'pair' if max(counts) == 1 else 'pairs'} of networks.")  # fmt: skip
    if found.without_pairs:
        sentences.append(f"No two networks tell the effect of {', '.join(found.without_pairs)}.")
    return " ".join(sentences)


def to_json(found: Effects) -> dict[str, Any]:
    """The effects for results.json, from which they are drawn."""

    def rows(contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
        return [asdict(one) | {key: getattr(one, key) for key in ("name", "seeds_known", "excludes_zero")} for one in contrasts]

    own = {"main": rows(found.main), "interactions": rows(found.interactions), "limits": limits_text(found)}
    return asdict(found) | own


@dataclass(frozen=True, slots=True)
class _Grid:
    levels: Mapping[str, tuple[str, ...]]
    cells: Mapping[tuple[str, ...], Cell]  # by their levels, in the order of the factors

    def comparisons(self, signed: Sequence[tuple[int, Levels]]) -> list[SignedCells]:
        """The cells of these levels, each with its sign, for each setting of the other factors that has all of them."""
        others = [factor for factor in self.levels if factor not in signed[0][1]]
        found = []
        for setting in dict.fromkeys(tuple(cell.levels[factor] for factor in others) for cell in self.cells.values()):
            fixed = dict(zip(others, setting, strict=True))
            keys = [tuple((fixed | dict(own))[factor] for factor in self.levels) for _, own in signed]
            if all(key in self.cells for key in keys):
                found.append([(sign, self.cells[key]) for (sign, _), key in zip(signed, keys, strict=True)])
        return found


def _whole_cells(levels: Mapping[str, tuple[str, ...]], cells: Sequence[Cell]) -> dict[tuple[str, ...], Cell]:
    seeds = max((len(cell.figures) for cell in cells), default=0)
    grid: dict[tuple[str, ...], Cell] = {}
    for cell in cells:
        if set(cell.levels) != set(levels):
            raise ValueError(f"a cell needs a level of each factor ({', '.join(levels)}), got {dict(cell.levels)}")
        for factor, level in cell.levels.items():
            if level not in levels[factor]:
                raise ValueError(f"{factor} has the levels {', '.join(levels[factor])}, got {level!r}")
        if cell.per_image is not None and (cell.per_image.ndim != 2 or len(cell.per_image) != len(cell.figures)):
            raise ValueError(f"per_image needs the shape ({len(cell.figures)}, images), got {cell.per_image.shape}")
        key = tuple(cell.levels[factor] for factor in levels)
        if key in grid:
            raise ValueError(f"two cells have the levels {dict(cell.levels)}")
        if seeds and len(cell.figures) == seeds and np.isfinite(cell.figures).all():
            grid[key] = cell
    return grid


def _interactions(grid: _Grid, a: str, b: str) -> Iterator[Interaction]:
    (base_a, *others_a), (base_b, *others_b) = grid.levels[a], grid.levels[b]
    for one, other in product(others_a, others_b):
        corners = [(1, {a: one, b: other}), (-1, {a: one, b: base_b}), (-1, {a: base_a, b: other}), (1, {a: base_a, b: base_b})]
        if squares := grid.comparisons(corners):
            yield Interaction(factor_a=a, level_a=one, factor_b=b, level_b=other, **_estimate(squares))


def _estimate(comparisons: Sequence[SignedCells]) -> dict[str, Any]:
    """The fields of a contrast: the mean over comparisons, each a sum of cells with a sign."""
    signed = [each for comparison in comparisons for each in comparison]
    per_seed = np.sum([sign * np.array(cell.figures) for sign, cell in signed], axis=0) / len(comparisons)
    scores = [sign * cell.per_image.astype(np.float64) for sign, cell in signed if cell.per_image is not None]
    same = len(scores) == len(signed) and len({array.shape for array in scores}) == 1
    per_image = np.sum(scores, axis=0) / len(comparisons) if same else None
    half = half_width(per_seed, per_image)
    mean = float(per_seed.mean())
    difference, low, high = (round(mean + way * (half or 0.0), 12) + 0.0 for way in (0, -1, 1))
    return {
        "difference": difference,
        "interval": None if half is None else (low, high),
        "pairs": len(comparisons),
        "seeds": len(per_seed),
        "images": 0 if per_image is None else per_image.shape[1],
    }


def _table(grid: _Grid, a: str, b: str) -> CrossTable:
    """Over the settings that have most of the networks: a mean over other settings than its neighbor's would mislead."""
    settings: dict[tuple[str, ...], dict[tuple[str, str], float]] = {}
    for cell in grid.cells.values():
        other = tuple(cell.levels[factor] for factor in grid.levels if factor not in (a, b))
        settings.setdefault(other, {})[cell.levels[a], cell.levels[b]] = float(np.mean(cell.figures))
    most = max(len(figures) for figures in settings.values())
    fullest = [figures for figures in settings.values() if len(figures) == most]

    def mean(one: str, other: str) -> float | None:
        pair = one, other
        return float(np.mean([f[pair] for f in fullest])) if all(pair in f for f in fullest) else None

    return CrossTable(a, b, tuple(tuple(mean(i, j) for j in grid.levels[b]) for i in grid.levels[a]), len(fullest))


def _smallest_text(contrasts: Sequence[Contrast]) -> str:
    known = [one.smallest for one in contrasts if one.smallest is not None]
    if not known:
        return "unknown"
    low, high = (f"{100 * end:.1f}" for end in (min(known), max(known)))
    return f"{low} points" if low == high else f"{low} to {high} points"
