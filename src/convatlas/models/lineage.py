"""Who took which idea from whom, as the papers say it themselves.

Parents are families of the catalog, or groups of variants with a paper of their own. What came from elsewhere (Network in
Network's 1x1, squeeze-and-excitation, language's transformer) has no line here, so LeNet and ViT begin one.
"""

from dataclasses import dataclass

from .families import FAMILIES


@dataclass(frozen=True, slots=True)
class Edge:
    """Something a network has from an older one; `source` is where its own paper says so."""

    child: str
    parent: str
    idea: str
    source: str


@dataclass(frozen=True, slots=True)
class Node:
    """A family, or a group of its variants with a paper of its own."""

    name: str
    title: str
    year: int
    variants: tuple[str, ...]


def nodes() -> tuple[Node, ...]:
    """Families and groups by year; the variants of a group are no longer its family's."""
    result = []
    for family in FAMILIES:
        apart = {name for group in family.groups for name in group.variants}
        own = tuple(name for name in family.variants if name not in apart)
        for node in (Node(family.name, family.title, 0, own), *(Node(g.name, g.title, 0, g.variants) for g in family.groups)):
            year = min(family.year_of(name) for name in node.variants)
            result.append(Node(node.name, node.title, year, node.variants))
    return tuple(sorted(result, key=lambda node: node.year))


def edges() -> tuple[Edge, ...]:
    """Each idea with its child, by the child's year: what it stands on first, then what else it took."""
    ideas = {family.name: family.ideas for family in FAMILIES}
    ideas |= {group.name: group.ideas for family in FAMILIES for group in family.groups}
    return tuple(Edge(node.name, idea.parent, idea.idea, idea.source) for node in nodes() for idea in ideas[node.name])


__all__ = ["Edge", "Node", "edges", "nodes"]
