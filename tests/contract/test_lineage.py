from graphlib import TopologicalSorter

from convatlas.catalog import ROWS
from convatlas.models import FAMILIES
from convatlas.models.lineage import edges, nodes

EDGES = edges()


def test_every_family_has_its_place_in_the_lineage():
    names = [node.name for node in nodes()]
    assert {family.name for family in FAMILIES} <= set(names)
    assert len(set(names)) == len(names)
    used = {edge.child for edge in EDGES} | {edge.parent for edge in EDGES}
    assert used == set(names)
    assert {name for name in names if not any(edge.child == name for edge in EDGES)} == {"lenet", "vit"}


def test_every_variant_belongs_to_one_node_and_none_to_two():
    own = [variant for node in nodes() for variant in node.variants]
    assert sorted(own) == sorted(ROWS)
    for family in FAMILIES:
        assert {name for group in family.groups for name in group.variants} <= set(family.variants), family.name


def test_nobody_learns_from_the_future_or_in_a_circle():
    year = {node.name: node.year for node in nodes()}
    graph: dict[str, set[str]] = {}
    for edge in EDGES:
        assert year[edge.parent] <= year[edge.child], edge
        graph.setdefault(edge.child, set()).add(edge.parent)
    TopologicalSorter(graph).prepare()
    assert len({(edge.child, edge.parent) for edge in EDGES}) == len(EDGES)


def test_every_idea_names_a_paper_of_the_child():
    """Its year is the child's."""
    year = {node.name: node.year for node in nodes()}
    for edge in EDGES:
        assert edge.idea
        assert f" {year[edge.child]}" in edge.source, edge
