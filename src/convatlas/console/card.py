"""The card of `convatlas show`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from shutil import get_terminal_size
from textwrap import wrap
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..views.numbers import count
from ..weights import Checkpoint
from .terminal import dump

if TYPE_CHECKING:
    from ..models import ModelInfo

WIDEST = 120  # columns that are still read with ease
HISTORY = ("Papers", "Differs", "Small")


def print_network(
    info: "ModelInfo",
    rows: Sequence[Checkpoint],
    sections: Mapping[str, str],
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """A network: its idea, sizes, papers, accuracy, weights, ablations and modules; `more` goes into JSON alone."""
    if as_json:
        texts = {title.lower(): text for title, text in sections.items() if title != "Papers"}
        dump(asdict(info) | texts | {"checkpoints": [asdict(row) for row in rows], **more})
        return
    published = bool(info.papers)  # a network of the user's own is not
    texts = {
        "Idea": info.idea,
        "Papers": "\n".join(f"{p.authors} {p.year}, {p.title}, {p.where}" for p in info.papers),
        "Size": f"{info.parameters:,} parameters, {count(info.macs)} multiply-accumulates per image",
        "Input": f"{info.in_channels}x{info.image_size}x{info.image_size}, {info.num_classes:,} classes",
        "Top-1": f"{info.top1:.2f} % on {info.top1_on}" if info.top1 is not None else "not published" * published,
        "Weights": "\n".join(map(checkpoint_line, rows)) or "none published" * published,
        "Spec": ", ".join(f"{name}={value!r}" for name, value in info.spec.items()).replace(" ", ""),
        "Modules": sections.get("Names", ""),
    }
    print_entries(info, texts.items())


def checkpoint_line(row: Checkpoint) -> str:
    """A checkpoint in one line."""
    accuracy = "" if row.acc1 is None else f"{row.acc1:.2f} %, "
    size = f"{row.resize} pixels cut to {row.crop}, {row.interpolation}"
    return f"{row.tag}{' (default)' if row.default else ''}: {accuracy}{row.mebibytes:,.1f} MiB, {size}"


def print_history(info: "ModelInfo", sections: Mapping[str, str]) -> None:
    """The papers, and where paper, first release and today's reference differ."""
    print_entries(info, ((title, sections[title]) for title in HISTORY if title in sections))


def print_entries(info: "ModelInfo", texts: Iterable[tuple[str, str]]) -> None:
    """Titles with their words beside them, wrapped for the terminal."""
    width = min(get_terminal_size((100, 24)).columns, WIDEST)
    print(f"{info.name}  {info.year}" if info.papers else info.name)
    for title, text in texts:
        lines = [
            part for paragraph in text.splitlines() for part in wrap(paragraph, max(width - 10, 20), break_long_words=False)
        ]
        for i, part in enumerate(lines):
            print(f"{title if i == 0 else '':<9} {part}")
