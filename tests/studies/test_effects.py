import json
from itertools import product

import numpy as np
import pytest

from convatlas.studies.effects import Cell, effects, limits_text, to_json
from convatlas.studies.paired_interval import half_width

FACTORS = {"kernel": ["3", "5", "7"], "depth": ["1", "3"], "shortcut": ["yes", "no"]}
ADDED = {"kernel": {"3": 0, "5": 0.02, "7": 0.03}, "depth": {"1": 0, "3": 0.05}, "shortcut": {"yes": 0, "no": -0.04}}
SEEDS = (0.0, 0.004, -0.007)  # what each seed adds to every network: it cancels


def cells(more=lambda _: 0.0, seeds=SEEDS, factors=FACTORS):
    """A full grid of additive figures, and what `more` adds to some of them."""
    found = []
    for levels in product(*factors.values()):
        named = dict(zip(factors, levels, strict=True))
        own = 0.7 + sum(ADDED[factor][level] for factor, level in named.items()) + more(named)
        found.append(Cell(named, tuple(own + seed for seed in seeds)))
    return found


def without(found, *missing):
    return [cell for cell in found if tuple(cell.levels.values()) not in missing]


def test_additive_figures_have_their_main_effects_and_no_interaction():
    found = effects(FACTORS, cells())
    assert {one.name: one.difference for one in found.main} == {
        "kernel=5": 0.02, "kernel=7": 0.03, "depth=3": 0.05, "shortcut=no": -0.04}  # fmt: skip
    assert [(one.base, one.pairs) for one in found.main] == [("3", 4), ("3", 4), ("1", 6), ("yes", 6)]
    assert {(one.difference, one.interval) for one in found.interactions} == {(0, (0, 0))}
    assert [one.pairs for one in found.interactions] == [2, 2, 2, 2, 3]
    assert all(one.excludes_zero and one.seeds == 3 and one.interval == (one.difference,) * 2 for one in found.main)
    assert (found.cells, found.grid, found.seeds) == (12, 12, 3)


def test_an_interaction_is_found_where_it_is_and_shared_by_the_main_effects():
    found = effects(FACTORS, cells(lambda levels: -0.06 if (levels["depth"], levels["shortcut"]) == ("3", "no") else 0.0))
    assert {one.name: one.difference for one in found.interactions if one.difference} == {"depth=3 × shortcut=no": -0.06}
    assert {one.name: one.difference for one in found.main} == {
        "kernel=5": 0.02, "kernel=7": 0.03, "depth=3": 0.02, "shortcut=no": -0.07}  # fmt: skip
    [table] = [one for one in found.tables if one.factor_a == "depth"]
    assert np.array(table.means) == pytest.approx(np.array([[0.7, 0.66], [0.75, 0.65]]) + 0.05 / 3 - 0.001)
    assert table.settings == 3


def test_the_interval_covers_the_truth_in_95_of_100_grids():
    """Networks whose seeds lie apart unequally, and images that are harder for some networks than for others."""
    rng, grids, seeds, images = np.random.default_rng(0), 400, 3, 120
    factors = {"a": ["0", "1"], "b": ["0", "1"]}
    levels = [dict(zip(factors, pair, strict=True)) for pair in product("01", "01")]
    apart = np.array([0.01, 0.03, 0.02, 0.04])[:, None, None]
    shares = 0.55 + np.array([0, 0.04, -0.03, 0.06])[:, None, None]
    truth = {"a=1": 0.5 * (0.02 - 0.03), "b=1": 0.5 * (0.04 + 0.09), "a=1 × b=1": 0.09 - 0.04}
    inside = dict.fromkeys(truth, 0)
    for _ in range(grids):
        easy = rng.uniform(-0.15, 0.15, images) + rng.uniform(-0.15, 0.15, (4, 1, images))
        right = rng.random((4, seeds, images)) < shares + easy + apart * rng.uniform(-1, 1, (4, seeds, 1))
        found = effects(factors, [Cell(own, tuple(r.mean(1)), r) for own, r in zip(levels, right, strict=True)])
        for one in (*found.main, *found.interactions):
            inside[one.name] += one.interval[0] <= truth[one.name] <= one.interval[1]
    assert all(0.93 <= count / grids <= 0.985 for count in inside.values()), inside


def test_what_changes_with_seed_and_image_at_once_is_counted_once():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(50, 400))  # neither a seed nor an image has an effect of its own
    assert half_width(scores.mean(1), scores) == pytest.approx(2.01 * scores.std() / np.sqrt(50 * 400), rel=0.25)
    assert half_width(scores.mean(1), None) == pytest.approx(2.01 * scores.mean(1).std(ddof=1) / np.sqrt(50), rel=1e-3)


def test_images_that_a_network_always_gets_right_widen_the_interval():
    images = np.tile(np.repeat([1.0, 0.0], 50), (3, 1))
    assert half_width(images.mean(1), images) == pytest.approx(1.984 * np.sqrt(0.25 / 99), rel=1e-3)


