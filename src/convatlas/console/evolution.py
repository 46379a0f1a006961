"""What `convatlas evolution` prints."""

from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from ..models.lineage import LINEAGE, nodes
from .terminal import dump, show, table


def told(drawn: Path | None, as_json: bool) -> None:
    """Each family and group with what it has from older ones, and where its paper says so."""
    known = {node.name: node for node in nodes()}
    if as_json:
        dump({
            "nodes": [asdict(node) for node in known.values()],
            "lineage": [asdict(idea) for idea in LINEAGE],
            "picture": str(drawn) if drawn else None,
        })  # fmt: skip
        return
    shown = table("year", "network", "from", "idea", "source", left=5)
    for node in known.values():
        ideas = [idea for idea in LINEAGE if idea.child == node.name]
        if not ideas:
            shown.add_row(str(node.year), node.title, "", "", "")
        for i, idea in enumerate(ideas):
            first = (str(node.year), node.title) if i == 0 else ("", "")
            shown.add_row(*first, known[idea.parent].title, Text(idea.idea), Text(idea.source))
    show(shown)
    if drawn:
        print(f"picture {drawn}")
