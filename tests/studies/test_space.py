"""Ranges and values as the command line has them: what they mean, and a sentence for what means nothing."""

import pytest

from convatlas.errors import InputError
from convatlas.recipes import default
from convatlas.studies.space import every_setting, read_space, space_size

RECIPE = default("resnet20", "digits")


def read(*texts, given=None):
    return read_space(texts, RECIPE, given or {})


@pytest.mark.parametrize(
    ("text", "low", "high", "logarithmic", "whole"),
    [
        ("lr=0.01..0.5", 0.01, 0.5, True, False),
        ("lr=0.1..0.5", 0.1, 0.5, False, False),
        ("lr=1..5", 1, 5, False, False),
        ("weight_decay=1e-5..1e-2", 1e-5, 1e-2, True, False),
        ("weight-decay=0..1e-2", 0, 1e-2, False, False),
        ("width=8..32", 8, 32, False, True),
        ("width=8..80", 8, 80, True, True),
        ("depths=1..3", 1, 3, False, True),
        ("stochastic_depth=0..0.3", 0, 0.3, False, False),
    ],
)
def test_a_range_is_logarithmic_from_ten_times_on_and_whole_numbers_stay_whole(text, low, high, logarithmic, whole):
    [found] = read(text)
    assert (found.low, found.high, found.logarithmic, found.whole) == (low, high, logarithmic, whole)
    assert read(str(found)) == [found]


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("width=8,16,32", (8, 16, 32)),
        ("depths=1-1-1,3-3-3", ((1, 1, 1), (3, 3, 3))),
        ("depths=1,3", ((1, 1, 1), (3, 3, 3))),
        ("flip=yes,no", (True, False)),
        ("mixup=None,0.2", (None, 0.2)),
        ("optimizer=sgd,adamw", ("sgd", "adamw")),
        ("shortcut=A,none", ("A", "none")),
    ],
)
def test_values_are_those_of_the_recipe_or_the_network(text, levels):
    [found] = read(text)
    assert found.factor.levels == levels
    assert read(str(found)) == [found]
    assert [found.value(param) for param in found.params()] == list(levels)


def test_a_fraction_has_few_digits_and_stays_in_its_range():
    [found] = read("lr=0.012345..0.567891")
    assert [found.value(x) for x in (0.012345, 0.0234567, 0.567891)] == [0.012345, 0.0235, 0.567891]


def test_a_space_without_fractions_can_be_counted():
    space = read("width=8,16", "crop=0..2")
    assert space_size(space) == 6
    assert every_setting(space)[:2] == [{"width": "8", "crop": 0}, {"width": "8", "crop": 1}]
    assert space_size(read("width=8,16", "lr=0.1..1")) is None


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ((), "nothing to search"),
        (("lrr=0.1..1",), "did you mean lr?"),
        (("lr=0.5..0.01",), "runs downwards: write lr=0.01..0.5"),
        (("lr=0.1..0.1",), "empty range"),
        (("lr=..0.1",), "a number on each side"),
        (("lr=0.1..",), "a number on each side"),
        (("lr=0.1..0.2,0.3",), "a number on each side"),
        (("lr",), "cannot read 'lr'"),
        (("lr=0.1",), "one value"),
        (("lr=0.1,0.1",), "names a value twice"),
        (("lr=0.1..1", "lr=1,2"), "lr is searched twice"),
        (("lr=-1..1",), "--lr needs to be above 0"),
        (("lr=1..1e999",), "--lr needs to be"),
        (("optimizer=adamw..sgd",), "takes no numbers, so it has no range"),
        (("flip=no..yes",), "takes no numbers, so it has no range"),
        (("optimizer=sgd,adam",), "did you mean adamw?"),
        (("width=8..16.5",), "takes no fractions"),
        (("width=a,b",), "width of resnet20 needs a whole number"),
        (("limit=100..200",), "validation images have to be the same"),
        (("val-share=0.1..0.2",), "Give --val-share once"),
        (("seed=0..9",), "the same in all trials"),
        (("model=resnet20,plain20",), "the same in all trials"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(texts, said):
    with pytest.raises(InputError) as raised:
        read(*texts)
    assert said in str(raised.value)


def test_what_is_searched_is_not_given_as_well():
    with pytest.raises(InputError, match="lr is given and searched"):
        read("lr=0.1..1", given={"lr": 0.2})
    with pytest.raises(InputError, match="width is given and searched"):
        read_space(["width=8,16"], default("resnet20:width=32", "digits"), {})