def test_missing_cells_leave_the_comparisons_that_do_not_need_them():
    more = cells(lambda levels: -0.06 if (levels["depth"], levels["shortcut"]) == ("3", "no") else 0.0)
    failed = Cell({"kernel": "5", "depth": "1", "shortcut": "yes"}, (0.9, float("nan"), 0.9))
    found = effects(FACTORS, [*without(more, ("7", "3", "no"), ("5", "1", "yes"), ("3", "1", "no")), failed])
    assert {one.name: (one.pairs, round(one.difference, 9)) for one in found.main} == {
        "kernel=5": (2, 0.02), "kernel=7": (2, 0.03), "depth=3": (3, 0.03), "shortcut=no": (3, -0.08)}  # fmt: skip
    assert {one.name: one.pairs for one in found.interactions} == {"kernel=7 × depth=3": 1, "kernel=5 × shortcut=no": 1}
    assert (found.cells, found.grid) == (9, 12)
    assert "9 of the grid's 12 networks have figures: a main effect is the mean over 2 to 3 pairs" in limits_text(found)
    assert all(len(table.means) == 3 for table in found.tables)
    [table] = [one for one in found.tables if one.factor_b == "shortcut"]
    assert table.settings == 1
    assert [[value is None for value in row] for row in table.means] == [[False, False], [False, False], [False, True]]


def test_a_level_that_nothing_compares_is_named():
    found = effects({"a": ["0", "1", "2"]}, [Cell({"a": "0"}, (0.5, 0.6)), Cell({"a": "1"}, (0.6, 0.7))])
    assert found.without_pairs == ("a=2",)
    assert limits_text(found).endswith("No two networks tell the effect of a=2.")
    nothing = effects({"a": ["0", "1"]}, [Cell({"a": "1"}, (0.5,))])
    assert nothing.main == ()
    assert limits_text(nothing).startswith("No two networks differ")


def test_one_change_at_a_time_gives_main_effects_of_one_pair_each():
    base = ("3", "1", "yes")
    chosen = [cell for cell in cells() if sum(a != b for a, b in zip(cell.levels.values(), base, strict=True)) < 2]
    found = effects(FACTORS, chosen)
    assert {one.name: (one.difference, one.pairs) for one in found.main} == {
        "kernel=5": (0.02, 1), "kernel=7": (0.03, 1), "depth=3": (0.05, 1), "shortcut=no": (-0.04, 1)}  # fmt: skip
    assert found.interactions == found.tables == ()
    assert "beside their other levels was not tried" in limits_text(found)


def test_one_seed_carries_images_alone_and_says_so():
    right = np.random.default_rng(2).random((2, 1, 400)) < np.array([0.6, 0.8])[:, None, None]
    own = [Cell({"a": str(i)}, (float(r.mean()),), r) for i, r in enumerate(right)]
    found = effects({"a": ["0", "1"]}, own)
    [one] = found.main
    assert (one.seeds, one.seeds_known, one.images) == (1, False, 400)
    each = right[1, 0].astype(float) - right[0, 0]
    assert one.smallest == pytest.approx(1.966 * each.std(ddof=1) / 20, rel=1e-3)
    assert "With 1 seed and 400 images" in limits_text(found)
    assert "another seed would change a difference is unknown" in limits_text(found)
    [bare] = effects({"a": ["0", "1"]}, [Cell(cell.levels, cell.figures) for cell in own]).main
    assert (bare.interval, bare.smallest, bare.excludes_zero) == (None, None, False)


def test_without_scores_of_images_the_interval_carries_the_seeds():
    figures = [(0.60, 0.62, 0.61), (0.65, 0.66, 0.67)]
    found = effects({"a": ["0", "1"]}, [Cell({"a": str(i)}, own) for i, own in enumerate(figures)])
    [one] = found.main
    assert one.smallest == pytest.approx(4.303 * np.std([0.05, 0.04, 0.06], ddof=1) / np.sqrt(3), rel=1e-3)
    assert "With 3 seeds, the smallest difference whose 95 % interval would exclude zero is 2.5 points for a main effect." in (
        limits_text(found)
    )
    assert "carry the seeds alone" in limits_text(found)


def test_the_effects_go_into_json_and_back():
    written = to_json(effects(FACTORS, cells()))
    back = json.loads(json.dumps(written))
    assert back["main"][0] == {
        "factor": "kernel", "level": "5", "base": "3", "difference": 0.02, "interval": [0.02, 0.02], "pairs": 4, "seeds": 3,
        "name": "kernel=5", "images": 0, "seeds_known": True, "excludes_zero": True,
    }  # fmt: skip
    assert back["factors"] == FACTORS
    assert "expect 0.5 of them" in back["limits"]
    assert len(back["tables"]) == 3


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (Cell({"b": "0"}, (0.5,)), "needs a level of each factor"),
        (Cell({"a": "2"}, (0.5,)), "a has the levels 0, 1, got '2'"),
        (Cell({"a": "0"}, (0.5,)), "two cells"),
        (Cell({"a": "1"}, (0.5,), np.ones((2, 9))), r"the shape \(1, images\)"),
    ],
)
def test_a_cell_that_does_not_belong_is_an_error(cell, words):
    with pytest.raises(ValueError, match=words):
        effects({"a": ["0", "1"]}, [Cell({"a": "0"}, (0.5,)), cell])
