"""What a trained network says about picture files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.picture import ENDINGS, Unreadable
from ..errors import InputError
from .reader import Reader

BATCH = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest classes of one file with their probabilities, or why it could not be read."""

    path: Path
    classes: tuple[tuple[str, float], ...]
    error: str | None = None


def found(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and every image below the folders, in order.

    Raises   InputError if there is none, or a path does not exist
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and not p.name.startswith("."))
        elif path.exists():
            files.append(path)
        else:
            raise InputError(f"{path} does not exist")
    if not files:
        raise InputError(f"predict needs images ({' '.join(sorted(ENDINGS))}) or folders of them, got none")
    return files


def predict(reader: Reader, files: Sequence[Path], topk: int = 5) -> Iterator[Answer]:
    """An answer for each file; those that cannot be read are answered with the reason.

    Batch by batch, so that a large folder takes little memory.
    Raises   InputError if every file is broken
    """
    if topk < 1:
        raise InputError(f"--topk needs to be at least 1, got {topk}")
    return answers(reader, files, topk)


def answers(reader: Reader, files: Sequence[Path], topk: int) -> Iterator[Answer]:
    """The answers as they come."""
    unreadable = 0
    for first in range(0, len(files), BATCH):
        pictures, reasons = {}, {}
        for path in files[first : first + BATCH]:
            try:
                pictures[path] = reader.read(path)
            except Unreadable as error:
                reasons[path] = str(error)
        said = likeliest(reader, torch.stack(list(pictures.values())), topk) if pictures else []
        named = dict(zip(pictures, said, strict=True))
        unreadable += len(reasons)
        for path in files[first : first + BATCH]:
            yield Answer(path, named.get(path, ()), reasons.get(path))
    if unreadable == len(files):
        raise InputError(f"none of the {len(files)} files could be read as an image")


def likeliest(reader: Reader, pixels: torch.Tensor, topk: int) -> list[tuple[tuple[str, float], ...]]:
    """The likeliest classes of each picture.

    Shapes   pixels (n, channels, side, side) uint8
    """
    top = reader.logits(pixels).softmax(1).topk(min(topk, len(reader.classes)))
    return [
        tuple((reader.classes[i], p) for p, i in zip(row_p, row_i, strict=True))
        for row_p, row_i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]
