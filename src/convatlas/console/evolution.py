"""What `convatlas evolution` prints."""

from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from ..models.lineage import edges, nodes
from .terminal import dump, show, table


def print_lineage(picture: Path | None, as_json: bool) -> None:
    """Each family and group with what it has from older ones, and where its paper says so."""
    all_nodes, all_edges = {node.name: node for node in nodes()}, edges()
    if as_json:
        dump({
            "nodes": [asdict(node) for node in all_nodes.values()],
            "lineage": [asdict(edge) for edge in all_edges],
            "picture": str(picture) if picture else None,
        })  # fmt: skip
        return
    rows = table("year", "network", "from", "idea", "source", left=5)
    for node in all_nodes.values():
        own = [edge for edge in all_edges if edge.child == node.name]
        if not own:
            rows.add_row(str(node.year), node.title, "", "", "")
        for i, edge in enumerate(own):
            first = (str(node.year), node.title) if i == 0 else ("", "")
            rows.add_row(*first, all_nodes[edge.parent].title, Text(edge.idea), Text(edge.source))
    show(rows)
    if picture:
        print(f"picture {picture}")
