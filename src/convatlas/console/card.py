"""What `convatlas show` says of one network."""

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


def card(
    info: "ModelInfo",
    rows: Sequence[Checkpoint],
    sections: Mapping[str, str],
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """A network: its idea, sizes, papers, published accuracy and weights, ablations and modules; in JSON, and what is more."""
    if as_json:
        told = {title.lower(): text for title, text in sections.items() if title != "Papers"}
        dump(asdict(info) | told | {"checkpoints": [asdict(row) for row in rows], **more})
        return
    told = {
        "Idea": info.idea,
        "Papers": "\n".join(f"{p.authors} {p.year}, {p.title}, {p.where}" for p in info.papers),
        "Size": f"{info.parameters:,} parameters, {count(info.macs)} multiply-accumulates an image",
        "Input": f"{info.in_channels}x{info.image_size}x{info.image_size}, {info.num_classes:,} classes",
        "Top-1": f"{info.top1:.2f} % on {info.top1_on}" if info.top1 is not None else "not published",
        "Weights": "\n".join(map(line, rows)) or "none published",
        "Spec": ", ".join(f"{name}={value!r}" for name, value in info.spec.items()).replace(" ", ""),
        "Modules": sections.get("Names", ""),
    }
    entries(info, told.items())


def line(row: Checkpoint) -> str:
    """A checkpoint, short."""
    accuracy = "" if row.acc1 is None else f"{row.acc1:.2f} %, "
    seen = f"{row.resize} pixels cut to {row.crop}, {row.interpolation}"
    return f"{row.tag}{' (default)' if row.default else ''}: {accuracy}{row.mebibytes:,.1f} MiB, {seen}"


def history(info: "ModelInfo", sections: Mapping[str, str]) -> None:
    """The papers, and where paper, first release and today's reference differ."""
    entries(info, ((title, sections[title]) for title in HISTORY if title in sections))


def entries(info: "ModelInfo", told: Iterable[tuple[str, str]]) -> None:
    """Titles with their words beside them, wrapped for the terminal."""
    width = min(get_terminal_size((100, 24)).columns, WIDEST)
    print(f"{info.name}  {info.year}")
    for title, text in told:
        lines = [
            part for paragraph in text.splitlines() for part in wrap(paragraph, max(width - 10, 20), break_long_words=False)
        ]
        for i, part in enumerate(lines):
            print(f"{title if i == 0 else '':<9} {part}")
