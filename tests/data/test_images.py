"""Images asked for by number."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convatlas.data.images import evenly


@given(st.integers(0, 5000), st.integers(1, 600))
def test_even_choice_has_both_ends_and_equal_steps(n: int, count: int) -> None:
    places = evenly(n, count)
    assert len(places) == min(n, count)
    if n <= count:
        assert places.tolist() == list(range(n))
    elif count > 1:
        assert (places[0], places[-1]) == (0, n - 1)
        assert set(np.diff(places)) <= {(n - 1) // (count - 1) + extra for extra in (-1, 0, 1)}
        assert len(np.unique(places)) == count
