from graphlib import TopologicalSorter

from convatlas.catalog import ROWS
from convatlas.models import FAMILIES
from convatlas.models.lineage import GROUPS, LINEAGE, TITLES, nodes


def test_every_family_has_its_place_in_the_lineage():
    names = [node.name for node in nodes()]
    assert {family.name for family in FAMILIES} <= set(names)
    assert set(names) == set(TITLES)
    assert len(set(names)) == len(names)
    used = {idea.child for idea in LINEAGE} | {idea.parent for idea in LINEAGE}
    assert used == set(names)
    assert {name for name in names if not any(idea.child == name for idea in LINEAGE)} == {"lenet", "vit"}


def test_every_variant_belongs_to_one_node_and_none_to_two():
    own = [variant for node in nodes() for variant in node.variants]
    assert sorted(own) == sorted(ROWS)
    for name, variants in GROUPS.items():
        assert len({ROWS[variant].family for variant in variants}) == 1, name


def test_nobody_learns_from_the_future_or_in_a_circle():
    year = {node.name: node.year for node in nodes()}
    graph: dict[str, set[str]] = {}
    for idea in LINEAGE:
        assert year[idea.parent] <= year[idea.child], idea
        graph.setdefault(idea.child, set()).add(idea.parent)
    TopologicalSorter(graph).prepare()
    assert len({(idea.child, idea.parent) for idea in LINEAGE}) == len(LINEAGE)


def test_every_idea_names_a_paper_of_the_child():
    """Its year is the child's."""
    year = {node.name: node.year for node in nodes()}
    for idea in LINEAGE:
        assert idea.idea
        assert f" {year[idea.child]}" in idea.source, idea
