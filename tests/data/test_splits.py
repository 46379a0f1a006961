"""Splits are stratified, disjoint, and moved by their own seed alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convatlas.data.splits import split_off, subset
from convatlas.errors import InputError

labelings = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(lambda y: np.array(y, np.int64))


@given(labelings, st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_carve_is_a_stratified_partition(labels: np.ndarray, share: float, seed: int) -> None:
    kept, aside = split_off(labels, share, seed)
    assert sorted([*kept, *aside]) == list(range(len(labels)))
    for label in np.unique(labels):
        count, total = (labels[aside] == label).sum(), (labels == label).sum()
        assert abs(count - share * total) <= 1
        assert count < total
        assert count >= 1 or total == 1


@given(labelings, st.integers(0, 2**31))
def test_carving_nothing_keeps_all(labels: np.ndarray, seed: int) -> None:
    kept, aside = split_off(labels, 0, seed)
    assert len(kept) == len(labels)
    assert not len(aside)


def test_carve_depends_on_its_seed_alone() -> None:
    labels = np.arange(200) % 5
    first = split_off(labels, 0.3, 7)[1]
    assert np.array_equal(first, split_off(labels, 0.3, 7)[1])
    assert not np.array_equal(first, split_off(labels, 0.3, 8)[1])


@given(labelings, st.integers(1, 150), st.integers(0, 9))
def test_subset_has_the_size_asked_for_and_every_class(labels: np.ndarray, count: int, seed: int) -> None:
    classes = np.unique(labels)
    if count < len(classes):
        with pytest.raises(InputError, match=f"at least one image for each of the {len(classes)} classes, got {count}"):
            subset(labels, count, seed)
        return
    chosen = subset(labels, count, seed)
    assert len(set(chosen)) == len(chosen) == min(count, len(labels))
    assert np.array_equal(chosen, np.sort(chosen))
    assert np.array_equal(np.unique(labels[chosen]), classes)


def test_subset_keeps_proportions() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    assert np.bincount(labels[subset(labels, 100, 0)]).tolist() == [60, 30, 10]
