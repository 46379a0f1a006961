"""A module lies in itself, in its parents and in the network, and in nothing that merely begins alike."""

from convatlas.errors import join_names
from convatlas.ops.paths import ancestors, is_inside


def test_a_path_is_inside_itself_its_parents_and_the_network() -> None:
    assert [other for other in ("a.b.c", "a.b", "a", "", "a.bc", "b") if is_inside("a.b.c", other)] == ["a.b.c", "a.b", "a", ""]


def test_layer1_is_not_inside_layer10_nor_the_other_way_round() -> None:
    assert not is_inside("layer10.conv", "layer1")
    assert not is_inside("layer1", "layer1.conv")


def test_ancestors_begin_with_the_path_and_end_with_the_network() -> None:
    assert list(ancestors("a.b.c")) == ["a.b.c", "a.b", "a", ""]
    assert list(ancestors("")) == [""]


def test_long_lists_are_cut_with_a_count() -> None:
    assert join_names(["a", "b", "c"], most=3) == "a, b, c"
    assert join_names(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert join_names([]) == ""
