"""What is varied is read in one place, and every way to get it wrong ends in a sentence."""

import pytest

from convatlas.engine.recipe import Recipe
from convatlas.errors import InputError
from convatlas.studies.factors import cell_title, level_text, read_factors

BASE = Recipe(model="resnet20", data="digits")


def test_ablations_and_recipe_fields_are_told_apart() -> None:
    kernel, depths, shortcut, lr = read_factors(["kernel=3,5", "n=1-1-1,(2,2,2)", "shortcut=yes,no", "lr=0.1,0.2"], BASE)
    assert [factor.of_network for factor in (kernel, depths, shortcut, lr)] == [True, True, True, False]
    assert depths.name == "depths"
    assert depths.levels == ((1, 1, 1), (2, 2, 2))
    assert shortcut.levels == ("A", "none")
    assert kernel.apply(BASE, 5).model == "resnet20:kernel=5"
    assert lr.apply(BASE, 0.2).lr == 0.2
    assert lr.value_in(BASE) == 0.1
    assert cell_title({"depths": (1, 1, 1), "flip": True, "crop": None}) == "depths=1-1-1, flip=yes, crop=none"
    assert level_text(0.05) == "0.05"


def test_what_is_off_by_default_has_a_level_for_it() -> None:
    randaugment, clip, balance = read_factors(["randaugment=off,9", "clip=none,1", "balance=none,weights"], BASE)
    assert (randaugment.levels, clip.levels, balance.levels) == ((None, 9), (None, 1), ("none", "weights"))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["kernl=3,5"], "did you mean kernel"),
        (["kernel=3"], "kernel=3 has one value, so nothing is varied"),
        (["kernel"], "cannot read 'kernel'"),
        (["kernel=3,"], "one value"),
        (["kernel=3,,5"], "cannot read"),
        (["kernel=3,3"], "names a value twice"),
        (["depths=2,2-2-2"], "names a value twice"),
        (["kernel=3,5", "kernel=7,9"], "kernel is varied twice"),
        (["kernel=3,big"], "kernel of resnet20 needs a whole number"),
        (["lr=0.1,-1"], "--lr needs"),
        (["lr=0.1,fast"], "--lr needs to be a number"),
        (["optimizer=sgd,adamx"], "did you mean adamw"),
        (["seed=1,2"], "seed is not varied here: give --seeds"),
        (["model=a,b"], "name another network"),
    ],
)
def test_what_cannot_be_varied_is_said(texts: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_factors(texts, BASE)
