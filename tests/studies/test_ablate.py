"""An ablation trains each cell once, finds the width that matches, and goes on where it stopped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from convatlas.engine.recipe import Recipe
from convatlas.engine.record import is_run
from convatlas.errors import InputError
from convatlas.models import count_parameters, create_on_meta, variant
from convatlas.recipes import default
from convatlas.runs.build import open_data
from convatlas.studies.ablate import Ablation, check_size, cost_of, match_width, matched_recipes, plan_design
from convatlas.studies.trials import TrialStarted

QUICK = {"epochs": 1, "limit": 100, "device": "cpu", "precision": "32", "threads": 1}
BASE = default("resnet20:depths=1-1-1,width=4", "digits", **QUICK)
VARY = ("kernel=1,3", "shortcut=yes,no")


def cells(design) -> list[dict]:
    return list(design.cells)


def test_the_base_comes_first_and_one_change_at_a_time_leaves_the_rest() -> None:
    grid = plan_design(BASE, VARY)
    assert grid.base == {"kernel": 3, "shortcut": "A"}
    assert cells(grid)[0] == grid.base
    assert len(cells(grid)) == 4
    assert grid.levels_of(grid.factors[0]) == ["3", "1"]
    single = plan_design(BASE, VARY, one_at_a_time=True)
    assert cells(single) == [grid.base, {"kernel": 1, "shortcut": "A"}, {"kernel": 3, "shortcut": "none"}]
    assert single.titles() == ["base", "kernel=1", "shortcut=none"]
    assert grid.titles()[0] == "kernel=3, shortcut=A"
    assert plan_design(BASE, ("kernel=3,1",), one_at_a_time=True).titles() == ["kernel=3", "kernel=1"]
    without_own = plan_design(BASE, ("kernel=5,7",))
    assert without_own.base == {"kernel": 5}


def test_a_grid_that_nobody_trains_is_refused_before_it_is_made() -> None:
    values = ",".join(f"0.{i}" for i in range(10, 30))
    names = ("lr", "momentum", "val_share", "label_smoothing", "warmup")
    with pytest.raises(InputError, match="3,200,000 variations are more than the 100,000"):
        plan_design(BASE, [f"{name}={values}" for name in names])


def test_matching_finds_the_width() -> None:
    data = open_data(BASE)
    for match in ("parameters", "macs"):
        goal = cost_of(BASE, match, data)
        for kernel in (1, 5):
            found = match_width(plan_design(BASE, (f"kernel=3,{kernel}",)).recipe_of({"kernel": kernel}), match, goal, data)
            own = abs(cost_of(found, match, data) - goal)
            for step in (-1, 1):
                width = variant(found.model).spec.width + step
                beside = replace(found, model=variant(found.model).with_changes({"width": width}).name)
                assert own <= abs(cost_of(beside, match, data) - goal)
    design = plan_design(BASE, VARY)
    sizes = [count_parameters(create_on_meta(recipe.model)) for recipe in matched_recipes(design, "parameters", data)]
    assert max(sizes) < 1.25 * min(sizes)  # of four channels, one more or less is much
    with pytest.raises(InputError, match="leave one of them out"):
        matched_recipes(plan_design(BASE, ("width=4,8",)), "macs", data)
    with pytest.raises(InputError, match="lenet5 has none"):
        matched_recipes(plan_design(default("lenet5", "digits"), ("lr=0.1,0.2",)), "macs", data)
    with pytest.raises(InputError, match="parameters"):
        matched_recipes(design, "params", data)


def test_a_width_that_changes_nothing_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convatlas.studies.ablate.cost_of", lambda *_: 1)
    with pytest.raises(InputError, match="found no width"):
        match_width(BASE, "parameters", 2, open_data(BASE))


def test_many_trainings_need_a_yes_and_say_what_they_cost() -> None:
    data = open_data(BASE)
    recipes = [BASE] * 10_000
    with pytest.raises(
        InputError, match=r"10,000 variations with 1 seed are 10,000 trainings, which would take about .* --yes"
    ):
        check_size(recipes, data, 1, agreed=False)
    check_size(recipes, data, 1, agreed=True)
    check_size(recipes[:64], data, 1, agreed=False)


def plan(folder: Path, vary: tuple[str, ...], *, seeds: int = 1, extend: bool = False, base: Recipe = BASE) -> Ablation:
    design = plan_design(base, vary)
    recipes = matched_recipes(design, None, open_data(base))
    return Ablation.plan_cells(folder, design, recipes, seeds, "convatlas ablate", extend=extend)


@pytest.mark.slow
def test_an_interrupted_ablation_goes_on_and_a_larger_one_repeats_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ablation = plan(folder, VARY)
    begun = 0
    for event in ablation.run():  # left in the third training
        begun += isinstance(event, TrialStarted)
        if begun == 3:
            break
    written = {path: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")}
    assert len(written) == 2
    again = Ablation.open(folder)
    done = [event.done for event in again.run() if isinstance(event, TrialStarted)]
    assert done == [True, True, False, False]
    larger = plan(folder, ("kernel=1,3,5", "shortcut=yes,no"), extend=True)
    done = [event.done for event in larger.run() if isinstance(event, TrialStarted)]
    assert sum(done) == 4
    assert len(done) == 6
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())
    results = larger.results()
    assert results["title"] == "6 variations of resnet20:depths=1-1-1,width=4 on Optical digits"
    effects = results["effects"]
    assert [f"{e['factor']}={e['level']}" for e in effects["main"]] == ["kernel=1", "kernel=5", "shortcut=none"]
    assert len(effects["interactions"]) == 2
    accuracy = {row["name"]: row["test_accuracy"]["mean"] for row in results["networks"]}
    pairs = [accuracy[f"kernel=1, shortcut={s}"] - accuracy[f"kernel=3, shortcut={s}"] for s in ("A", "none")]
    assert effects["main"][0]["difference"] == pytest.approx(sum(pairs) / 2)
    assert json.loads((folder / "comparison.json").read_text())["factors"]["kernel"] == ["3", "1", "5"]
    wider = plan(folder, (*VARY, "lr=0.1,0.05"), extend=True)
    assert "kernel=3, shortcut=A, lr=0.1" in wider.names.values()
    assert sum(is_run(trial.folder) for recipe in wider.recipes for trial in wider.trials(recipe)) == 4
    assert {path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")} >= set(written.values())
    for vary, base, words in (
        (VARY, default("resnet20:depths=1-1-1,width=4", "digits", **QUICK | {"epochs": 2}), "an ablation of another recipe"),
        (VARY, default("resnet20:depths=2-1-1,width=4", "digits", **QUICK), "an ablation of another recipe"),
    ):
        with pytest.raises(InputError, match=words):
            plan(folder, vary, extend=True, base=base)
