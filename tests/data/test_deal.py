"""Dealing images to parts: groups stay whole, shares and classes come out as well as they can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convatlas.data.deal import deal
from convatlas.errors import InputError


@given(st.integers(0, 2**31 - 1), st.integers(2, 5))
def test_groups_stay_whole_and_no_part_is_empty(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, 80).astype(str)
    labels = rng.integers(0, 3, 80)
    part = deal(labels, groups, [1 / parts] * parts, seed)
    assert set(part.tolist()) == set(range(parts))
    assert all(len(set(part[groups == group].tolist())) == 1 for group in set(groups.tolist()))
    assert np.array_equal(part, deal(labels, groups, [1 / parts] * parts, seed))


def test_shares_and_classes_are_even_where_groups_are_alike() -> None:
    labels, groups = np.repeat(np.arange(4), 100), np.arange(400).astype(str)
    part = deal(labels, groups, (0.8, 0.2), 0)
    assert np.bincount(labels[part == 1]).tolist() == [20, 20, 20, 20]


def test_images_of_several_labels_are_spread_by_each_label() -> None:
    rows = (np.random.default_rng(0).random((1000, 5)) < (0.5, 0.3, 0.2, 0.1, 0.05)).astype(np.int64)
    part = deal(rows, None, (0.9, 0.1), 3)
    assert (part == 1).sum() == pytest.approx(100, abs=5)
    assert rows[part == 1].sum(0) == pytest.approx(rows.sum(0) / 10, abs=3)
    assert not np.array_equal(part, deal(rows, None, (0.9, 0.1), 4))


def test_fewer_groups_than_parts_are_refused() -> None:
    with pytest.raises(InputError, match="3 parts need as many groups of images, got 2 groups"):
        deal(np.zeros(9, np.int64), np.array(["a", "b", "a"] * 3), [1 / 3] * 3, 0)
