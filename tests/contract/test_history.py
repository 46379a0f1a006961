"""Every family's docstring says what `convatlas show` prints of it."""

import pytest

from convatlas.models import FAMILIES
from convatlas.models.history import join_lines, sections


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_papers_differences_small_form_and_names_are_told(family):
    small = any(family.native_of(name).image_size > 64 for name in family.variants)
    told = sections(next(iter(family.variants)))
    assert [*told] == ["Papers", "Differs", *(["Small"] if small else []), "Names"]
    assert all(len(text) > 10 and "  " not in text for text in told.values())
    missing = [paper for paper in family.papers if f"{paper.year}," not in told["Papers"] and paper.where not in told["Papers"]]
    assert not missing
    assert all(sections(name) == told for name in family.variants)


def test_a_paragraph_ends_where_the_next_word_had_room():
    full = "Differs  " + "x" * 118 + "."
    assert join_lines(f"{full}\n         Then.") == f"{'x' * 118}. Then."
    assert join_lines("Differs  Short.\n         Then.") == "Short.\nThen."
    assert join_lines("Differs  Short,\n         then.") == "Short, then."
