"""What is given beside --resume has to be what was begun; flags without effect are refused."""

from pathlib import Path

import pytest

from convatlas.engine.recipe import Recipe
from convatlas.errors import InputError
from convatlas.recipes import refuse_idle
from convatlas.runs.training import require_same
from convatlas.studies.ablate import Ablation
from convatlas.studies.compare import Comparison
from convatlas.studies.rates import forecast

TWO = [Recipe(model="lenet5", epochs=3), Recipe(model="tinyvgg", epochs=3, lr=0.2)]


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        (["resnet20"], {}, "was begun with networks lenet5, tinyvgg, not resnet20"),
        (["lenet5"], {}, "was begun with networks lenet5, tinyvgg, not lenet5"),
        (["lenet5", "tinyvgg", "resnet20"], {}, "was begun with networks"),
        ([], {"epochs": 99}, "was begun with epochs 3, not 99: leave the flag out to continue it"),
        ([], {"lr": 0.2}, "was begun with lr 0.1 or 0.2, not 0.2"),
        ([], {"batch_size": 1}, "was begun with batch-size 128, not 1"),
    ],
)
def test_f36_what_differs_from_what_was_begun_is_refused(models, options, words):
    with pytest.raises(InputError, match=words):
        require_same(Path("f36"), TWO, models, options)


def test_f36_the_same_again_is_no_difference():
    require_same(Path("f36"), TWO, ["tinyvgg", "lenet5"], {"epochs": 3, "data": "digits"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seeds": 3}, "was begun with seeds 2, not 3"),
        ({"strategies": ["head"]}, "was begun with strategies full, not head"),
    ],
)
def test_f36_a_comparison_has_its_seeds_and_strategies(given, words):
    plan = {"command": "", "seeds": [0, 1], "recipes": [recipe.to_json() for recipe in TWO]}
    comparison = Comparison(Path("f36"), plan)
    comparison.require_same([], {}, 2, ["full"])
    with pytest.raises(InputError, match=words):
        comparison.require_same([], {}, **given)


def test_f36_an_ablation_is_asked_for_its_base():
    plan = {"command": "", "seeds": [0], "base": TWO[0].to_json(), "recipes": [recipe.to_json() for recipe in TWO]}
    ablation = Ablation(Path("f36"), plan | {"cells": [{}, {}], "names": ["a", "b"]})
    ablation.require_same(["lenet5"], {"lr": 0.1})
    with pytest.raises(InputError, match="was begun with model lenet5, not tinyvgg"):
        ablation.require_same(["tinyvgg"], {})


@pytest.mark.parametrize(
    ("name", "idle", "useful"),
    [
        ("temperature", {}, {"teacher": "runs/big"}),
        ("distill", {}, {"teacher": "runs/big"}),
        ("stage_decay", {"strategy": "gradual"}, {"strategy": "discriminative"}),
        ("fresh_head", {}, {"weights": "default"}),
        ("fold", {}, {"folds": 3}),
        ("val_share", {"folds": 3}, {}),
        ("split_seed", {"val_share": 0}, {"val_share": 0, "limit": 10}),
        ("strict", {"data": "mnist"}, {"data": "photos"}),
        ("workers", {"data": "a.npz"}, {"data": "photos"}),
        ("resident_share", {}, {"data": "photos"}),
        ("data_dir", {"data": "photos"}, {"data": "mnist"}),
    ],
)
def test_f53_a_flag_without_effect_is_refused(name, idle, useful):
    with pytest.raises(InputError, match=rf"--{name.replace('_', '-')} has no effect .*: leave it out"):
        refuse_idle(Recipe(**idle), {name: getattr(Recipe(), name) or 1})
    refuse_idle(Recipe(**useful), {name: 1})


def test_f53_what_is_varied_may_give_it_an_effect():
    refuse_idle(Recipe(), {"temperature": 2.0}, ["teacher"])
    refuse_idle(Recipe(), {}, ["teacher", "distill"])
    with pytest.raises(InputError, match="--distill has no effect without --teacher"):
        refuse_idle(Recipe(), {}, ["distill"])


def test_f54_one_length_of_an_epoch_is_enough():
    with pytest.raises(InputError, match="--images and --steps-per-epoch both say how long an epoch is"):
        forecast("tinyvgg", {"epochs": 2}, images=100, batches=5)
