"""Sentences: plurals, near names and lists of them."""

import pytest

from convatlas.errors import count_of, join_names, nearest_names, unknown_name


@pytest.mark.parametrize(
    ("count", "thing", "words"),
    [
        (1, "image", "1 image"),
        (2, "image", "2 images"),
        (0, "step", "0 steps"),
        (1, "class", "1 class"),
        (1000, "class", "1,000 classes"),
        (2, "batch", "2 batches"),
        (2, "copy", "2 copies"),
        (3, "query", "3 queries"),
        (1, "query", "1 query"),
    ],
)
def test_counts_with_their_nouns(count, thing, words):
    assert count_of(count, thing) == words


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RESNET50", ["resnet50"]),
        ("resnt50", ["resnet50", "resnet20"]),
        ("zzz", []),
    ],
)
def test_f66_case_makes_no_difference(name, near):
    assert nearest_names(name, ["resnet50", "resnet20", "vgg11"]) == near


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (["flip", "none", "ten"], "unknown tta 'twelve': there are flip, none, ten."),
        (["flip"], "unknown tta 'twelve': there is flip."),
        ([], "unknown tta 'twelve': there is none."),
        ([f"x{i:02}" for i in range(31)], "unknown tta 'twelve': there are 31, x00 to x30."),
    ],
)
def test_what_there_is_is_listed(known, words):
    assert str(unknown_name("tta", "twelve", known)) == words


def test_names_are_cut():
    assert join_names(["a", "b", "c"], 2) == "a, b and 1 more"
    assert join_names(["a", "b", "c"], 2, "or") == "a, b or 1 more"
