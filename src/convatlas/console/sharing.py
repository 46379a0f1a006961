"""What was pushed to a hub or pulled from it, and where the card of a run lies."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import count_of
from .terminal import dump

if TYPE_CHECKING:
    from ..looks.card import Written
    from ..runs.hub import PullResult, PushResult


def print_push(result: "PushResult", as_json: bool) -> None:
    """Where the run lies now, and what lay there before."""
    if as_json:
        dump(asdict(result))
        return
    if "README.md" not in result.files:
        print("it has no card: `convatlas card` writes one, and another push adds it", file=sys.stderr)
    print(f"{count_of(len(result.files), 'file')} in {result.url} as commit {result.commit[:7]}")
    if result.before:
        print(f"what was there before stays in its history as commit {result.before[:7]}")


def print_pull(result: "PullResult", as_json: bool) -> None:
    """Where the run lies now, and which files were skipped."""
    if as_json:
        dump(asdict(result) | {"folder": str(result.folder)})
        return
    if result.left_out:
        print(f"skipped, since no run has such files: {', '.join(result.left_out)}", file=sys.stderr)
    print(f"{count_of(len(result.files), 'file')} of commit {result.commit[:7]}")
    print(f"run folder {result.folder}")


def print_card(result: "Written", as_json: bool) -> None:
    """Where the card lies, and which pictures could not be drawn."""
    if as_json:
        dump({"card": str(result.card), "pictures": [str(path) for path in result.pictures], "left_out": dict(result.left_out)})
        return
    for name, reason in result.left_out:
        print(f"{name} left out: {reason}", file=sys.stderr)
    print(f"card {result.card}, {count_of(len(result.pictures), 'picture')} in {result.folder}")
