"""Ranges are data: one check, one text."""

from dataclasses import dataclass

import pytest

from convatlas.errors import InputError
from convatlas.ranges import Range, check_ranges, limited_field, range_of


@dataclass(frozen=True)
class Plan:
    steps: int | None = limited_field(3, at_least=1)
    share_kept: float = limited_field(0.5, above=0, at_most=1)
    name: str = "plan"


@pytest.mark.parametrize(
    ("allowed", "words", "inside", "outside"),
    [
        (Range(at_least=1), "at least 1", [1, 7], [0.99, float("inf"), float("nan")]),
        (Range(at_least=0, below=1), "at least 0 and below 1", [0, 0.999], [-1e-9, 1]),
        (Range(above=0, at_most=1), "above 0 and at most 1", [1e-9, 1], [0, 1.1]),
        (Range(at_least=0, below=2**63), "at least 0 and below 2^63", [0, 2**63 - 1], [2**63]),
        (Range(), "", [-5.0], [float("nan")]),
    ],
)
def test_a_range_knows_its_numbers_and_its_words(allowed: Range, words: str, inside: list[float], outside: list[float]) -> None:
    assert str(allowed) == words
    assert all(value in allowed for value in inside)
    assert not any(value in allowed for value in outside)


def test_a_value_out_of_range_names_field_range_and_value() -> None:
    check_ranges(Plan())
    check_ranges(Plan(steps=None))
    with pytest.raises(InputError, match=r"share kept needs to be above 0 and at most 1, got 0\.0"):
        check_ranges(Plan(share_kept=0.0))
    with pytest.raises(InputError, match="--steps needs to be at least 1, got 0"):
        check_ranges(Plan(steps=0), lambda name: f"--{name}")
    assert range_of(Plan, "steps").text() == "At least 1."
