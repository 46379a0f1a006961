"""Pictures of effects: what is drawn is what was estimated, and all of it can be read."""

from itertools import product
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from legible import assert_legible, texts
from matplotlib.colors import to_hex

from convatlas.studies.effects import Cell, effects, to_json
from convatlas.views import style
from convatlas.views.crossing import shorten_apart
from convatlas.views.effects import COLOR, describe, interactions, main_effects

LONG = [f"a level with the number {i} and a name that is far too long" for i in range(4)]


def grid(sizes, long=False, seeds=3, single=False, figure=lambda at: 0.8 + 0.01 * sum(at)):
    """Effects of a grid with so many levels for each factor: each step of a level adds a point, seeds add noise."""
    rng = np.random.default_rng(0)
    names = [f"a factor whose name is rather long {i}" if long else f"factor {i}" for i in range(len(sizes))]
    factors = {name: LONG[:size] if long else list("abcd"[:size]) for name, size in zip(names, sizes, strict=True)}
    cells = []
    for at in product(*map(range, sizes)):
        if single and np.count_nonzero(at) > 1:
            continue
        levels = {name: factors[name][i] for name, i in zip(names, at, strict=True)}
        cells.append(Cell(levels, tuple(figure(at) + rng.normal(0, 0.002, seeds))))
    return factors, cells


def found(*sizes, **how):
    return to_json(effects(*grid(sizes, **how)))


def drawn(axes):
    """(x, y) of each line through markers."""
    return [line.get_xydata() for line in axes.get_lines() if line.get_marker() == "o"]


@pytest.mark.parametrize(
    ("sizes", "long", "seeds"),
    [((2,), False, 1), ((4, 3), False, 3), ((4, 3), True, 1), ((3, 3, 2), True, 3), ((2,) * 6, True, 3)],
)
def test_both_pictures_can_be_read(sizes, long, seeds):
    value = found(*sizes, long=long, seeds=seeds)
    for figure in (main_effects(value), interactions(value)):
        assert_legible(figure)
        text = style.svg(figure, "effects", describe(value["main"]))
        ET.fromstring(text)  # noqa: S314 (our own SVG)
        assert "nan" not in text
    assert interactions(value).get_figwidth() < 17


def test_eight_factors_one_change_at_a_time():
    value = found(*[3] * 8, single=True)
    figure = main_effects(value)
    assert_legible(figure)
    assert len(drawn(figure.axes[0])) == 16
    assert "no interactions" in [text for text, _ in texts(interactions(value))]


def test_a_row_is_the_effect_with_its_interval_pale_where_it_holds_zero():
    value = found(3, 2, figure=lambda at: 0.8 + 0.04 * at[0])
    [axes] = (figure := main_effects(value)).axes
    assert [line[0, 0] for line in drawn(axes)] == pytest.approx([100 * row["difference"] for row in value["main"]])
    bars = [line for line in axes.get_lines() if to_hex(line.get_color()) == COLOR and line.get_marker() != "o"]
    assert [tuple(bar.get_xdata()) for bar in bars] == [tuple(100 * end for end in row["interval"]) for row in value["main"]]
    assert [bar.get_alpha() == 1 for bar in bars] == [True, True, False]
    said = [text for text, _ in texts(figure)]
    assert {"factor 0", "factor 1", "b", "c", "against a", "pairs", "+4.0", "95 % intervals over 3 seeds"} <= set(said)


def test_one_seed_says_what_its_intervals_lack():
    factors, cells = grid((2,), seeds=1)
    right = np.random.default_rng(0).random((1, 50)) < 0.5
    with_images = to_json(effects(factors, [Cell(cell.levels, cell.figures, right) for cell in cells]))
    assert any("one seed: what another one changes" in text for text, _ in texts(main_effects(with_images)))
    bare = main_effects(to_json(effects(factors, cells)))
    assert {"one seed", "–"} <= {text for text, _ in texts(bare)}


def test_an_end_near_zero_does_not_read_as_zero():
    row = found(2)["main"][0] | {"difference": 0.01, "interval": (0.0003, 0.0197), "excludes_zero": True}
    said = [text for text, _ in texts(main_effects(found(2) | {"main": [row]}))]
    assert {"+1.00", "[+0.03, +1.97]"} <= set(said)


def test_lines_are_parallel_without_an_interaction_and_not_with_one():
    def slopes(figure):
        [axes] = interactions(found(3, 2, seeds=1, figure=figure)).axes
        return np.diff([line[:, 1] for line in drawn(axes)], axis=1)

    apart = slopes(lambda at: 0.8 + 0.05 * sum(at))
    assert apart.shape == (2, 2)
    assert apart == pytest.approx(5, abs=1)
    assert slopes(lambda at: 0.8 + 0.05 * at[0] * at[1]) == pytest.approx(np.array([[0, 0], [5, 5]]), abs=1)


def test_the_factor_with_more_levels_lies_along_the_foot():
    [axes] = interactions(found(2, 3)).axes
    assert axes.get_xlabel() == "factor 1"
    assert [line.shape for line in drawn(axes)] == [(3, 2), (3, 2)]


def test_of_many_pairs_the_strongest_six_are_drawn():
    value = found(*[2] * 5, figure=lambda at: 0.8 + 0.03 * at[3] * at[4])
    figure = interactions(value)
    said = [text for text, _ in texts(figure)]
    assert len(figure.axes) == 6
    assert "factor 3 × factor 4" in said
    assert any("the 6 strongest of 10 pairs" in text for text in said)


def test_a_missing_network_leaves_a_gap():
    factors, cells = grid((3, 2))
    [axes] = interactions(to_json(effects(factors, cells[:-1]))).axes
    assert [np.isfinite(line[:, 1]).sum() for line in drawn(axes)] == [3, 2]
    gone = [cell for cell in grid((3, 3))[1] if cell.levels["factor 1"] != "c"]
    figure = interactions(to_json(effects(grid((3, 3))[0], gone)))
    assert len(drawn(figure.axes[0])) == 2
    assert_legible(figure)


def test_nothing_to_compare_is_said():
    value = to_json(effects({"a": ["0", "1"]}, []))
    assert "no two networks differ in one factor alone" in [text for text, _ in texts(main_effects(value))]


def test_shortened_names_still_differ():
    assert shorten_apart(["3-3-3", "5"], 100) == ["3-3-3", "5"]
    short = shorten_apart(LONG, 100)
    assert len(set(short)) == 4
    assert all(style.width(name) <= 100 for name in short)


def test_words_for_those_who_cannot_see_it():
    value = found(2, 2, seeds=1)
    assert describe(value["main"]).startswith("factor 0=b +")
    assert "factor 0=b × factor 1=b" in describe(value["interactions"])
