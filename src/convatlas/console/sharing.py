"""What went to a hub, what came from there, and where the card of a run lies."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from .terminal import dump

if TYPE_CHECKING:
    from ..looks.card import Written
    from ..runs.hub import Pulled, Pushed


def pushed(done: "Pushed", as_json: bool) -> None:
    """Where the run lies now, and what lay there before."""
    if as_json:
        dump(asdict(done))
        return
    if "README.md" not in done.files:
        print("it has no card: `convatlas card` writes one, and another push adds it", file=sys.stderr)
    print(f"{len(done.files)} files in {done.url} as commit {done.commit[:7]}")
    if done.before:
        print(f"what was there before stays in its history as commit {done.before[:7]}")


def pulled(done: "Pulled", as_json: bool) -> None:
    """Where the run lies now, and what did not come."""
    if as_json:
        dump(asdict(done) | {"folder": str(done.folder)})
        return
    if done.left_out:
        print(f"left out, for no run has them: {', '.join(done.left_out)}", file=sys.stderr)
    print(f"{len(done.files)} files of commit {done.commit[:7]}")
    print(f"run folder {done.folder}")


def carded(done: "Written", as_json: bool) -> None:
    """Where the card lies, and which pictures it could not have."""
    if as_json:
        dump({"card": str(done.card), "pictures": [str(path) for path in done.pictures], "left_out": dict(done.left_out)})
        return
    for name, reason in done.left_out:
        print(f"{name} left out: {reason}", file=sys.stderr)
    print(f"card {done.card}, {len(done.pictures)} pictures in {done.card.parent / 'card'}")
